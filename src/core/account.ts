import { freshMsOf, Ledger, type LedgerParts, type Spent } from './allowances.ts'
import { Bucket, type Limits, type Rate } from './limits.ts'
import { freshMsOfValidation, ValidationTime } from './validation-time.ts'

/** The limits that bound the sockets of an account together. */
export interface AccountLimits {
  readonly rate: 'identityRate' | 'guestRate'
  readonly byteRate: 'identityByteRate' | 'guestByteRate'
}
/** Those of an identity. */
export const identityLimits: AccountLimits = { rate: 'identityRate', byteRate: 'identityByteRate' }
/** Those of the guests of a network. */
export const guestLimits: AccountLimits = { rate: 'guestRate', byteRate: 'guestByteRate' }

/** The accounts of a process: those of its identities, and those of the networks of its guests. */
export interface Accounts {
  readonly identities: Ledger<Account>
  readonly guests: Ledger<Account>
}

/** Invalid messages further apart are not counted together. */
const windowMs = 10_000

/** What one account has used up, over all its sockets and reconnects: see `accountKey`. */
export class Account implements Spent {
  readonly messages: Bucket | null
  readonly bytes: Bucket | null
  /** The milliseconds in which messages are read and validated. */
  readonly validation: ValidationTime | null
  readonly mistakes: Mistakes = new Mistakes()

  constructor(limits: Limits, { rate, byteRate }: AccountLimits, now: number) {
    this.messages = bucketOf(limits[rate], now)
    this.bytes = bucketOf(limits[byteRate], now)
    this.validation = limits.validation && new ValidationTime(limits.validation, now)
  }

  left(now: number): number {
    const buckets = [this.messages, this.bytes, this.validation]
    return Math.min(this.mistakes.left(now), ...buckets.map((bucket) => bucket?.left(now) ?? 1))
  }
}

/** When invalid messages came. */
export class Mistakes implements Spent {
  /** The oldest first. */
  readonly #times: number[] = []

  /** Notes one more. @returns whether it is the last of so many within 10 s */
  isLastOf(most: number, now: number): boolean {
    this.#forget(now)
    // of more than `most` the oldest need not be known
    if (this.#times.push(now) > most) this.#times.shift()
    return this.#times.length === most
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

/** The accounts of a process under its limits. */
export function accountsUnder(
  limits: Limits,
  parts: Pick<LedgerParts<Account>, 'clock' | 'alarms'>,
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
