import { createPublicKey, type JsonWebKey, KeyObject, type webcrypto } from 'node:crypto'
import { SallyportError } from '../wire/errors.ts'
import { isRecord } from '../wire/json.ts'

/**
 * The accepted forms of a public key: PEM (SPKI, PKCS#1 or a certificate), a JWK, or a key object of either
 * kind.
 */
export type PublicKey = string | JsonWebKey | KeyObject | webcrypto.CryptoKey

/**
 * A public key and the algorithms that it may be used with. The header of a token only chooses among these.
 */
export interface VerificationKey {
  readonly key: KeyObject
  /** The name of the key in its set. */
  readonly kid: string | null
  readonly algorithms: ReadonlySet<string>
}

const rs: readonly string[] = ['RS256', 'RS384', 'RS512']
const ps: readonly string[] = ['PS256', 'PS384', 'PS512']
const curves: Readonly<Record<string, string>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
}
/** The two names of one algorithm (RFC 8037, RFC 9864). */
const edwards: readonly string[] = ['EdDSA', 'Ed25519']
const minRsaBits = 2048

/** Every algorithm that a public key can be verified with here. */
export const verifiableAlgorithms: readonly string[] = [...rs, ...ps, ...Object.values(curves), ...edwards]

/**
 * A configured public key.
 *
 * The key decides its algorithms: a curve has one; an RSA key has RS256 unless its `alg` or `algorithms`
 * names others.
 *
 * @throws SallyportError ERR_CONFIGURATION when it is no public key, weaker than RSA 2048, or no algorithm is
 * left
 */
export function verificationKey(input: PublicKey, allowed: readonly string[] | null): VerificationKey {
  const key = publicKey(input)
  const found = pinned(key, statedBy(input), textOf(input, 'kid'), allowed)
  if (found !== null) return found
  const purpose = allowed === null ? '' : ` with ${allowed.join(', ')}`
  throw wrong(
    `a ${key.asymmetricKeyType} key cannot be used${purpose}: ` +
      'use RSA of 2048 bits or more, P-256, P-384, P-521 or Ed25519, with an algorithm of its own',
  )
}

/**
 * The usable keys of a JWK set (RFC 7517 section 5). Members that are for encryption, private, symmetric,
 * weak or unknown are ignored, as the RFC requires.
 *
 * @throws TypeError when it is no JWK set, or has more than 100 keys
 */
export function keysOfSet(jwks: unknown, allowed: readonly string[] | null): readonly VerificationKey[] {
  const { keys } = isRecord(jwks) ? jwks : {}
  if (!Array.isArray(keys)) throw new TypeError("a JWK set is an object with a list of 'keys'")
  if (keys.length > 100) throw new TypeError('a JWK set has 100 keys at most')
  return keys
    .filter(isRecord)
    .filter(isForSignatures)
    .flatMap((jwk) => keyOfSet(jwk, allowed))
}

function keyOfSet(
  jwk: Readonly<Record<string, unknown>>,
  allowed: readonly string[] | null,
): readonly VerificationKey[] {
  try {
    const found = pinned(publicKey(jwk), statedBy(jwk), textOf(jwk, 'kid'), allowed)
    return found === null ? [] : [found]
  } catch {
    // a kind of key that this runtime does not know is ignored (RFC 7517 section 5)
    return []
  }
}

function isForSignatures({ use, key_ops: operations }: Readonly<Record<string, unknown>>): boolean {
  if (use !== undefined && use !== 'sig') return false
  return operations === undefined || (Array.isArray(operations) && operations.includes('verify'))
}

function pinned(
  key: KeyObject,
  stated: string | null,
  kid: string | null,
  allowed: readonly string[] | null,
): VerificationKey | null {
  const possible = possibleAlgorithms(key)
  const own = stated === null ? possible : possible.filter((alg) => alg === stated)
  const algorithms =
    allowed === null ? (stated === null ? usual(own) : own) : own.filter((alg) => allowed.includes(alg))
  return algorithms.length === 0 ? null : { key, kid, algorithms: new Set(algorithms) }
}

function possibleAlgorithms(key: KeyObject): readonly string[] {
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {}
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return modulusLength < minRsaBits ? [] : [...rs, ...ps]
    case 'rsa-pss':
      return modulusLength < minRsaBits ? [] : ps
    case 'ec':
      return Object.hasOwn(curves, namedCurve) ? [curves[namedCurve] ?? ''] : []
    case 'ed25519':
      return edwards
    default:
      return []
  }
}

/** Of an RSA key's algorithms the first; the two names of Ed25519 are one. */
function usual(possible: readonly string[]): readonly string[] {
  return possible.length > 2 ? possible.slice(0, 1) : possible
}

function publicKey(input: unknown): KeyObject {
  if (typeof input === 'string') return fromPem(input)
  if (input instanceof KeyObject) return onlyPublic(input)
  if (isCryptoKey(input)) return onlyPublic(KeyObject.from(input))
  return isRecord(input) ? fromJwk(input) : onlyPublic(null)
}

function fromPem(pem: string): KeyObject {
  // Node would silently take the public half of a private key
  if (pem.includes('PRIVATE KEY')) return onlyPublic(null)
  try {
    return createPublicKey(pem)
  } catch (error) {
    throw wrong("'key' is no PEM public key: it begins with -----BEGIN PUBLIC KEY-----", error)
  }
}

function fromJwk(jwk: Readonly<Record<string, unknown>>): KeyObject {
  if (jwk['kty'] === 'oct' || Object.hasOwn(jwk, 'd')) return onlyPublic(null)
  try {
    return createPublicKey({ key: jwk, format: 'jwk' })
  } catch (error) {
    throw wrong("'key' is no JWK public key", error)
  }
}

function onlyPublic(key: KeyObject | null): KeyObject {
  if (key?.type === 'public') return key
  throw wrong(
    "'key' must be a public key: keep the private key with the issuer, and give a shared secret as 'secret'",
  )
}

function isCryptoKey(input: unknown): input is webcrypto.CryptoKey {
  return input instanceof CryptoKey
}

/** A member of a JWK that is a text; other kinds of key have none. */
function textOf(input: unknown, name: 'kid' | 'alg'): string | null {
  const value = isRecord(input) ? input[name] : undefined
  return typeof value === 'string' ? value : null
}

/** The one algorithm that a JWK or a WebCrypto key names itself. */
function statedBy(input: unknown): string | null {
  return isCryptoKey(input) ? webCryptoAlgorithm(input) : textOf(input, 'alg')
}

function webCryptoAlgorithm({ algorithm }: webcrypto.CryptoKey): string | null {
  // only RSA keys have a hash; TypeScript's type names the algorithm alone
  const { hash } = algorithm as { readonly hash?: { readonly name: string } }
  const bits = hash?.name.replace('SHA-', '')
  if (algorithm.name === 'RSASSA-PKCS1-v1_5') return `RS${bits}`
  return algorithm.name === 'RSA-PSS' ? `PS${bits}` : null
}

function wrong(message: string, cause?: unknown): SallyportError {
  return new SallyportError('ERR_CONFIGURATION', message, { cause })
}
