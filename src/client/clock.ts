/** Something that will happen, and can be called off. */
export interface Timer {
  /** Lets it not happen; afterwards, or a second time, it does nothing. */
  cancel(): void
}

/** Time, injected so that tests need no sleep; the server's clock has the same shape. */
export interface Clock {
  /** Wall time in milliseconds since 1970. */
  now(): number
  /** Milliseconds since some moment, which only ever go on: no jump of the wall clock shows in them. */
  monotonic(): number
  /** Runs something once after so many milliseconds. */
  after(ms: number, run: () => void): Timer
}

/** `setTimeout` runs at once what lies further away than this. */
const maxTimerMs = 2 ** 31 - 1

/**
 * The real clock. Unlike the server's it keeps a process alive: a client that waits to come back has work to
 * do.
 */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, run) {
    const handle = setTimeout(run, Math.min(ms, maxTimerMs))
    return { cancel: () => clearTimeout(handle) }
  },
}
