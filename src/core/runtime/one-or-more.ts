import { TransientMap, TransientSet } from './transient.ts'

/**
 * One value, or several: up to eight in a list, more in a set; `undefined` for none. Most have one, and a set
 * takes many times the memory of a list. A list is replaced when it changes.
 */
export type OneOrMore<T extends object> = T | readonly T[] | TransientSet<T> | undefined

/** How many values a list holds at most. */
const mostListed = 8

/** These values and one more. */
export function withValue<T extends object>(held: OneOrMore<T>, value: T): OneOrMore<T> {
  if (held === undefined) return value
  if (held instanceof TransientSet) return held.add(value)
  const listed = listOf(held)
  if (listed.includes(value)) return held
  // `concat`, because an array built by spreading keeps room for 16 more
  return listed.length < mostListed ? listed.concat(value) : new TransientSet(listed).add(value)
}

/** These values without one. */
export function withoutValue<T extends object>(held: OneOrMore<T>, value: T): OneOrMore<T> {
  if (held === undefined || held === value) return undefined
  if (held instanceof TransientSet) {
    held.delete(value)
    return held.size === 0 ? undefined : held
  }
  const listed = listOf(held)
  const at = listed.indexOf(value)
  if (at === -1) return held
  const rest = listed.slice(0, at).concat(listed.slice(at + 1))
  return rest.length > 1 ? rest : rest[0]
}

/** Whether a value is among these. */
export function includes<T extends object>(held: OneOrMore<T>, value: T): boolean {
  return held instanceof TransientSet ? held.has(value) : listOf(held).includes(value)
}

/** The first of these; `undefined` when there are none. */
export function firstOf<T extends object>(held: OneOrMore<T>): T | undefined {
  if (held instanceof TransientSet) return held.values().next().value
  return held !== undefined && isList(held) ? held[0] : held
}

/** How many these are. */
export function sizeOf(held: OneOrMore<object>): number {
  if (held === undefined) return 0
  if (held instanceof TransientSet) return held.size
  return isList(held) ? held.length : 1
}

/** These values, in the order in which they came. */
export function valuesOf<T extends object>(held: OneOrMore<T>): Iterable<T> {
  return held instanceof TransientSet ? held : listOf(held)
}

const none: readonly never[] = []

function listOf<T extends object>(held: T | readonly T[] | undefined): readonly T[] {
  if (held === undefined) return none
  return isList(held) ? held : [held]
}

function isList<T extends object>(held: T | readonly T[]): held is readonly T[] {
  return Array.isArray(held)
}

/** Values by their keys. A key may have several. */
export class ManyByKey<T extends object> {
  readonly #byKey = new TransientMap<string, NonNullable<OneOrMore<T>>>()

  /** How many keys have a value. */
  get size(): number {
    return this.#byKey.size
  }

  get(key: string): OneOrMore<T> {
    return this.#byKey.get(key)
  }

  /** All values of all keys. */
  *values(): Iterable<T> {
    for (const held of this.#byKey.values()) yield* valuesOf(held)
  }

  add(key: string, value: T): void {
    this.#set(key, withValue(this.#byKey.get(key), value))
  }

  delete(key: string, value: T): void {
    this.#set(key, withoutValue(this.#byKey.get(key), value))
  }

  #set(key: string, held: OneOrMore<T>): void {
    if (held === undefined) this.#byKey.delete(key)
    else this.#byKey.set(key, held)
  }
}
