import { createHmac } from 'node:crypto'
import { oddSignature } from './odd-signature.ts'
import { type Family, families } from './token-families.ts'
import { oddObject } from './odd-json.ts'
import { mutated, Random } from './random.ts'

/** The moment at which all tokens are looked at, in seconds. */
export const nowSeconds: number = Date.UTC(2026, 0, 1) / 1000
export const issuer = 'https://issuer.example'
export const audience = 'chat'

/** A token, whose it claims to be, and what was done to it. */
export interface OddToken {
  readonly family: Family
  readonly token: string
  readonly story: string
}

const now = nowSeconds
const good: Readonly<Record<string, string>> = {
  sub: '"7"',
  iss: JSON.stringify(issuer),
  aud: JSON.stringify(audience),
  iat: String(now - 10),
  exp: String(now + 60),
}
const claimNames = [
  'sub',
  'iss',
  'aud',
  'iat',
  'exp',
  'nbf',
  'jti',
  'sid',
  'scope',
  'note',
  '__proto__',
  'constructor',
] as const
const headerNames = [
  'alg',
  'typ',
  'kid',
  'crit',
  'b64',
  'jwk',
  'jku',
  'x5u',
  'x5c',
  'cty',
  'enc',
  'zip',
  '__proto__',
] as const
const instants = [now, now + 5, now + 6, now - 5, now - 4, now - 6, now + 5.5, now - 4.5, now + 1e9, 0].map(
  String,
)
const types = [
  'JWT',
  'jwt',
  'at+jwt',
  'AT+JWT',
  'application/jwt',
  'application/at+jwt',
  'logout+jwt',
  'JOSE',
  '',
].map((typ) => JSON.stringify(typ))
const names = [
  'none',
  'None',
  'NONE',
  '',
  'hs256',
  'HS256 ',
  'HS1',
  'RS1',
  'ES256K',
  'dir',
  'A128KW',
  'EdDSA',
  'Ed25519',
  'Ed448',
]

/** Makes tokens that are good, nearly good, and bad, each story decided by the seed of the run and its number. */
export class TokenSource {
  readonly #ours: readonly Family[]
  readonly #foreign: readonly Family[]

  constructor() {
    this.#ours = families()
    this.#foreign = families('another secret, which is not configured here, but as long as the first one')
  }

  get families(): readonly Family[] {
    return this.#ours
  }

  token(seed: number, index: number): OddToken {
    const random = new Random(seed, index)
    // signing with RSA costs a millisecond and HMAC next to nothing: all are met, the cheap ones more often
    const at = random.pick([0, 0, 0, 0, 0, 0, 1, 2, 3, 3, 3, 4, 5, 6, 6, 6])
    const family = this.#ours[at]
    if (family === undefined) throw new Error('there are seven families')
    const alg = random.pick(family.algorithms)
    const header = { alg: JSON.stringify(alg), ...(random.percent(30) ? { typ: random.pick(types) } : {}) }
    const [head, headStory] = random.percent(20)
      ? [this.#header(header, random), 'header']
      : [plain(header), '']
    const [body, bodyStory] = random.percent(55) ? [claims(random), 'claims'] : [plain(good), '']
    const signed = `${encoded(head, random)}.${encoded(body, random)}`
    const [signature, signatureStory] = this.#signature({ at, family, alg, signed }, random)
    const whole = `${signed}.${signature}`
    const [token, tokenStory] = random.percent(15) ? [oddText(whole, random), 'text'] : [whole, '']
    return {
      family,
      token,
      story: [family.name, headStory, bodyStory, signatureStory, tokenStory].filter(Boolean).join(' '),
    }
  }

  #header(header: Readonly<Record<string, string>>, random: Random): string {
    const all = this.#ours.flatMap(({ algorithms }) => algorithms)
    if (random.percent(30)) return plain({ ...header, alg: JSON.stringify(random.pick([...names, ...all])) })
    return oddObject(header, headerNames, random)
  }

  #signature(
    { at, family, alg, signed }: { at: number; family: Family; alg: string; signed: string },
    random: Random,
  ): readonly [string, string] {
    const signature = (): Buffer => family.sign(alg, signed)
    if (random.percent(75)) return [signature().toString('base64url'), '']
    const foreign = this.#foreign[at]
    switch (random.below(6)) {
      case 0:
        return [foreign?.sign(alg, signed).toString('base64url') ?? '', 'foreign key']
      case 1:
        return [confused(alg, family, signed).toString('base64url'), 'public key as a secret']
      case 2:
        return [random.bytes(random.below(200)).toString('base64url'), 'noise']
      case 3:
        return ['', 'no signature']
      default:
        return [oddSignature(signature(), family, random).toString('base64url'), 'signature']
    }
  }
}

function plain(members: Readonly<Record<string, string>>): string {
  return `{${Object.entries(members)
    .map(([name, value]) => `"${name}":${value}`)
    .join(',')}}`
}

function claims(random: Random): string {
  if (random.percent(40))
    return plain({ ...good, [random.pick(['exp', 'nbf', 'iat'])]: random.pick(instants) })
  if (random.percent(20))
    return plain({ ...good, note: JSON.stringify('x'.repeat(random.pick([10, 1_000, 12_000, 13_000]))) })
  return oddObject(good, claimNames, random)
}

/** Base64url of UTF-8, or now and then of bytes that are none. */
function encoded(text: string, random: Random): string {
  const bytes = random.percent(2)
    ? Buffer.concat([Buffer.from(text.slice(0, -1)), random.pick(brokenUtf8), Buffer.from(text.slice(-1))])
    : Buffer.from(text)
  return bytes.toString('base64url')
}

const brokenUtf8 = [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe2, 0x82]].map((bytes) =>
  Buffer.from([0x2c, 0x22, ...bytes, 0x22, 0x3a, 0x31]),
)

/** HMAC under the text of a public key: what a verifier falls for that takes any key for a secret. */
function confused(alg: string, { given }: Family, signed: string): Buffer {
  const key = 'key' in given ? given.key : ''
  return createHmac(`sha${/^(?:.S)(?:256|384|512)$/.test(alg) ? alg.slice(2) : '256'}`, key)
    .update(signed)
    .digest()
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** The text of a token in which segments, padding, alphabet, spaces or spelling were changed. */
function oddText(token: string, random: Random): string {
  const parts = token.split('.')
  const at = random.below(parts.length)
  const part = parts[at] ?? ''
  switch (random.below(9)) {
    case 0:
      return parts.with(at, `${part}${'='.repeat(1 + random.below(3))}`).join('.')
    case 1:
      return parts.with(at, part.replaceAll('-', '+').replaceAll('_', '/')).join('.')
    case 2:
      // the same bytes, spelled with unused bits set
      return parts
        .with(
          at,
          part.slice(0, -1) + alphabet.charAt(alphabet.indexOf(part.slice(-1)) | random.pick([1, 2, 3])),
        )
        .join('.')
    case 3:
      return parts.toSpliced(at, random.below(2), random.pick(['', 'e30', part])).join('.')
    case 4:
      return parts.toReversed().join('.')
    case 5:
      return random.pick([
        `${token} `,
        ` ${token}`,
        `${token}\n`,
        `${token}.`,
        `.${token}`,
        `${token},${token}`,
        `Bearer ${token}`,
      ])
    case 6:
      return encodeURIComponent(token).replaceAll('.', '%2E')
    default:
      return mutated(token, random)
  }
}
