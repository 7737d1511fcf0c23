import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { bearer, client, type ClientOptions, type WebSocketClass } from '../../src/client/index.ts'
import { article, chat } from './contracts.ts'
import { type ManualClock, manualClock } from './manual-clock.ts'
import { type ScriptedServer, scriptedServer } from './scripted-server.ts'
import { until } from './until.ts'

const path = '/ws/chat/lobby'
const most = { random: () => 1 }

function open(server: ScriptedServer, options: ClientOptions = {}) {
  const clock = manualClock()
  const app = client({ url: server.url, clock, backoff: most, ...options })
  return { app, clock, lobby: app.open(chat, { room: 'lobby' }) }
}

/** Brings the client to where it waits, having lost its line. */
async function lost(server: ScriptedServer, clock: ManualClock, lobby: ReturnType<typeof open>['lobby']) {
  const peer = await server.next()
  peer.open()
  await until(lobby, 'open')
  peer.socket.terminate()
  return { clock, waiting: await until(lobby, 'waiting') }
}

describe('the states of an opened endpoint', () => {
  afterEach(() => {
    vi.unstubAllGlobals()
    vi.unstubAllEnvs()
  })

  test('it connects, and is open only once the server has opened it', async () => {
    await using server = await scriptedServer(path)
    const { app, lobby } = open(server)
    expect(lobby.state).toBe('connecting')
    const peer = await server.next()
    expect(peer.request.url).toBe(path)
    peer.send({ op: 'hello', version: 1, id: 'h', pingMs: 25_000, limits: { message: 65_536 } })
    peer.send({ op: 'ping' })
    expect(await peer.next()).toEqual({ op: 'pong' })
    expect(lobby.state).toBe('connecting')
    peer.send({ op: 'opened', in: path, id: 'o' })
    await until(lobby, 'open')
    app.close()
    expect(await peer.closed).toBe(1000)
  })

  test('grant and members come with the opening and follow the server', async () => {
    await using server = await scriptedServer(path)
    const { app, lobby } = open(server)
    const peer = await server.next()
    const ada = { user: 'user:1', info: { name: 'Ada' } }
    const bob = { user: 'user:2', info: null }
    peer.open({ grant: { canWrite: true }, members: [ada] })
    await until(lobby, 'open')
    expect(lobby.grant).toEqual({ canWrite: true })
    expect(lobby.members).toEqual([ada])
    peer.send({ op: 'presence', in: path, joins: [bob], leaves: ['user:1'] })
    peer.send({ op: 'changed', in: path, grant: { canWrite: false } })
    await until(lobby, 'open', () => lobby.grant?.canWrite === false)
    expect([lobby.members, lobby.count]).toEqual([[bob], 1])
    peer.send({ op: 'presence', in: path, count: 201 })
    await until(lobby, 'open', () => lobby.count === 201)
    expect(lobby.members).toEqual([])
    peer.send({ op: 'presence', in: path, members: [ada, bob] })
    await until(lobby, 'open', () => lobby.count === 2)
    expect(lobby.members).toEqual([ada, bob])
    app.close()
    expect([lobby.members, lobby.count]).toEqual([[], 0])
    expect(lobby.grant).toBeUndefined()
  })

  test('a broken line waits, says when it comes back and why, and comes back', async () => {
    await using server = await scriptedServer(path)
    const { app, clock, lobby } = open(server)
    const { waiting } = await lost(server, clock, lobby)
    expect(waiting.retryAt).toBe(clock.now() + 2000)
    expect(waiting.failure).toBe('closed with 1006')
    clock.advance(1999)
    expect(lobby.state).toBe('waiting')
    clock.advance(1)
    expect(lobby.state).toBe('connecting')
    expect(lobby.retryAt).toBeNull()
    const again = await server.next()
    again.open()
    const { failure } = await until(lobby, 'open')
    expect(failure).toBeNull()
    app.close()
  })

  test('grant and members stay visible while it waits', async () => {
    await using server = await scriptedServer(path)
    const { app, lobby } = open(server)
    const peer = await server.next()
    peer.open({ grant: { canWrite: true }, members: [{ user: 'user:1', info: null }] })
    await until(lobby, 'open')
    peer.socket.terminate()
    const { grant, members } = await until(lobby, 'waiting')
    expect(grant).toEqual({ canWrite: true })
    expect(members).toHaveLength(1)
    app.close()
  })

  test('a server that is not there is tried again, ever more slowly', async () => {
    const clock = manualClock()
    const app = client({ url: await nowhere(), clock, backoff: most })
    const lobby = app.open(chat, { room: 'lobby' })
    const delays: number[] = []
    for (let attempt = 0; attempt < 4; attempt++) {
      const { retryAt } = await until(lobby, 'waiting')
      delays.push((retryAt ?? 0) - clock.now())
      clock.advance(20_000)
    }
    expect(delays).toEqual([2000, 4000, 8000, 16_000])
    app.close()
  })

  test('a server that was never reached is tried at the slowest pace after five attempts', async () => {
    const clock = manualClock()
    const app = client({ url: await nowhere(), clock, backoff: { random: () => 0 } })
    const lobby = app.open(chat, { room: 'lobby' })
    const delays: number[] = []
    for (let attempt = 0; attempt < 7; attempt++) {
      const { retryAt } = await until(lobby, 'waiting')
      delays.push((retryAt ?? 0) - clock.now())
      clock.advance(20_000)
    }
    expect(delays).toEqual([500, 500, 500, 500, 10_000, 10_000, 10_000])
    app.close()
  })

  test('a server that was reached once is not given up when it restarts', async () => {
    const server = await scriptedServer(path)
    const { app, clock, lobby } = open(server, { backoff: { random: () => 0 } })
    await lost(server, clock, lobby)
    await server[Symbol.asyncDispose]()
    for (let attempt = 0; attempt < 7; attempt++) {
      const { retryAt } = await until(lobby, 'waiting')
      expect((retryAt ?? 0) - clock.now()).toBe(500)
      clock.advance(500)
    }
    app.close()
  })

  test('debug output names each step, and no credential', async () => {
    await using server = await scriptedServer(path)
    const lines: string[] = []
    const { app, lobby } = open(server, {
      debug: (line) => lines.push(line),
      credentials: bearer(() => 'hunter2'),
    })
    ;(await server.next()).open()
    await until(lobby, 'open')
    app.close()
    expect(lines).toEqual([
      `${path} {"state":"connecting"}`,
      `${path} open`,
      `${path} {"state":"closed","failure":null}`,
    ])
  })

  test.each(['sallyport:client', '*', 'http,sallyport', 'sallyport:*'])(
    'DEBUG=%s prints each step to the console',
    async (names) => {
      const print = vi.spyOn(console, 'debug').mockImplementation(() => {})
      vi.stubEnv('DEBUG', names)
      await using server = await scriptedServer(path)
      open(server).app.close()
      expect(print).toHaveBeenCalledWith(`sallyport:client ${path} {"state":"connecting"}`)
      print.mockRestore()
    },
  )

  test.each(['', 'sallyport:server', 'sally'])('DEBUG=%s prints nothing', async (names) => {
    const print = vi.spyOn(console, 'debug').mockImplementation(() => {})
    vi.stubEnv('DEBUG', names)
    await using server = await scriptedServer(path)
    open(server).app.close()
    expect(print).not.toHaveBeenCalled()
    print.mockRestore()
  })

  test('a page whose storage must not be read prints nothing and works', async () => {
    vi.stubGlobal('process', undefined)
    vi.stubGlobal('localStorage', {
      get debug(): never {
        throw new Error('SecurityError')
      },
    })
    await using server = await scriptedServer(path)
    const { app } = open(server)
    vi.unstubAllGlobals()
    app.close()
    expect(server.count).toBe(0)
  })

  test('a line that opens and dies at once does not reset the back-off', async () => {
    await using server = await scriptedServer(path)
    const { app, clock, lobby } = open(server)
    const delays: number[] = []
    for (let attempt = 0; attempt < 3; attempt++) {
      const { waiting } = await lost(server, clock, lobby)
      delays.push((waiting.retryAt ?? 0) - clock.now())
      clock.advance(20_000)
    }
    expect(delays).toEqual([2000, 4000, 8000])
    app.close()
  })

  test('a line that lasted resets the back-off', async () => {
    await using server = await scriptedServer(path)
    const { app, clock, lobby } = open(server)
    await lost(server, clock, lobby)
    clock.advance(20_000)
    const peer = await server.next()
    peer.open()
    await until(lobby, 'open')
    clock.advance(5000)
    peer.socket.terminate()
    expect((await until(lobby, 'waiting')).retryAt).toBe(clock.now() + 2000)
    app.close()
  })

  test.each([3_600_000, -3_600_000])(
    'a wall clock that jumps by %i ms makes no line older or younger than it is',
    async (jump) => {
      await using server = await scriptedServer(path)
      const { app, clock, lobby } = open(server)
      for (const [livedMs, delay] of [
        [4_999, 2_000],
        [4_999, 4_000],
        [5_000, 2_000],
      ] as const) {
        const peer = await server.next()
        peer.open()
        await until(lobby, 'open')
        clock.advance(livedMs)
        clock.jump(jump)
        peer.socket.terminate()
        expect((await until(lobby, 'waiting')).retryAt).toBe(clock.now() + delay)
        clock.advance(delay)
      }
      app.close()
    },
  )

  test('an opening that does not come in time is given up', async () => {
    await using server = await scriptedServer(path)
    const { app, clock, lobby } = open(server)
    const peer = await server.next()
    peer.send({ op: 'ping' })
    await peer.next()
    clock.advance(10_000)
    const { failure } = await until(lobby, 'waiting')
    expect(failure).toBe('closed with 1006: nothing was opened in time')
    app.close()
  })

  test('a server that speaks another protocol is refused with an error that says so', async () => {
    await using server = await scriptedServer(path, 'chat.v2')
    const { clock, lobby } = open(server, { WebSocket: lenient('chat.v2') })
    const { denial } = await until(lobby, 'denied')
    expect(denial).toMatchObject({ status: 426, code: 'no-protocol' })
    expect(denial?.message).toContain('does not speak sallyport.v1')
    expect(clock.pending).toBe(0)
  })

  test('a server that answers no protocol is tried again with a failure that says so', async () => {
    await using server = await scriptedServer(path, false)
    const { app, lobby } = open(server)
    const { failure } = await until(lobby, 'waiting')
    expect(failure).toMatch(/^closed with 1006: no server that speaks sallyport.v1 answered, or/)
    app.close()
  })

  test('an HTTP refusal before the upgrade is tried again: a page cannot see its status', async () => {
    const http = createServer((_request, response) => response.writeHead(503).end())
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    const { port } = http.address() as AddressInfo
    const app = client({ url: `http://127.0.0.1:${port}`, clock: manualClock() })
    await until(app.open(chat, { room: 'lobby' }), 'waiting')
    app.close()
    http.close()
  })

  test('closing while it waits ends it and leaves no timer', async () => {
    await using server = await scriptedServer(path)
    const { app, clock, lobby } = open(server)
    await lost(server, clock, lobby)
    lobby.close()
    lobby.close()
    expect(lobby.state).toBe('closed')
    expect(clock.pending).toBe(0)
    clock.advance(60_000)
    expect(server.count).toBe(1)
    expect(() => app.close()).not.toThrow()
  })

  test('closing while a credential is asked for gives the attempt up', async () => {
    await using server = await scriptedServer(path)
    let asked: AbortSignal | undefined
    const { clock, lobby } = open(server, {
      credentials: ({ signal }) => {
        asked = signal
        return new Promise(() => {})
      },
    })
    lobby.close()
    expect(asked?.aborted).toBe(true)
    await vi.waitFor(() => expect(clock.pending).toBe(0))
    expect(server.count).toBe(0)
  })

  test('a closed client opens nothing more', async () => {
    await using server = await scriptedServer(path)
    const { app, lobby } = open(server)
    app.close()
    expect(lobby.state).toBe('closed')
    expect(() => app.open(article)).toThrow(/this client is closed/)
  })

  test('the snapshot is the same object until something changes, and cannot be changed', async () => {
    await using server = await scriptedServer(path)
    const { app, lobby } = open(server)
    const { snapshot, subscribe } = lobby
    const before = snapshot()
    expect(snapshot()).toBe(before)
    const seen: string[] = []
    const stop = subscribe(() => seen.push(snapshot().state))
    const peer = await server.next()
    peer.open()
    await until(lobby, 'open')
    expect(snapshot()).not.toBe(before)
    expect(before.state).toBe('connecting')
    expect(Object.isFrozen(snapshot())).toBe(true)
    stop()
    app.close()
    expect(seen).toEqual(['open'])
  })

  test('when the network is back it does not wait any longer', async () => {
    const window = stubWindow()
    await using server = await scriptedServer(path)
    const { app, clock, lobby } = open(server)
    await lost(server, clock, lobby)
    window.dispatchEvent(new Event('online'))
    expect(lobby.state).toBe('connecting')
    ;(await server.next()).open()
    await until(lobby, 'open')
    expect(server.count).toBe(2)
    app.close()
  })

  test('a delay that the server named is kept when the network is back', async () => {
    const window = stubWindow()
    await using server = await scriptedServer(path)
    const { app, lobby } = open(server)
    const peer = await server.next()
    peer.send({
      op: 'denied',
      in: path,
      status: 429,
      code: 'too-many',
      message: 'slow down',
      retryAfterMs: 30_000,
    })
    peer.socket.close(4429, 'too-many')
    await until(lobby, 'waiting')
    window.dispatchEvent(new Event('online'))
    expect(lobby.state).toBe('waiting')
    app.close()
  })

  test('an error in a listener or a handler is uncaught, and the other listeners are called', async () => {
    await using server = await scriptedServer(path)
    const { app, lobby } = open(server)
    const errors: unknown[] = []
    vi.stubGlobal('queueMicrotask', (run: () => void) => {
      try {
        run()
      } catch (error) {
        errors.push(error)
      }
    })
    lobby.subscribe(() => {
      throw new Error('listener')
    })
    lobby.on('said', () => {
      throw new Error('handler')
    })
    const heard: string[] = []
    lobby.on('said', ({ text }) => heard.push(text))
    const peer = await server.next()
    peer.open()
    await until(lobby, 'open')
    peer.send({ op: 'msg', in: path, type: 'said', data: { from: 'Ada', text: 'hello' } })
    await vi.waitFor(() => expect(heard).toEqual(['hello']))
    expect(errors).toEqual([new Error('listener'), new Error('handler')])
    app.close()
  })

  test('without a WebSocket it says what is missing', () => {
    vi.stubGlobal('WebSocket', undefined)
    expect(() => client({ url: 'ws://127.0.0.1' }).open(article)).toThrow(
      /pass a class as the client's option/,
    )
  })

  test('a WebSocket that cannot be made is a failed attempt whose error holds no credential', async () => {
    const reported: unknown[] = []
    const app = client({
      url: 'ws://127.0.0.1',
      clock: manualClock(),
      credentials: bearer(() => 'hunter2'),
      report: (error) => reported.push(error),
      WebSocket: class extends WebSocket {
        constructor(url: string, protocols: string[]) {
          super(url, [...protocols, ...protocols])
        }
      },
    })
    const { failure } = await until(app.open(article), 'waiting')
    expect(failure).toBe('the WebSocket could not be made: SyntaxError')
    expect(String(reported[0])).not.toMatch(/hunter2|sallyport/)
    app.close()
  })
})

function stubWindow(): EventTarget {
  const window = new EventTarget()
  vi.stubGlobal('addEventListener', window.addEventListener.bind(window))
  vi.stubGlobal('removeEventListener', window.removeEventListener.bind(window))
  return window
}

/** The address of a port that was just given back. */
async function nowhere(): Promise<string> {
  const http = createServer()
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const { port } = http.address() as AddressInfo
  await new Promise((resolve) => http.close(resolve))
  return `ws://127.0.0.1:${port}`
}

/** A WebSocket that also offers another protocol, as behind a proxy that rewrites the list. */
function lenient(protocol: string): WebSocketClass {
  return class extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, [...protocols, protocol])
    }
  }
}
