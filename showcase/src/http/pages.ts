import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { serveStatic } from '@hono/node-server/serve-static'
import { Hono, type HonoRequest, type MiddlewareHandler } from 'hono'
import { isAdmin, type SignedIn } from '../identity/people.ts'
import type { AuthenticateRequest } from '../identity/request-authenticator.ts'

/** Where the built pages are unless said otherwise. */
export const builtPages: string = fileURLToPath(new URL('../../web/dist', import.meta.url))
/** What the build writes where a nonce belongs (`html.cspNonce` of Vite); replaced in each answer. */
export const noncePlaceholder = 'CSP_NONCE_PLACEHOLDER'

/** What the pages are served with. */
export interface PagesParts {
  /** The origin of the pages, for the socket addresses that they may open. */
  readonly baseUrl: URL
  readonly authenticate: AuthenticateRequest
}

/**
 * The pages: one HTML file for all of them, whose scripts decide what is shown, and the built assets. The page of the
 * console is only there for administrators: 401 for who is not signed in, 404 for everybody else.
 *
 * @param directory of the build; where it is missing the pages answer 503 and say how to build them
 */
export function pages(directory: string, { baseUrl, authenticate }: PagesParts): Hono {
  const app = new Hono()
  const page = async (status = 200): Promise<Response> => {
    const html = await readFile(`${directory}/index.html`, 'utf8').catch(() => null)
    if (html === null) return notBuilt()
    const nonce = randomBytes(16).toString('base64')
    const headers = {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-cache',
      'content-security-policy': policy(baseUrl, nonce),
    }
    return new Response(html.replaceAll(noncePlaceholder, nonce), { status, headers })
  }
  for (const path of ['/', '/chat', '/chat/:room', '/account']) app.get(path, () => page())
  app.on('GET', ['/admin', '/admin/audit', '/admin/people/:id'], async (c) =>
    page(consoleStatus(await authenticate(c.req.raw.headers).catch(() => null))),
  )
  // serveStatic complains on the console about a directory that is not there
  if (!existsSync(directory)) return app
  app.get('/assets/*', keepForever, serveStatic({ root: directory }))
  app.get('/favicon.svg', serveStatic({ root: directory }))
  // a person who follows a stale link reads a page; programs get the problem that every other path answers
  app.get('*', (c, next) => (isForPeople(c.req) ? page(404) : next()))
  return app
}

function isForPeople(request: HonoRequest): boolean {
  return !/^\/(?:api|assets)\//.test(request.path) && (request.header('accept') ?? '').includes('text/html')
}

function consoleStatus(found: SignedIn | null): number {
  if (found === null) return 401
  return isAdmin(found.person) ? 200 : 404
}

/** The names of built assets hold a digest of what is in them. */
const keepForever: MiddlewareHandler = async (c, next) => {
  await next()
  if (c.res.status === 200) c.res.headers.set('cache-control', 'public, max-age=31536000, immutable')
}

function notBuilt(): Response {
  return new Response('The pages are not built yet: run "npm run build:web" and start again.\n', {
    status: 503,
    headers: { 'content-type': 'text/plain; charset=utf-8' },
  })
}

/**
 * Scripts and styles of our own only, sockets to ourselves only, no frames: Content Security Policy Level 3.
 */
function policy({ protocol, host }: URL, nonce: string): string {
  const socket = `${protocol === 'https:' ? 'wss' : 'ws'}://${host}`
  return [
    "default-src 'none'",
    `script-src 'self' 'nonce-${nonce}'`,
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "font-src 'self'",
    `connect-src 'self' ${socket}`,
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ')
}
