import { isUtf8 } from 'node:buffer'
import { maxJsonValues, parseRecord } from '../wire/json.ts'
import { InvalidToken } from './invalid-token.ts'

/** What the header of a token says, as far as it is used. */
export interface TokenHeader {
  readonly alg: string
  readonly kid: string | null
  /** The media type of the token, as {@link mediaType} writes it. */
  readonly typ: string | null
}

const shape = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*$/
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const maxLength = 16_384

/**
 * Header parameters that carry a key or change how the token is read. Keys come from the configuration alone
 * (RFC 8725 section 3.10). No extension is implemented here, so RFC 7515 section 4.1.11 requires a refusal.
 */
const refusedHeaders: readonly string[] = ['jwk', 'jku', 'x5u', 'x5c', 'crit', 'b64']

/** Whether a credential has the form of a signed token: three parts of base64url. */
export function looksLikeToken(value: string): boolean {
  return shape.test(value)
}

/** A credential as a token, if it has the form of one. */
export function compactToken(value: string): CompactToken | null {
  return looksLikeToken(value) ? new CompactToken(value) : null
}

export type { CompactToken }

/**
 * A signed token in compact form (RFC 7515 section 7.1): its parts as they were sent. Nothing of it is
 * verified.
 */
class CompactToken {
  /** The whole token, for the library that verifies it. */
  readonly text: string
  /** What the signature covers: header and payload as they were sent. */
  readonly signed: string
  /** The three parts in base64url. */
  readonly header: string
  readonly payload: string
  readonly signature: string
  #claims: Readonly<Record<string, unknown>> | null | undefined

  /** @param text what looks like a token */
  constructor(text: string) {
    const first = text.indexOf('.')
    const last = text.lastIndexOf('.')
    this.text = text
    this.signed = text.slice(0, last)
    this.header = text.slice(0, first)
    this.payload = text.slice(first + 1, last)
    this.signature = text.slice(last + 1)
  }

  /**
   * The JSON object in the payload, which is parsed once; `null` when there is none, the payload is not
   * canonical, or the token is longer than a token may be.
   */
  get claims(): Readonly<Record<string, unknown>> | null {
    if (this.#claims === undefined)
      this.#claims = this.isTooLong || !isCanonical(this.payload) ? null : jsonOfPart(this.payload)
    return this.#claims
  }

  get isTooLong(): boolean {
    return this.text.length > maxLength
  }
}

/**
 * The header of a token, or why the token is malformed: longer than 16,384 characters, or with a refused
 * header.
 *
 * Each part must be base64url in its one canonical form: a token with two spellings could be revoked under
 * one of them only.
 */
export function headerOf(token: CompactToken): TokenHeader | InvalidToken {
  if (token.isTooLong) return new InvalidToken(`the token is longer than ${maxLength} characters`)
  const header = token.header === lastText ? lastHeader : readHeader(token.header)
  if (header instanceof InvalidToken) return header
  if (!isCanonical(token.payload)) return notCanonical('payload')
  return isCanonical(token.signature) ? header : notCanonical('signature')
}

/**
 * The header that was read last, because the tokens of an issuer begin alike. It decides nothing: each token
 * is verified.
 */
let lastText = ''
let lastHeader: TokenHeader | InvalidToken = notCanonical('header')

function readHeader(text: string): TokenHeader | InvalidToken {
  if (!isCanonical(text)) return notCanonical('header')
  const json = jsonOfPart(text)
  if (json === null) return new InvalidToken('the header is no JSON object')
  const header = checkedHeader(json)
  // copied, because a part of a token's text would keep the whole token in memory
  lastText = Buffer.from(text, 'latin1').toString('latin1')
  lastHeader = header
  return header
}

function checkedHeader(header: Readonly<Record<string, unknown>>): TokenHeader | InvalidToken {
  const refused = refusedHeaders.find((name) => Object.hasOwn(header, name))
  if (refused !== undefined) return new InvalidToken(`the header parameter ${refused} is refused`)
  const { alg, kid, typ } = header
  if (typeof alg !== 'string') return new InvalidToken('the header has no alg')
  if (!isTextOrMissing(kid)) return new InvalidToken('the header parameter kid is no text')
  if (!isTextOrMissing(typ)) return new InvalidToken('the header parameter typ is no text')
  return { alg, kid: kid ?? null, typ: typ === undefined ? null : mediaType(typ) }
}

/** A `typ` in full (RFC 7515 section 4.1.9): `application/` may be left out, and case does not count. */
export function mediaType(typ: string): string {
  const lower = typ.toLowerCase()
  return lower.includes('/') ? lower : `application/${lower}`
}

/** The JSON object in these UTF-8 bytes, or `null`. */
export function jsonObject(bytes: Uint8Array): Readonly<Record<string, unknown>> | null {
  if (!isUtf8(bytes)) return null
  const buffer = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  return parseRecord(buffer.toString('utf8'), maxJsonValues)
}

/** The JSON object in a canonical part of a token, or `null`. */
function jsonOfPart(part: string): Readonly<Record<string, unknown>> | null {
  return jsonObject(Buffer.from(part, 'base64url'))
}

/** Whether base64url without padding, of characters of its alphabet alone, is the one spelling of its bytes. */
function isCanonical(part: string): boolean {
  const extra = part.length % 4
  if (extra < 2) return extra === 0
  // the bits of the last character that are no part of a byte are zero
  return (alphabet.indexOf(part.charAt(part.length - 1)) & (extra === 2 ? 15 : 3)) === 0
}

function notCanonical(name: string): InvalidToken {
  return new InvalidToken(`the ${name} is not canonical base64url`)
}

function isTextOrMissing(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string'
}
