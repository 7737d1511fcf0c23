import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { jwt } from '../../src/auth/jwt.ts'
import { authenticate } from '../../src/core/access/authenticate.ts'
import { testClock } from '../../src/testing/clock.ts'
import { bearerRequest } from '../support/auth-request.ts'
import { handmade, seconds, secret } from '../support/tokens.ts'

const clock = testClock()
const now = seconds(clock)
const issuer = 'https://issuer.example'
const header = { alg: 'HS256' }
const good = { sub: '7', exp: now + 60, iat: now }
const ours = jwt({ secret, clock, user: ({ sub }) => (sub === '7' ? { id: sub } : null) })
const ofIssuer = jwt({ secret, clock, issuer, user: ({ sub }) => ({ id: sub }) })

const token = handmade(header, good)
const [head = '', body = '', tail = ''] = token.split('.')
/** The last character of a part with another spelling of the same bytes. */
const respelt = (part: string): string => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return part.slice(0, -1) + alphabet.charAt(alphabet.indexOf(part.slice(-1)) | 1)
}
const odd = handmade(header, { ...good, x: 'x' })
const [, oddBody = ''] = odd.split('.')
/** A token whose payload is these bytes, signed. */
const ofBytes = (payload: Uint8Array): string => {
  const signed = `${head}.${Buffer.from(payload).toString('base64url')}`
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}
const claimsWith = (byte: number): Buffer =>
  Buffer.concat([Buffer.from('{"sub":"7","exp":9999999999,"x":"'), Buffer.of(byte), Buffer.from('"}')])

test('the parts of these tokens have bits to spare', () => {
  expect([tail.length % 4, oddBody.length % 4, 'eyJ4IjoxfQ'.length % 4]).toEqual([3, 3, 2])
  expect(authenticate(ours, bearerRequest(token))).toMatchObject({ user: { id: '7' } })
  expect(authenticate(ours, bearerRequest(odd))).toMatchObject({ user: { id: '7' } })
  expect(authenticate(ours, bearerRequest(ofBytes(claimsWith(0x78))))).toMatchObject({ user: { id: '7' } })
})

test.each([
  [`${'a'.repeat(16_384)}.${body}.${tail}`, 'the token is longer than 16384 characters'],
  [`eyJ4IjoxfR.${body}.${tail}`, 'the header is not canonical base64url'],
  [`abcde.${body}.${tail}`, 'the header is not canonical base64url'],
  [`abcd.${body}.${tail}`, 'the header is no JSON object'],
  [`abcd.${respelt(oddBody)}.${tail}`, 'the header is no JSON object'],
  [
    `${Buffer.from('{"alg":"HS256","x":"\xff"}', 'latin1').toString('base64url')}.${body}.${tail}`,
    'the header is no JSON object',
  ],
  [handmade({ ...header, jku: 'https://evil.example' }, good), 'the header parameter jku is refused'],
  [handmade({}, good), 'the header has no alg'],
  [handmade({ alg: 7 }, good), 'the header has no alg'],
  [handmade({ ...header, kid: 7 }, good), 'the header parameter kid is no text'],
  [handmade({ ...header, typ: 7 }, good), 'the header parameter typ is no text'],
  [odd.replace(oddBody, respelt(oddBody)), 'the payload is not canonical base64url'],
  [`${head}.${body}.${respelt(tail)}`, 'the signature is not canonical base64url'],
  [`${head}.${body}.abcde`, 'the signature is not canonical base64url'],
  [handmade({ ...header, typ: 'logout+jwt' }, good), 'the token is of another type'],
  [handmade({ alg: 'HS384' }, good), 'the algorithm is not allowed for a shared secret'],
  [handmade(header, good, 'another secret'), 'the signature is wrong'],
  [`${head}.${body}.`, 'the signature is wrong'],
])('a token that is not genuine counts as a guess, and operators learn why: %#', (value, detail) => {
  expect(authenticate(ours, bearerRequest(value))).toMatchObject({
    status: 401,
    reason: 'invalid-token',
    detail,
    genuine: false,
  })
})

test.each([
  [handmade(header, 'no JSON'), 'the payload is no JSON object'],
  [handmade(header, '[]'), 'the payload is no JSON object'],
  [ofBytes(claimsWith(0xff)), 'the payload is no JSON object'],
  [handmade(header, { sub: '7' }), 'the claim exp is missing'],
  [handmade(header, { ...good, exp: now - 5 }), 'the token has expired'],
  [handmade(header, { ...good, exp: 'soon' }), 'the claim exp is no number of seconds'],
  [handmade(header, { ...good, nbf: now + 6 }), 'the token is not valid yet'],
  [handmade(header, { ...good, nbf: -1 }), 'the claim nbf is no number of seconds'],
  [handmade(header, { ...good, iat: now + 6 }), 'the token was issued in the future'],
  [handmade(header, { ...good, iat: null }), 'the claim iat is no number of seconds'],
  [handmade(header, { ...good, iss: 7 }), 'the claim iss is no text'],
  [handmade(header, { ...good, aud: 7 }), 'the claim aud is neither a text nor a list of texts'],
  [
    handmade(header, { ...good, aud: 'chat' }),
    "the token is meant for an audience, but no 'audience' was configured",
  ],
  [handmade(header, { ...good, jti: '' }), 'the claim jti is no text'],
  [handmade(header, { ...good, sid: 7 }), 'the claim sid is no text'],
  [handmade(header, { ...good, sub: 7 }), 'the claim sub is no text'],
  [
    handmade(header, { exp: good.exp }),
    "the claim sub is missing: give jwt() a schema as 'claims' for tokens without it",
  ],
  [handmade(header, { ...good, sub: '8' }), 'the user of this token is gone'],
])('a genuine token that is refused counts as no guess, and operators learn why: %#', (value, detail) => {
  expect(authenticate(ours, bearerRequest(value))).toMatchObject({
    status: 401,
    reason: 'invalid-token',
    detail,
    genuine: true,
  })
})

test('a header that was refused is refused again, and one that was accepted stays accepted', () => {
  const refused = handmade({ ...header, crit: ['b64'] }, good)
  for (const value of [refused, refused])
    expect(authenticate(ours, bearerRequest(value))).toMatchObject({
      detail: 'the header parameter crit is refused',
    })
  for (const value of [token, odd, token])
    expect(authenticate(ours, bearerRequest(value))).toMatchObject({ user: { id: '7' } })
})

test('a token whose issuer cannot be read is left to the next authenticator', () => {
  const own = { ...good, iss: issuer, x: 'xx' }
  const ofOwn = handmade(header, own)
  const [ownHead = '', ownBody = '', ownTail = ''] = ofOwn.split('.')
  expect(ownBody.length % 4).not.toBe(0)
  expect(authenticate(ofIssuer, bearerRequest(ofOwn))).toMatchObject({ user: { id: '7' } })
  const unreadable = [
    'opaque',
    token,
    handmade(header, { ...own, iss: [issuer] }),
    handmade(header, 'no JSON'),
    `${ownHead}.${respelt(ownBody)}.${ownTail}`,
    handmade(header, { ...own, x: 'x'.repeat(16_384) }),
  ]
  for (const value of unreadable)
    expect(authenticate(ofIssuer, bearerRequest(value))).toMatchObject({ reason: 'unknown-credential' })
})
