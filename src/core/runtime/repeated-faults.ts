import type { TimerQueue } from './timer-queue.ts'

/** A cause that continues is reported this often. */
const everyMs = 60_000
/**
 * How many causes are reported apart: errors with different texts must fill neither a log nor memory. Beyond
 * it all errors of one place are one cause, so that errors of strangers in one place do not hide a fault of
 * another place. Beyond twice the number all errors are one cause.
 */
const mostCauses = 32
const mostWithPlaces = 64

/** The errors of one cause since it was last reported. */
interface Repeated {
  count: number
  last: unknown
}

/** What errors are counted under. */
interface Cause {
  readonly name: string
  /** The work that a report with a count names. */
  readonly told: string
}

/**
 * Reports an error that repeats at each handshake, such as that of a rule whose database is away: the first
 * one at once, and then once a minute the latest one with the number of errors. Errors with the same name and
 * text from the same place have the same cause.
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
    const cause = this.#causeOf(error, doing)
    const known = this.#causes.get(cause.name)
    if (known === undefined) {
      this.#report(error, doing)
      this.#tellLater(cause)
    } else {
      known.count++
      known.last = error
    }
  }

  /** How many causes are known; 0 a minute after the last error. */
  get size(): number {
    return this.#causes.size
  }

  #causeOf(error: unknown, doing: string): Cause {
    const own = `${doing}: ${textOf(error)}`
    if (this.#hasRoomFor(own, mostCauses)) return { name: own, told: doing }
    const ofPlace = `${doing}: various errors`
    const name = this.#hasRoomFor(ofPlace, mostWithPlaces) ? ofPlace : 'various things'
    return { name, told: name }
  }

  #hasRoomFor(name: string, most: number): boolean {
    return this.#causes.has(name) || this.#causes.size < most
  }

  #tellLater(cause: Cause): void {
    const repeated: Repeated = { count: 0, last: undefined }
    this.#causes.set(cause.name, repeated)
    this.#timers.after(everyMs, () => {
      this.#causes.delete(cause.name)
      const { count, last } = repeated
      if (count === 0) return
      this.#report(last, `${cause.told} (${count} more within a minute)`)
      this.#tellLater(cause)
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
