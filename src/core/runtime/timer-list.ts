import type { Clock } from '../../wire/clock.ts'

/** The longest time for which a timer of the runtime is set, in milliseconds. For longer times it is set again. */
const longestMs = 86_400_000

/**
 * A timer of a {@link TimerList}. The class of the object that waits extends it, so that the timer is no object of its own
 * and needs no closure.
 */
export abstract class ListedTimer {
  /** The list in which it waits; `null` when it does not wait. The list alone sets this field and the next three. */
  list: TimerList | null = null
  /** When it is due, on the monotonic clock, in whole milliseconds. */
  due = 0
  before: ListedTimer | null = null
  after: ListedTimer | null = null

  /** Called once when the time is over. The timer does not wait any more then, and may be started again. */
  abstract timeIsUp(): void

  /** Starts it for the whole time of a list. A timer that waits already is started anew. */
  startTimer(list: TimerList): void {
    this.list?.remove(this)
    list.add(this)
  }

  /** Stops it. A timer that does not wait is left as it is. */
  stopTimer(): void {
    this.list?.remove(this)
  }
}

/**
 * The timers of one duration. They are due in the order in which they were started, so they are kept in that order: to start
 * and to stop one costs the same, whatever their number. One timer of the runtime serves them all. It stays set when they are
 * stopped, and then finds that there is less to do. A step of the wall clock changes nothing.
 */
export class TimerList {
  readonly #clock: Clock
  readonly #ms: number
  #first: ListedTimer | null = null
  #last: ListedTimer | null = null
  #isArmed = false

  /** @param ms the duration; at least one millisecond is taken */
  constructor(clock: Clock, ms: number) {
    this.#clock = clock
    this.#ms = Math.max(1, ms)
  }

  /** Whether no timer waits. */
  get isEmpty(): boolean {
    return this.#first === null
  }

  /** Adds a timer that waits nowhere, see {@link ListedTimer.startTimer}. */
  add(timer: ListedTimer): void {
    const last = this.#last
    timer.list = this
    timer.due = Math.ceil(this.#clock.monotonic() + this.#ms)
    timer.before = last
    this.#last = timer
    if (last === null) this.#first = timer
    else last.after = timer
    if (!this.#isArmed) this.#arm(this.#ms)
  }

  /** Removes a timer that waits here, see {@link ListedTimer.stopTimer}. */
  remove(timer: ListedTimer): void {
    const { before, after } = timer
    if (before === null) this.#first = after
    else before.after = after
    if (after === null) this.#last = before
    else after.before = before
    timer.list = timer.before = timer.after = null
  }

  #arm(ms: number): void {
    this.#isArmed = true
    this.#clock.after(Math.min(longestMs, Math.ceil(ms)), this.#fire)
  }

  readonly #fire = (): void => {
    try {
      this.#runUntil(this.#clock.monotonic())
    } finally {
      this.#isArmed = false
      // when a timer throws, the others still run
      if (this.#first !== null) this.#arm(Math.max(0, this.#first.due - this.#clock.monotonic()))
    }
  }

  #runUntil(now: number): void {
    // read again each time: a timer that runs may start and stop others
    for (let first = this.#first; first !== null && first.due <= now; first = this.#first) {
      this.remove(first)
      first.timeIsUp()
    }
  }
}
