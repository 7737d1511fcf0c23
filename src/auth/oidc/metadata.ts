import { SallyportError } from '../../wire/errors.ts'
import { parseRecord } from '../../wire/json.ts'
import { isSecureUrl } from '../secure-url.ts'

/** Where a provider describes itself: OpenID Connect Discovery 1.0 section 4, or RFC 8414 section 3. */
export type WellKnown = 'openid-configuration' | 'oauth-authorization-server'

/** The part of a provider's document that is used here. */
export interface ProviderMetadata {
  /** Its key set, `jwks_uri`. */
  readonly jwks: URL
  /** Where its tokens are introspected (RFC 7662); `null` if it has no such endpoint. */
  readonly introspection: URL | null
}

/**
 * The URL of an issuer's document. A path goes before the well-known part in the one specification and behind it in the
 * other.
 *
 * @throws SallyportError ERR_CONFIGURATION when the issuer is no https URL (or http to this machine), or has a query, a
 * fragment or a password
 */
export function documentUrl(issuer: string, wellKnown: WellKnown): URL {
  const url = URL.canParse(issuer) ? new URL(issuer) : null
  if (url === null || !isSecureUrl(url) || /[?#]/.test(issuer)) {
    throw new SallyportError(
      'ERR_CONFIGURATION',
      "'issuer' must be an https URL without query, fragment and password, exactly as the provider writes it",
    )
  }
  const path = url.pathname.replace(/\/$/, '')
  const known = `/.well-known/${wellKnown}`
  return new URL(wellKnown === 'openid-configuration' ? path + known : known + path, url.origin)
}

/**
 * Reads a provider's document.
 *
 * The issuer must be exactly the configured one (RFC 8414 section 3.3): the document of another issuer would
 * bring the keys of that issuer. Its URLs must be on the issuer's own origin or on a configured host.
 * Otherwise a document could send the requests of this server, with the secret of the client, to another
 * place.
 *
 * @throws TypeError when it is refused
 */
export function readMetadata(text: string, issuer: string, hosts: readonly string[]): ProviderMetadata {
  const document = parseRecord(text)
  if (document === null) throw new TypeError("the provider's document is no JSON object")
  const { issuer: stated, jwks_uri: jwks, introspection_endpoint: introspection } = document
  if (stated !== issuer)
    throw new TypeError("the provider's document is of another issuer than the configured one")
  return {
    jwks: endpointOf('jwks_uri', jwks, { issuer, hosts }),
    introspection:
      introspection === undefined
        ? null
        : endpointOf('introspection_endpoint', introspection, { issuer, hosts }),
  }
}

function endpointOf(
  name: string,
  value: unknown,
  { issuer, hosts }: { readonly issuer: string; readonly hosts: readonly string[] },
): URL {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : null
  if (url === null || !isSecureUrl(url)) throw new TypeError(`the provider's ${name} is no https URL`)
  if (url.origin === new URL(issuer).origin) return url
  if (url.protocol === 'https:' && hosts.includes(url.host)) return url
  throw new TypeError(
    `the provider's ${name} is on another host, ${url.host}: list it in 'hosts' if that is right`,
  )
}
