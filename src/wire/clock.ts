import { having, type OptionKind } from './options.ts'

/** A callback that will run once, unless it is cancelled. */
export interface Timer {
  /** Cancels the callback. After it has run, or a second time, this does nothing. */
  cancel(): void
}

/** Time, for server and client alike. It is injected everywhere, so that tests need no sleep. */
export interface Clock {
  /** Wall time in milliseconds since 1970. */
  now(): number
  /** Milliseconds since a fixed moment. They never go back: a step of the wall clock does not change them. */
  monotonic(): number
  /** Runs a callback once after so many milliseconds (at most 2^31 - 1, about 24.8 days). */
  after(ms: number, run: () => void): Timer
}

/** The kind of an option `clock`. */
export const aClock: OptionKind = having('now', 'monotonic', 'after')

/** The real clock of a server. Its timers do not keep a process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, run) {
    const handle = setTimeout(run, ms)
    // Node's timers are objects that keep the process alive unless told otherwise; other runtimes have plain numbers
    if (typeof handle === 'object') (handle as { unref(): void }).unref()
    return { cancel: () => clearTimeout(handle) }
  },
}
