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

  /** @param owedMost the most debt; by default as much as the burst */
  constructor(rate: Rate, now: number, owedMost: number = rate.burst) {
    this.#rate = rate
    this.#owedMost = owedMost
    this.#tokens = rate.burst
    this.#at = now
  }

  /**
   * Takes tokens; false when there are too few. A full bucket gives more tokens than it holds, and the rest
   * becomes debt. A clock that jumps back costs only the time of the jump.
   */
  take(now: number, tokens = 1): boolean {
    this.#fill(now)
    if (this.#tokens < Math.min(tokens, this.#rate.burst)) return false
    this.#owe(tokens)
    return true
  }

  /** Whether so many tokens, taken from a full bucket, are paid in the end: the debt has a bound. */
  canPay(tokens: number): boolean {
    return tokens <= this.#rate.burst + this.#owedMost
  }

  /** Takes tokens for work that was already done. Missing tokens become debt. */
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

  /** The part that is left: 1 when it is full, less than 0 in debt. */
  left(now: number): number {
    this.#fill(now)
    return this.#tokens / this.#rate.burst
  }

  /** Debt is bounded: one costly message does not shut its sender out for ever. */
  #owe(tokens: number): void {
    this.#tokens = Math.max(-this.#owedMost, this.#tokens - tokens)
  }

  #fill(now: number): void {
    const { most, eachMs, burst } = this.#rate
    this.#tokens = Math.min(burst, this.#tokens + (Math.max(0, now - this.#at) * most) / eachMs)
    this.#at = now
  }
}
