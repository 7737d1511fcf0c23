import { inject, vi } from 'vitest'

declare module 'vitest' {
  interface ProvidedContext {
    /** For how long a test waits for something that has not happened yet. */
    readonly patienceMs: number
  }
}

/** `vi.waitFor` gives up after a second by default, which says more of the machine than of what is tested. */
const timeout = inject('patienceMs')
const waitFor = vi.waitFor
vi.waitFor = (callback, options = {}) =>
  waitFor(callback, typeof options === 'number' ? options : { timeout, ...options })
