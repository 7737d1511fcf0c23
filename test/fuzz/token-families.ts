import { constants, createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'

/** A family of algorithms with its key: how tokens are signed, and what verifiers are given. */
export interface Family {
  readonly name: string
  readonly algorithms: readonly string[]
  /** What {@link jwt} is configured with. */
  readonly given: { readonly secret: string } | { readonly key: string }
  /** What jose verifies with. */
  readonly key: KeyObject | Uint8Array
  /** The signature of a text under one of the algorithms. */
  sign(alg: string, text: string): Buffer
  /** How many bytes the order of the curve has; `null` when signatures are no pair of numbers. */
  readonly half: number | null
}

const secret = 'a secret of the fuzz, which is long enough for the longest of all three hashes'
/** Ours for a run, foreign for its second copy: keys of the same kind that are not configured. */
const hashOf = (alg: string): string => `sha${alg.slice(-3)}`

function hmac(text: string): Family {
  return {
    name: 'HS',
    algorithms: ['HS256', 'HS384', 'HS512'],
    given: { secret: text },
    key: new TextEncoder().encode(text),
    sign: (alg, signed) => createHmac(hashOf(alg), text).update(signed).digest(),
    half: null,
  }
}

function rsa(): readonly Family[] {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
  return (['RS', 'PS'] as const).map((name) => ({
    name,
    algorithms: [256, 384, 512].map((bits) => `${name}${bits}`),
    given: { key: pem(publicKey) },
    key: publicKey,
    sign: (alg, text) =>
      sign(hashOf(alg), Buffer.from(text), { key: privateKey, ...(name === 'PS' ? pss : {}) }),
    half: null,
  }))
}

function elliptic(alg: string, namedCurve: string, half: number): Family {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve })
  return {
    name: alg,
    algorithms: [alg],
    given: { key: pem(publicKey) },
    key: publicKey,
    sign: (_, text) => sign(hashOf(alg), Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' }),
    half,
  }
}

function edwards(): Family {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  return {
    name: 'EdDSA',
    algorithms: ['EdDSA', 'Ed25519'],
    given: { key: pem(publicKey) },
    key: publicKey,
    sign: (_, text) => sign(null, Buffer.from(text), privateKey),
    half: 32,
  }
}

function pem(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'spki' }).toString()
}

/** Every family of algorithms that is spoken, with keys of its own. */
export function families(shared: string = secret): readonly Family[] {
  return [
    hmac(shared),
    ...rsa(),
    elliptic('ES256', 'prime256v1', 32),
    elliptic('ES384', 'secp384r1', 48),
    elliptic('ES512', 'secp521r1', 66),
    edwards(),
  ]
}
