import { isRecord } from '../../wire/json.ts'
import { aClock, type Clock, systemClock } from '../../wire/clock.ts'
import { boundedFetch } from '../bounded-fetch.ts'
import type { Statement } from '../claims.ts'
import type { Found } from '../found.ts'
import { issuerScoped } from '../issuer-scoped.ts'
import { type KeySource, remoteKeys } from '../jwks.ts'
import { Remote } from '../remote.ts'
import { documentUrl, type ProviderMetadata, readMetadata, type WellKnown } from './metadata.ts'
import {
  aFunction,
  checkedOptions,
  aText,
  type OptionKind,
  type OptionKinds,
  needed,
  oneOf,
  strings,
} from '../../wire/options.ts'

export type { ProviderMetadata } from './metadata.ts'

/** A provider's statement about a subject. */
export interface SubjectStatement extends Statement {
  readonly iss: string
  readonly sub: string
}

/** What {@link provider} needs. */
export interface ProviderOptions {
  /** The issuer exactly as the provider writes it in its tokens: a slash at the end counts. */
  readonly issuer: string
  /**
   * The name of the identity in a token or a logout; by default `sub` within its issuer, {@link
   * issuerScoped}, because two providers may use one `sub`. Set it when `sub` is the id of your user, `({ sub
   * }) => sub`, or when your users have ids of their own. A logout then finds the sockets of a token. `null`
   * means that the subject is unknown.
   */
  readonly subject?: (statement: SubjectStatement) => Found<string>
  /** Signature algorithms that may be used, among those of the provider's keys; RS256 for an RSA key that names none. */
  readonly algorithms?: readonly string[]
  /** Hosts beside the issuer's that its document may name, such as `['www.googleapis.com']`. */
  readonly hosts?: readonly string[]
  /** Which document is read; by default that of OpenID Connect. */
  readonly wellKnown?: WellKnown
  readonly clock?: Clock
  /** How the provider is called; by default the `fetch` of the platform. */
  readonly fetch?: typeof fetch
}

/** An OpenID provider or OAuth 2 authorization server, which {@link oidc} and its siblings share. */
export interface Provider {
  readonly issuer: string
  /**
   * The provider's document. No call is required; a server that must not start without its provider may await
   * it.
   *
   * @throws TypeError when the provider cannot be reached, or its document is refused
   */
  metadata(): Promise<ProviderMetadata>
  /** The keys that it signs with. */
  readonly keys: KeySource
  /** The name of an identity, as `server.user` and `server.revoke` take it. */
  subject(statement: SubjectStatement): Found<string>
  readonly clock: Clock
  /** How the provider is called. */
  readonly fetch: typeof fetch
}

const kinds: OptionKinds<ProviderOptions> = {
  issuer: needed(aText),
  subject: aFunction,
  algorithms: strings,
  hosts: strings,
  wellKnown: oneOf('openid-configuration', 'oauth-authorization-server'),
  clock: aClock,
  fetch: aFunction,
}

/** What an option `provider` may be. */
export const aProvider: OptionKind = {
  wanted: 'a provider, made by provider()',
  is: (value) => isRecord(value) && typeof value['issuer'] === 'string' && isRecord(value['keys']),
}

const bounds = { who: 'the provider', timeoutMs: 5_000, maxBytes: 256 * 1024, redirects: 0 }
const ages = { oldMs: 3_600_000, staleMs: 24 * 3_600_000 }

/**
 * A provider, found by discovery (OpenID Connect Discovery 1.0, RFC 8414) when the first token comes: over https or from
 * this machine, 5 seconds, 256 KB, no redirect, one fetch in flight. Its document is read again each hour. While the
 * provider is away what is known of it holds for 24 hours; before anything is known handshakes are 503, and it is asked
 * after 1, 2, 4 and so on up to 30 seconds.
 *
 * @throws SallyportError ERR_CONFIGURATION when the issuer is no https URL (or http to this machine), or has a query
 * @example const id = provider({ issuer: 'https://id.example' })
 */
export function provider(options: ProviderOptions): Provider {
  options = checkedOptions('provider()', options, kinds)
  const { issuer, hosts = [], wellKnown = 'openid-configuration' } = options
  const { algorithms = null, clock = systemClock, fetch: get = fetch } = options
  const url = documentUrl(issuer, wellKnown)
  const headers = { Accept: 'application/json' }
  const document = new Remote({
    what: `the document at ${url.href}`,
    clock,
    ...ages,
    load: async () =>
      readMetadata(await boundedFetch(url, { headers }, { ...bounds, clock, fetch: get }), issuer, hosts),
  })
  const metadata = (): Promise<ProviderMetadata> => document.current()
  return {
    issuer,
    metadata,
    keys: movingKeys(metadata, (jwks) => remoteKeys(jwks, { algorithms, clock, fetch: get })),
    subject: options.subject ?? (({ iss, sub }) => issuerScoped(iss, sub)),
    clock,
    fetch: get,
  }
}

/** The keys behind the URL that the document names now. */
function movingKeys(metadata: Provider['metadata'], keysAt: (jwks: URL) => KeySource): KeySource {
  let known: { readonly href: string; readonly keys: KeySource } | null = null
  return {
    async find(header, beforeLookup) {
      const { jwks } = await metadata()
      if (known?.href !== jwks.href) known = { href: jwks.href, keys: keysAt(jwks) }
      return known.keys.find(header, beforeLookup)
    },
  }
}
