import { Denial } from '../wire/errors.ts'
import type { Identity } from './identity.ts'
import type { Selector } from './registry.ts'

/** An end of access that is remembered until nothing that it ends can still be valid. */
export interface Revocation {
  readonly who: Selector
  readonly reason: string
  /** When it was said, in wall time. */
  readonly at: number
  /** Until when it is remembered. */
  readonly until: number
}

/** An identity as the first door knew it. */
export interface Asked {
  readonly identity: Identity<unknown>
  readonly subject: string
  /** When the first door was asked, in wall time: what it looked up is as fresh as that. */
  readonly askedAt: number
}

/** Those about one user, session or token: for everyone, and for narrower circles. */
type Kept = ReadonlyMap<string, readonly Revocation[]>

/** How many revocations are looked through for those that may be forgotten. */
const sweepEvery = 256

/**
 * What was revoked: a revoked session or token is refused for good; of a revoked user every credential that was issued
 * before, so that signing in again is possible. A cached verification does not help: this is asked at every handshake.
 */
export class Revocations {
  readonly #users = new Map<string, readonly Revocation[]>()
  readonly #sessions = new Map<string, readonly Revocation[]>()
  readonly #tokens = new Map<string, readonly Revocation[]>()
  #added = 0

  /** Remembers, unless it is about one room only: who may come back there is for the second door to say. */
  add(revocation: Revocation, now: number): void {
    const { user, session, token, room } = revocation.who
    if (room !== undefined) return
    // keys are ANDed: the narrowest says most
    const [map, key] =
      token !== undefined
        ? [this.#tokens, token]
        : session !== undefined
          ? [this.#sessions, session]
          : [this.#users, user]
    if (key !== undefined) map.set(key, withLatest(map.get(key) ?? [], revocation))
    if (++this.#added % sweepEvery === 0) this.#sweep(now)
  }

  /** Why an identity of this tenant is refused now, or `null`. */
  against({ identity, subject, askedAt }: Asked, tenant: string): Denial | null {
    const { session, token } = identity
    const isMeant = ({ who }: Revocation): boolean =>
      (who.user === undefined || who.user === subject) &&
      (who.session === undefined || who.session === session)
    const ended = found(this.#tokens, token, isMeant) ?? found(this.#sessions, session, isMeant)
    if (ended !== undefined)
      return new Denial(401, 'revoked', ended.reason, { challenge: 'Bearer error="invalid_token"' })
    const since = issuedAt(identity, askedAt)
    const isOlder = ({ who, at }: Revocation): boolean =>
      since <= at && (who.tenant === undefined || who.tenant === tenant)
    const banned = found(this.#users, subject, isOlder)
    return banned === undefined ? null : new Denial(403, 'revoked', banned.reason)
  }

  get size(): number {
    return this.#users.size + this.#sessions.size + this.#tokens.size
  }

  #sweep(now: number): void {
    for (const map of [this.#users, this.#sessions, this.#tokens]) {
      for (const [key, kept] of map) {
        const left = kept.filter(({ until }) => until > now)
        if (left.length === 0) map.delete(key)
        else if (left.length < kept.length) map.set(key, left)
      }
    }
  }
}

/** What cannot be asked again must prove that it is younger; what was looked up just now is as young as that. */
function issuedAt(identity: Identity<unknown>, askedAt: number): number {
  if (identity.issuedAt !== undefined) return identity.issuedAt.getTime()
  return identity.renew === undefined ? Number.NEGATIVE_INFINITY : askedAt
}

function found(
  kept: Kept,
  key: string | undefined,
  fits: (revocation: Revocation) => boolean,
): Revocation | undefined {
  return key === undefined ? undefined : kept.get(key)?.find(fits)
}

/** Of those about exactly the same the latest is kept: a narrow one takes the place of no wide one. */
function withLatest(kept: readonly Revocation[], revocation: Revocation): readonly Revocation[] {
  const known = kept.find(({ who }) => isSame(who, revocation.who))
  if (known === undefined) return [...kept, revocation]
  if (known.at >= revocation.at) return kept
  const until = Math.max(revocation.until, known.until)
  return [...kept.filter((one) => one !== known), { ...revocation, until }]
}

function isSame(one: Selector, other: Selector): boolean {
  return one.user === other.user && one.session === other.session && one.tenant === other.tenant
}
