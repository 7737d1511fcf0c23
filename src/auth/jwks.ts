import type { Clock } from '../core/clock.ts'
import { SallyportError } from '../wire/errors.ts'
import { keysOfSet, type VerificationKey } from './verification-key.ts'

/** Where the keys of a token's header come from. */
export interface KeySource {
  /**
   * The configured keys that a header may mean: by algorithm, and by name where there is one.
   *
   * @throws TypeError when the keys cannot be had: that is no verdict on the token
   */
  find(header: { readonly alg: string; readonly kid: string | null }): Promise<readonly VerificationKey[]>
}

/** What a remote key source needs. */
export interface RemoteKeysOptions {
  readonly algorithms: readonly string[] | null
  readonly clock: Clock
  readonly fetch: typeof fetch
}

const timeoutMs = 5_000
const maxBytes = 256 * 1024
const maxRedirects = 2
/** From this age on keys are fetched again beside the answer; past `staleMs` the answer waits for it. */
const oldMs = 5 * 60_000
/** A key that vanished from its set is dropped within this time. */
const staleMs = 10 * 60_000
/** For how long the last good set holds while its server cannot be reached. */
const lastGoodMs = 24 * 3_600_000
/** How soon an unknown key, or a set that could not be fetched, may cause another fetch. */
const coolDownMs = 30_000
/** The same while there is no set at all, so that a server that started first recovers at once. */
const emptyCoolDownMs = 1_000

/** Keys that were configured: one, or a set that does not change. */
export function fixedKeys(keys: readonly VerificationKey[]): KeySource {
  const isOnly = keys.length === 1 && keys[0]?.kid === null
  return {
    // a single key without a name is meant whatever the token calls it
    find: async ({ alg, kid }) => matching(keys, alg, isOnly ? null : kid),
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
export function remoteKeys(url: URL, options: RemoteKeysOptions): KeySource {
  return new RemoteKeys(safeUrl(url), options)
}

class RemoteKeys implements KeySource {
  readonly #url: URL
  readonly #options: RemoteKeysOptions
  #keys: readonly VerificationKey[] | null = null
  #fetchedAt = Number.NEGATIVE_INFINITY
  #triedAt = Number.NEGATIVE_INFINITY
  /** Why the last fetch failed; `null` when it did not. */
  #failure: unknown = null
  #pending: Promise<void> | null = null

  constructor(url: URL, options: RemoteKeysOptions) {
    this.#url = url
    this.#options = options
  }

  async find({
    alg,
    kid,
  }: {
    readonly alg: string
    readonly kid: string | null
  }): Promise<readonly VerificationKey[]> {
    const known = matching(await this.#current(), alg, kid)
    if (known.length > 0) return known
    await this.#refresh()
    const found = matching(this.#keys ?? [], alg, kid)
    if (found.length === 0 && this.#failure !== null) this.#unreachable()
    return found
  }

  async #current(): Promise<readonly VerificationKey[]> {
    if (!this.#isWithin(staleMs)) await this.#refresh()
    else if (!this.#isWithin(oldMs)) void this.#refresh()
    if (this.#keys === null || !this.#isWithin(lastGoodMs)) return this.#unreachable()
    return this.#keys
  }

  #isWithin(ms: number): boolean {
    const age = this.#options.clock.now() - this.#fetchedAt
    return age >= 0 && age < ms
  }

  #unreachable(): never {
    throw new TypeError(`the keys at ${this.#url.href} could not be fetched`, { cause: this.#failure })
  }

  /** Fetches unless that was tried a moment ago. It never rejects: what went wrong is kept. */
  async #refresh(): Promise<void> {
    const sinceMs = this.#options.clock.now() - this.#triedAt
    const restMs = this.#keys === null ? emptyCoolDownMs : coolDownMs
    if (this.#pending === null && sinceMs >= 0 && sinceMs < restMs) return
    this.#pending ??= this.#fetch().finally(() => {
      this.#pending = null
    })
    await this.#pending
  }

  async #fetch(): Promise<void> {
    const { clock, algorithms } = this.#options
    this.#triedAt = clock.now()
    const abort = new AbortController()
    const late = clock.after(timeoutMs, () => abort.abort(new TypeError(`no answer within ${timeoutMs} ms`)))
    try {
      const response = await follow(this.#url, this.#options.fetch, abort.signal)
      this.#keys = keysOfSet(JSON.parse(await boundedText(response)), algorithms)
      this.#fetchedAt = clock.now()
      this.#failure = null
    } catch (error) {
      this.#failure = error
    } finally {
      late.cancel()
    }
  }
}

function matching(
  keys: readonly VerificationKey[],
  alg: string,
  kid: string | null,
): readonly VerificationKey[] {
  return keys.filter((key) => key.algorithms.has(alg) && (kid === null || key.kid === kid))
}

async function follow(start: URL, get: typeof fetch, signal: AbortSignal): Promise<Response> {
  let url = start
  for (let hops = 0; hops <= maxRedirects; hops++) {
    const response = await get(url, {
      redirect: 'manual',
      signal,
      headers: { Accept: 'application/jwk-set+json, application/json' },
    })
    const location = response.status >= 300 && response.status < 400 ? response.headers.get('location') : null
    if (location === null) return response
    url = new URL(location, url)
    if (url.origin !== start.origin) throw new TypeError('the key server redirects to another origin')
  }
  throw new TypeError('the key server redirects too often')
}

async function boundedText(response: Response): Promise<string> {
  if (response.status !== 200) throw new TypeError(`the key server answered ${response.status}`)
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > maxBytes) throw new TypeError(`the key set is larger than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function safeUrl(url: URL): URL {
  const isLoopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(url.hostname)
  const isSafe = url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback)
  if (isSafe && url.username === '' && url.password === '') return url
  throw new SallyportError(
    'ERR_CONFIGURATION',
    `'jwks' must be an https URL without a password, or http to this machine: ${url.protocol}//${url.host}`,
  )
}
