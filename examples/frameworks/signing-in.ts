// What the examples of NestJS and Next.js ask of express-session: a sign-in, always under a new id, and a sign-out.
import { promisify } from 'node:util'
import session from 'express-session'
import { find, type User, verify } from './people.ts'

export type SessionRequest = {
  readonly session: session.Session & { userId?: string }
  readonly body?: unknown
}

export const user = ({ userId }: session.SessionData & { userId?: string }): User | null => find(userId)

/** Answers the status: 401 for a wrong name or password. */
export async function signIn(request: SessionRequest): Promise<204 | 401> {
  const person = verify(request.body)
  if (person === null) return 401
  await promisify(request.session.regenerate.bind(request.session))()
  request.session.userId = person.id
  return 204
}

export async function signOut({ session: own }: SessionRequest): Promise<204> {
  await promisify(own.destroy.bind(own))()
  return 204
}
