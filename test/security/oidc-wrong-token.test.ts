import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { testClock } from '../../src/testing/clock.ts'
import { bearerRequest, denialOf, verdict } from '../support/auth-request.ts'
import { accessClaims, accessToken, accessTokens, logoutClaims, logoutSite } from '../support/oidc-tokens.ts'
import { scriptedIssuer, type ScriptedIssuer } from '../support/scripted-issuer.ts'

// RFC 8725 sections 3.11 and 3.12: one provider signs tokens of many kinds with one key, for many APIs.
const clock = testClock()
let issuer: ScriptedIssuer
beforeEach(async () => {
  issuer = await scriptedIssuer()
})
afterEach(() => issuer.stop())

const refused = async (token: string): Promise<string | undefined> =>
  (await denialOf(() => accessTokens(issuer.issuer, { clock })(bearerRequest(token)))).detail

// proves: wrong-token-kind
describe('an ID token is no access token', () => {
  test.each([{}, { typ: 'JWT' }])(
    'with the header %j, though all the claims of one are in it',
    async (header) => {
      const idToken = await issuer.sign(
        { ...accessClaims(issuer.issuer, clock), nonce: 'n', at_hash: 'h' },
        header,
      )
      expect(await refused(idToken)).toBe('the token is of another type')
    },
  )
})

test('a logout token is no access token, and an access token no logout token', async () => {
  const all = {
    ...accessClaims(issuer.issuer, clock),
    ...logoutClaims(issuer.issuer, clock, 'j'),
    aud: ['api', 'site'],
  }
  const { ended, logout } = logoutSite(issuer.issuer, { clock })
  expect(await refused(await issuer.sign(all, { typ: 'logout+jwt' }))).toBe('the token is of another type')
  expect(await logout(await issuer.sign(all, { typ: 'at+jwt' }))).toBe(400)
  expect(ended).toEqual([])
})

// proves: wrong-token-kind
describe('a token for another API opens nothing', () => {
  test.each([
    ['another', 'billing'],
    ['the client, as in an ID token', 'site'],
    ['one with a longer name', 'api2'],
    ['one with a shorter name', 'ap'],
    ['one in another case', 'API'],
    ['several others', ['billing', 'site']],
    ['none', []],
    ['an object', { api: true }],
  ])('%s', async (_whom, aud) => {
    expect(
      await verdict(
        accessTokens(issuer.issuer, { clock }),
        bearerRequest(await accessToken(issuer, clock, { aud })),
      ),
    ).toBe('401 invalid-token')
  })
})
