import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, SignJWT } from 'jose'
import { expect, test } from 'vitest'
import { jwt } from '../../src/auth/jwt.ts'
import { testClock } from '../../src/testing/clock.ts'
import { bearerRequest, denialOf, verdict } from '../support/auth-request.ts'
import { handmade, seconds, secret } from '../support/tokens.ts'

// A header may choose among configured keys and nothing else (RFC 8725 section 3.10).
const clock = testClock()
const claims = { sub: '7', exp: seconds(clock) + 60 }
const user = (): { id: string } => ({ id: '7' })
const ours = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const theirs = generateKeyPairSync('ec', { namedCurve: 'P-256' })

// proves: keys-in-token
test('a key that a token brings along is not used, and its server is never asked', async () => {
  let asked = 0
  const server = createServer((_request, response) => {
    asked++
    response.end('{"keys":[]}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // a server that listens on TCP has an address with a port
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const jwk = await exportJWK(theirs.publicKey)
  const set = [{ ...(await exportJWK(ours.publicKey)), kid: 'a' }]
  const authenticators = [
    jwt({ key: ours.publicKey, clock, user }),
    jwt({ jwks: { keys: set }, clock, user }),
    jwt({ key: ours.publicKey, clock, user, fetch: () => expect.unreachable('a key was fetched') }),
  ]
  for (const header of [
    { jwk },
    { jku: url },
    { x5u: url },
    { x5c: ['AAAA'] },
    { jwk, kid: 'a' },
    { jku: url, kid: 'a' },
  ]) {
    const token = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', ...header })
      .sign(theirs.privateKey)
    for (const one of authenticators)
      expect(await verdict(one, bearerRequest(token))).toBe('401 invalid-token')
  }
  expect(asked).toBe(0)
  await new Promise((resolve) => server.close(resolve))
})

test.each<[string, object]>([
  ['jwk', { jwk: {} }],
  ['jku', { jku: 'https://keys.example' }],
  ['x5u', { x5u: 'https://keys.example' }],
  ['x5c', { x5c: [] }],
  ['crit', { crit: ['exp'], exp: 1 }],
  ['an empty crit', { crit: [] }],
  ['crit with b64', { crit: ['b64'], b64: true }],
  ['b64', { b64: false }],
  ['an unencoded payload', { crit: ['b64'], b64: false }],
])('a good signature does not help a header with %s', async (_what, header) => {
  const token = handmade({ alg: 'HS256', ...header }, claims)
  expect(await verdict(jwt({ secret, clock, user }), bearerRequest(token))).toBe('401 invalid-token')
})

test.each([
  '../../../../dev/null',
  "a' OR '1'='1",
  '__proto__',
  'constructor',
  'toString',
  '',
  'a\0',
  'file:///etc/passwd',
])('a kid is compared and nothing else: %j', async (kid) => {
  const keys = [{ ...(await exportJWK(ours.publicKey)), kid: 'a' }]
  const one = jwt({ jwks: { keys }, clock, user })
  const token = await new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid }).sign(ours.privateKey)
  expect(await verdict(one, bearerRequest(token))).toBe('401 invalid-token')
})

test.each<unknown>([7, null, true, [], ['a'], {}])('a kid that is no text is refused: %j', async (kid) => {
  const one = jwt({ secret, clock, user })
  expect(await verdict(one, bearerRequest(handmade({ alg: 'HS256', kid }, claims)))).toBe('401 invalid-token')
})

test.each<unknown>([undefined, null, 7, ['HS256'], {}])(
  'a header without an algorithm is refused, and operators are told: %j',
  async (alg) => {
    const token = handmade({ alg }, claims)
    const { status, detail } = await denialOf(() => jwt({ secret, clock, user })(bearerRequest(token)))
    expect([status, detail]).toEqual([401, 'the header has no alg'])
  },
)

test.each(['logout+jwt', 'secevent+jwt', 'dpop+jwt', 'application/secevent+jwt', '', 'jwt '])(
  'a token of another kind is refused: %j (RFC 8725 section 3.11)',
  async (typ) => {
    const one = jwt({ secret, clock, user })
    expect(await verdict(one, bearerRequest(handmade({ alg: 'HS256', typ }, claims)))).toBe(
      '401 invalid-token',
    )
  },
)

test('a demanded kind is demanded, however it is spelled', async () => {
  const one = jwt({ secret, clock, user, typ: 'at+jwt' })
  for (const typ of ['at+jwt', 'AT+JWT', 'application/at+jwt'])
    expect(await verdict(one, bearerRequest(handmade({ alg: 'HS256', typ }, claims)))).toMatchObject({
      user: { id: '7' },
    })
  for (const header of [{}, { typ: 'JWT' }, { typ: 'text/at+jwt' }])
    expect(await verdict(one, bearerRequest(handmade({ alg: 'HS256', ...header }, claims)))).toBe(
      '401 invalid-token',
    )
})
