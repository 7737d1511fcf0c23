import type { Database, UserRow } from '../database/database.ts'

/** Someone who may sign in. */
export interface Person {
  readonly id: string
  /** What others see. */
  readonly name: string
  readonly username: string | null
  readonly role: string
}

/** A person together with the session that speaks for them. */
export interface SignedIn {
  readonly person: Person
  readonly sessionId: string
  /** When they signed in. */
  readonly issuedAt: Date
  readonly expires: Date
}

/** Reads people and their sessions, as they are in the database now. */
export interface People {
  find(id: string): Promise<Person | null>
  byUsername(username: string): Promise<Person | null>
  /** The session while it lives and its owner is not banned. */
  session(id: string): Promise<SignedIn | null>
}

const columns = [
  'user.id',
  'user.name',
  'user.username',
  'user.email',
  'user.role',
  'user.banned',
  'user.banExpires',
] as const

/** Whether a person may use the admin console; better-auth keeps several roles as one text. */
export function isAdmin({ role }: Pick<Person, 'role'>): boolean {
  return role.split(',').includes('admin')
}

/** People in the identity tables, without those who are banned. */
export function people({ query }: Database): People {
  return {
    async find(id) {
      return personOf(
        await query.selectFrom('user').select(columns).where('user.id', '=', id).executeTakeFirst(),
      )
    },
    async byUsername(username) {
      return personOf(
        await query
          .selectFrom('user')
          .select(columns)
          .where('user.username', '=', username.toLowerCase())
          .executeTakeFirst(),
      )
    },
    async session(id) {
      const row = await query
        .selectFrom('session')
        .innerJoin('user', 'user.id', 'session.userId')
        .select([...columns, 'session.createdAt', 'session.expiresAt'])
        .where('session.id', '=', id)
        .executeTakeFirst()
      const person = personOf(row)
      if (row === undefined || person === null) return null
      const expires = new Date(row.expiresAt)
      if (expires.getTime() <= Date.now()) return null
      return { person, sessionId: id, issuedAt: new Date(row.createdAt), expires }
    },
  }
}

/** The person in a row of the user table; `null` where there is no row, and for a banned person. */
export function personOf(row: Omit<UserRow, 'email' | 'banReason'> | undefined): Person | null {
  if (row === undefined || isBanned(row)) return null
  return { id: row.id, name: row.name, username: row.username, role: row.role ?? 'user' }
}

/** Whether a ban is on now. */
export function isBanned({ banned, banExpires }: Pick<UserRow, 'banned' | 'banExpires'>): boolean {
  const on = banned === true || banned === 1
  return on && (banExpires === null || new Date(banExpires).getTime() > Date.now())
}
