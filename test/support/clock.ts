import type { Clock, Timer } from '../../src/core/clock.ts'

/** A clock that stands still until a test moves it. */
export interface StillClock extends Clock {
  /** Moves time on and runs what has become due, in order. */
  advance(ms: number): void
}

/** A clock that starts at a whole second. */
export function stillClock(start = 1_800_000_000_000): StillClock {
  let now = start
  const due = new Set<{ at: number; run: () => void }>()
  const next = (until: number) => [...due].filter(({ at }) => at <= until).toSorted((a, b) => a.at - b.at)[0]
  return {
    now: () => now,
    after(ms, run): Timer {
      const one = { at: now + ms, run }
      due.add(one)
      return { cancel: () => due.delete(one) }
    },
    advance(ms) {
      const until = now + ms
      for (let one = next(until); one !== undefined; one = next(until)) {
        due.delete(one)
        now = one.at
        one.run()
      }
      now = until
    },
  }
}
