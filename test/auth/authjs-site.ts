import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { Auth, type AuthConfig } from '@auth/core'
import credentials from '@auth/core/providers/credentials'
import { WebSocket as Ws } from 'ws'
import { type Authenticator, contract, endpoint, type Server, sallyport, text } from '../../src/index.ts'
import { listen, type Talk } from '../examples/running.ts'
import { serving } from '../support/serving.ts'

const line = contract('/line', { client: text, server: text })
const origin = 'http://127.0.0.1'

/** Someone whom the endpoint can welcome. */
interface Named {
  readonly name?: string | null | undefined
  readonly email?: string
}

/** A real Auth.js behind a real server, and an endpoint that welcomes people by name. */
export interface AuthjsSite {
  readonly server: Server
  readonly host: string
  readonly browser: Browser
  /** Opens a socket with the cookies that the browser has now, or with others. */
  open(cookie?: string): Talk
}

/** What a browser does for Auth.js: keeps cookies, and fetches the CSRF token before each form. */
export interface Browser {
  cookies(): string
  get(path: string): Promise<Response>
  submit(path: string, fields: Readonly<Record<string, string>>): Promise<Response>
}

/** Starts a site; the end of the test stops it. */
export async function authjsSite(
  auth: Authenticator<Named>,
  configFor: (server: Server) => Partial<AuthConfig>,
): Promise<AuthjsSite> {
  const server = sallyport({ origins: [origin], remember: '30d' })
  server.serve(
    endpoint(line, { auth, authorize: () => true }, async (socket) => {
      socket.send(`welcome, ${socket.user.name ?? socket.user.email}`)
      for await (const said of socket) socket.send(said)
    }),
  )
  const config: AuthConfig = {
    providers: [],
    trustHost: true,
    basePath: '/auth',
    logger: { error: () => {}, warn: () => {}, debug: () => {} },
    ...configFor(server),
  }
  const httpServer = createServer((request, response) => void answer(request, response, config))
  server.attach(httpServer)
  const host = await serving(httpServer, server)
  const browser = browserOf(`http://${host}/auth`)
  const open = (cookie = browser.cookies()): Talk =>
    listen(new Ws(`ws://${host}/line`, { headers: { Cookie: cookie, Origin: origin } }))
  return { server, host, browser, open }
}

/** A site whose people sign in with a password; the sessions of Auth.js are its encrypted cookies. */
export function passwordSite(
  auth: Authenticator<Named>,
  options: { readonly secret: string | string[]; readonly secure?: boolean; readonly more?: string },
): Promise<AuthjsSite> {
  const { secret, secure = false, more = '' } = options
  return authjsSite(auth, (server) => ({
    secret,
    useSecureCookies: secure,
    providers: [
      credentials({
        credentials: { username: {}, password: {} },
        authorize: ({ username, password }) =>
          password === 'correct horse' ? { id: `id of ${String(username)}`, name: String(username) } : null,
      }),
    ],
    callbacks: {
      jwt: ({ token }) => ({ ...token, sid: token['sid'] ?? randomUUID(), ...(more === '' ? {} : { more }) }),
    },
    events: {
      async signOut(message) {
        const sid = 'token' in message ? message.token?.['sid'] : undefined
        if (typeof sid === 'string') await server.revoke({ session: sid, reason: 'signed-out' })
      },
    },
  }))
}

/** Signs in with a password, as the form of a page does. */
export async function signIn({ browser }: AuthjsSite, username = 'ada'): Promise<void> {
  await browser.submit('/callback/credentials', { username, password: 'correct horse' })
}

async function answer(request: IncomingMessage, response: ServerResponse, config: AuthConfig): Promise<void> {
  const headers = new Headers()
  for (const [name, value] of Object.entries(request.headers)) headers.set(name, String(value))
  const body = request.method === 'POST' ? await buffer(request) : null
  const url = `http://${request.headers.host}${request.url}`
  const made = await Auth(new Request(url, { method: request.method ?? 'GET', headers, body }), config)
  response.statusCode = made.status
  for (const [name, value] of made.headers) response.appendHeader(name, value)
  response.end(Buffer.from(await made.arrayBuffer()))
}

function browserOf(base: string): Browser {
  const jar = new Map<string, string>()
  const cookies = (): string => [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
  const kept = (response: Response): Response => {
    for (const set of response.headers.getSetCookie()) {
      const [pair = ''] = set.split(';')
      const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]
      if (value === '') jar.delete(name)
      else jar.set(name, value)
    }
    return response
  }
  const get = async (path: string): Promise<Response> =>
    kept(await fetch(base + path, { headers: { Cookie: cookies() }, redirect: 'manual' }))
  return {
    cookies,
    get,
    async submit(path, fields) {
      const { csrfToken } = (await (await get('/csrf')).json()) as { csrfToken: string }
      return kept(
        await fetch(base + path, {
          method: 'POST',
          headers: { Cookie: cookies() },
          body: new URLSearchParams({ ...fields, csrfToken }),
          redirect: 'manual',
        }),
      )
    },
  }
}
