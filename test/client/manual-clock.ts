import type { Clock } from '../../src/wire/clock.ts'

/** A clock that stands still until a test moves it. */
export interface ManualClock extends Clock {
  /** Moves on, and runs what falls due on the way, in order. */
  advance(ms: number): void
  /** Sets the wall clock forward, or back, while no time passes. */
  jump(ms: number): void
  /** How many timers are set. */
  readonly pending: number
}

export function manualClock(): ManualClock {
  let now = 0
  let wall = 1_000_000
  const timers = new Set<{ readonly at: number; readonly run: () => void }>()
  return {
    now: () => wall + now,
    monotonic: () => now,
    jump: (ms) => void (wall += ms),
    after(ms, run) {
      const timer = { at: now + ms, run }
      timers.add(timer)
      return { cancel: () => void timers.delete(timer) }
    },
    get pending() {
      return timers.size
    },
    advance(ms) {
      const end = now + ms
      for (;;) {
        const [next] = [...timers].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)
        if (next === undefined) break
        timers.delete(next)
        now = Math.max(now, next.at)
        next.run()
      }
      now = end
    },
  }
}
