import { exportJWK } from 'jose'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { testClock } from '../../src/testing/clock.ts'
import { bearerRequest, verdict } from '../support/auth-request.ts'
import { accessClaims, accessToken, accessTokens, logoutClaims, logoutSite } from '../support/oidc-tokens.ts'
import { scriptedIssuer, type ScriptedIssuer } from '../support/scripted-issuer.ts'
import { handmade, secret } from '../support/tokens.ts'

// OpenID Connect Core 1.0 section 10.1 lets a provider sign with the secret of a client, which every copy of that client
// knows, and some libraries with whatever bytes a public key is made of.
const clock = testClock()
let issuer: ScriptedIssuer
beforeEach(async () => {
  issuer = await scriptedIssuer()
})
afterEach(() => issuer.stop())

const keys = async (): Promise<readonly string[]> => [
  secret,
  issuer.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  JSON.stringify(await exportJWK(issuer.publicKey)),
  '',
]
const headers = (typ: string): readonly object[] =>
  ['HS256', 'HS384', 'HS512', 'none', 'None', ''].flatMap((alg) => [
    { alg, typ, kid: 'key-1' },
    { alg, typ },
  ])

// proves: token-by-client-secret
test('no access token that a shared secret, a public key or nothing has signed is taken', async () => {
  const auth = accessTokens(issuer.issuer, { clock, subject: ({ sub }) => sub })
  expect(await verdict(auth, bearerRequest(await accessToken(issuer, clock)))).toMatchObject({ subject: '7' })
  for (const key of await keys()) {
    for (const header of headers('at+jwt')) {
      const forged = handmade(header, accessClaims(issuer.issuer, clock), key)
      expect(await verdict(auth, bearerRequest(forged))).toBe('401 invalid-token')
      const unsigned = `${forged.slice(0, forged.lastIndexOf('.'))}.`
      expect(await verdict(auth, bearerRequest(unsigned))).toBe('401 invalid-token')
    }
  }
})

test('no logout token that a shared secret, a public key or nothing has signed ends anybody', async () => {
  const { ended, logout } = logoutSite(issuer.issuer, { clock })
  for (const key of await keys())
    for (const header of headers('logout+jwt'))
      expect(await logout(handmade(header, logoutClaims(issuer.issuer, clock, 'j'), key))).toBe(400)
  expect(ended).toEqual([])
  const good = await issuer.sign(logoutClaims(issuer.issuer, clock, 'j'), { typ: 'logout+jwt' })
  expect(await logout(good)).toBe(200)
  expect(ended).toHaveLength(1)
})
