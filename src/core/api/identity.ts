/** The identity of a peer. Every revocation and every limit refers to it. */
export interface Identity<U> {
  readonly user: U
  /** The name of the identity across kinds of users, such as `robot:7`; by default the `id` of the user. */
  readonly subject?: string
  /** The name of the session, under which `server.revoke({ session })` ends it. */
  readonly session?: string
  /** The name of the token, under which `server.revoke({ token })` ends it. */
  readonly token?: string
  /** What the credential permits (RFC 6749 section 3.3); see `requireScopes`. */
  readonly scopes?: readonly string[]
  /** When the session or token was issued: `server.revoke({ user })` refuses older credentials. */
  readonly issuedAt?: Date
  /** When the credential ends. The socket then closes with 4401; by default it has no end. */
  readonly expires?: Date
  /**
   * Finds the identity again without the raw credential, at once or by a promise; `null` when it no longer
   * exists.
   */
  renew?(): Identity<U> | null | Promise<Identity<U> | null>
}

/** The end of an identity that keeps it as a number. */
export const endMs: unique symbol = Symbol('endMs')

/** The issue time of an identity that keeps it as a number. */
export const issuedMs: unique symbol = Symbol('issuedMs')

/** An identity that keeps its times as numbers: the engine asks these, so that it makes no `Date` of them. */
export interface TimedIdentity {
  /** In milliseconds since 1970; `undefined` when it has no end. */
  readonly [endMs]: number | undefined
  /** In milliseconds since 1970; `undefined` when it is not known. */
  readonly [issuedMs]: number | undefined
}

/** When an identity ends, in milliseconds since 1970; `null` when it has no end. It is what the application says now. */
export function endOf(identity: Identity<unknown>): number | null {
  if (isTimed(identity)) return identity[endMs] ?? null
  return identity.expires === undefined ? null : identity.expires.getTime()
}

/** When an identity was issued, in milliseconds since 1970; `null` when it does not say. */
export function issuedOf(identity: Identity<unknown>): number | null {
  if (isTimed(identity)) return identity[issuedMs] ?? null
  return identity.issuedAt === undefined ? null : identity.issuedAt.getTime()
}

function isTimed(identity: Identity<unknown>): identity is Identity<unknown> & TimedIdentity {
  return endMs in identity
}

/**
 * Checks an identity and returns it: an invalid expiry would never come, and an error is no user. A look-up that answers a
 * denial in the place of the user refuses, as one that throws it.
 *
 * @throws TypeError when a date is invalid, such as a text from a cache; the error in the place of the user
 */
export function checkedIdentity<I extends Identity<unknown> | null>(identity: I): I {
  if (identity?.user instanceof Error) throw identity.user
  if (identity !== null && (Number.isNaN(endOf(identity)) || Number.isNaN(issuedOf(identity))))
    throw noValidDate()
  return identity
}

/** What an identity is refused with whose date is none. */
export function noValidDate(): TypeError {
  return new TypeError("the dates of an identity ('expires', 'issuedAt') are valid Date objects")
}

/** Whether an identity is a guest: it has no user and no subject. */
export function isGuest({ user, subject }: Identity<unknown>): boolean {
  return user === null && subject === undefined
}
