import type { Clock } from '../core/clock.ts'
import { boundedFetch } from './bounded-fetch.ts'
import { Remote } from './remote.ts'
import { secureUrl } from './secure-url.ts'
import { keysOfSet, type VerificationKey } from './verification-key.ts'

/** Where the keys of a token's header come from. */
export interface KeySource {
  /**
   * The configured keys that a header may mean: by algorithm, and by name where there is one.
   *
   * @throws TypeError when the keys cannot be had: that is no verdict on the token
   */
  find(header: KeyHeader): Promise<readonly VerificationKey[]>
}

/** What a token's header says of its key. */
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
/** Keys are fetched again beside the answer from `oldMs` on; one that vanished is dropped within `staleMs`. */
const ages = { oldMs: 5 * 60_000, staleMs: 10 * 60_000 }
const headers = { Accept: 'application/jwk-set+json, application/json' }

/** Keys that were configured: one, or a set that does not change. */
export function fixedKeys(keys: readonly VerificationKey[]): KeySource {
  const isOnly = keys.length === 1 && keys[0]?.kid === null
  return {
    // a single key without a name is meant whatever the token calls it
    find: async ({ alg, kid }) => matching(keys, { alg, kid: isOnly ? null : kid }),
  }
}

/**
 * Keys of a JWK set behind a URL: fetched when they are first needed, one fetch in flight, 5 seconds, 256 KB,
 * no redirect to another origin. An unknown key causes at most one fetch in 30 seconds. While the server
 * cannot be reached the last good set holds for 24 hours; a key that vanished from the set is dropped within
 * 10 minutes.
 *
 * @throws SallyportError ERR_CONFIGURATION when the URL is neither https nor http to this machine
 */
export function remoteKeys(url: URL, { algorithms, clock, fetch: get }: RemoteKeysOptions): KeySource {
  secureUrl('jwks', url)
  const remote = new Remote({
    what: `the keys at ${url.href}`,
    clock,
    ...ages,
    load: async () => {
      const text = await boundedFetch(url, { headers }, { ...bounds, clock, fetch: get })
      return keysOfSet(JSON.parse(text), algorithms)
    },
  })
  return {
    async find(header) {
      const known = matching(await remote.current(), header)
      return known.length > 0 ? known : matching(await remote.latest(), header)
    },
  }
}

function matching(keys: readonly VerificationKey[], { alg, kid }: KeyHeader): readonly VerificationKey[] {
  return keys.filter((key) => key.algorithms.has(alg) && (kid === null || key.kid === kid))
}
