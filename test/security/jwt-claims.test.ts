import { describe, expect, test } from 'vitest'
import { jwt } from '../../src/auth/jwt.ts'
import { anyOf, optional } from '../../src/core/access/authenticate.ts'
import { contract, endpoint, text } from '../../src/index.ts'
import { testClock, testServer, visit } from '../../src/testing.ts'
import { bearerRequest, denialOf, verdict } from '../support/auth-request.ts'
import { handmade, seconds, secret } from '../support/tokens.ts'

const clock = testClock()
const now = seconds(clock)
const issuer = 'https://issuer.example'
const good = { sub: '7', iss: issuer, aud: 'chat', exp: now + 60 }
const user = ({ sub }: { sub: string }): { id: string } => ({ id: sub })
const one = jwt({ issuer: [issuer, 'https://other.example'], audience: 'chat', secret, clock, user })
const said = (changed: object): Promise<unknown> =>
  verdict(one, bearerRequest(handmade({ alg: 'HS256' }, { ...good, ...changed })))
const without = (claim: string): object =>
  Object.fromEntries(Object.entries(good).filter(([name]) => name !== claim))

describe('a token is refused', () => {
  test.each(['exp', 'aud', 'sub'])('without %s', async (claim) => {
    const { status, detail } = await denialOf(() =>
      one(bearerRequest(handmade({ alg: 'HS256' }, without(claim)))),
    )
    expect([status, detail]).toEqual([401, expect.stringContaining(`the claim ${claim} is missing`)])
  })

  test.each<unknown>([
    '1',
    String(now + 60),
    '',
    null,
    true,
    [],
    [now + 60],
    {},
    -1,
    8.64e12 + 1,
    2 ** 53,
    2 ** 60,
  ])('when exp is %j', async (exp) => {
    expect(await said({ exp })).toBe('401 invalid-token')
  })

  test.each(['1e400', '-1e400', 'NaN', 'Infinity', '1e999'])('when exp is written as %s', async (exp) => {
    const payload = JSON.stringify(good).replace(/"exp":\d+/, `"exp":${exp}`)
    expect(await verdict(one, bearerRequest(handmade({ alg: 'HS256' }, payload)))).toSatisfy(
      // what is no JSON names no issuer, so no authenticator claims it
      (verdictOf) => verdictOf === '401 invalid-token' || verdictOf === null,
    )
  })

  test('by the last of two claims of one name', async () => {
    const payload = JSON.stringify(good).replace('}', `,"exp":${now - 60}}`)
    expect(await verdict(one, bearerRequest(handmade({ alg: 'HS256' }, payload)))).toBe('401 invalid-token')
  })

  test.each<[string, object]>([
    ['it has ended, beyond the tolerance', { exp: now - 5 }],
    ['it is not valid yet, beyond the tolerance', { nbf: now + 6 }],
    ['it was issued in the future, so that no revocation would reach it', { iat: now + 6 }],
    ['nbf is a text', { nbf: '0' }],
    ['nbf is negative', { nbf: -1 }],
    ['iat is a text', { iat: '0' }],
    ['iat is negative', { iat: -1 }],
    ['it is for another audience', { aud: 'admin' }],
    ['it is for a longer audience', { aud: 'chat2' }],
    ['it is for another case of the audience', { aud: 'Chat' }],
    ['it is for no audience', { aud: [] }],
    ['its audience is no text', { aud: ['chat', 7] }],
    ['its audience is an object', { aud: { chat: true } }],
    ['its subject is a number', { sub: 7 }],
    ['its subject is empty', { sub: '' }],
    ['its jti is no text', { jti: 7 }],
    ['its sid is no text', { sid: {} }],
  ])('when %s', async (_why, changed) => {
    expect(await said(changed)).toBe('401 invalid-token')
  })

  test.each(['', '[]', 'null', '"text"', '{', 'not json', '\u0000'])(
    'when its payload is %j',
    async (payload) => {
      const lenient = jwt({ secret, clock, user })
      expect(await verdict(lenient, bearerRequest(handmade({ alg: 'HS256' }, payload)))).toBe(
        '401 invalid-token',
      )
    },
  )

  test.each([7, null, [issuer], {}])('when its issuer is %j, also where any will do', async (iss) => {
    const lenient = jwt({ secret, clock, user })
    const token = handmade({ alg: 'HS256' }, { sub: '7', exp: now + 60, iss })
    expect(await verdict(lenient, bearerRequest(token))).toBe('401 invalid-token')
  })

  // proves: token-claims
  test('when it has an audience and none was configured', async () => {
    const denial = await denialOf(() =>
      jwt({ secret, clock, user })(bearerRequest(handmade({ alg: 'HS256' }, good))),
    )
    expect([denial.status, denial.detail]).toEqual([401, expect.stringContaining("no 'audience'")])
  })

  // proves: poisonous-json
  test('when a key could reach a prototype', async () => {
    const payload = { sub: '7', exp: now + 60, constructor: { prototype: { admin: true } } }
    const lenient = jwt({ secret, clock, user })
    expect(await verdict(lenient, bearerRequest(handmade({ alg: 'HS256' }, payload)))).toBe(
      '401 invalid-token',
    )
  })

  test('when it is too long to be read', async () => {
    const lenient = jwt({ secret, clock, user })
    const token = (length: number): string =>
      handmade({ alg: 'HS256' }, { sub: '7', exp: now + 60, more: 'x'.repeat(length) })
    expect(await verdict(lenient, bearerRequest(token(16_384)))).toBe('401 invalid-token')
    expect(await verdict(lenient, bearerRequest(token(8_192)))).toMatchObject({ user: { id: '7' } })
  })
})

