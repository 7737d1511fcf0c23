import type { TimerQueue } from './timer-queue.ts'

/** A cause that goes on is told so often. */
const everyMs = 60_000
/**
 * So many causes are told apart: errors whose texts all differ must not fill a log, nor memory. Beyond them the errors of a
 * place are one cause, so that what strangers can cause in one place hides no fault of another; beyond so many more all are one.
 */
const mostCauses = 32
const mostWithPlaces = 64

/** What has come since a cause was told last. */
interface Repeated {
  count: number
  last: unknown
}

/** What errors are counted under. */
interface Cause {
  readonly name: string
  /** What a report with a count says was being done. */
  readonly told: string
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

  /** How many causes are known: none a minute after the last error. */
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
