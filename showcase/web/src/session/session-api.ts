import { z } from 'zod'
import { request } from '../http/request.ts'

const user = z.object({
  id: z.string(),
  name: z.string(),
  username: z.string().nullish(),
  role: z.string().nullish(),
})
const session = z.object({ user }).nullable()

/** Who is signed in on this browser. */
export type User = z.output<typeof user>

/** What a new person tells of themselves. */
export interface NewUser {
  readonly name: string
  readonly username: string
  readonly email: string
  readonly password: string
}

/** The signed-in user; `null` without a session. @throws Problem */
export async function readUser(): Promise<User | null> {
  return (await request('/api/auth/get-session', session))?.user ?? null
}

/** Whether the pages show a user the way to the console; the server decides on its own. */
export function isAdmin({ role }: Pick<User, 'role'>): boolean {
  return (role ?? '').split(',').includes('admin')
}

/** Signs in with a user name or an e-mail address. @throws Problem */
export async function signIn(name: string, password: string): Promise<void> {
  const [path, field] = name.includes('@') ? ['email', 'email'] : ['username', 'username']
  await request(`/api/auth/sign-in/${path}`, z.unknown(), {
    method: 'POST',
    body: { [field]: name, password },
  })
}

/** Makes an account and signs in. @throws Problem */
export async function signUp(person: NewUser): Promise<void> {
  await request('/api/auth/sign-up/email', z.unknown(), { method: 'POST', body: person })
}

/** Ends the session of this browser. @throws Problem */
export async function signOut(): Promise<void> {
  await request('/api/auth/sign-out', z.unknown(), { method: 'POST', body: {} })
}
