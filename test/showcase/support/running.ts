import { randomBytes } from 'node:crypto'
import { request } from 'node:http'
import { Writable } from 'node:stream'
import { afterEach } from 'vitest'
import { type App, type AppOptions, createApp } from '../../../showcase/src/app.ts'
import { readConfig } from '../../../showcase/src/config.ts'
import { logger } from '../../../showcase/src/operations/logger.ts'

/** A server of its own for one test, on a free port, and everything it has logged. */
export interface Running {
  readonly app: App
  readonly url: string
  readonly logged: () => string
}

const open: App[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((app) => app.close(100)))
})

/**
 * Starts a server that the end of the test stops; a fresh in-memory SQLite unless the variables say
 * otherwise.
 */
export async function start(env: Record<string, string> = {}, options: AppOptions = {}): Promise<Running> {
  const lines: string[] = []
  const destination = new Writable({
    write(chunk, _, done) {
      lines.push(String(chunk))
      done()
    },
  })
  const config = readConfig({ PORT: '0', DATABASE_URL: 'sqlite::memory:', LOG_LEVEL: 'debug', ...env })
  const app = await createApp(config, { log: logger(config.logLevel, destination), ...options })
  open.push(app)
  const address = app.server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return { app, url: `http://localhost:${port}`, logged: () => lines.join('') }
}

/** What a browser on the server's own page would send and keep. */
export interface Browser {
  get(path: string, headers?: Record<string, string>): Promise<Response>
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>
  remove(path: string): Promise<Response>
  readonly cookie: () => string
}

/** A browser with its own cookie, on a page of the server. */
export function browser({ url }: Running): Browser {
  let cookie = ''
  const send = async (
    method: string,
    path: string,
    init: { headers?: Record<string, string>; body?: string },
  ) => {
    const headers = { ...(cookie === '' ? {} : { cookie }), ...init.headers }
    const response = await fetch(url + path, { ...init, method, headers, redirect: 'manual' })
    const set = response.headers.getSetCookie().map((line) => line.split(';')[0] ?? '')
    if (set.length > 0) cookie = set.filter((pair) => !pair.endsWith('=')).join('; ')
    return response
  }
  const origin = { origin: url }
  const json = { ...origin, 'content-type': 'application/json' }
  return {
    get: (path, headers = {}) => send('GET', path, { headers }),
    post: (path, body, headers = {}) =>
      send('POST', path, { headers: { ...json, ...headers }, body: JSON.stringify(body) }),
    remove: (path) => send('DELETE', path, { headers: origin }),
    cookie: () => cookie,
  }
}

/** A new person with a random password, signed in. */
export interface TestUser extends Browser {
  readonly id: string
  readonly username: string
  readonly password: string
}

/** Signs a new person up. */
export async function signUp(running: Running, username: string): Promise<TestUser> {
  const page = browser(running)
  const password = randomBytes(12).toString('base64url')
  const response = await page.post('/api/auth/sign-up/email', {
    email: `${username}@example.test`,
    name: username.toUpperCase(),
    username,
    password,
  })
  if (!response.ok) throw new Error(`sign-up answered ${response.status}: ${await response.text()}`)
  const { user } = (await response.json()) as { user: { id: string } }
  return { ...page, id: user.id, username, password }
}

/** Signs someone in on a browser of their own. */
export async function signIn(running: Running, username: string, password: string): Promise<Browser> {
  const page = browser(running)
  const response = await page.post('/api/auth/sign-in/username', { username, password })
  if (!response.ok) throw new Error(`sign-in answered ${response.status}`)
  return page
}

/** One of the demonstration's people, signed in. */
export async function signInDemoUser(running: Running, username: string): Promise<Browser> {
  const user = running.app.demoUsers.find((one) => one.username === username)
  if (user === undefined) throw new Error(`no demo user ${username}`)
  return await signIn(running, username, user.password)
}

/** Asks for an access token. */
export function requestToken({ url }: Running, fields: Record<string, string>): Promise<Response> {
  return fetch(`${url}/token`, { method: 'POST', body: new URLSearchParams(fields) })
}

/** A request as only a program can send it, with any Host; answers with status and body. */
export function rawRequest(
  { url }: Running,
  path: string,
  how: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<{ status: number; body: string }> {
  const { method = 'GET', headers = {}, body = '' } = how
  return new Promise((resolve, reject) => {
    const sent = request(url + path, { method, headers, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }))
    })
    sent.on('error', reject).end(body)
  })
}
