// What all peers share: whom they know, what they are told at start, and how they say that they are up.
import { answerQuestions } from './questions.ts'

/** Who signs this run's tokens and for whom; made up, as nobody is asked. */
export const issuer = 'https://bench.example'
export const audience = 'bench'

/** How many users there are: as many as valid tokens. */
export const userCount = 2_000

/** A user, as an application would load one. */
export interface User {
  readonly id: string
  readonly username: string
}

const users: ReadonlyMap<string, User> = new Map(
  Array.from({ length: userCount }, (_, index) => [
    `u${index}`,
    { id: `u${index}`, username: `user${index}` },
  ]),
)

/** Loads a user: a promise, as with a database, without its time. */
export async function findUser(id: string): Promise<User | null> {
  return users.get(id) ?? null
}

/** The greeting, which is a connection's first message. */
export function welcome(user: User): { readonly message: string; readonly username: string } {
  return { message: `Welcome, ${user.username}!`, username: user.username }
}

/** The secret of this run's tokens. @throws Error when the peer was not started by the benchmark */
export function secretOfRun(): Uint8Array {
  const secret = process.env['BENCH_SECRET'] ?? ''
  if (secret.length < 32) throw new Error('BENCH_SECRET is missing: start peers with `npm run bench`')
  return new TextEncoder().encode(secret)
}

/** Room and query token of a request target such as `/ws/chat/lobby?token=...`; `null` for any other path. */
export function parseTarget(target: string): { readonly room: string; readonly token: string | null } | null {
  const { pathname, searchParams } = new URL(target, 'http://127.0.0.1')
  const room = /^\/ws\/chat\/([^/]+)$/.exec(pathname)?.[1]
  return room === undefined ? null : { room: decodeURIComponent(room), token: searchParams.get('token') }
}

/** The token of an `Authorization: Bearer` header. */
export function bearerToken(header: string | undefined): string | null {
  return /^Bearer +(\S+)$/i.exec(header ?? '')?.[1] ?? null
}

/** The text of a chat message, or `null` when it is none: all peers check what they pass on. */
export function messageText(data: unknown): string | null {
  if (typeof data !== 'object' || data === null || !('message' in data)) return null
  return typeof data.message === 'string' ? data.message : null
}

/** Says where the peer listens; from then on it answers questions, and ends when its stdin does. */
export function announce(port: number): void {
  answerQuestions()
  console.log(JSON.stringify({ port }))
}
