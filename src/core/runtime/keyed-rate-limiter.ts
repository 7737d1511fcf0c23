import type { TimerQueue } from './timer-queue.ts'
import type { Clock } from '../../wire/clock.ts'
import { Bucket, type Rate } from './token-bucket.ts'

/** What has been used up for a key, and recovers with time. */
export interface Spent {
  /** The part that is left now: 1 when it is like a new one, 0 or less when nothing is left. */
  left(now: number): number
}

/** The most keys that are remembered at once. */
const maxKnown = 100_000
/** When another key needs room, the fullest of this many oldest keys is forgotten. */
const choice = 8

/** What a ledger needs. */
export interface LedgerParts<S extends Spent> {
  readonly make: (now: number) => S
  /** After this time without use, every entry is like a new one. */
  readonly freshMs: number
  readonly clock: Clock
  readonly timers: TimerQueue
}

/**
 * What has been used up, for each key, such as an identity or a network. An entry that was not used for
 * `freshMs` is forgotten without looking at the others: there are two generations, and the older one is
 * dropped as a whole. Beyond 100,000 keys, of the eight oldest entries the one with the most left is
 * forgotten. So a flood of new keys does not push out entries that are used up.
 */
export class Ledger<S extends Spent> {
  readonly #parts: LedgerParts<S>
  #recent = new Map<string, S>()
  #earlier = new Map<string, S>()
  #isTurning = false

  constructor(parts: LedgerParts<S>) {
    this.#parts = parts
  }

  /** The entry of a key, made if there is none. */
  of(key: string): S {
    return this.#recent.get(key) ?? this.#renew(key)
  }

  /** The entry of a key; `undefined` if there is none. */
  peek(key: string): S | undefined {
    return this.#recent.get(key) ?? this.#earlier.get(key)
  }

  /** How many keys are remembered; 0 after a time without use. */
  get size(): number {
    return this.#recent.size + this.#earlier.size
  }

  #renew(key: string): S {
    const { make, clock } = this.#parts
    const now = clock.monotonic()
    const known = this.#earlier.get(key)
    if (known !== undefined) this.#earlier.delete(key)
    else if (this.size >= maxKnown) this.#forgetOne(now)
    const one = known ?? make(now)
    this.#recent.set(key, one)
    this.#turnLater()
    return one
  }

  #forgetOne(now: number): void {
    const oldest = this.#earlier.size > 0 ? this.#earlier : this.#recent
    let fullest: { readonly key: string; readonly left: number } | null = null
    let looked = 0
    for (const [key, one] of oldest) {
      if (looked++ === choice) break
      const left = one.left(now)
      if (fullest === null || left > fullest.left) fullest = { key, left }
    }
    if (fullest !== null) oldest.delete(fullest.key)
  }

  #turnLater(): void {
    if (this.#isTurning) return
    this.#isTurning = true
    this.#parts.timers.after(this.#parts.freshMs, () => this.#turn())
  }

  #turn(): void {
    this.#isTurning = false
    this.#earlier = this.#recent
    this.#recent = new Map()
    if (this.#earlier.size > 0) this.#turnLater()
  }
}

/** A token bucket for each key. With a rate of `null` everything is allowed, and nothing is remembered. */
export class KeyedRateLimiter {
  readonly #clock: Clock
  readonly #buckets: Ledger<Bucket> | null

  constructor(rate: Rate | null, clock: Clock, timers: TimerQueue) {
    this.#clock = clock
    this.#buckets =
      rate === null
        ? null
        : new Ledger({ make: (now) => new Bucket(rate, now), freshMs: freshMsOf(rate), clock, timers })
  }

  /** Takes one token of a key; false when none is left. */
  take(key: string): boolean {
    return this.#buckets === null || this.#buckets.of(key).take(this.#clock.monotonic())
  }

  /** For how long a key has no token; 0 when it has one. */
  shortMs(key: string): number {
    return this.#buckets?.peek(key)?.shortMs(this.#clock.monotonic()) ?? 0
  }

  /** How many keys are remembered; 0 after a time without use. */
  get size(): number {
    return this.#buckets?.size ?? 0
  }
}

/** How long a bucket takes from its deepest debt until it is full. */
export function freshMsOf({ most, eachMs, burst }: Rate): number {
  return Math.ceil((2 * burst * eachMs) / most)
}
