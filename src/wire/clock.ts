import { having, type OptionKind } from './options.ts'

/** Something that will happen, and can be called off. */
export interface Timer {
  /** Lets it not happen; afterwards, or a second time, it does nothing. */
  cancel(): void
}

/** Time, injected everywhere so that tests need no sleep. */
export interface Clock {
  /** Wall time in milliseconds since 1970. */
  now(): number
  /** Milliseconds since some moment, which only ever go on: no jump of the wall clock shows in them. */
  monotonic(): number
  /** Runs something once after so many milliseconds (at most 2^31 - 1, about 24.8 days). It does not keep a process alive. */
  after(ms: number, run: () => void): Timer
}

/** What an option `clock` may be. */
export const aClock: OptionKind = having('now', 'monotonic', 'after')

/** The real clock. */
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
