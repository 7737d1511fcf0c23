import { Bucket, type Limits, type Rate } from './limits.ts'

/** What a message earns: pass, an error for this one, or the end of the socket. */
export type Verdict = 'pass' | 'refuse' | 'end'

/** What the conduct of a peer is judged by. */
export interface ConductParts {
  readonly limits: Limits
  /** The rate of this socket; `null` is none. */
  readonly rate: Rate | null
  readonly now: number
  /** Takes one from what all sockets of the identity may send together; false when nothing is left. */
  readonly shared: () => boolean
  /** Told once for each lapse, however many messages it has. */
  readonly limited: (limit: 'rate' | 'identityRate' | 'invalidMessages') => void
}

const windowMs = 10_000
/** Two refusals further apart than this are two lapses, not one that lasts. */
const calmMs = 1_000

/** How a peer behaves: its message rate, that of its identity, and how many of its messages were invalid. */
export class Conduct {
  readonly #parts: ConductParts
  readonly #bucket: Bucket | null
  #over: { since: number; last: number } | null = null
  #invalid: number[] = []

  constructor(parts: ConductParts) {
    this.#parts = parts
    this.#bucket = parts.rate === null ? null : new Bucket(parts.rate, parts.now)
  }

  /** One more message: over a rate it is refused, and ends the socket when it was over for the whole grace. */
  message(now: number): Verdict {
    // what a socket is refused for itself is not taken from its siblings
    if (this.#bucket !== null && !this.#bucket.take(now)) return this.#tooMany('rate', now)
    return this.#parts.shared() ? 'pass' : this.#tooMany('identityRate', now)
  }

  /** One more invalid message: the tenth within 10 s ends the socket. */
  invalid(now: number): Verdict {
    const { limits, limited } = this.#parts
    this.#invalid = [...this.#invalid.filter((at) => now - at < windowMs), now]
    if (this.#invalid.length < limits.invalidMessages) return 'refuse'
    limited('invalidMessages')
    return 'end'
  }

  #tooMany(limit: 'rate' | 'identityRate', now: number): Verdict {
    const { limits, limited } = this.#parts
    const over = this.#over
    const lasts = over !== null && now - over.last <= calmMs
    this.#over = { since: lasts ? over.since : now, last: now }
    if (!lasts) limited(limit)
    return now - this.#over.since >= limits.rateGraceMs ? 'end' : 'refuse'
  }
}