describe('a token is good', () => {
  test.each<[string, object]>([
    ['within the tolerance after its end', { exp: now - 4 }],
    ['within the tolerance before its beginning', { nbf: now + 5 }],
    ['within the tolerance of its issue', { iat: now + 5 }],
    ['with a fraction of a second', { exp: now + 0.5 }],
    ['for one audience of several', { aud: ['admin', 'chat'] }],
    ['from the second issuer', { iss: 'https://other.example' }],
  ])('%s', async (_when, changed) => {
    expect(await said(changed)).toMatchObject({ user: { id: '7' } })
  })

  test('exactly so long as its tolerance says', async () => {
    const strict = jwt({ secret, clock, user, clockTolerance: 0 })
    const token = (exp: number): string => handmade({ alg: 'HS256' }, { sub: '7', exp })
    expect(await verdict(strict, bearerRequest(token(now)))).toBe('401 invalid-token')
    expect(await verdict(strict, bearerRequest(token(now + 1)))).toMatchObject({ user: { id: '7' } })
  })
})

test.each<unknown>([`${issuer}/`, issuer.toUpperCase(), '', null, 7, [issuer], {}])(
  'a token of another issuer is left to other authenticators: %j',
  async (iss) => {
    expect(await said({ iss })).toBeNull()
  },
)

test('nothing of the payload is used before the signature holds but to see whose token it may be', async () => {
  const seen: unknown[] = []
  const watching = jwt({ issuer, secret, clock, user: (claims) => void seen.push(claims) })
  const forged = handmade({ alg: 'HS256' }, { ...good, aud: undefined }, `not ${secret}`)
  expect(await verdict(watching, bearerRequest(forged))).toBe('401 invalid-token')
  expect(seen).toEqual([])
})

test('a bad token is never a guest and never falls through', async () => {
  const guests = jwt({ secret: `${secret} of others`, clock, user: () => ({ id: 'other' }) })
  const bad = bearerRequest(handmade({ alg: 'HS256' }, { ...good, exp: now - 60 }))
  expect(await verdict(optional(one), bad)).toBe('401 invalid-token')
  expect(await verdict(optional(anyOf(one, guests)), bad)).toBe('401 invalid-token')
  const unclaimed = bearerRequest(handmade({ alg: 'HS256' }, { ...good, iss: 'https://unknown.example' }))
  expect(await verdict(optional(one), unclaimed)).toBe('401 unknown-credential')
})

test('a token that does not say when it was issued does not outlive the revocation of its user', async () => {
  const server = testServer({ clock })
  const lines = contract('/ws/lines', { client: text, server: text })
  const auth = jwt({ secret, clock, user: ({ sub }) => ({ id: sub }) })
  const room = endpoint(lines, { auth }, async (socket) => {
    for await (const line of socket) socket.send(line)
  })
  const visitWithToken = (iat?: number) => {
    const token = handmade({ alg: 'HS256' }, { sub: '7', exp: seconds(clock) + 600, iat })
    return visit(room, {}, { server, headers: { authorization: `Bearer ${token}` } })
  }
  const first = await visitWithToken()
  await server.revoke({ user: '7', reason: 'banned' })
  expect(await first.closed).toMatchObject({ code: 4403 })
  await clock.advance(2_000)
  await expect(visitWithToken()).rejects.toMatchObject({ status: 403, code: 'revoked' })
  const again = await visitWithToken(seconds(clock))
  again.leave()
  await server.close({ drain: 0 })
})
