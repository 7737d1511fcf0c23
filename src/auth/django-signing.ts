import { createHash, createHmac } from 'node:crypto'
import { inflateSync } from 'node:zlib'
import { fromBase64url } from '../wire/from-base64url.ts'
import { SallyportError } from '../wire/errors.ts'
import { jsonObject } from './compact-token.ts'
import { isSame } from './hmac.ts'

/** An object that Django has signed, and the time of signing. */
export interface SignedObject {
  readonly value: Readonly<Record<string, unknown>>
  readonly signedAtMs: number
}

/** The longest text that is read, and the most that it may inflate to, in bytes. */
const maxBytes = 1_048_576
const base62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
/** Payload, timestamp and signature; the longest timestamp that is exact in a double and in a `Date`. */
const shape = /^(\.?[\w-]*):([0-9A-Za-z]{1,7}):([\w-]+)$/
/** The first byte of every pickle since protocol 2. */
const pickleMark = 0x80

/** The key that Django derives from a salt and a secret (`django.utils.crypto.salted_hmac`, SHA-256). */
export function saltedHmac(salt: string, secret: string, value: string): Buffer {
  const key = createHash('sha256')
    .update(salt + secret)
    .digest()
  return createHmac('sha256', key).update(value).digest()
}

/**
 * The object that `django.core.signing.dumps` has signed with one of these secrets, read as `loads` does:
 * base64url of JSON, after a dot compressed by zlib, with a timestamp and an HMAC of SHA-256 (Django 3.1 and
 * later). `null` when no secret has signed it, it is malformed, or is larger than 1 MiB. It is inflated and
 * parsed only after its signature was verified.
 *
 * @throws SallyportError ERR_CONFIGURATION when the site has pickled it: a pickle is a program, and is not
 * run
 */
export function signedObject(text: string, salt: string, secrets: readonly string[]): SignedObject | null {
  const parts = text.length > maxBytes ? null : shape.exec(text)
  if (parts === null) return null
  const [, payload = '', timestamp = '', signature = ''] = parts
  const signs = (secret: string): boolean =>
    isSameText(signatureOf(`${payload}:${timestamp}`, salt, secret), signature)
  if (!secrets.some(signs)) return null
  const value = objectOf(payload)
  return value === null ? null : { value, signedAtMs: milliseconds(timestamp) }
}

function signatureOf(signed: string, salt: string, secret: string): string {
  return saltedHmac(`${salt}signer`, secret, signed).toString('base64url')
}

/** Whether two texts are the same, in constant time. */
export function isSameText(one: string, other: string): boolean {
  return isSame(bytesOf(one), bytesOf(other))
}

function milliseconds(timestamp: string): number {
  return timestamp.split('').reduce((value, digit) => value * 62 + base62.indexOf(digit), 0) * 1000
}

function objectOf(payload: string): Readonly<Record<string, unknown>> | null {
  const plain = payload.startsWith('.') ? inflated(bytesIn(payload.slice(1))) : bytesIn(payload)
  if (plain[0] === pickleMark) throw pickled()
  return jsonObject(plain)
}

/** Bytes that cannot be inflated count as empty, which is no JSON either. */
const nothing: Uint8Array = new Uint8Array()

function bytesIn(encoded: string): Uint8Array {
  return fromBase64url(encoded) ?? nothing
}

function inflated(bytes: Uint8Array): Uint8Array {
  try {
    return inflateSync(bytes, { maxOutputLength: maxBytes })
  } catch {
    return nothing
  }
}

function pickled(): SallyportError {
  return new SallyportError(
    'ERR_CONFIGURATION',
    'this Django site pickles its sessions, and a pickle is a program: set SESSION_SERIALIZER to ' +
      "'django.contrib.sessions.serializers.JSONSerializer'",
  )
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
