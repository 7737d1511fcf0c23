import type { Denial } from '../wire/errors.ts'
import type { Outcome, Questions } from './answer.ts'
import type { Timer } from './clock.ts'
import type { NewCredential } from './codec.ts'
import type { Checks, Visitor, Why } from './doors.ts'
import type { Hub } from './hub.ts'
import { inTime } from './in-time.ts'
import type { Opening } from './opening.ts'
import type { Places } from './places.ts'
import { Refresh } from './refresh.ts'
import { denialReason } from './refusal.ts'
import { Standing, type StandingHearer } from './standing.ts'

/** For how long access lasts without being asked again; `null` is no bound. */
export interface Span {
  readonly leaseMs: number | null
  /** Without a message of the client. */
  readonly idleMs: number | null
  /** However active it is. */
  readonly absoluteMs: number | null
}

/** What the lifetime of one socket is made of. */
export interface LifetimeParts {
  readonly hub: Hub
  readonly opening: Opening
  readonly checks: Checks
  readonly places: Places
  readonly span: Span
  /** What was asked for at the handshake, without credentials; `null` for whoever is never asked for another one. */
  readonly href: string | null
  /** The bound of the peer's messages. */
  readonly messageBytes: number
  /** Lets the socket be found by what its visitor holds now. */
  hold(visitor: Visitor): void
  /** Whether somebody has said that rights have changed since the first door was asked. */
  isOvertaken(visitor: Visitor): boolean
}

/** A lease is asked for again after this part of it, and up to so much later: not everyone's at once. */
const earliest = 0.75
const spread = 0.15
/** A credential is renewed at the lesser of this and half of what is left, and again at half of what is left then. */
const renewBeforeMs = 30_000
const leastRenewMs = 1_000
/** A door that could not be asked is tried again after a twentieth of the lease, within these. */
const leastRetryMs = 100
const mostRetryMs = 30_000

/**
 * Keeps access true while a socket is open: ends it at the expiry of its identity, which it has renewed before, and at its
 * idle and absolute limits; has both doors asked again before a lease runs out, or when it is told to.
 */
export class Lifetime implements StandingHearer {
  readonly #parts: LifetimeParts
  /** These two are made when they are needed: few sockets are older than their credential. */
  #standing: Standing | null = null
  #refresher: Refresh | null = null
  /** The wall time that the end of the identity is armed for. */
  #end: number | null = null
  #expiry: Timer | null = null
  #renewal: Timer | null = null
  #lease: Timer | null = null
  #leaseEnd: Timer | null = null
  #absolute: Timer | null = null
  #idle: Timer | null = null

  constructor(parts: LifetimeParts) {
    this.#parts = parts
  }

  start(): void {
    const { hub, span } = this.#parts
    this.confirmed()
    const { absoluteMs, idleMs } = span
    if (absoluteMs !== null)
      this.#absolute = hub.alarms.after(absoluteMs, () =>
        this.#expire('absolute', 4401, 'expired: this session has lasted long enough'),
      )
    if (idleMs !== null) this.#watchIdle(idleMs)
  }

  stop(): void {
    this.#expiry?.cancel()
    this.#renewal?.cancel()
    this.#lease?.cancel()
    this.#leaseEnd?.cancel()
    this.#absolute?.cancel()
    this.#idle?.cancel()
  }

  /** Asks both doors again, with whoever else asks the same at this moment. */
  recheck(why: Why, questions: Questions = this.#parts.hub.questions): Promise<Outcome> {
    return this.#stands.recheck(why, questions)
  }

  /** Takes a new credential of the peer. */
  refresh(credential: NewCredential): Promise<void> {
    return this.#refresh.take(credential)
  }

  /** The identity has ended: its alarm has rung, or a message has come later than that. */
  lapse(): void {
    this.#expire('credential', 4401, 'expired: your credential has expired')
  }

  /** Heard from the standing: the doors have answered, and everything begins anew. */
  confirmed(): void {
    this.#armExpiry()
    this.#armLease()
  }

  /** An answer that could not be had is no refusal: the old grant holds to the end of its lease, then it is over. */
  unknown(denial: Denial, why: Why): Outcome {
    const { hub, opening, span } = this.#parts
    if (denial.cause !== undefined)
      hub.repeatedFaults.tell(denial.cause, denial.detail ?? 'asking a door again')
    const { status, reason: code, detail } = denial
    opening.tell({ type: 'unanswered', why, status, code, detail })
    if (span.leaseMs === null) {
      opening.end('denied', denial.closeCode, denialReason(denial))
      return 'closed'
    }
    this.#lease?.cancel()
    this.#lease = hub.alarms.after(
      Math.min(mostRetryMs, Math.max(leastRetryMs, span.leaseMs / 20)),
      () => void this.recheck('lease'),
    )
    return 'kept'
  }

  get #stands(): Standing {
    return (this.#standing ??= new Standing(this.#parts, this))
  }

  get #refresh(): Refresh {
    return (this.#refresher ??= new Refresh(this.#parts, this.#stands))
  }

  #armExpiry(): void {
    const end = this.#parts.opening.visitor.identity.expires?.getTime() ?? null
    // armed once: by a wall clock that has jumped back since, the same end would come later
    if (end === this.#end) return
    this.#end = end
    this.#expiry?.cancel()
    this.#renewal?.cancel()
    if (end === null) return
    this.#armEnd(end)
    this.#armRenewal(end)
  }

  #armEnd(end: number): void {
    this.#expiry = this.#parts.hub.alarms.at(end, () => this.lapse())
  }

  #armRenewal(end: number): void {
    const { alarms, clock } = this.#parts.hub
    const left = end - clock.now()
    // one may have been set by a recheck while the identity was being renewed
    this.#renewal?.cancel()
    if (left >= leastRenewMs)
      this.#renewal = alarms.at(end - Math.min(renewBeforeMs, left / 2), () => void this.#renew(end))
  }

  /** A session that slides has a later end by now; for any other the peer is asked for a new credential. */
  async #renew(end: number): Promise<void> {
    const { opening, hub } = this.#parts
    if ((await this.#hasSlid(end)) && !opening.over) await this.recheck('refresh')
    if (opening.over || opening.visitor.identity.expires?.getTime() !== end) return
    this.#refresh.ask(end - hub.clock.now())
    this.#armRenewal(end)
  }

  async #hasSlid(end: number): Promise<boolean> {
    const { opening, hub } = this.#parts
    try {
      const identity = await inTime(hub, async () => opening.visitor.identity.renew?.())
      if (identity === null || identity === undefined) return false
      return identity.expires === undefined || identity.expires.getTime() > end
    } catch (error) {
      hub.repeatedFaults.tell(error, 'renewing an identity before it expires')
      return false
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
    if (left <= 0) return this.#expire('idle', 4408, 'idle: nothing was heard from you for too long')
    this.#idle = hub.alarms.after(left, () => this.#watchIdle(idleMs))
  }

  #expire(cause: 'credential' | 'idle' | 'absolute', code: number, reason: string): void {
    const { opening } = this.#parts
    opening.tell({ type: 'expired', cause })
    opening.end('expired', code, reason)
  }
}
