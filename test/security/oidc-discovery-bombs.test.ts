import type { RequestListener } from 'node:http'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { testClock } from '../../src/testing/clock.ts'
import { bearerRequest, verdict } from '../support/auth-request.ts'
import { accessToken, accessTokens } from '../support/oidc-tokens.ts'
import { scriptedIssuer, type ScriptedIssuer } from '../support/scripted-issuer.ts'

// A provider that was taken over, or a server that answers in its place, must not be able to exhaust us.
const clock = testClock()
let issuer: ScriptedIssuer
beforeEach(async () => {
  issuer = await scriptedIssuer()
})
afterEach(() => issuer.stop())

let written = 0
const endless: RequestListener = (_request, response) => {
  const more = (): void => {
    written += 65_536
    response.write(' '.repeat(65_536), () => response.destroyed || more())
  }
  more()
}

// proves: endless-document
test.each<['openid' | 'keys', RequestListener]>([
  ['openid', endless],
  ['keys', endless],
  ['openid', (_request, response) => response.end(`{"issuer":"${'x'.repeat(300_000)}"}`)],
  ['openid', (_request, response) => response.end('{"a":'.repeat(50_000) + '1' + '}'.repeat(50_000))],
  ['openid', (_request, response) => response.end('{"__proto__":{"issuer":"x"}}')],
])('what %s answers without measure is not taken, and no verdict', async (path, listener) => {
  written = 0
  issuer.answer(path, listener)
  const auth = accessTokens(issuer.issuer, { clock })
  const token = await accessToken(issuer, clock)
  await expect(verdict(auth, bearerRequest(token))).rejects.toThrow('could not be fetched')
  // what the kernel buffers on both ends is on its way, and nothing more
  expect(written).toBeLessThan(16 * 1024 * 1024)
})
