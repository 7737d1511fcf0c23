import type { Clock } from '../wire/clock.ts'

/** `setTimeout` runs at once when its time is longer than this. */
const maxTimerMs = 2 ** 31 - 1

/**
 * The real clock of a client. Unlike `systemClock` of the server, its timers keep a process alive: a client that waits to
 * reconnect has work to do. A longer time than 2^31 - 1 milliseconds ends after 2^31 - 1.
 */
export const clientClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, run) {
    const handle = setTimeout(run, Math.min(ms, maxTimerMs))
    return { cancel: () => clearTimeout(handle) }
  },
}
