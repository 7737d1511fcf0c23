import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { issuerScoped, oidc, type OidcOptions, provider } from '../../../src/auth/oidc.ts'
import { type TestClock, testClock } from '../../../src/testing/clock.ts'
import { bearerRequest, denialOf, verdict } from '../../support/auth-request.ts'
import { scriptedIssuer, type ScriptedIssuer } from '../../support/scripted-issuer.ts'
import { seconds } from '../../support/tokens.ts'

interface User {
  readonly id: string
}

let issuer: ScriptedIssuer
let clock: TestClock

beforeEach(async () => {
  issuer = await scriptedIssuer()
  clock = testClock()
})
afterEach(() => issuer.stop())

const claims = (): Record<string, unknown> => ({
  iss: issuer.issuer,
  aud: 'api',
  sub: '7',
  client_id: 'site',
  jti: 'token-1',
  iat: seconds(clock),
  exp: seconds(clock) + 600,
})

const asked = async (
  changed: Record<string, unknown> = {},
  header: Record<string, unknown> = { typ: 'at+jwt' },
  options: Partial<OidcOptions<User>> = {},
) => {
  const auth = oidc<User>({
    provider: provider({ issuer: issuer.issuer, clock }),
    audience: 'api',
    user: ({ sub }) => ({ id: sub }),
    ...options,
  })
  return verdict(auth, bearerRequest(await issuer.sign({ ...claims(), ...changed }, header)))
}

test('a token names its user, itself, its session, its scopes and its times', async () => {
  expect(await asked({ sid: 'session-1', scope: 'chat:read chat:write' })).toMatchObject({
    user: { id: '7' },
    subject: issuerScoped(issuer.issuer, '7'),
    token: issuerScoped(issuer.issuer, 'token-1'),
    session: issuerScoped(issuer.issuer, 'session-1'),
    scopes: ['chat:read', 'chat:write'],
    issuedAt: new Date(seconds(clock) * 1000),
    expires: new Date((seconds(clock) + 600) * 1000),
  })
})

test.each(['at+jwt', 'AT+JWT', 'application/at+jwt'])('the type may be written as %s', async (typ) => {
  expect(await asked({}, { typ })).toMatchObject({ user: { id: '7' } })
})

test.each([undefined, 'JWT', 'logout+jwt', 'at+jwt2'])(
  'the type %s is not that of an access token',
  async (typ) => {
    expect(await asked({}, typ === undefined ? {} : { typ })).toBe('401 invalid-token')
  },
)

test.each(['aud', 'sub', 'client_id', 'iat', 'exp', 'jti'])('a token without %s is refused', async (name) => {
  expect(await asked({ [name]: undefined })).toBe('401 invalid-token')
})

test.each([
  ['expired', { exp: 1 }],
  ['not valid yet', { nbf: 8e12 }],
  ['from the future', { iat: 8e12 }],
  ['of a client that is no text', { client_id: 7 }],
  ['of a client without a name', { client_id: '' }],
  ['bound to a key of its holder', { cnf: { jkt: 'a' } }],
])('a token is refused that is %s', async (_what, changed) => {
  expect(await asked(changed)).toBe('401 invalid-token')
})

test('a token of another issuer is left to the next authenticator', async () => {
  expect(await asked({ iss: 'https://id.example' })).toBeNull()
  expect(await asked({ iss: `${issuer.issuer}/` })).toBeNull()
  expect(await asked({ iss: undefined })).toBeNull()
})

test('a user who is gone is refused, also at a renewal', async () => {
  let user: User | null = { id: '7' }
  const identity = await asked({}, undefined, { user: () => user })
  if (identity === null || typeof identity === 'string') throw new Error('it was refused')
  user = null
  expect(await identity.renew?.()).toBeNull()
  expect(await asked({}, undefined, { user: () => user })).toBe('401 invalid-token')
})

test('the provider names subjects in one place, and may ask for that', async () => {
  const named = provider({
    issuer: issuer.issuer,
    clock,
    subject: async ({ iss, sub }) => (sub === '7' ? `${iss} ${sub}` : sub === '8' ? null : undefined),
  })
  expect(await asked({}, undefined, { provider: named })).toMatchObject({ subject: `${issuer.issuer} 7` })
  for (const sub of ['8', '9'])
    expect(await asked({ sub }, undefined, { provider: named })).toBe('401 invalid-token')
})

test('only the algorithms that were configured are taken', async () => {
  const strict = provider({ issuer: issuer.issuer, clock, algorithms: ['EdDSA'] })
  expect(await asked({}, undefined, { provider: strict })).toBe('401 invalid-token')
})

test('the reason is for operators, and holds nothing of the token', async () => {
  const auth = oidc({
    provider: provider({ issuer: issuer.issuer, clock }),
    audience: 'api',
    user: () => null,
  })
  const token = await issuer.sign({ ...claims(), jti: undefined }, { typ: 'at+jwt' })
  const denial = await denialOf(() => auth(bearerRequest(token)))
  expect([denial.message, denial.detail]).toEqual(['the token is not valid', 'the claim jti is missing'])
})

describe('an audience must be configured', () => {
  test.each([[undefined], [''], [[]], [['api', '']]])('and %j is none', (audience) => {
    const wrong = { provider: provider({ issuer: issuer.issuer }), audience, user: () => null }
    // what a program without types could write
    expect(() => oidc(wrong as unknown as OidcOptions<User>)).toThrow(
      "the option 'audience' is the name of your API at the provider",
    )
  })
})
