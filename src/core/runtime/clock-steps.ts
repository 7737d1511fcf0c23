import type { Clock } from '../../wire/clock.ts'

/** A span of wall time that the clock of this process has shown; both ends are in milliseconds since 1970. */
export interface WallSpan {
  readonly from: number
  readonly to: number
}

/** Two readings of the two clocks differ by less than this if the wall clock was not set. */
const apartMs = 5
/** Dates of tokens are whole seconds: such a date is earlier than its moment by less than this. */
const roundedMs = 1_000
/** Beyond this many separate spans, the two oldest count as one. */
const most = 16

/**
 * Remembers which times the wall clock has shown before it was set. After a clock was set back it shows the
 * same times again. So such a date does not prove whether it is before or after a later event. {@link
 * doubtfulAfter} tells which dates these are.
 */
export class ClockSteps {
  readonly #clock: Clock
  /** Spans that have ended, in order, without those that another span covers. */
  #ended: WallSpan[] = []
  /** Where the present span began: before this process, as long as the clock was not set. */
  #from = Number.NEGATIVE_INFINITY
  /** How far the wall clock was ahead of the monotonic one at the last reading, and when that was. */
  #ahead: number
  #lookedAt: number
  /** The last result: many commands that are in the same doubt share it. */
  #told: readonly WallSpan[] = []

  constructor(clock: Clock) {
    this.#clock = clock
    this.#lookedAt = clock.monotonic()
    this.#ahead = clock.now() - this.#lookedAt
  }

  /** Compares the clocks. A change that was undone between two readings is not noticed. */
  look(): void {
    const now = this.#clock.now()
    const monotonic = this.#clock.monotonic()
    const ahead = now - monotonic
    if (Math.abs(ahead - this.#ahead) >= apartMs) {
      this.#end({ from: this.#from, to: monotonic + this.#ahead })
      // the clock was set at some moment between the two readings: either span may have lasted for all of
      // that time
      this.#from = now - (monotonic - this.#lookedAt) - roundedMs
    }
    this.#ahead = ahead
    this.#lookedAt = monotonic
  }

  /** The times after a date that the clock has shown already; usually none. */
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

/** Adds a span that begins no earlier than the last one of a list. Spans that touch become one. */
function joined(spans: WallSpan[], span: WallSpan): WallSpan[] {
  const last = spans.at(-1)
  if (last === undefined || span.from > last.to) return [...spans, span]
  return [...spans.slice(0, -1), { from: last.from, to: Math.max(last.to, span.to) }]
}
