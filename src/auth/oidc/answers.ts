import type { Clock } from '../../wire/clock.ts'
import { deny } from '../../wire/errors.ts'
import type { Statement } from '../claims.ts'
import { sha256Hex } from '../fingerprint.ts'
import { Lru } from './lru.ts'

/** The provider's statement about a token; `null` when it is not active. */
export type CachedAnswer = Statement | null

/** What a cache of answers needs. */
export interface AnswersParts {
  readonly clock: Clock
  /** Asks the provider. */
  ask(token: string): Promise<CachedAnswer>
  /** For how long a good answer is used; 0 to ask each time. */
  readonly keepMs: number
}

/** A request under way, and the one after it, for callers that have asked since it was sent. */
interface Flight {
  readonly now: Promise<CachedAnswer>
  next: Promise<CachedAnswer> | null
}

const mostGood = 10_000
/** How many bad answers are kept. A flood of invented tokens pushes out bad answers alone. */
const mostBad = 10_000
const keepBadMs = 10_000
const mostFlights = 64

/**
 * The provider's answers about tokens, by the hash of each token: kept for a while, never beyond the token's
 * end, and requested once at a time. An answer that a token is not active replaces a good one at once.
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
   * The known answer about a token, or a new one.
   *
   * @param beforeAsking called when no answer is known; its error is passed on
   * @throws the error of the request; Denial 503 when too many requests are under way
   */
  async known(token: string, beforeAsking: () => void): Promise<CachedAnswer> {
    const key = sha256Hex(token)
    if (this.#bad.get(key) !== null) return null
    const known = this.#good.get(key) ?? this.#flights.get(key)?.now
    if (known !== undefined) return known
    beforeAsking()
    return this.#start(key, token)
  }

  /** A new answer of the provider: a request under way may have been answered before a change. */
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
      now: this.#ask(key, token).finally(() => this.#landed(key, flight)),
      next: null,
    }
    this.#flights.set(key, flight)
    return flight.now
  }

  /** Removes a request that has ended, unless another one has taken its key. */
  #landed(key: string, flight: Flight): void {
    if (flight.next === null) this.#flights.delete(key)
  }

  async #ask(key: string, token: string): Promise<CachedAnswer> {
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
  return deny(503, 'unavailable', 'the server could not find out who you are: come back later', {
    retryAfterMs: 1_000,
    detail: `${mostFlights} tokens are being introspected already`,
  })
}

function ignore(): void {}
