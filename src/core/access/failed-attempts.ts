import type { KeyedRateLimiter } from '../runtime/keyed-rate-limiter.ts'
import type { ExplicitCredential } from '../api/credentials.ts'
import { newId } from '../runtime/id.ts'

/** How many bad credentials are recognised when they come again; beyond it the one that came longest ago counts anew. */
const maxCounted = 10_000

/** How many bad credentials each network has brought. The same one counts once, however often it comes. */
export class FailedAttempts {
  readonly #budget: KeyedRateLimiter
  readonly #fingerprint: (text: string) => string
  /** Hashes with it are of no use outside this process: a password is guessed from a plain one. */
  readonly #salt = newId()
  readonly #counted = new Set<string>()

  constructor(budget: KeyedRateLimiter, fingerprint: (text: string) => string) {
    this.#budget = budget
    this.#fingerprint = fingerprint
  }

  /** For how long a network may bring none that has to be looked up; 0 when it may. */
  shortMs(network: string): number {
    return this.#budget.shortMs(network)
  }

  /** Counts a bad credential of a network, unless it was counted before. */
  count(network: string, { scheme, value }: ExplicitCredential): void {
    const name = this.#fingerprint(`${this.#salt} ${network} ${scheme} ${value}`)
    const isKnown = this.#counted.delete(name)
    // last in the set is last to go
    this.#counted.add(name)
    if (!isKnown) this.#budget.take(network)
    for (const oldest of this.#counted) {
      if (this.#counted.size <= maxCounted) return
      this.#counted.delete(oldest)
    }
  }

  /** How many networks are short of something, and how many credentials are recognised. */
  get size(): { readonly networks: number; readonly credentials: number } {
    return { networks: this.#budget.size, credentials: this.#counted.size }
  }
}
