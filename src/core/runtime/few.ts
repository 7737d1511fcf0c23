/**
 * One value, or several: up to eight in a list, more in a set; `undefined` for none. Most have one, and a set
 * takes many times the memory of a list. A list is replaced when it changes.
 */
export type Few<T extends object> = T | readonly T[] | Set<T> | undefined

/** How many values a list holds at most. */
const mostListed = 8

/** These values and one more. */
export function plus<T extends object>(few: Few<T>, value: T): Few<T> {
  if (few instanceof Set) return few.add(value)
  const listed = listOf(few)
  if (listed.includes(value)) return few
  if (listed.length === 0) return value
  // `concat`, because an array built by spreading keeps room for 16 more
  return listed.length < mostListed ? listed.concat(value) : new Set(listed).add(value)
}

/** These values without one. */
export function minus<T extends object>(few: Few<T>, value: T): Few<T> {
  if (few instanceof Set) {
    few.delete(value)
    return few.size === 0 ? undefined : few
  }
  const listed = listOf(few)
  const at = listed.indexOf(value)
  if (at === -1) return few
  const rest = listed.slice(0, at).concat(listed.slice(at + 1))
  return rest.length > 1 ? rest : rest[0]
}

/** Whether a value is among these. */
export function includes<T extends object>(few: Few<T>, value: T): boolean {
  return few instanceof Set ? few.has(value) : listOf(few).includes(value)
}

/** How many these are. */
export function sizeOf(few: Few<object>): number {
  return few instanceof Set ? few.size : listOf(few).length
}

/** These values, in the order in which they came. */
export function each<T extends object>(few: Few<T>): Iterable<T> {
  return few instanceof Set ? few : listOf(few)
}

const none: readonly never[] = []

function listOf<T extends object>(few: T | readonly T[] | undefined): readonly T[] {
  if (few === undefined) return none
  return isList(few) ? few : [few]
}

function isList<T extends object>(few: T | readonly T[]): few is readonly T[] {
  return Array.isArray(few)
}

/** Values by their keys. A key may have several. */
export class FewByKey<T extends object> {
  readonly #few = new Map<string, NonNullable<Few<T>>>()

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
    this.#set(key, plus(this.#few.get(key), value))
  }

  delete(key: string, value: T): void {
    this.#set(key, minus(this.#few.get(key), value))
  }

  #set(key: string, few: Few<T>): void {
    if (few === undefined) this.#few.delete(key)
    else this.#few.set(key, few)
  }
}
