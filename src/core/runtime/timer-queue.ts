import type { Clock, Timer } from '../../wire/clock.ts'
import { heaped, pop, push } from './heap.ts'
import { TimerList } from './timer-list.ts'

/** An object that timers call: for an object that lives as long as its timers, it takes less memory than functions. */
export interface TimerTarget {
  /** Called with the timer whose time is over. */
  timeIsUp(timer: Timer): void
}

/**
 * One timer of the queue. The object is its own handle, because a socket has two or three timers for as long
 * as it is open.
 */
class QueuedTimer implements Timer {
  /** When it is due, on the monotonic clock. */
  due: number
  /** The wall time at which it is due, counted from the start of its queue; `null` for a span of time. */
  readonly at: number | null
  /** When it is due at the latest: as it was set, or as it was asked for. */
  readonly latest: number
  /** `null` when it was cancelled or has run: then it holds no memory of its owner. */
  run: (() => void) | TimerTarget | null = null
  readonly #queue: TimerQueue

  constructor(queue: TimerQueue, { due, at, latest }: Pick<QueuedTimer, 'due' | 'at' | 'latest'>) {
    this.#queue = queue
    this.due = due
    this.latest = latest
    this.at = at
  }

  cancel(): void {
    if (this.run === null) return
    this.run = null
    this.#queue.cancelled()
  }
}

/**
 * How often, at least, wall times are compared with the monotonic clock: a jump of the wall clock is noticed
 * within this time.
 */
const checkMs = 10_000
/** The clocks may drift apart by this much, because one is slewed and each is read in its own steps. */
const apartMs = 100
/**
 * This many cancelled timers, or as many as there are others, may stay in the heap: a sweep costs what it
 * walks.
 */
const restMost = 64

/**
 * Many timers on one timer of the runtime, in a heap: each costs one entry, whatever their number. A timer
 * for a wall time, such as the expiry of a token, runs in time. When the wall clock jumps forward past it, it
 * runs within ten seconds. A clock that jumps back, or a span beyond the 24.8 days of a runtime timer, does
 * not delay it. When the clock is set right again before that time, it runs no sooner than it was set for.
 */
export class TimerQueue {
  readonly #clock: Clock
  /** The wall time from which those of its timers count: numbers of less than 31 bits take no memory of their own. */
  readonly #start: number
  #heap: QueuedTimer[] = []
  /** How many cancelled timers are in the heap. */
  #rest = 0
  #timer: Timer | null = null
  #armed = Number.POSITIVE_INFINITY
  /**
   * For timers that may still be due too late: the least lead of the wall clock over the monotonic clock when
   * one of them was set.
   */
  #ahead = Number.POSITIVE_INFINITY
  /** The same at the last move of the timers: some may be due too soon since. */
  #moved = Number.NEGATIVE_INFINITY
  readonly #lists = new Map<number, TimerList>()

  constructor(clock: Clock) {
    this.#clock = clock
    this.#start = clock.now()
  }

  /**
   * Runs a function, or calls an object, at a wall time; at once when that is past.
   *
   * @param latest when it runs at the latest, on the monotonic clock; by default as the clocks are now
   */
  at(wallMs: number, run: (() => void) | TimerTarget, latest: number | null = null): Timer {
    const ahead = this.#clock.now() - this.#clock.monotonic()
    this.#ahead = Math.min(this.#ahead, ahead)
    const due = Math.ceil(wallMs - ahead)
    const bound = latest === null ? due : Math.ceil(latest)
    // a wall clock that is set back later makes this timer due later again, to its bound
    if (due < bound) this.#moved = Math.max(this.#moved, ahead)
    return this.#add({ due: Math.min(due, bound), latest: bound, at: Math.ceil(wallMs - this.#start) }, run)
  }

  /**
   * The timers of a duration that many objects have in common, such as a limit of the server. They are cheaper than those of
   * {@link after}. A list is kept for good, so its duration must be none that a peer or chance decides.
   */
  list(ms: number): TimerList {
    const known = this.#lists.get(ms)
    if (known !== undefined) return known
    const made = new TimerList(this.#clock, ms)
    this.#lists.set(ms, made)
    return made
  }

  /** Runs a function, or calls an object, after a span of time. */
  after(ms: number, run: (() => void) | TimerTarget): Timer {
    const due = Math.ceil(this.#clock.monotonic() + ms)
    return this.#add({ due, latest: due, at: null }, run)
  }

  /** How many timers are in the heap, including some that were cancelled. */
  get size(): number {
    return this.#heap.length
  }

  /** Forgets every timer that is in no list: the listed ones are stopped by the objects that they are. */
  close(): void {
    this.#timer?.cancel()
    // a timer that is set later is armed again
    this.#armed = Number.POSITIVE_INFINITY
    this.#heap = []
    this.#rest = 0
  }

  #add(times: Pick<QueuedTimer, 'due' | 'at' | 'latest'>, run: (() => void) | TimerTarget): Timer {
    const timer = new QueuedTimer(this, times)
    timer.run = run
    push(this.#heap, timer)
    this.#arm()
    return timer
  }

  /**
   * A timer may be set for days ahead and cancelled at once, with each socket that comes and goes. It must
   * not keep the memory of the socket, nor its entry, until then. A timer calls this once, when it is cancelled.
   */
  cancelled(): void {
    this.#rest++
    if (this.#rest > restMost && 2 * this.#rest > this.#heap.length) this.#sweep()
  }

  #sweep(): void {
    this.#heap = heaped(this.#heap.filter(({ run }) => run !== null))
    this.#rest = 0
  }

  #arm(): void {
    const first = this.#heap[0]
    if (first === undefined) return
    const due = Math.min(first.due, this.#clock.monotonic() + checkMs)
    if (this.#armed <= due) return
    this.#timer?.cancel()
    this.#armed = due
    this.#timer = this.#clock.after(Math.max(0, Math.ceil(due - this.#clock.monotonic())), this.#fire)
  }

  readonly #fire = (): void => {
    this.#timer = null
    this.#armed = Number.POSITIVE_INFINITY
    this.#compareClocks()
    try {
      this.#ringUntil(this.#clock.monotonic())
    } finally {
      // when a function throws, the other timers still run
      this.#arm()
    }
  }

  #ringUntil(now: number): void {
    // read again each time: a function that runs may set and cancel timers
    for (let first = this.#heap[0]; first !== undefined && first.due <= now; first = this.#heap[0]) {
      pop(this.#heap)
      const { run } = first
      first.run = null
      if (run === null) this.#rest--
      else if (typeof run === 'function') run()
      else run.timeIsUp(first)
    }
  }

  /** Moves each timer to its time on the wall clock, but not beyond the span for which it was set. */
  #compareClocks(): void {
    const ahead = this.#clock.now() - this.#clock.monotonic()
    if (ahead - this.#ahead < apartMs && this.#moved - ahead < apartMs) return
    this.#ahead = this.#moved = ahead
    for (const entry of this.#heap)
      if (entry.at !== null) entry.due = Math.min(entry.latest, Math.ceil(this.#start + entry.at - ahead))
    this.#sweep()
  }
}
