import { jwtVerify } from 'jose'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { compactToken, headerOf, looksLikeToken } from '../../src/auth/compact-token.ts'
import { hmacVerifier } from '../../src/auth/hmac.ts'
import { jwt } from '../../src/auth/jwt.ts'
import { testClock } from '../../src/testing/clock.ts'
import { isRecord } from '../../src/wire/json.ts'
import { bearerRequest, verdict } from '../support/auth-request.ts'
import { handmade, seconds, secret } from '../support/tokens.ts'

const clock = testClock()
const now = seconds(clock)
const issuer = 'https://issuer.example'
const ours = jwt({ issuer, audience: 'chat', secret, clock, user: ({ sub }) => ({ id: sub }) })

/** What jose says under options as strict as ours; where ours go beyond its options, that is written out here. */
async function joseAccepts(token: string): Promise<boolean> {
  try {
    const { payload, protectedHeader } = await jwtVerify(token, new TextEncoder().encode(secret), {
      algorithms: ['HS256'],
      issuer,
      audience: 'chat',
      clockTolerance: 5,
      currentDate: new Date(clock.now()),
      requiredClaims: ['exp', 'sub'],
    })
    const { iat, exp = 0, nbf = 0, sub, jti = 'x', sid = 'x', aud } = payload
    const times = [exp, nbf, iat ?? 0].every((one) => one >= 0 && one <= 8.64e12)
    const texts = [sub, jti, sid].every((one) => typeof one === 'string' && one !== '')
    const audiences = [aud].flat().every((one) => typeof one === 'string')
    const kinds = [undefined, 'JWT', 'at+jwt'].includes(protectedHeader.typ)
    const headers = ['jwk', 'jku', 'x5u', 'x5c', 'crit', 'b64'].every(
      (name) => !Object.hasOwn(protectedHeader, name),
    )
    const named = ['string', 'undefined'].includes(typeof protectedHeader.kid)
    const keys = !Object.hasOwn(payload, 'constructor')
    return (
      isCanonical(token) &&
      times &&
      texts &&
      audiences &&
      kinds &&
      headers &&
      named &&
      keys &&
      (iat ?? 0) <= now + 5
    )
  } catch {
    return false
  }
}

/** jose takes base64url whose unused bits are set, and whitespace in it; ours does not, or a token had many spellings. */
function isCanonical(token: string): boolean {
  return token.split('.').every((part) => Buffer.from(part, 'base64url').toString('base64url') === part)
}

async function accepts(token: string): Promise<boolean> {
  return isRecord(await verdict(ours, bearerRequest(token)))
}

const good = { sub: '7', iss: issuer, aud: 'chat', iat: now - 10, exp: now + 60 }
const token = handmade({ alg: 'HS256', typ: 'JWT' }, good)

test('the good token is good to both', async () => {
  expect([await accepts(token), await joseAccepts(token)]).toEqual([true, true])
})

test('a token with any one character replaced, left out or put in is refused, as jose refuses it', async () => {
  const alphabet = 'AQgw0-_.'
  for (let at = 0; at < token.length; at++) {
    for (const other of ['', ...alphabet.split('')]) {
      for (const kept of [token.slice(at), token.slice(at + 1)]) {
        const mutant = token.slice(0, at) + other + kept
        if (mutant === token || !looksLikeToken(mutant)) continue
        if (await accepts(mutant)) throw new Error(`accepted: character ${at}`)
        if (await joseAccepts(mutant)) throw new Error(`jose accepted: character ${at}`)
      }
    }
  }
})

test('a signature spelled with its unused bits set is refused, which jose would take', async () => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const last = alphabet.indexOf(token.slice(-1))
  for (const bits of [1, 2, 3]) {
    const spelled = token.slice(0, -1) + alphabet.charAt(last | bits)
    expect(Buffer.from(spelled.split('.')[2] ?? '', 'base64url')).toEqual(
      Buffer.from(token.split('.')[2] ?? '', 'base64url'),
    )
    expect(await accepts(spelled)).toBe(false)
  }
})

const instants = fc.oneof(
  fc.constantFrom<unknown>(
    now,
    now + 5,
    now + 6,
    now - 5,
    now - 4,
    now - 6,
    0,
    -1,
    8.64e12,
    8.64e12 + 1,
    2 ** 53,
    1e308,
  ),
  fc.constantFrom<unknown>(null, '', String(now + 60), true, [now + 60], {}, now + 0.5),
  fc.integer({ min: now - 100, max: now + 100 }),
)
const texts = fc.constantFrom<unknown>(
  '7',
  '',
  'chat',
  issuer,
  `${issuer}/`,
  null,
  7,
  [],
  ['chat'],
  ['chat', 7],
  ['other'],
  {},
)
const optional = { requiredKeys: [] }
const claims = fc.record(
  { sub: texts, iss: texts, aud: texts, jti: texts, sid: texts, iat: instants, nbf: instants, exp: instants },
  optional,
)
const headers = fc.record(
  {
    alg: fc.constantFrom<unknown>('HS256', 'HS256', 'HS256', 'HS384', 'none', 'hs256', '', null, 'RS256'),
    typ: fc.constantFrom<unknown>('JWT', 'at+jwt', 'logout+jwt'),
    kid: fc.constantFrom<unknown>('k', 7),
    crit: fc.constantFrom<unknown>(['b64'], ['exp'], [], 'b64'),
    b64: fc.boolean(),
    jwk: fc.constant({ kty: 'oct', k: 'AAAA' }),
  },
  optional,
)
/** Mostly good, so that one odd part at a time is met. */
const signedTokens = fc
  .tuple(
    fc.option(headers, { nil: {}, freq: 1 }),
    claims,
    fc.subarray(['sub', 'iss', 'aud', 'iat', 'exp', 'nbf', 'jti', 'sid'], { maxLength: 2 }),
  )
  .map(([header, odd, chosen]) => {
    const changed = Object.fromEntries(Object.entries(odd).filter(([name]) => chosen.includes(name)))
    return handmade({ alg: 'HS256', ...header }, { ...good, ...changed })
  })

test('tokens signed with odd headers and claims get the verdict of jose under strict options', async () => {
  let both = 0
  await fc.assert(
    fc.asyncProperty(signedTokens, async (odd) => {
      const expected = await joseAccepts(odd)
      if (expected) both++
      expect(await accepts(odd)).toBe(expected)
    }),
    { numRuns: 3_000 },
  )
  expect(both).toBeGreaterThan(100)
})

// proves: hmac
test('a signature is valid here exactly when it is valid for jose', async () => {
  const verify = hmacVerifier([secret], ['HS256'])
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 40 }), fc.boolean(), async (bytes, isRight) => {
      const tail = isRight ? token.split('.')[2] : Buffer.from(bytes).toString('base64url')
      const one = `${token.split('.').slice(0, 2).join('.')}.${tail}`
      const parsed = compactToken(one)
      const header = parsed === null ? null : headerOf(parsed)
      const isGood = parsed !== null && header !== null && 'alg' in header && verify(parsed, header) === null
      expect(isGood).toBe(await joseAccepts(one))
    }),
    { numRuns: 1_000 },
  )
})

test('no input at all gets past a token, and none ends in an error', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary' }), fc.string(), async (head, body) => {
      const parts = [head, body, `${head}${body}`].map((part) => Buffer.from(part).toString('base64url'))
      expect(
        await verdict(jwt({ secret, clock, user: () => ({}) }), bearerRequest(parts.join('.'))),
      ).toSatisfy((said) => said === '401 invalid-token' || said === null)
    }),
  )
})
