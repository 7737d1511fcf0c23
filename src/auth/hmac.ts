import { createHmac, createSecretKey, KeyObject, timingSafeEqual } from 'node:crypto'
import { SallyportError } from '../wire/errors.ts'
import type { CompactToken, TokenHeader } from './compact-token.ts'
import { InvalidToken } from './invalid-token.ts'

/** A secret that both sides share. A text stands for its UTF-8 bytes. */
export type Secret = string | Uint8Array | KeyObject

interface Hash {
  readonly hash: string
  readonly bytes: number
}

/** The HMAC algorithms (RFC 7518 section 3.2). */
const hashes: ReadonlyMap<string, Hash> = new Map([
  ['HS256', { hash: 'sha256', bytes: 32 }],
  ['HS384', { hash: 'sha384', bytes: 48 }],
  ['HS512', { hash: 'sha512', bytes: 64 }],
])

/**
 * Verifies HMAC signatures in the same turn, by `node:crypto` with keys that are made once; WebCrypto would
 * use a thread pool for each token. Any of several secrets is accepted, so that one can be replaced.
 *
 * @returns a function that tells why a token is refused, and `null` when one of the secrets has signed it
 * @throws SallyportError ERR_CONFIGURATION when a secret is shorter than the hash (RFC 7518 section 3.2) or
 * is a key of another kind, or an algorithm is unknown
 */
export function hmacVerifier(
  secrets: readonly Secret[],
  algorithms: readonly string[],
): (token: CompactToken, header: TokenHeader) => InvalidToken | null {
  const allowed = new Map(algorithms.map((alg) => [alg, hashOf(alg).hash]))
  const longest = Math.max(...algorithms.map((alg) => hashOf(alg).bytes))
  const keys = secrets.map((secret) => secretKey(secret, longest))
  if (keys.length === 0 || allowed.size === 0)
    throw wrong('jwt() needs at least one secret and one algorithm')
  return ({ signed, signature }, { alg }) => {
    const hash = allowed.get(alg)
    if (hash === undefined) return new InvalidToken('the algorithm is not allowed for a shared secret')
    const given = Buffer.from(signature, 'base64url')
    for (const key of keys) if (isSame(createHmac(hash, key).update(signed).digest(), given)) return null
    return new InvalidToken('the signature is wrong')
  }
}

/** Compares in constant time; only the length, which is public, may end it early. */
export function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(one, other)
}

function hashOf(alg: string): Hash {
  const found = hashes.get(alg)
  if (found !== undefined) return found
  throw wrong(
    `'${alg}' does not go with a shared secret: use HS256, HS384 or HS512, or give a public key as 'key'`,
  )
}

function secretKey(secret: Secret, longest: number): KeyObject {
  const key = secret instanceof KeyObject ? secret : createSecretKey(bytesOf(secret))
  if (key.type !== 'secret')
    throw wrong("a public or private key is no shared secret: give the public key as 'key'")
  const size = key.symmetricKeySize ?? 0
  if (size >= longest) return key
  throw wrong(
    `the secret has ${size} bytes, but the algorithm needs ${longest} (RFC 7518 section 3.2): ` +
      `make one with "openssl rand -base64 ${longest}" and keep it out of the code`,
  )
}

function bytesOf(secret: string | Uint8Array): Uint8Array {
  const bytes = typeof secret === 'string' ? new TextEncoder().encode(secret) : secret
  // a public key is known to all: any reader of it could sign
  if (Buffer.from(bytes).includes('-----BEGIN'))
    throw wrong("the secret is a PEM key: give the public key as 'key'")
  return bytes
}

function wrong(message: string): SallyportError {
  return new SallyportError('ERR_CONFIGURATION', message)
}
