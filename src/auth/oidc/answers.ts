import type { Clock } from '../../wire/clock.ts'
import { deny } from '../../wire/errors.ts'
import type { Statement } from '../claims.ts'
import { sha256Hex } from '../fingerprint.ts'
import { Lru } from './lru.ts'

/** What the provider says of a token: what it is about, or `null` when it is not active. */
export type CachedAnswer = Statement | null

/** What answers are made of. */
export interface AnswersParts {
  readonly clock: Clock
  /** Asks the provider. */
  ask(token: string): Promise<CachedAnswer>
  /** For how long a good answer is believed; 0 to ask each time. */
  readonly keepMs: number
}

/** A question under way, and the one that follows it for those who have asked since it left. */
interface Flight {
  readonly now: Promise<CachedAnswer>
  next: Promise<CachedAnswer> | null
}

const mostGood = 10_000
/** A flood of invented tokens pushes out bad answers alone. */
const mostBad = 10_000
const keepBadMs = 10_000
const mostFlights = 64

/**
 * What a provider has said of tokens, by the hash of each: kept for a while, never beyond the token's end, and asked for
 * once at a time. An answer that a token is not active takes the place of a good one at once.
 */
export class AnswerCache {
  readonly #parts: AnswersParts
  readonly #good: Lru<Statement>
  readonly #bad: Lru<true>
  readonly #flights = new Map<string, Flight>()

  constructor(parts: AnswersParts) {
    this.#parts = parts
    this.#good = new Lru(mostGood, parts.clock)
    this.#bad = new Lru(mostBad, parts.clock)
  }

  /**
   * What is known of a token, or else asked.
   *
   * @param beforeAsking called where nothing is known; what it throws is thrown on
   * @throws what asking throws; Denial 503 when too many are being asked about
   */
  async known(token: string, beforeAsking: () => void): Promise<CachedAnswer> {
    const key = sha256Hex(token)
    if (this.#bad.get(key) !== null) return null
    const known = this.#good.get(key) ?? this.#flights.get(key)?.now
    if (known !== undefined) return known
    beforeAsking()
    return this.#start(key, token)
  }

  /** What the provider says when it is asked from now on: a question under way may have been answered before a change. */
  fresh(token: string): Promise<CachedAnswer> {
    const key = sha256Hex(token)
    const flight = this.#flights.get(key)
    if (flight === undefined) return this.#start(key, token)
    flight.next ??= flight.now.then(ignore, ignore).then(() => this.#start(key, token))
    return flight.next
  }

  #start(key: string, token: string): Promise<CachedAnswer> {
    if (!this.#flights.has(key) && this.#flights.size >= mostFlights) return tooMany()
    const flight: Flight = {
      now: this.#asked(key, token).finally(() => this.#landed(key, flight)),
      next: null,
    }
    this.#flights.set(key, flight)
    return flight.now
  }

  /** One that another follows makes room for it, and for nobody else. */
  #landed(key: string, flight: Flight): void {
    if (flight.next === null) this.#flights.delete(key)
  }

  async #asked(key: string, token: string): Promise<CachedAnswer> {
    const { ask, clock, keepMs } = this.#parts
    const askedAt = clock.monotonic()
    const answer = await ask(token)
    if (answer === null) {
      this.#good.delete(key)
      this.#bad.set(key, true, askedAt + keepBadMs)
      return null
    }
    this.#bad.delete(key)
    const leftMs = answer.exp === undefined ? Number.POSITIVE_INFINITY : answer.exp * 1000 - clock.now()
    this.#good.set(key, answer, Math.min(askedAt + keepMs, clock.monotonic() + leftMs))
    return answer
  }
}

async function tooMany(): Promise<never> {
  return deny(503, 'unavailable', 'who you are could not be found out: come back later', {
    retryAfterMs: 1_000,
    detail: `${mostFlights} tokens are being introspected already`,
  })
}

function ignore(): void {}
