import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Authenticator } from '../../src/core/api/handshake.ts'
import { type TestClock, testClock } from '../../src/testing/clock.ts'
import { bearerRequest, verdict } from '../support/auth-request.ts'
import { accessClaims, accessToken, accessTokens } from '../support/oidc-tokens.ts'
import { scriptedIssuer, type ScriptedIssuer } from '../support/scripted-issuer.ts'

// Invented key names must neither push the real keys out nor make us hammer the provider.
let issuer: ScriptedIssuer
let clock: TestClock
let auth: Authenticator<unknown>
beforeEach(async () => {
  issuer = await scriptedIssuer()
  clock = testClock()
  auth = accessTokens(issuer.issuer, { clock, subject: ({ sub }) => sub })
})
afterEach(() => issuer.stop())

const invented = async (kid: string): Promise<unknown> =>
  verdict(auth, bearerRequest(await issuer.sign(accessClaims(issuer.issuer, clock), { typ: 'at+jwt', kid })))

// proves: invented-tokens
test('five minutes of invented key names cost two fetches in 30 seconds, and good tokens go on', async () => {
  for (let second = 0; second < 300; second += 5) {
    const flood = await Promise.all(Array.from({ length: 20 }, (_, at) => invented(`key ${second} ${at}`)))
    for (const one of flood) expect(['401 invalid-token', '503 unavailable']).toContain(one)
    expect(await verdict(auth, bearerRequest(await accessToken(issuer, clock)))).toMatchObject({
      subject: '7',
    })
    await clock.advance(5_000)
  }
  expect(issuer.count('keys')).toBeLessThanOrEqual(1 + (2 * 300) / 30)
  expect(issuer.count('openid')).toBe(1)
})

test.each(['../jwks', '__proto__', 'constructor', "key-1' OR '1", '', 'http://id.example/key'])(
  'the key name %j means no key',
  async (kid) => {
    expect(await invented(kid)).toBe('401 invalid-token')
  },
)
