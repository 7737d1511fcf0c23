import { describe, expect, test, vi } from 'vitest'
import { jwt } from '../../src/auth/jwt.ts'
import { sessions } from '../../src/auth/sessions.ts'
import { tickets } from '../../src/auth/tickets.ts'
import {
  type CredentialRequest,
  bearer,
  client,
  type ClientOptions,
  type CredentialSource,
  ticket,
} from '../../src/client/index.ts'
import { anyOf, type Authenticator, consumer, type SallyportEvent, sallyport } from '../../src/index.ts'
import { testClock, type TestClock, testServer } from '../../src/testing.ts'
import { handmade, secret } from '../support/tokens.ts'
import { chat } from './contracts.ts'
import { type ScriptedServer, scriptedServer } from './scripted-server.ts'
import { until } from './until.ts'
import { closeAfterTest } from '../support/close-after-test.ts'

const path = '/ws/chat/lobby'
async function openLobby(
  scripted: ScriptedServer,
  credentials: CredentialSource,
  options: ClientOptions = {},
) {
  const app = client({ url: scripted.url, credentials, ...options })
  const lobby = app.open(chat, { room: 'lobby' })
  const peer = await scripted.next()
  peer.open()
  await until(lobby, 'open')
  return { app, lobby, peer }
}

describe('a client that is asked for a new credential', () => {
  test('answers on the open line with a fresh one, and with the nonce of the question', async () => {
    await using scripted = await scriptedServer(path)
    const askings: CredentialRequest[] = []
    const { app, lobby, peer } = await openLobby(
      scripted,
      bearer((asking) => `token-${askings.push(asking)}`),
    )
    peer.send({ op: 'ask', nonce: 'n1', withinMs: 30_000 })
    expect(await peer.next()).toEqual({ op: 'auth', nonce: 'n1', scheme: 'bearer', token: 'token-2' })
    expect(askings.map(({ path: where, renew }) => [where, renew])).toEqual([
      [path, false],
      [path, true],
    ])
    expect([scripted.count, lobby.state]).toEqual([1, 'open'])
    app.close()
  })

  test('does not answer without a new credential: the connection ends with the old one', async () => {
    await using scripted = await scriptedServer(path)
    const { app, peer } = await openLobby(scripted, () => ({ protocols: ['sallyport.bearer.dG9rZW4'] }))
    peer.send({ op: 'ask', nonce: 'n1', withinMs: 30_000 })
    peer.send({ op: 'ping' })
    expect(await peer.next()).toEqual({ op: 'pong' })
    app.close()
  })

  test('forgets a question when the next one comes', async () => {
    await using scripted = await scriptedServer(path)
    const answers = [Promise.withResolvers<string>(), Promise.withResolvers<string>()]
    const signals: AbortSignal[] = []
    const { app, peer } = await openLobby(
      scripted,
      bearer(({ renew, signal }) => {
        if (!renew) return 'first'
        signals.push(signal)
        return answers[signals.length - 1]?.promise ?? null
      }),
    )
    peer.send({ op: 'ask', nonce: 'n1', withinMs: 30_000 })
    peer.send({ op: 'ask', nonce: 'n2', withinMs: 15_000 })
    await expect.poll(() => signals.map(({ aborted }) => aborted)).toEqual([true, false])
    answers[0]?.resolve('late')
    answers[1]?.resolve('good')
    expect(await peer.next()).toMatchObject({ nonce: 'n2', token: 'good' })
    app.close()
  })

  test('reports what its credentials threw, and what the server refused', async () => {
    await using scripted = await scriptedServer(path)
    const report = vi.fn()
    const { app, lobby, peer } = await openLobby(
      scripted,
      bearer(({ renew }) => {
        if (renew) throw new Error('the issuer is away')
        return 'first'
      }),
      { report },
    )
    peer.send({ op: 'ask', nonce: 'n1', withinMs: 30_000 })
    await expect.poll(() => report.mock.calls.length).toBe(1)
    expect(report.mock.calls[0]?.[0]).toEqual(new Error('the issuer is away'))
    const refused = { status: 401, code: 'not-later', message: 'this credential ends no later' }
    peer.send({ op: 'auth', nonce: 'n1', refused })
    await expect.poll(() => report.mock.calls[1]?.[0]).toMatchObject({ status: 401, reason: 'not-later' })
    expect(lobby.state).toBe('open')
    app.close()
  })
})

/** A real server on a clock that the test moves, the client that it serves, and what the server tells of it. */
async function serving(auth: Authenticator<{ readonly id: string }>, clock: TestClock) {
  const events: SallyportEvent[] = []
  const server = sallyport({ clock, limits: { pingMs: 3_600_000 }, on: (event) => events.push(event) })
  closeAfterTest(server)
  server.serve(
    consumer(chat, { auth, authorize: () => ({ canWrite: true }) }, () => ({
      on: { say: () => {}, typing: () => {} },
      calls: { history: () => [] },
    })),
  )
  const { port: number } = await server.listen(0)
  const lastRefresh = () => events.findLast(({ type }) => type === 'refreshed')
  return { host: `127.0.0.1:${number}`, lastRefresh }
}

