import type { Clock } from '../wire/clock.ts'
import { boundedFetch } from './bounded-fetch.ts'
import { Remote } from './remote.ts'
import { secureUrl } from './secure-url.ts'
import { keysOfSet, type VerificationKey, verifiableAlgorithms } from './verification-key.ts'

/** The source of the keys that headers of tokens name. */
export interface KeySource {
  /**
   * The configured keys that a header may mean: by algorithm, and by name if it names one.
   *
   * @param beforeLookup called before a key set is fetched for this header; an error of it ends the search
   * @throws TypeError when the keys cannot be fetched, Denial 503 while they may not be fetched; neither says
   * anything about the token
   */
  find(header: KeyHeader, beforeLookup: () => void): Promise<readonly VerificationKey[]>
}

/** What the header of a token says about its key. */
export interface KeyHeader {
  readonly alg: string
  readonly kid: string | null
}

/** What a remote key source needs. */
export interface RemoteKeysOptions {
  readonly algorithms: readonly string[] | null
  readonly clock: Clock
  readonly fetch: typeof fetch
}

const bounds = { who: 'the key server', timeoutMs: 5_000, maxBytes: 256 * 1024, redirects: 2 }
/**
 * From `oldMs` on keys are fetched again without delaying the result; a key that vanished is dropped within
 * `staleMs`.
 */
const ages = { oldMs: 5 * 60_000, staleMs: 10 * 60_000 }
const headers = { Accept: 'application/jwk-set+json, application/json' }

/** Keys that were configured: one, or a set that does not change. */
export function fixedKeys(keys: readonly VerificationKey[]): KeySource {
  const isOnly = keys.length === 1 && keys[0]?.kid === null
  return {
    // a single key without a name is used whatever name the token gives
    find: async ({ alg, kid }) => matching(keys, { alg, kid: isOnly ? null : kid }),
  }
}

/** How many names of keys are remembered, so that a key that a set has dropped is known to be gone. */
const maxSeen = 1_000

/**
 * The keys of a JWK set at a URL: fetched when they are first needed, one fetch at a time, 5 seconds, 256 KB,
 * no redirect to another origin.
 *
 * A key that the set lacks causes a fetch. Within 30 seconds of the last fetch, a key that the set has never
 * held causes one more fetch, whatever keys are named. After that an unknown key is answered with 503 until
 * the 30 seconds are over: a new key of the issuer looks the same as an invented one. While the server cannot
 * be reached, the last good set stays valid for 24 hours; a key that vanished from the set is dropped within
 * 10 minutes.
 *
 * @throws SallyportError ERR_CONFIGURATION when the URL is neither https nor http to this machine
 */
export function remoteKeys(url: URL, { algorithms, clock, fetch: get }: RemoteKeysOptions): KeySource {
  secureUrl('jwks', url)
  const possible = new Set(algorithms ?? verifiableAlgorithms)
  const seen = new Set<string>()
  const remote = new Remote({
    what: `the keys at ${url.href}`,
    clock,
    ...ages,
    load: async () => {
      const text = await boundedFetch(url, { headers }, { ...bounds, clock, fetch: get })
      const keys = keysOfSet(JSON.parse(text), algorithms)
      remember(seen, keys)
      return keys
    },
  })
  return {
    async find(header, beforeLookup) {
      // no set can have a key for this algorithm
      if (!possible.has(header.alg)) return []
      const found = await remote.find({
        look: (keys) => orNull(matching(keys, header)),
        wasThere: () => header.kid !== null && seen.has(header.kid),
        beforeFetch: beforeLookup,
      })
      return found ?? []
    },
  }
}

function remember(seen: Set<string>, keys: readonly VerificationKey[]): void {
  for (const { kid } of keys) {
    if (kid === null) continue
    // the last in the set is removed last
    seen.delete(kid)
    seen.add(kid)
  }
  for (const oldest of seen) {
    if (seen.size <= maxSeen) return
    seen.delete(oldest)
  }
}

function orNull(keys: readonly VerificationKey[]): readonly VerificationKey[] | null {
  return keys.length === 0 ? null : keys
}

function matching(keys: readonly VerificationKey[], { alg, kid }: KeyHeader): readonly VerificationKey[] {
  return keys.filter((key) => key.algorithms.has(alg) && (kid === null || key.kid === kid))
}
