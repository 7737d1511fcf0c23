/** One value, or several in a set; `undefined` for none. Most have one, and a set takes many times its memory. */
export type Few<T extends object> = T | Set<T> | undefined

/** These values and one more. */
export function plus<T extends object>(few: Few<T>, value: T): T | Set<T> {
  if (few === undefined) return value
  return few instanceof Set ? few.add(value) : new Set([few, value])
}

/** These values without one. */
export function minus<T extends object>(few: Few<T>, value: T): Few<T> {
  if (!(few instanceof Set)) return few === value ? undefined : few
  few.delete(value)
  return few.size === 0 ? undefined : few
}

/** Whether a value is among these. */
export function includes<T extends object>(few: Few<T>, value: T): boolean {
  return few instanceof Set ? few.has(value) : few === value
}

/** How many these are. */
export function sizeOf(few: Few<object>): number {
  if (few === undefined) return 0
  return few instanceof Set ? few.size : 1
}

/** These values, in the order in which they came. */
export function each<T extends object>(few: Few<T>): Iterable<T> {
  if (few === undefined) return []
  return few instanceof Set ? few : [few]
}

/** Values by their keys. A key may have several. */
export class FewByKey<T extends object> {
  readonly #few = new Map<string, T | Set<T>>()

  /** How many keys have a value. */
  get size(): number {
    return this.#few.size
  }

  get(key: string): Few<T> {
    return this.#few.get(key)
  }

  /** All values of all keys. */
  *values(): Iterable<T> {
    for (const few of this.#few.values()) yield* each(few)
  }

  add(key: string, value: T): void {
    const before = this.#few.get(key)
    const after = plus(before, value)
    if (after !== before) this.#few.set(key, after)
  }

  delete(key: string, value: T): void {
    if (minus(this.#few.get(key), value) === undefined) this.#few.delete(key)
  }
}