/** Opens the lobby, and tells every state it was in from then on. */
async function opened(host: string, credentials: CredentialSource) {
  const app = client({ url: `ws://${host}`, credentials })
  const lobby = app.open(chat, { room: 'lobby' })
  await until(lobby, 'open')
  const states: string[] = []
  lobby.subscribe(() => states.push(lobby.state))
  return { app, lobby, states }
}

const minute = 60_000

test('a socket outlives its JWT by bringing the next one, and is closed with the last', async () => {
  const clock = testClock()
  const auth = jwt({ secret, user: ({ sub }) => ({ id: sub }), clock })
  const { host, lastRefresh } = await serving(auth, clock)
  const ends = [5, 10].map((minutes) => clock.now() + minutes * minute)
  const issued = [...ends]
  const { app, lobby, states } = await opened(
    host,
    bearer(() => {
      const exp = issued.shift()
      return exp === undefined ? null : handmade({ alg: 'HS256' }, { sub: '7', exp: exp / 1000 })
    }),
  )
  await clock.advance(5 * minute - 30_000)
  await expect.poll(lastRefresh).toMatchObject({ subject: '7', expires: ends[1] })
  await clock.advance(5 * minute)
  expect([lobby.state, states]).toEqual(['open', []])
  await clock.advance(minute)
  await until(lobby, 'denied')
  expect(lobby.denial).toMatchObject({ status: 401, code: 'expired' })
  app.close()
})

test('who came in on a cookie brings a ticket: no script can read that cookie', async () => {
  const clock = testClock()
  const expires = new Date(clock.now() + 5 * minute)
  const user = { id: '7' }
  const member = sessions({
    cookie: 'sid',
    load: (id) => (id === 'abc' ? { expires } : null),
    user: () => user,
    expires: (session) => session.expires,
    clock,
  })
  const onceOnly = tickets({ store: testServer({ clock }).store, user: () => user, clock })
  const { host, lastRefresh } = await serving(anyOf(onceOnly, member), clock)
  const origin = `http://${host}`
  const later = new Date(clock.now() + 10 * minute)
  const minting = async (_url: unknown, init?: RequestInit): Promise<Response> => {
    const { path: where } = JSON.parse(String(init?.body)) as { path: string }
    return Response.json(
      await onceOnly.mint({ subject: '7', issuedAt: new Date(0), origin, path: where, expires: later }),
    )
  }
  const askTicket = ticket(`${origin}/api/ticket`, { fetch: minting })
  const { app, lobby, states } = await opened(host, (asking) =>
    asking.renew ? askTicket(asking) : { headers: { cookie: 'sid=abc', origin } },
  )
  await clock.advance(5 * minute - 30_000)
  await expect.poll(lastRefresh).toMatchObject({ subject: '7', expires: later.getTime() })
  await clock.advance(minute)
  expect([lobby.state, states]).toEqual(['open', []])
  app.close()
})

test('a machine that slept through the question comes back with a fresh credential', async () => {
  const clock = testClock()
  const auth = jwt({ secret, user: ({ sub }) => ({ id: sub }), clock })
  const { host } = await serving(auth, clock)
  let asleep = false
  const signals: AbortSignal[] = []
  const { app, lobby, states } = await opened(
    host,
    bearer(({ signal }) => {
      signals.push(signal)
      if (asleep) return new Promise<string>(() => {})
      return handmade({ alg: 'HS256' }, { sub: '7', exp: (clock.now() + 5 * minute) / 1000 })
    }),
  )
  asleep = true
  await clock.advance(5 * minute - 1)
  await expect.poll(() => signals.length).toBeGreaterThan(1)
  asleep = false
  await clock.advance(1)
  await until(lobby, 'connecting')
  await until(lobby, 'open')
  expect(states).toEqual(['connecting', 'open'])
  expect(signals.slice(1, -1).every(({ aborted }) => aborted)).toBe(true)
  app.close()
})

test('two tabs bring a credential each', async () => {
  const clock = testClock()
  const auth = jwt({ secret, user: ({ sub }) => ({ id: sub }), clock })
  const { host } = await serving(auth, clock)
  let end = clock.now() + 5 * minute
  const token = () => handmade({ alg: 'HS256' }, { sub: '7', exp: end / 1000 })
  const tabs = await Promise.all([opened(host, bearer(token)), opened(host, bearer(token))])
  end += 5 * minute
  await clock.advance(5 * minute - 30_000)
  for (const { lobby } of tabs) await lobby.send('typing', {})
  await clock.advance(minute)
  for (const { app, lobby, states } of tabs) {
    await lobby.send('typing', {})
    expect(states).toEqual([])
    app.close()
  }
})
