import type { Contract } from '../wire/contract.ts'
import { Denial } from '../wire/errors.ts'
import { subjectOf } from './authenticate.ts'
import type { Timer } from './clock.ts'
import { type Checks, secondDoor, type Visitor, type Why } from './doors.ts'
import type { Hub } from './hub.ts'
import { dated, type Identity } from './identity.ts'
import type { Opening } from './opening.ts'
import type { Places } from './places.ts'
import { denialReason } from './refusal.ts'

/** For how long access lasts without being asked again; `null` is no bound. */
export interface Span {
  readonly leaseMs: number | null
  /** Without a message of the client. */
  readonly idleMs: number | null
  /** However active it is. */
  readonly absoluteMs: number | null
}

/** What came of asking again. */
export type Outcome = 'kept' | 'changed' | 'closed'

/** What the lifetime of one socket is made of. */
export interface LifetimeParts {
  readonly hub: Hub
  readonly opening: Opening
  readonly contract: Contract
  readonly checks: Checks
  readonly places: Places
  readonly span: Span
}

/** A lease is asked for again after this part of it, and up to so much later: not everyone's at once. */
const earliest = 0.75
const spread = 0.15
/** A credential is renewed at the lesser of this and half of what is left. */
const renewBeforeMs = 30_000
const leastRetryMs = 100

/**
 * Keeps access true while a socket is open: ends it at the expiry of its identity, asks both doors again before a lease
 * runs out or when it is told to, and changes the grant without a close. One question is under way at a time.
 */
export class Lifetime {
  readonly #parts: LifetimeParts
  #expiry: Timer | null = null
  #renewal: Timer | null = null
  #lease: Timer | null = null
  #leaseEnd: Timer | null = null
  #bounds: Timer[] = []
  #asking: Promise<Outcome> | null = null
  #again = false

  constructor(parts: LifetimeParts) {
    this.#parts = parts
  }

  start(): void {
    const { hub, span } = this.#parts
    this.#armExpiry()
    this.#armLease()
    const { absoluteMs, idleMs } = span
    if (absoluteMs !== null)
      this.#bounds.push(
        hub.alarms.after(absoluteMs, () => this.#expire('this session has lasted long enough')),
      )
    if (idleMs !== null) this.#watchIdle(idleMs)
  }

  stop(): void {
    for (const timer of [this.#expiry, this.#renewal, this.#lease, this.#leaseEnd, ...this.#bounds])
      timer?.cancel()
  }

  /** Asks both doors again; a question under way may have been answered before the change, so another one follows it. */
  async recheck(why: Why): Promise<Outcome> {
    if (this.#asking === null) return this.#ask(why)
    this.#again = true
    const first = await this.#asking
    if (!this.#again || this.#parts.opening.ended) return first
    this.#again = false
    const second = await this.#ask(why)
    return second === 'kept' ? first : second
  }

  #ask(why: Why): Promise<Outcome> {
    this.#asking = this.#answer(why).finally(() => {
      this.#asking = null
    })
    return this.#asking
  }

  async #answer(why: Why): Promise<Outcome> {
    const { hub, opening } = this.#parts
    const askedAt = hub.clock.now()
    const answer = await this.#doors(why)
    if (opening.ended) return 'closed'
    if (answer instanceof Denial) return this.#refused(answer)
    const revoked = hub.revocations.against(answer.identity, answer.subject, askedAt)
    if (revoked !== null) return this.#refused(revoked)
    return this.#take(answer)
  }

