import { jwtVerify } from 'jose'
import { expect, test } from 'vitest'
import { jwt } from '../../src/auth/jwt.ts'
import { testClock } from '../../src/testing.ts'
import { bearerRequest, verdict } from '../support/auth-request.ts'
import { handmade, seconds, secret } from '../support/tokens.ts'
import { stricterRule } from './stricter.ts'

const clock = testClock()
const now = seconds(clock)
const [issuer, audience] = ['https://issuer.example', 'chat']
const ours = jwt({ issuer, audience, secret, clock, user: ({ sub }) => ({ id: sub }) })
const good = { sub: '7', iss: issuer, aud: audience, exp: now + 60 }
const plain = { alg: 'HS256' }
const [body, head] = [JSON.stringify(good), JSON.stringify(plain)]
const deep = `${'['.repeat(70)}${']'.repeat(70)}`

// each is a token of the issuer's own, which jose takes under its strictest options
test.each<[string, string]>([
  ['one spelling of base64url', respelled(handmade(plain, good))],
  ['16,384 characters at most', handmade(plain, { ...good, note: 'x'.repeat(13_000) })],
  ['UTF-8 without a byte order mark', handmade(plain, `\ufeff${body}`)],
  ['no header that brings a key or an extension', handmade({ ...plain, jku: 'https://evil.example' }, good)],
  ['a type of a token', handmade({ ...plain, typ: 'logout+jwt' }, good)],
  ['a name of a key that is a text', handmade({ ...plain, kid: 7 }, good)],
  ['no key of a prototype or with a backslash', handmade(`{"__proto__":{},${head.slice(1)}`, good)],
  [
    'no key of a prototype or with a backslash',
    handmade(plain, `{"note":{"constructor":1},"note":7,${body.slice(1)}`),
  ],
  ['no key of a prototype or with a backslash', handmade(plain, `{"a\\u005cb":1,${body.slice(1)}`)],
  ['nesting to 64', handmade(plain, `${body.slice(0, -1)},"deep":${deep}}`)],
  ['times within those of a Date', handmade(plain, { ...good, exp: 8.64e12 + 1 })],
  ['not issued in the future', handmade(plain, { ...good, iat: now + 6 })],
  ['texts that say something', handmade(plain, { ...good, jti: '' })],
  ['audiences that are texts', handmade(plain, { ...good, aud: [audience, 7] })],
])('"%s" is a rule of Sallyport alone', async (rule, token) => {
  const { payload, protectedHeader } = await jwtVerify(token, new TextEncoder().encode(secret), {
    algorithms: ['HS256'],
    issuer,
    audience,
    clockTolerance: 5,
    currentDate: new Date(clock.now()),
    requiredClaims: ['exp', 'sub'],
  })
  expect(stricterRule(token, payload, { ...protectedHeader }, now + 5)).toBe(rule)
  // `null` where not even the issuer can be read: no authenticator claims such a token, which is 401 too
  expect(['401 invalid-token', null]).toContain(await verdict(ours, bearerRequest(token)))
})

/** The same signature with an unused bit set: 43 characters hold 258 bits, and a signature has 256. */
function respelled(token: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return token.slice(0, -1) + alphabet.charAt(alphabet.indexOf(token.slice(-1)) | 1)
}
