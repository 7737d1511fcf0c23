// What a site has before it gets a live feature: accounts, session cookies, tokens. Kept in memory.
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { SignJWT } from 'jose'
import { z } from 'zod'

/** Someone who has an account. */
export interface User {
  readonly id: string
  readonly username: string
}

/** Someone's sign-in in one browser. */
export interface Session {
  readonly userId: string
  readonly expires: Date
}

/** A site: what the chats ask it, and its own pages. */
export interface Site {
  /** Signs tokens; made at start, so tokens end with the process. */
  readonly secret: string
  session(id: string): Session | null
  user(id: string): User | null
  /** A server with the page of one chat, and with /accounts, /session and /token. */
  serve(script: string): Server
}

interface Account extends User {
  readonly salt: Buffer
  readonly hash: Buffer
}

const derive = promisify<string, Buffer, number, Buffer>(scrypt)
const form = z.object({ username: z.string().regex(/^\w{1,32}$/), password: z.string().min(8).max(128) })
const sessionMs = 14 * 24 * 3_600_000
const tokenSeconds = 1_800

/** Opens a site without accounts. */
export function openSite(): Site {
  const secret = randomBytes(32).toString('base64url')
  const accounts = new Map<string, Account>()
  const sessions = new Map<string, Session>()
  const noAccount: Account = { id: '', username: '', salt: randomBytes(16), hash: Buffer.alloc(32) }

  const signUp = async (asked: unknown): Promise<Answer> => {
    const { username, password } = form.parse(asked)
    const salt = randomBytes(16)
    const hash = await derive(password, salt, 32)
    if ([...accounts.values()].some((one) => one.username === username)) return { status: 409 }
    const id = String(accounts.size + 1)
    accounts.set(id, { id, username, salt, hash })
    return { status: 201, body: { id, username } }
  }

  /** The account of a name and password; unknown names take as long as wrong passwords. */
  const verified = async (asked: unknown): Promise<Account | null> => {
    const { username, password } = form.parse(asked)
    const account = [...accounts.values()].find((one) => one.username === username) ?? noAccount
    const hash = await derive(password, account.salt, 32)
    return timingSafeEqual(hash, account.hash) && account !== noAccount ? account : null
  }

  const signIn = async (asked: unknown): Promise<Answer> => {
    const account = await verified(asked)
    if (account === null) return { status: 401 }
    const id = randomBytes(32).toString('base64url')
    sessions.set(id, { userId: account.id, expires: new Date(Date.now() + sessionMs) })
    return { status: 204, cookie: `sessionid=${id}; Max-Age=${sessionMs / 1000}` }
  }

  const signOut = (request: IncomingMessage): Answer => {
    const [, id = ''] = /(?:^|; )sessionid=([^;]*)/.exec(request.headers.cookie ?? '') ?? []
    sessions.delete(id)
    return { status: 204, cookie: 'sessionid=; Max-Age=0' }
  }

  const token = async (asked: unknown): Promise<Answer> => {
    const account = await verified(asked)
    if (account === null) return { status: 401 }
    const signing = new SignJWT({ aud: 'chat' }).setProtectedHeader({ alg: 'HS256' }).setSubject(account.id)
    const access_token = await signing
      .setExpirationTime(`${tokenSeconds}s`)
      .sign(new TextEncoder().encode(secret))
    return { status: 200, body: { access_token, token_type: 'bearer', expires_in: tokenSeconds } }
  }

  const routes: Routes = {
    'POST /accounts': async (request) => signUp(await json(request)),
    'POST /session': async (request) => signIn(await json(request)),
    'DELETE /session': signOut,
    'POST /token': async (request) => token(await json(request)),
  }
  return {
    secret,
    session: (id) => sessions.get(id) ?? null,
    user: (id) => accounts.get(id) ?? null,
    serve: (script) => createServer(answering(routes, script)),
  }
}

interface Answer {
  readonly status: number
  readonly body?: unknown
  readonly cookie?: string
}

type Route = (request: IncomingMessage) => Answer | Promise<Answer>
type Routes = Readonly<Record<string, Route>>

function answering(
  routes: Routes,
  script: string,
): (request: IncomingMessage, response: ServerResponse) => void {
  const files = new Map([
    ['GET /', { type: 'text/html', bytes: readFileSync(new URL('clients/page.html', import.meta.url)) }],
    ['GET /chat.js', { type: 'text/javascript', bytes: readFileSync(new URL(script, import.meta.url)) }],
    [
      'GET /page.js',
      { type: 'text/javascript', bytes: readFileSync(new URL('clients/page.js', import.meta.url)) },
    ],
  ])
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const asked = `${request.method} ${request.url}`
    const file = files.get(asked)
    response.setHeader('Content-Security-Policy', "default-src 'self'; frame-ancestors 'none'")
    response.setHeader('X-Content-Type-Options', 'nosniff')
    if (file !== undefined) return void response.setHeader('Content-Type', file.type).end(file.bytes)
    const route = Object.hasOwn(routes, asked) ? routes[asked] : undefined
    const { status, body, cookie } = route === undefined ? { status: 404 } : await routed(route, request)
    if (cookie !== undefined) response.setHeader('Set-Cookie', `${cookie}; Path=/; HttpOnly; SameSite=Lax`)
    response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
    response.end(body === undefined ? undefined : JSON.stringify(body))
  }
  return (request, response) => void answer(request, response)
}

/** Another site's page must not sign anybody in or out here: a browser says whose page it is. */
async function routed(route: Route, request: IncomingMessage): Promise<Answer> {
  const { origin, host, 'content-length': length, 'transfer-encoding': chunked } = request.headers
  if (origin !== undefined && origin !== `http://${host}`) return { status: 403 }
  if (chunked !== undefined || Number(length ?? 0) > 4_096) return { status: 413 }
  try {
    return await route(request)
  } catch {
    return {
      status: 400,
      body: { error: 'username: 1 to 32 letters, digits or _; password: 8 to 128 characters' },
    }
  }
}
