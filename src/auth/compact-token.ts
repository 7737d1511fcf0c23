import { fromBase64url } from '../wire/from-base64url.ts'
import { maxJsonValues, parseRecord } from '../wire/json.ts'
import { invalid } from './invalid-token.ts'

/**
 * A signed token in compact form (RFC 7515 section 7.1), split into its parts; its signature is not verified.
 */
export interface CompactToken {
  /** The whole token, for the library that verifies it. */
  readonly text: string
  /** What the signature covers: header and payload as they were sent. */
  readonly signed: string
  readonly alg: string
  readonly kid: string | null
  /** The media type of the token, from its header. */
  readonly typ: string | null
  readonly payload: Uint8Array
  readonly signature: Uint8Array
}

const shape = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*$/
const maxLength = 16_384
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Header parameters that carry a key or change how the token is read. Keys come from the configuration alone
 * (RFC 8725 section 3.10). No extension is implemented here, so RFC 7515 section 4.1.11 requires a refusal.
 */
const refusedHeaders: readonly string[] = ['jwk', 'jku', 'x5u', 'x5c', 'crit', 'b64']

/** Whether a credential has the form of a signed token: three parts of base64url. */
export function looksLikeToken(value: string): boolean {
  return shape.test(value)
}

/**
 * Splits a token into its parts.
 *
 * Each part must be base64url in its one canonical form: a token with two spellings could be revoked under
 * one of them only.
 *
 * @throws InvalidToken when it is malformed, longer than 16,384 characters, or has a refused header
 */
export function compactToken(text: string): CompactToken {
  if (text.length > maxLength) invalid(`the token is longer than ${maxLength} characters`)
  const [head = '', body = '', tail = ''] = text.split('.')
  const header = headerOf(part('header', head))
  const { alg, kid, typ } = header
  if (typeof alg !== 'string') return invalid('the header has no alg')
  return {
    text,
    signed: `${head}.${body}`,
    alg,
    kid: optionalText('kid', kid),
    typ: optionalText('typ', typ),
    payload: part('payload', body),
    signature: part('signature', tail),
  }
}

/**
 * The issuer that a token names, before it is verified: only to choose an authenticator. It may be any value;
 * `undefined` when the token names none, cannot be read or is longer than a token may be.
 */
export function unverifiedIssuer(text: string): unknown {
  if (text.length > maxLength) return undefined
  const bytes = fromBase64url(text.split('.')[1] ?? '') ?? new Uint8Array()
  return jsonObject(bytes)?.['iss']
}

/** The JSON object in these UTF-8 bytes, or `null`. */
export function jsonObject(bytes: Uint8Array): Readonly<Record<string, unknown>> | null {
  try {
    return parseRecord(utf8.decode(bytes), maxJsonValues)
  } catch {
    return null
  }
}

function part(name: string, encoded: string): Uint8Array {
  return fromBase64url(encoded) ?? invalid(`the ${name} is not canonical base64url`)
}

function headerOf(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const header = jsonObject(bytes) ?? invalid('the header is no JSON object')
  const refused = refusedHeaders.find((name) => Object.hasOwn(header, name))
  return refused === undefined ? header : invalid(`the header parameter ${refused} is refused`)
}

function optionalText(name: string, value: unknown): string | null {
  if (value === undefined) return null
  return typeof value === 'string' ? value : invalid(`the header parameter ${name} is no text`)
}
