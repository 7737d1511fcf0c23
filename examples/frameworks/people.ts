// Who may sign in at the examples: ada, whose password is in the environment.
import { randomBytes, scryptSync, timingSafeEqual } from 'node:crypto'

export type User = { readonly id: string; readonly name: string }

/** Signs the cookies. Made at each start, which ends all sessions: a site keeps its own. */
export const secret: string = randomBytes(32).toString('base64url')

const salt = randomBytes(16)
const derive = (password: string): Buffer => scryptSync(password, salt, 32)
const ada: User = { id: '1', name: 'ada' }
const hash = derive(process.env['ADA_PASSWORD'] ?? randomBytes(16).toString('hex'))

export const find = (id: unknown): User | null => (id === ada.id ? ada : null)

/** Whose name and password are in the body of a request. */
export function verify(body: unknown): User | null {
  const { username, password }: { username?: unknown; password?: unknown } = Object(body)
  return timingSafeEqual(derive(String(password)), hash) && username === ada.name ? ada : null
}