  /** Both doors, as far as they can be asked again without the raw credential. */
  async #doors(why: Why): Promise<Visitor | Denial> {
    const { opening, checks } = this.#parts
    const { visitor } = opening
    try {
      const identity = await renewed(visitor)
      const { user, scopes = [] } = identity
      const { subject, params } = visitor
      const grant = await secondDoor(checks, { user, subject, scopes, params, why, signal: opening.signal })
      return { ...visitor, identity, grant }
    } catch (error) {
      if (error instanceof Denial) return error
      return new Denial(503, 'unavailable', 'whether you may stay could not be found out', {
        cause: error,
        detail: 'renewing an identity',
      })
    }
  }

  /** An answer that could not be had is no refusal: the old grant holds to the end of its lease, then it is over. */
  #refused(denial: Denial): Outcome {
    const { hub, opening, span } = this.#parts
    if (denial.status !== 503) {
      opening.end(denial.reason === 'revoked' ? 'revoked' : 'denied', denial.closeCode, denialReason(denial))
      return 'closed'
    }
    if (denial.cause !== undefined) hub.report(denial.cause, denial.detail ?? 'asking a door again')
    if (span.leaseMs === null || this.#leaseEnd === null) {
      opening.end('denied', denial.closeCode, denialReason(denial))
      return 'closed'
    }
    this.#lease?.cancel()
    this.#lease = hub.alarms.after(
      Math.max(leastRetryMs, span.leaseMs / 20),
      () => void this.recheck('lease'),
    )
    return 'kept'
  }

  async #take(visitor: Visitor): Promise<Outcome> {
    const { opening, places } = this.#parts
    const before = opening.visitor.grant
    const changed = !isSame(before, visitor.grant)
    opening.become(visitor)
    this.#armExpiry()
    this.#armLease()
    if (!changed) return 'kept'
    try {
      await places.move(visitor)
    } catch (error) {
      opening.fail(error)
      return 'closed'
    }
    if (opening.ended) return 'closed'
    opening.changed(visitor.grant, before, places.told())
    return 'changed'
  }

  #armExpiry(): void {
    const { hub, opening } = this.#parts
    const { expires, renew } = opening.visitor.identity
    this.#expiry?.cancel()
    this.#renewal?.cancel()
    if (expires === undefined) return
    const end = expires.getTime()
    this.#expiry = hub.alarms.at(end, () => this.#expire('your credential has expired'))
    const left = end - hub.clock.now()
    if (renew !== undefined && left > 0)
      this.#renewal = hub.alarms.at(end - Math.min(renewBeforeMs, left / 2), () => void this.#renew(end))
  }

  /** A session that slides has a later end by now; any other runs out. */
  async #renew(end: number): Promise<void> {
    const { opening, hub } = this.#parts
    try {
      const identity = await opening.visitor.identity.renew?.()
      const later = identity?.expires === undefined || identity.expires.getTime() > end
      if (identity !== null && identity !== undefined && later && !opening.ended)
        await this.recheck('refresh')
    } catch (error) {
      hub.report(error, 'renewing an identity before it expires')
    }
  }

  #armLease(): void {
    const { hub, opening, span } = this.#parts
    this.#lease?.cancel()
    this.#leaseEnd?.cancel()
    if (span.leaseMs === null) return
    this.#lease = hub.alarms.after(
      span.leaseMs * (earliest + Math.random() * spread),
      () => void this.recheck('lease'),
    )
    this.#leaseEnd = hub.alarms.after(span.leaseMs, () =>
      opening.end('denied', 4503, 'unavailable: whether you may stay could not be found out'),
    )
  }

  #watchIdle(idleMs: number): void {
    const { hub, opening } = this.#parts
    const left = opening.activeAt + idleMs - hub.clock.monotonic()
    if (left <= 0) return opening.end('expired', 4408, 'idle: nothing was heard from you for too long')
    this.#bounds.push(hub.alarms.after(left, () => this.#watchIdle(idleMs)))
  }

  #expire(message: string): void {
    this.#parts.opening.end('expired', 4401, `expired: ${message}`)
  }
}

/** The identity as it is now. @throws Denial 401 when it is nobody, or somebody else, any more */
async function renewed({ identity, subject }: Visitor): Promise<Identity<unknown>> {
  if (identity.renew === undefined) return identity
  const now = dated(await identity.renew())
  if (now === null) throw new Denial(401, 'revoked', 'you are no longer signed in')
  if (subjectOf(now, subject) !== subject)
    throw new Denial(401, 'other-subject', 'this session belongs to somebody else now')
  // who could be asked again once can be asked again the next time
  return now.renew === undefined ? { ...now, renew: () => identity.renew?.() ?? Promise.resolve(null) } : now
}

function isSame(one: unknown, other: unknown): boolean {
  if (one === other) return true
  const spelling = spelled(one)
  return spelling !== undefined && spelling === spelled(other)
}

function spelled(grant: unknown): string | undefined {
  try {
    return JSON.stringify(grant)
  } catch {
    return undefined
  }
}
