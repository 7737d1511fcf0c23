import type { Clock } from '../core/clock.ts'

/** What a remote document needs. */
export interface RemoteParts<T> {
  /** What errors call it, such as `the keys at https://id.example/jwks`. */
  readonly what: string
  readonly clock: Clock
  /** Fetches it once. */
  load(): Promise<T>
  /** From this age on it is fetched again beside the answer; past `staleMs` the answer waits for it. */
  readonly oldMs: number
  readonly staleMs: number
}

/** A document, and when it came. */
interface Dated<T> {
  readonly value: T
  readonly at: number
}

/** For how long the last good one holds while its server cannot be reached. */
const lastGoodMs = 24 * 3_600_000
/** How soon it may be fetched again. */
const coolDownMs = 30_000
/** The same while there is none at all, doubled with each failure: a server that started first recovers at once. */
const emptyCoolDownMs = 1_000

/**
 * A document of another server: fetched when it is first needed, one fetch in flight, kept while it is young and fetched
 * again as it grows old. While the server cannot be reached the last good one holds for 24 hours; before there is one, it
 * is asked for after 1, 2, 4 and so on up to 30 seconds, however many wait for it.
 */
export class Remote<T> {
  readonly #parts: RemoteParts<T>
  #document: Dated<T> | null = null
  #triedAt = Number.NEGATIVE_INFINITY
  #failures = 0
  /** Why the last fetch failed; `null` when it did not. */
  #failure: unknown = null
  #pending: Promise<void> | null = null

  constructor(parts: RemoteParts<T>) {
    this.#parts = parts
  }

  /** The document as it is known. @throws TypeError when it cannot be had */
  async current(): Promise<T> {
    const { staleMs, oldMs } = this.#parts
    if (this.#within(staleMs) === null) await this.#refresh()
    else if (this.#within(oldMs) === null) void this.#refresh()
    return (this.#within(lastGoodMs) ?? this.#unreachable()).value
  }

  /**
   * The document as it is now, for something that the known one lacks: fetched again unless that was done a moment ago.
   *
   * @throws TypeError when the last fetch has failed: what the document lacks is not known then
   */
  async latest(): Promise<T> {
    await this.#refresh()
    if (this.#failure !== null) return this.#unreachable()
    return (this.#document ?? this.#unreachable()).value
  }

  /** The last good one, if it is younger than that. */
  #within(ms: number): Dated<T> | null {
    if (this.#document === null) return null
    const age = this.#parts.clock.now() - this.#document.at
    return age >= 0 && age < ms ? this.#document : null
  }

  #unreachable(): never {
    throw new TypeError(`${this.#parts.what} could not be fetched`, { cause: this.#failure })
  }

  /** Fetches unless that was tried a moment ago. It never rejects: what went wrong is kept. */
  async #refresh(): Promise<void> {
    const sinceMs = this.#parts.clock.now() - this.#triedAt
    if (this.#pending === null && sinceMs >= 0 && sinceMs < this.#restMs()) return
    this.#pending ??= this.#fetch().finally(() => {
      this.#pending = null
    })
    await this.#pending
  }

  #restMs(): number {
    if (this.#document !== null) return coolDownMs
    return Math.min(coolDownMs, emptyCoolDownMs * 2 ** Math.max(0, this.#failures - 1))
  }

  async #fetch(): Promise<void> {
    const { clock, load } = this.#parts
    this.#triedAt = clock.now()
    try {
      this.#document = { value: await load(), at: clock.now() }
      this.#failure = null
      this.#failures = 0
    } catch (error) {
      this.#failure = error
      this.#failures++
    }
  }
}
