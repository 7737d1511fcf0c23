import { fromBase64url } from './from-base64url.ts'
import { toBase64url } from './to-base64url.ts'

/** The name of the protocol of Sallyport's own client, which is offered and accepted as a subprotocol. */
export const protocolName = 'sallyport.v1'

/** The kinds of credentials in a subprotocol list. */
export type SubprotocolScheme = 'bearer' | 'ticket'

const prefixes = { bearer: 'sallyport.bearer.', ticket: 'sallyport.ticket.' } as const
/** The marker of the pair `['token', '<jwt>']`. */
const tokenMarker = 'token'
/**
 * The form of a signed or encrypted token, whose header is base64url of `{`. Outside a carrier, such an entry
 * is a secret in the wrong place: it is refused, and never sent back.
 */
const jwtShape = /^e[wy][A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){2,4}$/

/**
 * The subprotocol entry that carries a credential: a fixed prefix and the base64url of its UTF-8 bytes. A
 * subprotocol is an HTTP token (RFC 9110 section 5.6.2), which may hold neither `=` nor `,` nor `/`.
 *
 * @example new WebSocket(url, ['sallyport.v1', carrierProtocol('bearer', token)])
 */
export function carrierProtocol(scheme: SubprotocolScheme, secret: string): string {
  return prefixes[scheme] + toBase64url(new TextEncoder().encode(secret))
}

/** The content of an offered subprotocol list: the plain names, and the credentials beside them. */
export interface SubprotocolList {
  /** The names that may be accepted; never a secret. */
  readonly names: readonly string[]
  readonly credentials: readonly { readonly scheme: SubprotocolScheme; readonly value: string }[]
}

/**
 * Separates an offered subprotocol list. `['token', '<jwt>']` is a pair: its first name is accepted, and its
 * second entry is a bearer token.
 *
 * @returns `null` when the list is malformed. It may have an entry that is no HTTP token, an entry twice, a
 * carrier that is not base64url of UTF-8, `token` without exactly one token after it, a bare JWT elsewhere,
 * or a credential without a plain name to accept
 */
export function subprotocols(offered: readonly string[]): SubprotocolList | null {
  if (offered.some((one) => !isHttpToken(one)) || new Set(offered).size !== offered.length) return null
  if (offered[0] === tokenMarker) return tokenPair(offered.slice(1))
  const names: string[] = []
  const credentials: { scheme: SubprotocolScheme; value: string }[] = []
  for (const entry of offered) {
    const scheme = schemeOf(entry)
    if (entry === tokenMarker || jwtShape.test(entry)) return null
    if (scheme === null) {
      names.push(entry)
      continue
    }
    const value = carried(entry.slice(prefixes[scheme].length))
    if (value === null) return null
    credentials.push({ scheme, value })
  }
  return credentials.length > 0 && names.length === 0 ? null : { names, credentials }
}

/** After the marker there must be one token and nothing else. */
function tokenPair([value, ...more]: readonly string[]): SubprotocolList | null {
  if (value === undefined || more.length > 0 || schemeOf(value) !== null) return null
  return { names: [tokenMarker], credentials: [{ scheme: 'bearer', value }] }
}

function schemeOf(entry: string): SubprotocolScheme | null {
  if (entry.startsWith(prefixes.bearer)) return 'bearer'
  return entry.startsWith(prefixes.ticket) ? 'ticket' : null
}

/** It keeps a byte order mark: without it there would be a second spelling of the same secret. */
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function carried(encoded: string): string | null {
  const bytes = fromBase64url(encoded)
  if (bytes === null || bytes.length === 0) return null
  try {
    return strictUtf8.decode(bytes)
  } catch {
    return null
  }
}

/** Whether a text is an HTTP token (RFC 9110 section 5.6.2). */
export function isHttpToken(text: string): boolean {
  return /^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/.test(text)
}
