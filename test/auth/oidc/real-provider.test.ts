import { once } from 'node:events'
import type { Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { WebSocket as Ws } from 'ws'
import { chat } from '../../../examples/oidc/chat.ts'
import type { LogoutEvent } from '../../../src/auth/oidc.ts'
import type { Server } from '../../../src/index.ts'
import { listen, refusal, type Talk } from '../../examples/running.ts'
import { person, redeem, revokeAtProvider } from '../../support/provider-sign-in.ts'
import { api, audiences, runningProvider, type RunningProvider, site } from '../../support/oidc-provider.ts'

let provider: RunningProvider
let server: Server
let httpServer: HttpServer
let room: string
let told: LogoutEvent[]

beforeEach(async () => {
  provider = await runningProvider()
  told = []
  const audience = Object.values(audiences)
  ;[server, httpServer] = chat({
    issuer: provider.issuer,
    audience,
    site: site.id,
    api,
    log: (event) => void told.push(event),
  })
  httpServer.listen(0, '127.0.0.1')
  await once(httpServer, 'listening')
  // a server that listens on TCP has an address with a port
  const host = `127.0.0.1:${(httpServer.address() as AddressInfo).port}`
  provider.tell(`http://${host}/backchannel-logout`)
  room = `ws://${host}/ws/chat/lobby`
})

afterEach(async () => {
  await server.close({ drain: 0 })
  httpServer.closeAllConnections()
  httpServer.close()
  await provider.stop()
})

const bearer = (token: string): Record<string, string> => ({ Authorization: `Bearer ${token}` })

async function opened(token: string): Promise<Ws & { talk: Talk }> {
  const socket = new Ws(room, { headers: bearer(token) })
  const talk = listen(socket)
  await once(socket, 'open')
  return Object.assign(socket, { talk })
}

describe.each([
  ['a signed access token', audiences.jwt],
  ['an opaque access token', audiences.opaque],
])('%s of a real provider', (_kind, resource) => {
  test('opens a room that takes its scope', async () => {
    const { access_token: token } = await person(provider.issuer, 'ada').tokens(resource)
    const socket = await opened(token)
    socket.send('hello')
    expect(await socket.talk.next()).toBe('ada: hello')
  })

  test('opens none without the scope', async () => {
    const { access_token: token } = await person(provider.issuer, 'ada').tokens(resource, 'openid chat:read')
    expect(await refusal(room, bearer(token))).toMatchObject({ status: 403, body: { code: 'missing-scope' } })
  })

  // proves: logout-at-provider
  test('closes with 4401 when its session ends at the provider, and opens nothing any more', async () => {
    const ada = person(provider.issuer, 'ada')
    const elsewhere = person(provider.issuer, 'ada')
    const grace = person(provider.issuer, 'grace')
    const { access_token: token } = await ada.tokens(resource)
    const socket = await opened(token)
    const others = await Promise.all(
      [elsewhere, grace].map(async (one) => opened((await one.tokens(resource)).access_token)),
    )
    await ada.signOut()
    expect(await socket.talk.ended).toEqual({ code: 4401, reason: 'revoked: you have signed out' })
    expect(provider.logouts).toEqual([{ ok: true }])
    expect(told).toMatchObject([{ type: 'logout', closed: 1, subject: null }])
    expect(await refusal(room, bearer(token))).toMatchObject({ status: 401 })
    for (const other of others) expect(other.readyState).toBe(Ws.OPEN)
  })

  test('opens the room again after a new sign-in', async () => {
    const ada = person(provider.issuer, 'ada')
    const socket = await opened((await ada.tokens(resource)).access_token)
    await ada.signOut()
    await socket.talk.ended
    await opened((await ada.tokens(resource)).access_token)
  })
})

// proves: wrong-token-kind
test('an ID token and a refresh token open nothing', async () => {
  const all = await person(provider.issuer, 'ada').tokens(
    audiences.opaque,
    'openid offline_access chat:write',
  )
  const { id_token: idToken, refresh_token: refreshToken = '' } = all
  expect(refreshToken).not.toBe('')
  for (const token of [idToken, refreshToken])
    expect(await refusal(room, bearer(token))).toMatchObject({ status: 401, body: { code: 'invalid-token' } })
})

test('a token of the client itself has no user and opens nothing', async () => {
  const form = { grant_type: 'client_credentials', scope: 'chat:write', resource: audiences.opaque }
  const { access_token: token } = await redeem(provider.issuer, form)
  expect(await refusal(room, bearer(token))).toMatchObject({ status: 401 })
})

test('an opaque token that the provider revoked closes its socket at a recheck, then is refused', async () => {
  const { access_token: token } = await person(provider.issuer, 'ada').tokens(audiences.opaque)
  const socket = await opened(token)
  await revokeAtProvider(provider.issuer, token)
  expect(await server.recheck({ user: 'ada' })).toMatchObject({ closed: 1 })
  expect(await socket.talk.ended).toMatchObject({ code: 4401 })
  expect(await refusal(room, bearer(token))).toMatchObject({ status: 401 })
})

// proves: cached-token
test('an opaque token that was revoked here does not come back through what is kept of it', async () => {
  const { access_token: token } = await person(provider.issuer, 'ada').tokens(audiences.opaque)
  const socket = await opened(token)
  const asked = provider.asked.get('/token/introspection')
  expect(await server.revoke({ user: 'ada', reason: 'banned' })).toMatchObject({ closed: 1 })
  await socket.talk.ended
  expect(await refusal(room, bearer(token))).toMatchObject({ status: 403, body: { code: 'revoked' } })
  expect(provider.asked.get('/token/introspection')).toBe(asked)
})

test('when the provider restarts, sockets stay open, signed tokens work and opaque ones are 503', async () => {
  const ada = person(provider.issuer, 'ada')
  const { access_token: signed } = await ada.tokens(audiences.jwt)
  const { access_token: opaque } = await ada.tokens(audiences.opaque)
  const socket = await opened(signed)
  await provider.stop()
  await opened(signed)
  expect(await refusal(room, bearer(opaque))).toMatchObject({ status: 503, body: { code: 'unavailable' } })
  socket.send('still here')
  expect(await socket.talk.next()).toBe('ada: still here')
  await provider.start()
  await expect
    .poll(
      async () =>
        opened(opaque).then(
          (one) => one.readyState,
          () => null,
        ),
      { timeout: 30_000, interval: 500 },
    )
    .toBe(Ws.OPEN)
})

test('a new signing key of the provider is found at once, and sockets of the old key stay open', async () => {
  const ada = person(provider.issuer, 'ada')
  const { access_token: old } = await ada.tokens(audiences.jwt)
  const socket = await opened(old)
  provider.rotateKeys()
  const { access_token: next } = await ada.tokens(audiences.jwt)
  // the set was fetched for the old token a moment ago
  await opened(next)
  expect(await refusal(room, bearer(old))).toMatchObject({ status: 401, body: { code: 'invalid-token' } })
  socket.send('still here')
  expect(await socket.talk.next()).toBe('ada: still here')
})

test('a logout that is signed with a new key closes the sockets of the old one', async () => {
  const ada = person(provider.issuer, 'ada')
  provider.rotateKeys()
  const socket = await opened((await ada.tokens(audiences.opaque)).access_token)
  await ada.signOut()
  expect((await socket.talk.ended).code).toBe(4401)
})
