/** So many entries come in before a small collection is renewed. */
const least = 128

/**
 * A map for entries that come and go, such as connections. V8 makes a new table for a `Map` after as many additions as the
 * table has places, and links the old one to it, for iterators under way. When one old table has been promoted to the old
 * generation, all later tables hang on it, and so does each entry that was in one of them: connections that have ended may
 * then not be freed before the next full collection. So this map moves to a new `Map` after as many additions as it has entries.
 *
 * What is added during an iteration may be missing in it, and what is removed may still come.
 */
export class TransientMap<K, V> {
  #map = new Map<K, V>()
  /** How many entries may be added before the map is renewed. */
  #room = least

  get size(): number {
    return this.#map.size
  }

  get(key: K): V | undefined {
    return this.#map.get(key)
  }

  set(key: K, value: V): void {
    this.#map.set(key, value)
    if (--this.#room > 0) return
    this.#map = new Map(this.#map)
    this.#room = Math.max(least, this.#map.size)
  }

  delete(key: K): boolean {
    return this.#map.delete(key)
  }

  values(): Iterable<V> {
    return this.#map.values()
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.#map.entries()
  }
}

/** A set for values that come and go, for the same reason as {@link TransientMap}, and with the same iterations. */
export class TransientSet<T> {
  #set: Set<T>
  #room = least

  constructor(values?: Iterable<T>) {
    this.#set = new Set(values)
  }

  get size(): number {
    return this.#set.size
  }

  has(value: T): boolean {
    return this.#set.has(value)
  }

  add(value: T): this {
    this.#set.add(value)
    if (--this.#room > 0) return this
    this.#set = new Set(this.#set)
    this.#room = Math.max(least, this.#set.size)
    return this
  }

  delete(value: T): boolean {
    return this.#set.delete(value)
  }

  values(): IterableIterator<T> {
    return this.#set.values()
  }

  [Symbol.iterator](): IterableIterator<T> {
    return this.#set.values()
  }
}
