import type { Clock } from '../../wire/clock.ts'

/** A stretch of wall time that the clock of this process has shown; both ends are in milliseconds since 1970. */
export interface WallSpan {
  readonly from: number
  readonly to: number
}

/** Two looks at two clocks differ by less, if the wall clock was not set. */
const apartMs = 5
/** Dates of tokens are whole seconds: such a date is earlier than its moment by less than this. */
const roundedMs = 1_000
/** Beyond so many separate stretches the two oldest count as one. */
const most = 16

/**
 * Which times the wall clock has shown before it was set. After a clock was set back it shows the same times again, so a
 * date does not prove on which side of a later event it lies; {@link doubtfulAfter} says which dates are such.
 */
export class ClockSteps {
  readonly #clock: Clock
  /** Stretches that have ended, in order, without those that another covers. */
  #ended: WallSpan[] = []
  /** Where the present stretch began: before this process, as long as the clock was not set. */
  #from = Number.NEGATIVE_INFINITY
  /** How far the wall clock was ahead of the monotonic one at the last look, and when that was. */
  #ahead: number
  #lookedAt: number
  /** The last answer: many orders that are in the same doubt share it. */
  #told: readonly WallSpan[] = []

  constructor(clock: Clock) {
    this.#clock = clock
    this.#lookedAt = clock.monotonic()
    this.#ahead = clock.now() - this.#lookedAt
  }

  /** Compares the clocks. What the wall clock shows for a moment between two looks is not noticed. */
  look(): void {
    const [now, monotonic] = [this.#clock.now(), this.#clock.monotonic()]
    const ahead = now - monotonic
    if (Math.abs(ahead - this.#ahead) >= apartMs) {
      this.#end({ from: this.#from, to: monotonic + this.#ahead })
      // the clock was set somewhere between the two looks: either stretch may have lasted for all of that time
      this.#from = now - (monotonic - this.#lookedAt) - roundedMs
    }
    this.#ahead = ahead
    this.#lookedAt = monotonic
  }

  /** The times after a date that the clock has shown already; mostly none. */
  doubtfulAfter(date: number): readonly WallSpan[] {
    const doubtful = this.#ended.filter(({ to }) => to > date)
    const isSame =
      doubtful.length === this.#told.length && doubtful.every((one, index) => one === this.#told[index])
    return isSame ? this.#told : (this.#told = doubtful)
  }

  #end(span: WallSpan): void {
    const sorted = [...this.#ended, span].sort((one, other) => one.from - other.from)
    this.#ended = sorted.reduce(joined, [])
    const [first, second, ...others] = this.#ended
    if (this.#ended.length > most && first !== undefined && second !== undefined)
      this.#ended = [{ from: first.from, to: second.to }, ...others]
  }
}

/** A list of stretches and one that begins no earlier than its last: those that touch are one. */
function joined(spans: WallSpan[], span: WallSpan): WallSpan[] {
  const last = spans.at(-1)
  if (last === undefined || span.from > last.to) return [...spans, span]
  return [...spans.slice(0, -1), { from: last.from, to: Math.max(last.to, span.to) }]
}
