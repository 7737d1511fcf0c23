import { execFile } from 'node:child_process'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { json } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { afterEach } from 'vitest'
import { WebSocket as Ws } from 'ws'
import { openSite, type Site } from '../../examples/site.ts'
import type { Server } from '../../src/index.ts'
import { serving } from '../support/serving.ts'

const run = promisify(execFile)

/** An example on a real port, with people who have accounts. */
export interface Running {
  /** `http://127.0.0.1:<port>`: also the Origin of its page. */
  readonly origin: string
  /** `ws://127.0.0.1:<port>`. */
  readonly base: string
  readonly site: Site
  /** Makes an account, signs in, fetches a token. */
  person(username: string): Promise<{ readonly cookie: string; readonly token: string }>
}

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()))
})

/** Starts an example's own site and chat; the end of the test stops both. */
export async function start(chat: (site: Site) => Server, script: string): Promise<Running> {
  const site = openSite()
  const httpServer = site.serve(script)
  const server = chat(site)
  server.attach(httpServer)
  const host = await serving(httpServer, server)
  return {
    origin: `http://${host}`,
    base: `ws://${host}`,
    site,
    person: (name) => person(`http://${host}`, name),
  }
}

async function person(origin: string, username: string): Promise<{ cookie: string; token: string }> {
  const post = (path: string): Promise<Response> =>
    fetch(origin + path, { method: 'POST', body: JSON.stringify({ username, password: 'correct horse' }) })
  const made = await post('/accounts')
  const signedIn = await post('/session')
  const granted = await post('/token')
  if (!made.ok || !signedIn.ok || !granted.ok) throw new Error(`no account for ${username}`)
  const [cookie = ''] = (signedIn.headers.get('set-cookie') ?? '').split(';')
  const { access_token: token } = (await granted.json()) as { access_token: string }
  return { cookie, token }
}

/** What a client hears, message by message, and how its connection ends. */
export interface Talk {
  next(): Promise<string>
  readonly ended: Promise<{ readonly code: number; readonly reason: string }>
}

/** Listens to a socket of either kind. */
export function listen(socket: WebSocket | Ws): Talk {
  const heard: string[] = []
  const waiting: ((line: string) => void)[] = []
  // both kinds have this method; their event types differ in name alone
  const { addEventListener } = socket as WebSocket
  const on: typeof addEventListener = addEventListener.bind(socket)
  on('message', ({ data }) => {
    const next = waiting.shift()
    if (next === undefined) heard.push(String(data))
    else next(String(data))
  })
  on('error', () => {})
  ends.push(async () => socket.close())
  return {
    next: () => {
      const line = heard.shift()
      return line === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(line)
    },
    ended: new Promise((resolve) => on('close', ({ code, reason }) => resolve({ code, reason }))),
  }
}

/** A refusal as a tool reads it: the HTTP status, and the body of the answer. */
export async function refusal(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number; readonly body: unknown; readonly challenge: string | undefined }> {
  const socket = new Ws(url, { headers })
  socket.on('error', () => {})
  const answer = once(socket, 'unexpected-response')
  const opened = once(socket, 'open').then(() => {
    socket.close()
    throw new Error('it was let in')
  })
  // `unexpected-response` comes with the request and the answer
  const [, response] = (await Promise.race([answer, opened])) as [unknown, IncomingMessage]
  const body: unknown = await json(response)
  return { status: response.statusCode ?? 0, body, challenge: response.headers['www-authenticate'] }
}

/** Runs a program to its end, with a token in its environment, and answers what it printed. */
export async function output(program: string, args: readonly string[], token: string = ''): Promise<string> {
  const { stdout } = await run(program, args, { timeout: 60_000, env: { ...process.env, TOKEN: token } })
  return stdout
}
