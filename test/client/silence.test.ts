import { afterEach, describe, expect, test, vi } from 'vitest'
import { client } from '../../src/client/index.ts'
import { chat } from './contracts.ts'
import { manualClock } from './manual-clock.ts'
import { type ScriptedServer, scriptedServer } from './scripted-server.ts'
import { until } from './until.ts'

const path = '/ws/chat/lobby'

async function opened(server: ScriptedServer, pingMs = 25_000) {
  const clock = manualClock()
  const app = client({ url: server.url, clock, backoff: { random: () => 1 } })
  const lobby = app.open(chat, { room: 'lobby' })
  const peer = await server.next()
  peer.send({ op: 'hello', version: 1, id: 'h', pingMs, limits: { message: 65_536 } })
  peer.send({ op: 'opened', in: path, id: 'o' })
  await until(lobby, 'open')
  /** Lets the client hear something, and waits until it has. */
  const life = async (): Promise<void> => {
    peer.send({ op: 'ping' })
    expect(await peer.next()).toEqual({ op: 'pong' })
  }
  return { app, clock, lobby, peer, life }
}

describe('a line on which nothing is heard', () => {
  afterEach(() => vi.unstubAllGlobals())

  test('is lost 10 s after the missing ping, though the socket reports nothing', async () => {
    await using server = await scriptedServer(path)
    const { app, clock, lobby, peer } = await opened(server)
    peer.socket.pause()
    clock.advance(34_999)
    expect(lobby.state).toBe('open')
    // the last look for what lay in the socket
    clock.advance(51)
    expect(lobby.state).toBe('waiting')
    expect(lobby.failure).toBe('closed with 1006: nothing was received in time')
    clock.advance(2000)
    ;(await server.next()).open()
    await until(lobby, 'open')
    app.close()
  })

  test('lives on while it is heard', async () => {
    await using server = await scriptedServer(path)
    const { app, clock, lobby, life } = await opened(server)
    for (let ping = 0; ping < 5; ping++) {
      clock.advance(25_000)
      await life()
    }
    expect(lobby.state).toBe('open')
    clock.advance(34_999)
    expect(lobby.state).toBe('open')
    clock.advance(51)
    expect(lobby.state).toBe('waiting')
    app.close()
  })

  test.each([3_600_000, -3_600_000])(
    'is lost at the same time though the wall clock jumps by %i ms',
    async (jump) => {
      await using server = await scriptedServer(path)
      const { app, clock, lobby, life } = await opened(server)
      clock.advance(30_000)
      await life()
      clock.jump(jump)
      clock.advance(5_100)
      // heard 5.1 s ago: no last look is due yet
      clock.advance(29_800)
      expect(lobby.state).toBe('open')
      clock.advance(150)
      expect(lobby.state).toBe('waiting')
      app.close()
    },
  )

  test('is judged by the interval that the server named', async () => {
    await using server = await scriptedServer(path)
    const { app, clock, lobby } = await opened(server, 1000)
    clock.advance(11_050)
    expect(lobby.state).toBe('waiting')
    app.close()
  })

  test.each([Number.MAX_VALUE, -5])(
    'a ping interval of %d ms does not switch the watch off',
    async (pingMs) => {
      await using server = await scriptedServer(path)
      const { app, clock, lobby } = await opened(server, pingMs)
      clock.advance(10_000)
      expect(lobby.state).toBe('open')
      clock.advance(600_050)
      expect(lobby.state).not.toBe('open')
      app.close()
    },
  )

  test('what is heard in the last look saves it', async () => {
    await using server = await scriptedServer(path)
    const { app, clock, lobby, life } = await opened(server)
    clock.advance(35_010)
    await life()
    clock.advance(40)
    expect(lobby.state).toBe('open')
    app.close()
  })

  test('is asked for a sign of life after a wake, and given up when none comes', async () => {
    const window = stubWindow()
    await using server = await scriptedServer(path)
    const { app, clock, lobby, peer } = await opened(server)
    window.dispatchEvent(new Event('online'))
    expect(await peer.next()).toEqual({ op: 'ping' })
    clock.advance(4999)
    expect(lobby.state).toBe('open')
    clock.advance(1)
    expect(lobby.state).toBe('waiting')
    app.close()
  })

  test('is kept when it answers after a wake', async () => {
    const window = stubWindow()
    await using server = await scriptedServer(path)
    const { app, clock, lobby, peer, life } = await opened(server)
    window.dispatchEvent(new Event('online'))
    await peer.next()
    peer.send({ op: 'pong' })
    await life()
    clock.advance(5000)
    expect(lobby.state).toBe('open')
    clock.advance(35_050)
    expect(lobby.state).toBe('waiting')
    app.close()
  })
})

function stubWindow(): EventTarget {
  const window = new EventTarget()
  vi.stubGlobal('addEventListener', window.addEventListener.bind(window))
  vi.stubGlobal('removeEventListener', window.removeEventListener.bind(window))
  return window
}
