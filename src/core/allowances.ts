import type { Alarms } from './alarms.ts'
import type { Clock } from './clock.ts'
import { Bucket, type Rate } from './limits.ts'

/** More than are ever short at once; beyond it the one that has been known longest is forgotten, and so starts anew. */
const maxKnown = 100_000

/**
 * A token bucket for each key, such as an identity or a network. Only what is not full is remembered, so that quiet
 * costs no memory; with a rate of `null` everything is allowed.
 */
export class Allowances {
  readonly #rate: Rate | null
  readonly #clock: Clock
  readonly #alarms: Alarms
  readonly #known = new Map<string, Bucket>()
  #sweeping = false

  constructor(rate: Rate | null, clock: Clock, alarms: Alarms) {
    this.#rate = rate
    this.#clock = clock
    this.#alarms = alarms
  }

  /** Takes one from a key's allowance; false when nothing is left of it. */
  take(key: string): boolean {
    const rate = this.#rate
    if (rate === null) return true
    const now = this.#clock.monotonic()
    const bucket = this.#known.get(key) ?? this.#add(key, new Bucket(rate, now))
    this.#sweepLater(rate)
    return bucket.take(now)
  }

  /** For how long nothing is left of a key's allowance; 0 when there is some. */
  shortMs(key: string): number {
    return this.#known.get(key)?.shortMs(this.#clock.monotonic()) ?? 0
  }

  /** How many keys are remembered: none once all is quiet. */
  get size(): number {
    return this.#known.size
  }

  #add(key: string, bucket: Bucket): Bucket {
    const [oldest] = this.#known.size < maxKnown ? [] : this.#known.keys()
    if (oldest !== undefined) this.#known.delete(oldest)
    this.#known.set(key, bucket)
    return bucket
  }

  /** After the time in which any bucket fills up. */
  #sweepLater(rate: Rate): void {
    if (this.#sweeping) return
    this.#sweeping = true
    const { most, eachMs, burst } = rate
    this.#alarms.after((burst * eachMs) / most, () => this.#sweep(rate))
  }

  #sweep(rate: Rate): void {
    this.#sweeping = false
    const now = this.#clock.monotonic()
    for (const [key, bucket] of this.#known) if (bucket.isFull(now)) this.#known.delete(key)
    if (this.#known.size > 0) this.#sweepLater(rate)
  }
}
