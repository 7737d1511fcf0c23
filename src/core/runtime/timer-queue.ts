import type { Clock, Timer } from '../../wire/clock.ts'
import { heaped, pop, push } from './heap.ts'

/** One alarm: it is its own timer, because a socket has two or three of them for as long as it is open. */
class QueuedTimer implements Timer {
  /** When it is due, on the monotonic clock. */
  due: number
  /** The wall time that it stands for; `null` for a mere span of time. */
  readonly at: number | null
  /** When it is due at the latest: as it was set. */
  readonly latest: number
  /** `null` when it was called off or has rung: nothing is held for it any more. */
  run: (() => void) | null
  readonly #calledOff: () => void

  constructor(
    due: number,
    at: number | null,
    how: { readonly run: () => void; readonly calledOff: () => void },
  ) {
    this.due = due
    this.latest = due
    this.at = at
    this.run = how.run
    this.#calledOff = how.calledOff
  }

  cancel(): void {
    if (this.run === null) return
    this.run = null
    this.#calledOff()
  }
}

/** How often, at least, wall times are compared with the monotonic clock: a jump of the wall clock shows within so long. */
const checkMs = 10_000
/** By so much the clocks may go apart, for one is slewed, and each is read in its own steps. */
const apartMs = 100
/** Up to so many that were called off may wait in the heap, or as many as there are others: sweeping costs what it walks. */
const restMost = 64

/**
 * Many timers on one timer, in a heap: an alarm costs its entry, whatever their number. One for a wall time, such as a
 * token's expiry, comes in time: within ten seconds when the wall clock jumps forward past it, and a clock that jumps back, or
 * a span beyond the 24.8 days of a timer, does not put it off. A clock that is set right again before that time brings it
 * no sooner than it was set for.
 */
export class TimerQueue {
  readonly #clock: Clock
  #heap: QueuedTimer[] = []
  /** How many in the heap were called off. */
  #rest = 0
  #timer: Timer | null = null
  #armed = Number.POSITIVE_INFINITY
  /** The least by which the wall clock was ahead of the monotonic one when an alarm was set that may still be due too late. */
  #ahead = Number.POSITIVE_INFINITY
  /** The same when timers were moved last: some may be due too soon since. */
  #moved = Number.NEGATIVE_INFINITY

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Runs something at a wall time, at once when that is past. */
  at(wallMs: number, run: () => void): Timer {
    const ahead = this.#clock.now() - this.#clock.monotonic()
    this.#ahead = Math.min(this.#ahead, ahead)
    return this.#add(wallMs - ahead, wallMs, run)
  }

  /** Runs something after a span of time. */
  after(ms: number, run: () => void): Timer {
    return this.#add(this.#clock.monotonic() + ms, null, run)
  }

  /** How many are set, a few that were called off among them. */
  get size(): number {
    return this.#heap.length
  }

  close(): void {
    this.#timer?.cancel()
    this.#heap = []
    this.#rest = 0
  }

  #add(due: number, at: number | null, run: () => void): Timer {
    const alarm = new QueuedTimer(due, at, { run, calledOff: this.#calledOff })
    push(this.#heap, alarm)
    this.#arm()
    return alarm
  }

  /**
   * An alarm may be set for days ahead and called off at once, with each socket that comes and goes: it must not keep the
   * socket until then, nor its place.
   */
  readonly #calledOff = (): void => {
    this.#rest++
    if (this.#rest > restMost && 2 * this.#rest > this.#heap.length) this.#sweep()
  }

  #sweep(): void {
    this.#heap = heaped(this.#heap.filter(({ run }) => run !== null))
    this.#rest = 0
  }

  #arm(): void {
    const [first] = this.#heap
    if (first === undefined) return
    const due = Math.min(first.due, this.#clock.monotonic() + checkMs)
    if (this.#armed <= due) return
    this.#timer?.cancel()
    this.#armed = due
    this.#timer = this.#clock.after(Math.max(0, Math.ceil(due - this.#clock.monotonic())), () => this.#ring())
  }

  #ring(): void {
    this.#timer = null
    this.#armed = Number.POSITIVE_INFINITY
    this.#compareClocks()
    try {
      this.#ringUntil(this.#clock.monotonic())
    } finally {
      // one that throws is its own fault: the others are still rung
      this.#arm()
    }
  }

  #ringUntil(now: number): void {
    // read again each time: whoever rings may set timers and call others off
    for (let [first] = this.#heap; first !== undefined && first.due <= now; [first] = this.#heap) {
      pop(this.#heap)
      const { run } = first
      first.run = null
      if (run === null) this.#rest--
      else run()
    }
  }

  /** Moves each alarm to where the wall clock says that it is due, and none beyond the time for which it was set. */
  #compareClocks(): void {
    const ahead = this.#clock.now() - this.#clock.monotonic()
    if (ahead - this.#ahead < apartMs && this.#moved - ahead < apartMs) return
    this.#ahead = this.#moved = ahead
    for (const entry of this.#heap)
      if (entry.at !== null) entry.due = Math.min(entry.latest, entry.at - ahead)
    this.#sweep()
  }
}
