import { randomBytes } from 'node:crypto'

/** Makes ids that sort by time, and says which time that was. */
export type TimeIds = () => { readonly id: string; readonly at: number }

/**
 * Ids that sort by time also within one millisecond: time, a counter, and what keeps several processes apart.
 *
 * @param now wall time in milliseconds
 * @example const ids = timeIds(); ids().id < ids().id // true
 */
export function timeIds(now: () => number = Date.now): TimeIds {
  let last = 0
  let count = 0
  return () => {
    const at = Math.max(now(), last)
    count = at === last ? count + 1 : 0
    last = at
    return { id: idAt(at) + hex(count, 6) + randomBytes(5).toString('hex'), at }
  }
}

/** What every id of a moment begins with: ids from then on are not less, earlier ones are. */
export function idAt(at: number): string {
  return hex(at, 12)
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0')
}
