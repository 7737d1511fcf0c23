import type { Clock } from '../wire/clock.ts'
import { deny } from '../wire/errors.ts'

/** What a remote document needs. */
export interface RemoteParts<T> {
  /** The name of the document in errors, such as `the keys at https://id.example/jwks`. */
  readonly what: string
  readonly clock: Clock
  /** Fetches it once. */
  load(): Promise<T>
  /**
   * From this age on it is fetched again without delaying the result; beyond `staleMs` the result waits for
   * the fetch.
   */
  readonly oldMs: number
  readonly staleMs: number
}

/** How something is looked for in a remote document. */
export interface Search<T, R> {
  /** Looks for it in this document; `null` when the document lacks it. */
  look(document: T): R | null
  /** Whether an earlier document had it. Then it was dropped, and another fetch would not bring it. */
  wasThere(): boolean
  /** Called before a fetch that this search causes; an error of it ends the search. */
  beforeFetch(): void
}

/** A document, and when it was fetched, on the monotonic clock. */
interface Dated<T> {
  readonly value: T
  readonly at: number
}

/** For how long the last good document is used while its server cannot be reached. */
const lastGoodMs = 24 * 3_600_000
/** The shortest time between two fetches. */
const coolDownMs = 30_000
/**
 * The same while there is no document yet, doubled with each failure, so that a server that started before
 * its provider recovers soon.
 */
const emptyCoolDownMs = 1_000

/**
 * A document of another server: fetched when it is first needed, one fetch at a time, kept while it is young
 * and fetched again as it grows old. While the server cannot be reached, the last good document is used for
 * 24 hours. Before there is one, it is fetched after 1, 2, 4 and so on up to 30 seconds, however many callers
 * wait. All times are those of the monotonic clock: a step of the wall clock neither keeps a document nor
 * causes a fetch.
 */
export class Remote<T> {
  readonly #parts: RemoteParts<T>
  #document: Dated<T> | null = null
  #triedAt = Number.NEGATIVE_INFINITY
  /** When a fetch was last made before its time, for a new thing that was looked for. */
  #earlyAt = Number.NEGATIVE_INFINITY
  #failures = 0
  /** Why the last fetch failed; `null` when it did not. */
  #failure: unknown = null
  #pending: Promise<void> | null = null
  /** How many fetches have begun, and the number of the last that has ended. */
  #begun = 0
  #ended = 0

  constructor(parts: RemoteParts<T>) {
    this.#parts = parts
  }

  /** The document as it is known. @throws TypeError when it cannot be fetched */
  async current(): Promise<T> {
    const { staleMs, oldMs } = this.#parts
    if (this.#within(staleMs) === null) await this.#refresh()
    else if (this.#within(oldMs) === null) void this.#refresh()
    return this.#lastGood()
  }

  /**
   * Looks for something in the document, and fetches the document again if the known one lacks it. Within 30
   * seconds of the last fetch it does so once for all searches. It does not do so for a thing that the
   * document has dropped.
   *
   * @returns `null` when a document that was fetched after the search began lacks it, or has dropped it
   * @throws Denial 503 with the time after which the document may be fetched again; TypeError when it cannot
   * be fetched, so that the result is not known
   */
  async find<R>(search: Search<T, R>): Promise<R | null> {
    const before = this.#begun
    let found = search.look(await this.current())
    // a fetch that was already under way may have been answered before the thing was added
    while (found === null && this.#ended <= before) {
      if (this.#pending === null && !this.#mayFetch(search)) return null
      await this.#fetch()
      found = search.look(this.#lastGood())
    }
    return found === null && this.#failure !== null ? this.#unreachable() : found
  }

  /**
   * Whether a search may cause a fetch now; false when the result is known without one. @throws as `find`
   * does
   */
  #mayFetch({ wasThere, beforeFetch }: Pick<Search<T, unknown>, 'wasThere' | 'beforeFetch'>): boolean {
    const restMs = this.#restMs()
    if (restMs === 0) {
      beforeFetch()
      return true
    }
    if (wasThere()) return false
    if (this.#failure !== null) return this.#unreachable()
    const now = this.#parts.clock.monotonic()
    if (now - this.#earlyAt < coolDownMs) return this.#tooSoon(restMs)
    beforeFetch()
    this.#earlyAt = now
    return true
  }

  #lastGood(): T {
    return (this.#within(lastGoodMs) ?? this.#unreachable()).value
  }

  /** The last good document, if it is younger than that. */
  #within(ms: number): Dated<T> | null {
    if (this.#document === null) return null
    return this.#parts.clock.monotonic() - this.#document.at < ms ? this.#document : null
  }

  #unreachable(): never {
    throw new TypeError(`${this.#parts.what} could not be fetched`, { cause: this.#failure })
  }

  #tooSoon(retryAfterMs: number): never {
    return deny(503, 'unavailable', 'the server could not find out yet who you are: come back later', {
      retryAfterMs,
      detail: `${this.#parts.what} do not have the key, and were fetched a moment ago`,
    })
  }

  /** Fetches, unless a fetch was tried a moment ago. It never rejects: the error is kept. */
  async #refresh(): Promise<void> {
    if (this.#pending !== null || this.#restMs() === 0) await this.#fetch()
  }

  /** For how long it may not be fetched again. */
  #restMs(): number {
    return Math.max(0, this.#triedAt + this.#pauseMs() - this.#parts.clock.monotonic())
  }

  #pauseMs(): number {
    if (this.#document !== null) return coolDownMs
    return Math.min(coolDownMs, emptyCoolDownMs * 2 ** Math.max(0, this.#failures - 1))
  }

  /** Fetches, or waits for the fetch that is under way. It never rejects. */
  #fetch(): Promise<void> {
    return (this.#pending ??= this.#load().finally(() => {
      this.#pending = null
      this.#ended = this.#begun
    }))
  }

  async #load(): Promise<void> {
    const { clock, load } = this.#parts
    this.#begun++
    this.#triedAt = clock.monotonic()
    try {
      this.#document = { value: await load(), at: clock.monotonic() }
      this.#failure = null
      this.#failures = 0
    } catch (error) {
      this.#failure = error
      this.#failures++
    }
  }
}
