/** A token bucket: `most` each `eachMs`, `burst` at once. */
export interface Rate {
  readonly most: number
  readonly eachMs: number
  readonly burst: number
}

/** A token bucket on an injected clock; it starts full. */
export class Bucket {
  readonly #rate: Rate
  readonly #owedMost: number
  #tokens: number
  #at: number

  /** @param owedMost what may be owed; as much as may be taken at once, unless said otherwise */
  constructor(rate: Rate, now: number, owedMost: number = rate.burst) {
    this.#rate = rate
    this.#owedMost = owedMost
    this.#tokens = rate.burst
    this.#at = now
  }

  /**
   * Takes tokens; false when there are too few. More than the bucket holds are taken from a full one, and the rest is owed. A
   * clock that jumps back only costs the time it jumped.
   */
  take(now: number, tokens = 1): boolean {
    this.#fill(now)
    if (this.#tokens < Math.min(tokens, this.#rate.burst)) return false
    this.#owe(tokens)
    return true
  }

  /** Whether so many tokens, taken from a full bucket, are paid in the end: what is owed has a bound. */
  canPay(tokens: number): boolean {
    return tokens <= this.#rate.burst + this.#owedMost
  }

  /** Takes tokens for what was done already: those that are not there are owed. */
  spend(tokens: number, now: number): void {
    this.#fill(now)
    this.#owe(tokens)
  }

  /** Whether nothing is left. */
  isEmpty(now: number): boolean {
    this.#fill(now)
    return this.#tokens <= 0
  }

  /** For how long there will be no token; 0 when there is one. */
  shortMs(now: number): number {
    this.#fill(now)
    return this.#tokens >= 1 ? 0 : ((1 - this.#tokens) * this.#rate.eachMs) / this.#rate.most
  }

  /** The share that is left: 1 when it is full, less than 0 when something is owed. */
  left(now: number): number {
    this.#fill(now)
    return this.#tokens / this.#rate.burst
  }

  /** What is owed has a bound: one message that cost much does not shut its sender out for ever. */
  #owe(tokens: number): void {
    this.#tokens = Math.max(-this.#owedMost, this.#tokens - tokens)
  }

  #fill(now: number): void {
    const { most, eachMs, burst } = this.#rate
    this.#tokens = Math.min(burst, this.#tokens + (Math.max(0, now - this.#at) * most) / eachMs)
    this.#at = now
  }
}
