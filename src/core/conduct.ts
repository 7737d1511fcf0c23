import { Bucket, type Limits, type Rate } from './limits.ts'

/** What a message earns: pass, an error for this one, or the end of the socket. */
export type Verdict = 'pass' | 'refuse' | 'end'

const windowMs = 10_000
/** Two refusals further apart than this are two lapses, not one that lasts. */
const calmMs = 1_000

/** How a peer behaves: its message rate, and how many of its messages were invalid. */
export class Conduct {
  readonly #limits: Limits
  readonly #bucket: Bucket | null
  #over: { since: number; last: number } | null = null
  #invalid: number[] = []

  constructor(limits: Limits, rate: Rate | null, now: number) {
    this.#limits = limits
    this.#bucket = rate === null ? null : new Bucket(rate, now)
  }

  /** One more message: over the rate it is refused, and ends the socket when it was over for the whole grace. */
  message(now: number): Verdict {
    if (this.#bucket === null || this.#bucket.take(now)) return 'pass'
    const over = this.#over
    this.#over =
      over === null || now - over.last > calmMs ? { since: now, last: now } : { since: over.since, last: now }
    return now - this.#over.since >= this.#limits.rateGraceMs ? 'end' : 'refuse'
  }

  /** One more invalid message: the tenth within 10 s ends the socket. */
  invalid(now: number): Verdict {
    this.#invalid = [...this.#invalid.filter((at) => now - at < windowMs), now]
    return this.#invalid.length >= this.#limits.invalidMessages ? 'end' : 'refuse'
  }
}
