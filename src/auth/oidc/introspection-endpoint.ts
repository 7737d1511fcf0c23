import { parseRecord } from '../../wire/json.ts'
import { boundedFetch, UnexpectedStatus } from '../bounded-fetch.ts'
import type { CachedAnswer } from './answers.ts'
import type { Provider } from './provider.ts'

/** The credentials of this server at the provider. */
export interface ClientCredentials {
  readonly id: string
  readonly secret: string
  /** `client_secret_basic` or `client_secret_post`; by default basic. */
  readonly method?: 'basic' | 'post'
}

const bounds = { who: 'the introspection endpoint', timeoutMs: 5_000, maxBytes: 64 * 1024, redirects: 0 }
/**
 * For how long an endpoint that does not answer is not called: doubled with each failure, up to the second
 * value.
 */
const [restMs, maxRestMs] = [500, 5_000]
/** The statuses of a server that is there but cannot answer. Other statuses are about the request. */
const awayStatuses = [429, 502, 503, 504]

/** A provider's introspection endpoint (RFC 7662 section 2), asked with this server's own credentials. */
export class IntrospectionEndpoint {
  readonly #provider: Provider
  readonly #client: ClientCredentials
  readonly #url: URL | null
  #failures = 0
  #restUntil = Number.NEGATIVE_INFINITY
  #failure: unknown = null

  constructor(provider: Provider, client: ClientCredentials, url: URL | null) {
    this.#provider = provider
    this.#client = client
    this.#url = url
  }

  /**
   * The provider's statement about a token; `null` when it is not active.
   *
   * @throws TypeError when the answer cannot be trusted; this says nothing about the token
   */
  async ask(token: string): Promise<CachedAnswer> {
    const url = await this.#endpoint()
    if (this.#provider.clock.monotonic() < this.#restUntil)
      throw new TypeError('the introspection endpoint did not answer a moment ago', { cause: this.#failure })
    const { clock, fetch: get } = this.#provider
    try {
      const text = await boundedFetch(url, requestOf(token, this.#client), { ...bounds, clock, fetch: get })
      this.#failures = 0
      return answerIn(text)
    } catch (error) {
      if (isAway(error)) this.#rest(error)
      throw new TypeError('the introspection endpoint gave no answer', { cause: error })
    }
  }

  async #endpoint(): Promise<URL> {
    const url = this.#url ?? (await this.#provider.metadata()).introspection
    if (url !== null) return url
    throw new TypeError("the provider's document has no introspection_endpoint: give one as 'endpoint'")
  }

  #rest(error: unknown): void {
    const now = this.#provider.clock.monotonic()
    // of several concurrent failures, one counts
    if (now < this.#restUntil) return
    this.#failure = error
    this.#restUntil = now + Math.min(maxRestMs, restMs * 2 ** this.#failures++)
  }
}

function isAway(error: unknown): boolean {
  return !(error instanceof UnexpectedStatus) || awayStatuses.includes(error.status)
}

function requestOf(token: string, { id, secret, method = 'basic' }: ClientCredentials): RequestInit {
  const body = new URLSearchParams({ token, token_type_hint: 'access_token' })
  const headers = new Headers({ Accept: 'application/json' })
  if (method === 'basic') headers.set('Authorization', basic(id, secret))
  else
    for (const [name, value] of [
      ['client_id', id],
      ['client_secret', secret],
    ] as const)
      body.set(name, value)
  return { method: 'POST', headers, body }
}

/** RFC 6749 section 2.3.1: both parts are form-encoded before they are joined. */
function basic(id: string, secret: string): string {
  return `Basic ${Buffer.from(`${formEncoded(id)}:${formEncoded(secret)}`).toString('base64')}`
}

function formEncoded(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1)
}

function answerIn(text: string): CachedAnswer {
  const { active, ...statement } = parseRecord(text) ?? {}
  if (typeof active === 'boolean') return active ? statement : null
  throw new TypeError('the answer does not say whether the token is active')
}
