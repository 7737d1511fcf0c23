import type { Clock, Timer } from './clock.ts'

interface Entry {
  /** When it is due, on the monotonic clock. */
  due: number
  /** The wall time that it stands for; `null` for a mere span of time. */
  readonly at: number | null
  readonly run: () => void
  off: boolean
}

/** How often wall times are compared with the monotonic clock: a jump of the wall clock shows within so long. */
const checkMs = 60_000

/**
 * Many alarms on one timer, in a heap: an alarm costs its entry, whatever their number. One for a wall time, such as a
 * token's expiry, never comes late: when the wall clock jumps forward it comes at once, and a clock that jumps back, or
 * a span beyond the 24.8 days of a timer, does not put it off.
 */
export class Alarms {
  readonly #clock: Clock
  readonly #heap: Entry[] = []
  #timer: Timer | null = null
  #armed = Number.POSITIVE_INFINITY
  #checked = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Runs something at a wall time, at once when that is past. */
  at(wallMs: number, run: () => void): Timer {
    return this.#add({
      due: this.#clock.monotonic() + wallMs - this.#clock.now(),
      at: wallMs,
      run,
      off: false,
    })
  }

  /** Runs something after a span of time. */
  after(ms: number, run: () => void): Timer {
    return this.#add({ due: this.#clock.monotonic() + ms, at: null, run, off: false })
  }

  /** How many are set, those that were called off and not swept yet among them. */
  get size(): number {
    return this.#heap.length
  }

  close(): void {
    this.#timer?.cancel()
    this.#heap.length = 0
  }

  #add(entry: Entry): Timer {
    push(this.#heap, entry)
    this.#arm()
    return {
      cancel: () => {
        entry.off = true
      },
    }
  }

  #arm(): void {
    const [first] = this.#heap
    if (first === undefined) return
    const due = Math.min(first.due, this.#clock.monotonic() + checkMs)
    if (this.#timer !== null && this.#armed <= due) return
    this.#timer?.cancel()
    this.#armed = due
    this.#timer = this.#clock.after(Math.max(0, Math.ceil(due - this.#clock.monotonic())), () => this.#ring())
  }

  #ring(): void {
    this.#timer = null
    this.#armed = Number.POSITIVE_INFINITY
    this.#compareClocks()
    const now = this.#clock.monotonic()
    for (
      let [first] = this.#heap;
      first !== undefined && (first.off || first.due <= now);
      [first] = this.#heap
    ) {
      pop(this.#heap)
      if (!first.off) first.run()
    }
    this.#arm()
  }

  /** Brings forward what the wall clock says is due sooner than was thought. */
  #compareClocks(): void {
    const monotonic = this.#clock.monotonic()
    if (monotonic - this.#checked < checkMs) return
    this.#checked = monotonic
    const ahead = this.#clock.now() - monotonic
    let moved = false
    for (const entry of this.#heap) {
      if (entry.at === null || entry.at - ahead >= entry.due) continue
      entry.due = entry.at - ahead
      moved = true
    }
    if (moved)
      this.#heap.splice(
        0,
        this.#heap.length,
        ...this.#heap.filter(({ off }) => !off).sort((one, other) => one.due - other.due),
      )
  }
}

function push(heap: Entry[], entry: Entry): void {
  let index = heap.length
  heap.push(entry)
  while (index > 0) {
    const above = (index - 1) >> 1
    const parent = heap[above]
    if (parent === undefined || parent.due <= entry.due) break
    heap[index] = parent
    index = above
  }
  heap[index] = entry
}

function pop(heap: Entry[]): void {
  const last = heap.pop()
  if (last === undefined || heap.length === 0) return
  let index = 0
  for (;;) {
    const [left, right] = [heap[2 * index + 1], heap[2 * index + 2]]
    const isRight = left !== undefined && right !== undefined && right.due < left.due
    const child = isRight ? right : left
    if (child === undefined || child.due >= last.due) break
    heap[index] = child
    index = 2 * index + (isRight ? 2 : 1)
  }
  heap[index] = last
}
