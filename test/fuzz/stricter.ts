/**
 * Where ours refuses what jose accepts under its strictest options; each rule has tests of its own in `test/auth` and
 * `test/security`, and is said in docs/authenticators.md.
 */
export function stricterRule(
  token: string,
  payload: Readonly<Record<string, unknown>>,
  header: Readonly<Record<string, unknown>>,
  latest: number,
): string | null {
  const broken = rules.find(([, isKept]) => !isKept({ token, payload, header, latest }))
  return broken === undefined ? null : broken[0]
}

interface Accepted {
  readonly token: string
  readonly payload: Readonly<Record<string, unknown>>
  readonly header: Readonly<Record<string, unknown>>
  /** The last second that a clock within the tolerance may show. */
  readonly latest: number
}

const bringsKey = ['jwk', 'jku', 'x5u', 'x5c', 'crit', 'b64']
const kinds = ['jwt', 'at+jwt', 'application/jwt', 'application/at+jwt']

const rules: readonly (readonly [string, (accepted: Accepted) => boolean])[] = [
  ['one spelling of base64url', ({ token }) => token.split('.').every(isCanonical)],
  ['16,384 characters at most', ({ token }) => token.length <= 16_384],
  ['UTF-8 without a byte order mark', ({ token }) => token.split('.').slice(0, 2).every(isPlainUtf8)],
  [
    'no header that brings a key or an extension',
    ({ header }) => !bringsKey.some((name) => Object.hasOwn(header, name)),
  ],
  [
    'a type of a token',
    ({ header: { typ } }) =>
      typ === undefined || (typeof typ === 'string' && kinds.includes(typ.toLowerCase())),
  ],
  ['a name of a key that is a text', ({ header: { kid } }) => kid === undefined || typeof kid === 'string'],
  [
    'no key of a prototype or with a backslash',
    ({ token }) => token.split('.').slice(0, 2).every(hasPlainKeys),
  ],
  ['nesting to 64', ({ token }) => token.split('.').slice(0, 2).every(isShallow)],
  [
    'times within those of a Date',
    ({ payload }) => ['exp', 'nbf', 'iat'].every((name) => isTime(payload[name])),
  ],
  [
    'not issued in the future',
    ({ payload: { iat }, latest }) => iat === undefined || (typeof iat === 'number' && iat <= latest),
  ],
  [
    'texts that say something',
    ({ payload }) =>
      ['sub', 'jti', 'sid'].every((name) => payload[name] === undefined || isText(payload[name])),
  ],
  [
    'audiences that are texts',
    ({ payload: { aud } }) => [aud].flat().every((one) => typeof one === 'string'),
  ],
  ['an issuer that is a text', ({ payload: { iss } }) => typeof iss === 'string'],
]

function isCanonical(part: string): boolean {
  return Buffer.from(part, 'base64url').toString('base64url') === part
}

function isPlainUtf8(part: string): boolean {
  const bytes = Buffer.from(part, 'base64url')
  const text = bytes.toString('utf8')
  return Buffer.from(text).equals(bytes) && !text.startsWith('\ufeff')
}

/** The keys as they stand in the text: of one that stands twice JSON.parse keeps the last value alone. */
function hasPlainKeys(part: string): boolean {
  const strings = textOf(part).matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?/g)
  for (const [, string = '', colon] of strings) {
    const key: unknown = colon === undefined ? null : JSON.parse(string)
    if (key === '__proto__' || key === 'constructor' || String(key).includes('\\')) return false
  }
  return true
}

function isShallow(part: string): boolean {
  const text = textOf(part).replace(/"(?:[^"\\]|\\.)*"/g, '')
  let [depth, deepest] = [0, 0]
  for (const character of text) {
    if (character === '[' || character === '{') deepest = Math.max(deepest, ++depth)
    else if (character === ']' || character === '}') depth--
  }
  return deepest <= 64
}

function textOf(part: string): string {
  return Buffer.from(part, 'base64url')
    .toString('utf8')
    .replace(/^\ufeff/, '')
}

function isTime(value: unknown): boolean {
  return value === undefined || (typeof value === 'number' && value >= 0 && value <= 8.64e12)
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== ''
}
