import { describe, expect, test } from 'vitest'
import { client, type ClientOptions, Denial } from '../../src/client/index.ts'
import { closeCodes, retryAfterClose } from '../../src/wire/close.ts'
import { chat } from './contracts.ts'
import { manualClock } from './manual-clock.ts'
import { type ScriptedServer, scriptedServer } from './scripted-server.ts'
import { until } from './until.ts'

const path = '/ws/chat/lobby'

function open(server: ScriptedServer, options: ClientOptions = {}) {
  const clock = manualClock()
  const app = client({ url: server.url, clock, backoff: { random: () => 1 }, ...options })
  return { app, clock, lobby: app.open(chat, { room: 'lobby' }) }
}

const sent = closeCodes.map(({ code }) => code).filter((code) => code !== 1006)
const of = (retry: string): number[] => sent.filter((code) => retryAfterClose(code) === retry)
const states = { 1000: 'closed', 1002: 'closed', 1003: 'closed', 1007: 'closed', 1009: 'closed' } as const

describe('what a close code leads to', () => {
  test.each(of('retry'))('%i comes back', async (code) => {
    await using server = await scriptedServer(path)
    const { app, clock, lobby } = open(server)
    const peer = await server.next()
    peer.open()
    await until(lobby, 'open')
    peer.socket.close(code, 'why')
    const { retryAt, failure } = await until(lobby, 'waiting')
    expect(retryAt).toBe(clock.now() + 2000)
    expect(failure).toBe(`closed with ${code}: why`)
    app.close()
  })

  test.each(of('stop'))('%i stops', async (code) => {
    await using server = await scriptedServer(path)
    const { clock, lobby } = open(server)
    const peer = await server.next()
    peer.open()
    await until(lobby, 'open')
    peer.socket.close(code, 'some-word: for people')
    const state = code in states ? 'closed' : 'denied'
    const { denial } = await until(lobby, state)
    const status = code === 4003 || code === 1008 ? 403 : code - 4000
    expect(denial).toEqual(state === 'closed' ? null : { status, code: 'some-word', message: 'for people' })
    clock.advance(60_000)
    expect(server.count).toBe(1)
  })

  test('a code of the application itself stops, and the failure names it', async () => {
    await using server = await scriptedServer(path)
    const { lobby } = open(server)
    const peer = await server.next()
    peer.open()
    await until(lobby, 'open')
    peer.socket.close(4123, 'game over')
    expect((await until(lobby, 'closed')).failure).toBe('closed with 4123: game over')
  })

  test('a refused handshake is told as the server told it', async () => {
    await using server = await scriptedServer(path)
    const { lobby } = open(server)
    const peer = await server.next()
    const refusal = { status: 403, code: 'not-a-member', message: 'Ask Ada to let you in.', ref: 'r-1' }
    peer.send({ op: 'denied', in: path, ...refusal })
    peer.socket.close(4003, 'not-a-member')
    expect((await until(lobby, 'denied')).denial).toEqual(refusal)
  })

  test('4401 asks once for a new credential, then stops', async () => {
    await using server = await scriptedServer(path)
    const asked: boolean[] = []
    const { clock, lobby } = open(server, {
      credentials: ({ renew }) => {
        asked.push(renew)
        return {}
      },
    })
    ;(await server.next()).socket.close(4401, 'expired')
    ;(await server.next()).socket.close(4401, 'expired: sign in again')
    const { denial } = await until(lobby, 'denied')
    expect(denial).toEqual({ status: 401, code: 'expired', message: 'sign in again' })
    expect(asked).toEqual([false, true])
    clock.advance(60_000)
    expect(server.count).toBe(2)
  })

  test('when no user is signed in any more, the reason is the one that the server gave', async () => {
    await using server = await scriptedServer(path)
    const { lobby } = open(server, { credentials: ({ renew }) => (renew ? null : {}) })
    const peer = await server.next()
    peer.open()
    await until(lobby, 'open')
    peer.socket.close(4401, 'revoked: this device was signed out from another one')
    expect((await until(lobby, 'denied')).denial).toEqual({
      status: 401,
      code: 'revoked',
      message: 'this device was signed out from another one',
    })
  })

  test('a reason is not told again for a line that came after it', async () => {
    await using server = await scriptedServer(path)
    let signedIn = true
    const { clock, lobby } = open(server, { credentials: () => (signedIn ? {} : null) })
    for (const [code, reason] of [
      [4401, 'expired: of old'],
      [1012, 'restart'],
    ] as const) {
      const peer = await server.next()
      peer.open()
      await until(lobby, 'open')
      signedIn = code !== 1012
      peer.socket.close(code, reason)
      await until(lobby, code === 4401 ? 'connecting' : 'waiting')
    }
    clock.advance(60_000)
    expect((await until(lobby, 'denied')).denial).toMatchObject({ code: 'signed-out' })
  })

  test('a new credential that works is asked for anew when it expires in turn', async () => {
    await using server = await scriptedServer(path)
    const { app, clock, lobby } = open(server)
    for (let session = 0; session < 3; session++) {
      const peer = await server.next()
      peer.open()
      await until(lobby, 'open')
      clock.advance(5000)
      peer.socket.close(4401, 'expired')
      await until(lobby, 'connecting')
    }
    ;(await server.next()).open()
    await until(lobby, 'open')
    app.close()
  })

  test('a credential that is accepted and refused at once does not go round in circles', async () => {
    await using server = await scriptedServer(path)
    const { lobby } = open(server)
    for (let session = 0; session < 2; session++) {
      const peer = await server.next()
      peer.open()
      await until(lobby, 'open')
      peer.socket.close(4401, 'expired')
    }
    await until(lobby, 'denied')
    expect(server.count).toBe(2)
  })

  test('a refusal that names a delay is waited for on top of the back-off', async () => {
    await using server = await scriptedServer(path)
    const { app, clock, lobby } = open(server)
    const peer = await server.next()
    peer.send({
      op: 'denied',
      in: path,
      status: 503,
      code: 'unavailable',
      message: 'later',
      retryAfterMs: 7000,
    })
    peer.socket.close(4503, 'unavailable')
    const { retryAt, failure } = await until(lobby, 'waiting')
    expect(retryAt).toBe(clock.now() + 9000)
    expect(failure).toBe('later')
    app.close()
  })

  test.each([
    [Number.MAX_VALUE, 3_600_000],
    [-1e9, 2000],
  ])('a delay of %d ms is no way to stop or to hurry a client', async (retryAfterMs, delay) => {
    await using server = await scriptedServer(path)
    const { app, clock, lobby } = open(server)
    const peer = await server.next()
    peer.send({ op: 'denied', in: path, status: 503, code: 'unavailable', message: 'later', retryAfterMs })
    peer.socket.close(4503, 'unavailable')
    expect((await until(lobby, 'waiting')).retryAt).toBe(clock.now() + delay)
    app.close()
  })

  test('a server that drains is left alone for a random part of the time that it named', async () => {
    await using server = await scriptedServer(path)
    const { app, clock, lobby } = open(server, { backoff: { random: () => 0.5 } })
    const peer = await server.next()
    peer.open()
    await until(lobby, 'open')
    peer.send({ op: 'bye', retryAfterMs: 30_000 })
    peer.socket.close(1012, 'restart')
    expect((await until(lobby, 'waiting')).retryAt).toBe(clock.now() + 15_000)
    app.close()
  })

  test('a server that drains again and again is not stormed', async () => {
    await using server = await scriptedServer(path)
    const { app, clock, lobby } = open(server, { backoff: { random: () => 0 } })
    const peer = await server.next()
    peer.open()
    await until(lobby, 'open')
    peer.send({ op: 'bye', retryAfterMs: 0 })
    peer.socket.close(1012, 'restart')
    expect((await until(lobby, 'waiting')).retryAt).toBe(clock.now() + 500)
    app.close()
  })

  test('what waited when the endpoint was denied is rejected with the denial', async () => {
    await using server = await scriptedServer(path)
    const { lobby } = open(server)
    const waiting = lobby.send('say', { text: 'hello' }).catch((error: unknown) => error)
    const peer = await server.next()
    peer.send({ op: 'denied', in: path, status: 403, code: 'not-a-member', message: 'Ask Ada.' })
    peer.socket.close(4403, 'not-a-member')
    const error = await waiting
    expect(error).toBeInstanceOf(Denial)
    expect(error).toMatchObject({
      code: 'ERR_DENIED',
      status: 403,
      reason: 'not-a-member',
      message: 'Ask Ada.',
    })
    await expect(lobby.send('say', { text: 'again' })).rejects.toBe(error)
  })
})
