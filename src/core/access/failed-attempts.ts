import type { KeyedRateLimiter } from '../runtime/keyed-rate-limiter.ts'
import type { ExplicitCredential } from '../api/credentials.ts'
import { newId } from '../runtime/id.ts'

/**
 * How many bad credentials are recognised when they come again. Beyond it, the credential that was counted
 * longest ago counts again.
 */
const maxCounted = 10_000

/** Counts the bad credentials of each network. The same credential counts once, however often it is sent. */
export class FailedAttempts {
  readonly #budget: KeyedRateLimiter
  readonly #fingerprint: (text: string) => string
  /** Makes the hashes useless outside this process. From an unsalted hash a password can be guessed. */
  readonly #salt = newId()
  readonly #counted = new Set<string>()

  constructor(budget: KeyedRateLimiter, fingerprint: (text: string) => string) {
    this.#budget = budget
    this.#fingerprint = fingerprint
  }

  /** For how long a network may send no credential that has to be looked up; 0 when it may. */
  shortMs(network: string): number {
    return this.#budget.shortMs(network)
  }

  /** Counts a bad credential of a network, unless it was counted before. */
  count(network: string, { scheme, value }: ExplicitCredential): void {
    const name = this.#fingerprint(`${this.#salt} ${network} ${scheme} ${value}`)
    const isKnown = this.#counted.delete(name)
    // a set keeps its order: a name that is added last is removed last
    this.#counted.add(name)
    if (!isKnown) this.#budget.take(network)
    for (const oldest of this.#counted) {
      if (this.#counted.size <= maxCounted) return
      this.#counted.delete(oldest)
    }
  }

  /** How many networks are below their full budget, and how many credentials are recognised. */
  get size(): { readonly networks: number; readonly credentials: number } {
    return { networks: this.#budget.size, credentials: this.#counted.size }
  }
}
