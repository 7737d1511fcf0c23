import type { Clock, Timer } from '../wire/clock.ts'
import { assertKind, type OptionKind, wholeFrom } from '../wire/options.ts'

/** A clock that advances only when a test tells it to. */
export interface TestClock extends Clock {
  /** Advances the time: every timer that falls due runs in order, and what it starts is awaited. */
  advance(ms: number): Promise<void>
  /** Sets the wall clock forward or back, without advancing the time. */
  jump(ms: number): void
}

const aTime: OptionKind = { wanted: 'a number of milliseconds', is: (value) => Number.isFinite(value) }

/**
 * A clock for tests, so that expiry, heartbeats and back-off need no sleep.
 *
 * @example
 * const clock = testClock()
 * const server = testServer({ clock })
 * await clock.advance(35_000)
 */
export function testClock(start: number = Date.UTC(2026, 0, 1)): TestClock {
  assertKind('the start of testClock()', start, aTime)
  let now = 0
  let wall = start
  const timers = new Set<{ readonly at: number; readonly run: () => void }>()
  const due = (until: number): { readonly at: number; readonly run: () => void } | undefined =>
    [...timers].filter(({ at }) => at <= until).sort((one, other) => one.at - other.at)[0]
  return {
    now: () => wall + now,
    monotonic: () => now,
    jump(ms) {
      assertKind('the time of jump()', ms, aTime)
      wall += ms
    },
    after(ms, run): Timer {
      const timer = { at: now + ms, run }
      timers.add(timer)
      return { cancel: () => timers.delete(timer) }
    },
    async advance(ms) {
      assertKind('the time of advance()', ms, wholeFrom(0))
      const until = now + ms
      await settled()
      for (let timer = due(until); timer !== undefined; timer = due(until)) {
        timers.delete(timer)
        now = timer.at
        timer.run()
        await settled()
      }
      now = until
      await settled()
    },
  }
}

/** Settles when the promises and immediates under way have run. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
}
