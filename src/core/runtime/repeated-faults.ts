import type { TimerQueue } from './timer-queue.ts'

/** A cause that goes on is told so often. */
const everyMs = 60_000
/** So many causes are told apart: errors whose texts all differ must not fill a log, nor memory. */
const mostCauses = 32

/** What has come since a cause was told last. */
interface Repeated {
  count: number
  last: unknown
}

/**
 * Reports what fails again and again, such as a rule whose database is away, at each handshake: the first at once, and
 * what is like it once a minute, the latest error with how many there were. Alike are errors of one name and text in one place.
 */
export class RepeatedFaults {
  readonly #report: (error: unknown, doing: string) => void
  readonly #timers: Pick<TimerQueue, 'after'>
  readonly #causes = new Map<string, Repeated>()

  constructor(report: (error: unknown, doing: string) => void, timers: Pick<TimerQueue, 'after'>) {
    this.#report = report
    this.#timers = timers
  }

  /** Reports an error, or counts it. */
  tell(error: unknown, doing: string): void {
    const name = `${doing}: ${textOf(error)}`
    const cause = this.#causes.has(name) || this.#causes.size < mostCauses ? name : ''
    const known = this.#causes.get(cause)
    if (known === undefined) {
      this.#report(error, doing)
      this.#tellLater(cause, doing)
    } else {
      known.count++
      known.last = error
    }
  }

  /** How many causes are known: none a minute after the last error. */
  get size(): number {
    return this.#causes.size
  }

  #tellLater(cause: string, doing: string): void {
    const repeated: Repeated = { count: 0, last: undefined }
    this.#causes.set(cause, repeated)
    this.#timers.after(everyMs, () => {
      this.#causes.delete(cause)
      const { count, last } = repeated
      if (count === 0) return
      this.#report(last, `${cause === '' ? 'various things' : doing} (${count} more within a minute)`)
      this.#tellLater(cause, doing)
    })
  }
}

/** The name and the text of an error; of what does not say them, what it is: anything can be thrown, and its getters can throw. */
function textOf(error: unknown): string {
  try {
    return error instanceof Error ? String(error).slice(0, 250) : typeof error
  } catch {
    return 'unreadable'
  }
}
