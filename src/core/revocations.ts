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

/** How many revocations are looked through for those that may be forgotten. */
const sweepEvery = 256

/**
 * What was revoked: a revoked session or token is refused for good; of a revoked user every credential that was issued
 * before, so that signing in again is possible. A cached verification does not help: this is asked at every handshake.
 */
export class Revocations {
  readonly #users = new Map<string, Revocation>()
  readonly #sessions = new Map<string, Revocation>()
  readonly #tokens = new Map<string, Revocation>()
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
    if (key !== undefined) keepLatest(map, key, revocation)
    if (++this.#added % sweepEvery === 0) this.#sweep(now)
  }

  /**
   * Why an identity is refused now, or `null`.
   *
   * @param askedAt when its first door was asked: what the door looked up is as fresh as that
   */
  against(identity: Identity<unknown>, subject: string, askedAt: number): Denial | null {
    const { session, token } = identity
    const ended = found(this.#tokens, token, subject) ?? found(this.#sessions, session, subject)
    if (ended !== null)
      return new Denial(401, 'revoked', ended.reason, { challenge: 'Bearer error="invalid_token"' })
    const user = this.#users.get(subject)
    return user !== undefined && issuedAt(identity, askedAt) <= user.at
      ? new Denial(403, 'revoked', user.reason)
      : null
  }

  get size(): number {
    return this.#users.size + this.#sessions.size + this.#tokens.size
  }

  #sweep(now: number): void {
    for (const map of [this.#users, this.#sessions, this.#tokens]) {
      for (const [key, { until }] of map) if (until <= now) map.delete(key)
    }
  }
}

/** What cannot be asked again must prove that it is younger; what was looked up just now is as young as that. */
function issuedAt(identity: Identity<unknown>, askedAt: number): number {
  if (identity.issuedAt !== undefined) return identity.issuedAt.getTime()
  return identity.renew === undefined ? Number.NEGATIVE_INFINITY : askedAt
}

function found(
  map: ReadonlyMap<string, Revocation>,
  key: string | undefined,
  subject: string,
): Revocation | null {
  const revocation = key === undefined ? undefined : map.get(key)
  if (revocation === undefined) return null
  const { user } = revocation.who
  return user === undefined || user === subject ? revocation : null
}

function keepLatest(map: Map<string, Revocation>, key: string, revocation: Revocation): void {
  const known = map.get(key)
  if (known === undefined || known.at < revocation.at)
    map.set(key, { ...revocation, until: Math.max(revocation.until, known?.until ?? 0) })
}
