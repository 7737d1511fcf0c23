import { randomUUID } from 'node:crypto'

/** What every peer is told: where to listen, and the secret of this run's tokens. */
export const port = Number(process.env['BENCH_PORT'])
export const secret: Uint8Array = new TextEncoder().encode(process.env['BENCH_SECRET'])
export const issuer = 'https://bench.example'
export const audience = 'bench'

/** A user, as an application would load one. */
export interface User {
  readonly id: string
  readonly username: string
}

/** As many users as there are tokens; every look-up is a promise, as with a database, without its time. */
const users = new Map<string, User>(
  Array.from({ length: 20_000 }, (_, index) => [`u${index}`, { id: `u${index}`, username: `user${index}` }]),
)

/** Loads a user. */
export async function findUser(id: string): Promise<User | null> {
  return users.get(id) ?? null
}

/** The greeting, which is a connection's first frame. */
export function welcome(user: User): { readonly message: string; readonly username: string } {
  return { message: `Welcome, ${user.username}!`, username: user.username }
}

/** Room and token of a request target such as `/ws/chat/lobby?token=...`, or `null`. */
export function parseTarget(url: string): { readonly room: string; readonly token: string } | null {
  const { pathname, searchParams } = new URL(url, 'http://127.0.0.1')
  const room = /^\/ws\/chat\/([^/]+)$/.exec(pathname)?.[1]
  const token = searchParams.get('token')
  return room === undefined || token === null ? null : { room: decodeURIComponent(room), token }
}

/** Says that the peer answers, to whoever has started it. */
export function ready(): void {
  console.log('ready', randomUUID())
}

// a profile is written only by a process that ends by itself
process.once('SIGINT', () => process.exit(0))
