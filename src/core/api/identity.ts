/** Who someone is: what every revocation and every limit refers to. */
export interface Identity<U> {
  readonly user: U
  /** Names the identity across kinds, such as `robot:7`; the user's `id` when left out. */
  readonly subject?: string
  readonly session?: string
  readonly token?: string
  readonly scopes?: readonly string[]
  readonly issuedAt?: Date
  readonly expires?: Date
  /** Asks again who this is without the raw credential, at once or by a promise; `null` when the identity has ended. */
  renew?(): Identity<U> | null | Promise<Identity<U> | null>
}

/**
 * The same identity, when its dates can be read: an expiry that is none would never come.
 *
 * @throws TypeError when one is no valid date, such as a text out of a cache
 */
export function dated<I extends Identity<unknown> | null>(identity: I): I {
  for (const date of [identity?.expires, identity?.issuedAt])
    if (date !== undefined && Number.isNaN(date.getTime()))
      throw new TypeError("the dates of an identity ('expires', 'issuedAt') are valid Date objects")
  return identity
}

/** Whether an identity is that of a guest: it has no user, and no subject of its own. */
export function isGuest({ user, subject }: Identity<unknown>): boolean {
  return user === null && subject === undefined
}
