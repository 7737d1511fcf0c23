/** How long a client waits between attempts, in milliseconds. */
export interface BackoffRange {
  /** Never less than this: 500. */
  readonly minMs: number
  /** Never more than this: 20,000. */
  readonly maxMs: number
  /** The source of randomness, 0 to 1: `Math.random`. */
  readonly random: () => number
}

/**
 * Full-jitter back-off. Each delay is random between the least delay and a ceiling. The ceiling starts at
 * four times the least delay, and doubles with every failure up to the longest delay. The least keeps one
 * client below two attempts a second. The wide first step spreads clients that lost the same server at the
 * same moment.
 *
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export class Backoff {
  readonly #range: BackoffRange
  #failures = 0

  constructor(range: BackoffRange) {
    this.#range = range
  }

  /** The delay before the next attempt. Counts one more failure. */
  next(): number {
    const { minMs, maxMs, random } = this.#range
    const ceiling = Math.min(maxMs, minMs * 2 ** (this.#failures + 2))
    this.#failures++
    return minMs + random() * (ceiling - minMs)
  }

  /** A delay for a server that may never answer: half of the most, or more. */
  slowest(): number {
    const { maxMs, random } = this.#range
    return (maxMs * (1 + random())) / 2
  }

  /** Forgets the failures, because a connection was good. */
  reset(): void {
    this.#failures = 0
  }
}
