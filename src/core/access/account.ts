import { freshMsOf, Ledger, type LedgerParts, type Spent } from '../runtime/keyed-rate-limiter.ts'
import { type Limits } from '../api/limits.ts'
import { Bucket, type Rate } from '../runtime/token-bucket.ts'
import { freshMsOfValidation, ValidationTime } from './validation-time.ts'

/** The limits that bound the sockets of an account together. */
export interface AccountLimits {
  readonly rate: 'identityRate' | 'guestRate'
  readonly byteRate: 'identityByteRate' | 'guestByteRate'
}
/** The names of the limits of an identity. */
export const identityLimits: AccountLimits = { rate: 'identityRate', byteRate: 'identityByteRate' }
/** The names of the limits of the guests of a network. */
export const guestLimits: AccountLimits = { rate: 'guestRate', byteRate: 'guestByteRate' }

/** The accounts of a process: those of identities, and those of networks of guests. */
export interface Accounts {
  readonly identities: Ledger<Account>
  readonly guests: Ledger<Account>
}

/** Invalid messages further apart are not counted together. */
const windowMs = 10_000
/** Two refusals further apart than this belong to two lapses. */
const calmMs = 1_000

/** What one account has used up, over all its sockets and reconnects: see `accountKey`. */
export class Account implements Spent {
  readonly messages: Bucket | null
  readonly bytes: Bucket | null
  /** The milliseconds spent on reading and validating messages. */
  readonly validation: ValidationTime | null
  readonly mistakes: Mistakes = new Mistakes()
  /** Over rates of a single socket or of the identity. */
  readonly lapse: Lapse = new Lapse()
  /**
   * The lapse over limits that end no socket: limits that guests of a network share, and the time of
   * validation.
   */
  readonly sharedLapse: Lapse = new Lapse()
  readonly crowd: Crowd = new Crowd()

  constructor(limits: Limits, { rate, byteRate }: AccountLimits, now: number) {
    this.messages = bucketOf(limits[rate], now)
    this.bytes = bucketOf(limits[byteRate], now)
    this.validation = limits.validation && new ValidationTime(limits.validation, now)
  }

  left(now: number): number {
    const buckets = [this.messages, this.bytes, this.validation]
    const others = [this.mistakes, this.lapse].map((spent) => spent.left(now))
    return Math.min(...others, ...buckets.map((bucket) => bucket?.left(now) ?? 1))
  }
}

/** When invalid messages arrived. */
export class Mistakes implements Spent {
  /** The oldest first. */
  readonly #times: number[] = []

  /** Notes an invalid message. @returns whether it is the last of `most` within 10 s */
  isLastOf(most: number, now: number): boolean {
    this.#forget(now)
    // beyond `most`, the oldest are not needed
    this.#times.push(now)
    this.#times.splice(0, this.#times.length - most)
    return this.#times.length === most
  }

  /** How many of those that still count arrived before a moment. */
  countBefore(moment: number, now: number): number {
    this.#forget(now)
    return this.#times.filter((time) => time < moment).length
  }

  left(now: number): number {
    this.#forget(now)
    return this.#times.length === 0 ? 1 : 0
  }

  #forget(now: number): void {
    for (let [first] = this.#times; first !== undefined && now - first >= windowMs; [first] = this.#times)
      this.#times.shift()
  }
}

/** A lapse: the time from the first to the last refusal of a series. */
export class Lapse implements Spent {
  #since = Number.NEGATIVE_INFINITY
  #last = Number.NEGATIVE_INFINITY

  /** Notes a refusal. @returns whether a lapse begins with it */
  note(now: number): boolean {
    const begins = !this.#lasts(now)
    if (begins) this.#since = now
    this.#last = now
    return begins
  }

  /** How long the lapse has lasted, if it began before `moment`; 0 when there is none. */
  msSince(now: number, moment: number = Number.POSITIVE_INFINITY): number {
    return this.#lasts(now) && this.#since < moment ? now - this.#since : 0
  }

  left(now: number): number {
    return this.#lasts(now) ? 0 : 1
  }

  #lasts(now: number): boolean {
    return now - this.#last <= calmMs
  }
}

/**
 * How many guests share a network: the most within 10 s, so that closing sockets does not enlarge the shares
 * of the others.
 */
export class Crowd {
  #most = 1
  #at = Number.NEGATIVE_INFINITY

  /** Notes how many guests there are now. @returns by how many the network is shared */
  of(count: number, now: number): number {
    if (count >= this.#most || now - this.#at >= windowMs) {
      this.#most = Math.max(1, count)
      this.#at = now
    }
    return this.#most
  }
}

/** The accounts of a process under its limits. */
export function accountsUnder(
  limits: Limits,
  parts: Pick<LedgerParts<Account>, 'clock' | 'timers'>,
): Accounts {
  const ledger = (kind: AccountLimits): Ledger<Account> => {
    const rates = [limits[kind.rate], limits[kind.byteRate]]
    const validationMs = limits.validation === null ? 0 : freshMsOfValidation(limits.validation)
    const freshMs = Math.max(
      windowMs,
      validationMs,
      ...rates.map((rate) => (rate === null ? 0 : freshMsOf(rate))),
    )
    return new Ledger({ make: (now) => new Account(limits, kind, now), freshMs, ...parts })
  }
  return { identities: ledger(identityLimits), guests: ledger(guestLimits) }
}

/** A bucket of a rate; `null` where there is none. */
export function bucketOf(rate: Rate | null, now: number): Bucket | null {
  return rate === null ? null : new Bucket(rate, now)
}
