import { afterEach, beforeEach, expect, test } from 'vitest'
import { backchannelLogout, provider } from '../../src/auth/oidc.ts'
import { contract, endpoint, type Layer, memory, type Server, text } from '../../src/index.ts'
import { type TestClock, testClock, testServer, visit } from '../../src/testing.ts'
import { accessToken, accessTokens, logoutClaims, logoutRequest } from '../support/oidc-tokens.ts'
import { scriptedIssuer, type ScriptedIssuer } from '../support/scripted-issuer.ts'

// An attacker who has recorded a logout token, as in the log of a proxy, must not sign its user out again and again.
let issuer: ScriptedIssuer
let clock: TestClock
let layer: Layer
beforeEach(async () => {
  issuer = await scriptedIssuer()
  clock = testClock()
  layer = memory({ clock })
})
afterEach(() => issuer.stop())

const room = contract('/ws/chat/:room', { client: text, server: text })
const node = (): { server: Server; logout: (token: string) => Promise<number> } => {
  const server = testServer({ clock, layer })
  const handler = backchannelLogout({
    provider: provider({ issuer: issuer.issuer, clock }),
    client: 'site',
    server,
    store: server.store,
    on: () => {},
  })
  return { server, logout: async (token) => (await handler(logoutRequest(token))).status }
}
const logoutToken = (jti: string): Promise<string> =>
  issuer.sign(logoutClaims(issuer.issuer, clock, jti), { typ: 'logout+jwt' })

// proves: forged-logout
test('of two hundred that send one logout token to two nodes at once, exactly one is heard', async () => {
  const [one, other] = [node(), node()]
  const token = await logoutToken('once')
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, at) => (at % 2 ? one : other).logout(token)),
  )
  expect(answers.filter((status) => status === 200)).toHaveLength(1)
  expect(answers.filter((status) => status === 400)).toHaveLength(199)
})

test('a token that comes again, until it is too old, does not end what its user has begun since', async () => {
  const { server, logout } = node()
  const auth = accessTokens(issuer.issuer, { clock })
  const application = endpoint(room, { auth }, async (socket) => {
    for await (const line of socket) socket.send(line)
  })
  const enter = async (jti: string) =>
    visit(
      application,
      { room: 'lobby' },
      { server, headers: { authorization: `Bearer ${await accessToken(issuer, clock, { jti })}` } },
    )
  const before = await enter('before')
  const token = await logoutToken('kept')
  expect(await logout(token)).toBe(200)
  expect((await before.closed).code).toBe(4403)
  await clock.advance(1_000)
  const after = await enter('after')
  for (let second = 0; second < 200; second += 5) {
    expect(await logout(token)).toBe(400)
    await clock.advance(5_000)
  }
  await after.send('still here')
  expect(await after.next()).toBe('still here')
})
