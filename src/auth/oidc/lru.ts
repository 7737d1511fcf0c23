import type { Clock } from '../../wire/clock.ts'

/**
 * Keeps a bounded number of values until their time is over; the value that was used longest ago is dropped
 * first.
 */
export class Lru<V> {
  readonly #most: number
  readonly #clock: Clock
  readonly #kept = new Map<string, { readonly value: V; readonly until: number }>()

  constructor(most: number, clock: Clock) {
    this.#most = most
    this.#clock = clock
  }

  get(key: string): V | null {
    const kept = this.#kept.get(key)
    if (kept === undefined) return null
    this.#kept.delete(key)
    if (kept.until <= this.#clock.monotonic()) return null
    // the last in the map is removed last
    this.#kept.set(key, kept)
    return kept.value
  }

  /** @param until when it is forgotten, on the monotonic clock */
  set(key: string, value: V, until: number): void {
    this.#kept.delete(key)
    this.#kept.set(key, { value, until })
    if (this.#kept.size <= this.#most) return
    for (const oldest of this.#kept.keys()) {
      this.#kept.delete(oldest)
      return
    }
  }

  delete(key: string): void {
    this.#kept.delete(key)
  }
}
