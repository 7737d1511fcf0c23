import { vi } from 'vitest'

/** `vi.waitFor` gives up after a second by default, which says more of the machine than of what is tested. */
const timeout = 30_000
const waitFor = vi.waitFor
vi.waitFor = (callback, options = {}) =>
  waitFor(callback, typeof options === 'number' ? options : { timeout, ...options })
