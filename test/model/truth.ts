import type { Right, Room, User } from './steps.ts'

/** A session, or a token that was issued to one. */
export interface Credential {
  readonly kind: 'session' | 'token'
  readonly id: string
  readonly user: User
  /** The session that it is, or belongs to. */
  readonly session: string
  readonly issuedAt: number
  readonly expires: number
}

/** A session lives so long, and a token of it. */
export const sessionMs: number = 8 * 60_000 + 30_000
export const tokenMs: number = 3 * 60_000 + 20_000

/** What is true in the world outside: who has signed in, who may what, and what was taken away. No part of the system. */
export class Truth {
  /** The sessions of the directory, by user and slot. */
  readonly sessions = new Map<string, Credential>()
  /** The token that was issued last, by user and slot. */
  readonly tokens = new Map<string, Credential>()
  /** Every token that was ever issued: a token needs no directory. */
  readonly issued = new Map<string, Credential>()
  readonly #rights = new Map<string, Right>()
  readonly #revoked = new Set<string>()
  readonly #revokedUsers = new Map<User, number>()
  #count = 0

  right(user: User, room: Room): Right {
    return this.#rights.get(`${user}/${room}`) ?? 'write'
  }

  setRight(user: User, room: Room, right: Right): void {
    this.#rights.set(`${user}/${room}`, right)
  }

  signIn(user: User, slot: number, now: number): Credential {
    const id = `s${++this.#count}`
    const session = {
      kind: 'session',
      id,
      user,
      session: id,
      issuedAt: now,
      expires: now + sessionMs,
    } as const
    this.sessions.set(keyOf(user, slot), session)
    return session
  }

  /** A token for a session, whether that is still there or not: whoever issues it has seen it a moment ago. */
  issue({ user, session }: Credential, now: number): Credential {
    const id = `t${++this.#count}`
    const token = { kind: 'token', id, user, session, issuedAt: now, expires: now + tokenMs } as const
    this.issued.set(id, token)
    return token
  }

  revokeUser(user: User, now: number): void {
    this.#revokedUsers.set(user, now)
  }

  /** Revokes a session or a token. */
  revoke(id: string): void {
    this.#revoked.add(id)
  }

  isRevoked({ id, session, user, issuedAt }: Credential): boolean {
    const at = this.#revokedUsers.get(user) ?? Number.NEGATIVE_INFINITY
    return this.#revoked.has(id) || this.#revoked.has(session) || issuedAt <= at
  }

  /** Whether the directory still has it: a token proves itself. */
  isKnown({ kind, id }: Credential): boolean {
    return kind === 'token' || [...this.sessions.values()].some((session) => session.id === id)
  }

  /** Whether somebody may come in with it now. */
  isGood(credential: Credential, now: number): boolean {
    return credential.expires > now && this.isKnown(credential) && !this.isRevoked(credential)
  }
}

export function keyOf(user: User, slot: number): string {
  return `${user}/${slot}`
}
