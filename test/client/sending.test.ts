import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test, vi } from 'vitest'
import { client, type ClientOptions, Denial, SallyportError } from '../../src/client/index.ts'
import { article, chat, game, log, notes } from './contracts.ts'
import { manualClock } from './manual-clock.ts'
import { type ScriptedServer, scriptedServer } from './scripted-server.ts'
import { until } from './until.ts'

const path = '/ws/chat/lobby'

function open(server: ScriptedServer, options: ClientOptions = {}) {
  const clock = manualClock()
  const app = client({ url: server.url, clock, backoff: { random: () => 1 }, ...options })
  return { app, clock, lobby: app.open(chat, { room: 'lobby' }) }
}

async function opened(server: ScriptedServer, options: ClientOptions = {}) {
  const parts = open(server, options)
  const peer = await server.next()
  peer.open()
  await until(parts.lobby, 'open')
  return { ...parts, peer }
}

/** How a promise was rejected; an error when it was not. */
const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => new Error('it was not rejected'),
    (error: unknown) => error,
  )

describe('hearing', () => {
  test('a named message reaches the handlers of its name, until they are stopped', async () => {
    await using server = await scriptedServer(path)
    const { app, lobby, peer } = await opened(server)
    const heard: unknown[] = []
    const stop = lobby.on('said', (data) => heard.push(data))
    lobby.on('typing', ({ from }) => heard.push(from))
    peer.send({ op: 'msg', in: path, type: 'said', data: { from: 'Ada', text: 'hello' } })
    peer.send({ op: 'msg', in: path, type: 'typing', data: { from: 'Bob' } })
    await vi.waitFor(() => expect(heard).toEqual([{ from: 'Ada', text: 'hello' }, 'Bob']))
    stop()
    peer.send({ op: 'msg', in: path, type: 'said', data: { from: 'Ada', text: 'again' } })
    peer.send({ op: 'msg', in: path, type: 'typing', data: { from: 'Eve' } })
    await vi.waitFor(() => expect(heard).toHaveLength(3))
    expect(heard[2]).toBe('Eve')
    app.close()
  })

  test('a handler given twice hears twice, and each is stopped on its own', async () => {
    await using server = await scriptedServer(path)
    const { app, lobby, peer } = await opened(server)
    const hear = vi.fn()
    const stop = lobby.on('said', hear)
    lobby.on('said', hear)
    stop()
    stop()
    peer.send({ op: 'msg', in: path, type: 'said', data: { from: 'Ada', text: 'hello' } })
    await vi.waitFor(() => expect(hear).toHaveBeenCalledOnce())
    app.close()
  })

  test('unknown operations, unknown types, other paths and nonsense are passed over', async () => {
    await using server = await scriptedServer(path)
    const reported: unknown[] = []
    const { app, lobby, peer } = await opened(server, { report: (error) => reported.push(error) })
    const heard: unknown[] = []
    lobby.on('said', (data) => heard.push(data))
    peer.send({ op: 'ask', in: path, nonce: '1' })
    peer.send({ op: 'msg', in: path, type: 'constructor', data: {} })
    peer.send({ op: 'msg', in: '/ws/chat/elsewhere', type: 'said', data: 'not for us' })
    peer.send({ op: 'ok', in: path, id: 'never-sent' })
    peer.send({ op: 'err', in: path, status: 429, code: 'too-many', message: 'slow down' })
    peer.socket.send('nonsense')
    peer.send({ op: 'msg', in: path, type: 'said', data: 'for us' })
    await vi.waitFor(() => expect(heard).toEqual(['for us']))
    expect(lobby.state).toBe('open')
    expect(reported).toHaveLength(1)
    app.close()
  })

  test('an unnamed shape is heard as message and sent without a name', async () => {
    await using server = await scriptedServer('/ws/article')
    const app = client({ url: server.url, clock: manualClock() })
    const opening = app.open(article)
    const heard: string[] = []
    opening.on('message', ({ message }) => heard.push(message))
    const peer = await server.next()
    peer.open()
    peer.send({ op: 'msg', in: '/ws/article', data: { message: 'welcome' } })
    await vi.waitFor(() => expect(heard).toEqual(['welcome']))
    const sent = opening.send({ message: 'hello' })
    const { id, ...frame } = await peer.next()
    expect(frame).toEqual({ op: 'msg', in: '/ws/article', data: { message: 'hello' } })
    peer.send({ op: 'ok', in: '/ws/article', id })
    await sent
    app.close()
  })

  test('bytes travel as bytes, named and unnamed', async () => {
    await using server = await scriptedServer('/ws/notes')
    const app = client({ url: server.url, clock: manualClock() })
    const opening = app.open(notes)
    const heard: Uint8Array[] = []
    opening.on('message', (bytes) => heard.push(bytes))
    const peer = await server.next()
    peer.open()
    await until(opening, 'open')
    void rejection(opening.send(Uint8Array.of(1, 2, 255)))
    const frame = await peer.next()
    expect(frame).toMatchObject({ op: 'msg', in: '/ws/notes', data: Uint8Array.of(1, 2, 255) })
    expect(frame).not.toHaveProperty('type')
    peer.socket.send(binaryFrame({ op: 'msg', in: '/ws/notes' }, Uint8Array.of(7, 8)))
    await vi.waitFor(() => expect(heard).toEqual([Uint8Array.of(7, 8)]))
    app.close()
  })

  test('a named binary message keeps its name', async () => {
    await using server = await scriptedServer('/ws/game')
    const app = client({ url: server.url, clock: manualClock() })
    const opening = app.open(game)
    const heard: Uint8Array[] = []
    opening.on('snapshot', (bytes) => heard.push(bytes))
    const peer = await server.next()
    peer.open()
    void rejection(opening.send('input', Uint8Array.of(3)))
    expect(await peer.next()).toMatchObject({ type: 'input', data: Uint8Array.of(3) })
    peer.socket.send(binaryFrame({ op: 'msg', in: '/ws/game', type: 'snapshot' }, Uint8Array.of(9)))
    await vi.waitFor(() => expect(heard).toEqual([Uint8Array.of(9)]))
    app.close()
  })

  test('raw text travels as the data of a frame', async () => {
    await using server = await scriptedServer('/ws/log')
    const app = client({ url: server.url, clock: manualClock() })
    const opening = app.open(log)
    const peer = await server.next()
    peer.open()
    void rejection(opening.send('a line'))
    expect((await peer.next()).data).toBe('a line')
    app.close()
  })
})

describe('sending', () => {
  test('it resolves when the server acknowledges', async () => {
    await using server = await scriptedServer(path)
    const { app, clock, lobby, peer } = await opened(server)
    let done = false
    const sent = lobby.send('say', { text: 'hello' }).then(() => (done = true))
    const { id, ...frame } = await peer.next()
    expect(frame).toEqual({ op: 'msg', in: path, type: 'say', data: { text: 'hello' } })
    expect(id).toMatch(/^[\w-]{12}-1$/)
    expect(done).toBe(false)
    peer.send({ op: 'ok', in: path, id })
    await sent
    // only the watch over the silence is left
    expect(clock.pending).toBe(1)
    app.close()
  })

  test('it rejects with the denial of its handler', async () => {
    await using server = await scriptedServer(path)
    const { app, lobby, peer } = await opened(server)
    const failed = rejection(lobby.send('say', { text: 'hello' }))
    const { id } = await peer.next()
    peer.send({
      op: 'err',
      in: path,
      id,
      status: 429,
      code: 'slow-mode',
      message: 'Wait.',
      retryAfterMs: 500,
    })
    const error = await failed
    expect(error).toBeInstanceOf(Denial)
    expect(error).toMatchObject({ status: 429, reason: 'slow-mode', message: 'Wait.', retryAfterMs: 500 })
    app.close()
  })

  test('ids are never used twice, over several endpoints and lines', async () => {
    await using server = await scriptedServer(path)
    const { app, clock, lobby, peer } = await opened(server)
    const other = app.open(chat, { room: 'lobby' })
    const otherPeer = await server.next()
    otherPeer.open()
    await until(other, 'open')
    const ids: unknown[] = []
    void rejection(lobby.send('typing', {}))
    ids.push((await peer.next()).id)
    void rejection(other.send('typing', {}))
    ids.push((await otherPeer.next()).id)
    peer.socket.terminate()
    await until(lobby, 'waiting')
    clock.advance(20_000)
    const again = await server.next()
    again.open()
    void rejection(lobby.send('typing', {}))
    ids.push((await again.next()).id)
    expect(new Set(ids).size).toBe(3)
    app.close()
  })

  test('a message that is sent before the channel is open waits, and keeps its order', async () => {
    await using server = await scriptedServer(path)
    const { app, lobby } = open(server)
    const all = ['1', '2', '3'].map((text) => lobby.send('say', { text }))
    const peer = await server.next()
    peer.open()
    for (const text of ['1', '2', '3']) {
      const { id, data } = await peer.next()
      expect(data).toEqual({ text })
      peer.send({ op: 'ok', in: path, id })
    }
    await Promise.all(all)
    app.close()
  })

  test('what is sent is what it was at that moment', async () => {
    await using server = await scriptedServer(path)
    const { app, lobby } = open(server)
    const data = { text: 'before' }
    void rejection(lobby.send('say', data))
    data.text = 'after'
    const peer = await server.next()
    peer.open()
    expect((await peer.next()).data).toEqual({ text: 'before' })
    app.close()
  })

  test('more than the bound is refused, and nothing that waits is dropped for it', async () => {
    await using server = await scriptedServer(path)
    const { app, lobby } = open(server)
    const waiting = Array.from({ length: 100 }, (_, i) => lobby.send('say', { text: String(i) }))
    const error = await rejection(lobby.send('say', { text: 'one too many' }))
    expect(error).toMatchObject({ name: 'SallyportError', code: 'ERR_QUEUE_FULL' })
    const peer = await server.next()
    peer.open()
    for (const index of waiting.keys()) {
      const { id, data } = await peer.next()
      expect(data).toEqual({ text: String(index) })
      peer.send({ op: 'ok', in: path, id })
    }
    await Promise.all(waiting)
    app.close()
  })

  test('the bound can be chosen', async () => {
    await using server = await scriptedServer(path)
    const { app, lobby } = open(server, { queue: 1 })
    const first = rejection(lobby.send('typing', {}))
    expect(await rejection(lobby.send('typing', {}))).toMatchObject({ code: 'ERR_QUEUE_FULL' })
    app.close()
    expect(await first).toMatchObject({ code: 'ERR_CLOSED' })
  })

  test('messages that wait are bounded in bytes too', async () => {
    await using server = await scriptedServer(path)
    const { app, lobby } = open(server, { queueBytes: 1_000 })
    const first = lobby.send('say', { text: 'a'.repeat(600) })
    const second = await rejection(lobby.send('say', { text: 'b'.repeat(600) }))
    expect(second).toMatchObject({ code: 'ERR_QUEUE_FULL' })
    const peer = await server.next()
    peer.open()
    const { id } = await peer.next()
    peer.send({ op: 'ok', in: path, id })
    await first
    app.close()
  })

  test('a message that leaves the queue gives its bytes back', async () => {
    await using server = await scriptedServer(path)
    const { app, lobby } = open(server, { queueBytes: 1_000 })
    for (const text of ['a', 'b', 'c']) {
      const abort = new AbortController()
      const gone = rejection(lobby.send('say', { text: text.repeat(600) }, { signal: abort.signal }))
      abort.abort()
      await gone
    }
    const peer = await server.next()
    const last = lobby.send('say', { text: 'd'.repeat(600) })
    peer.open()
    const { id } = await peer.next()
    peer.send({ op: 'ok', in: path, id })
    await last
    app.close()
  })

  test('one message that is larger than the bound may wait alone', async () => {
    await using server = await scriptedServer(path)
    const { app, lobby } = open(server, { queueBytes: 10 })
    const sent = lobby.send('say', { text: 'hello' })
    const peer = await server.next()
    peer.open()
    const { id } = await peer.next()
    peer.send({ op: 'ok', in: path, id })
    await sent
    app.close()
  })

  test('a message that was written is not held until its answer comes', async () => {
    await using server = await scriptedServer('/ws/notes')
    const app = client({ url: server.url, clock: manualClock(), WebSocket: Unbuffered })
    const opening = app.open(notes)
    const peer = await server.next()
    peer.send({ op: 'hello', version: 1, id: 'h', pingMs: 25_000, limits: { message: 2_000_000 } })
    peer.send({ op: 'opened', in: '/ws/notes', id: 'o' })
    await until(opening, 'open')
    const before = heapAfterCollection()
    const sent = Array.from({ length: 20 }, () => opening.send(new Uint8Array(1_000_000)))
    // buffers are given back in the background
    await vi.waitFor(() => expect(heapAfterCollection() - before).toBeLessThan(5_000_000))
    expect(sent).toHaveLength(20)
    app.close()
  })

  test('a message whose promise was left alone is no uncaught error when it is refused', async () => {
    await using server = await scriptedServer(path)
    const uncaught: unknown[] = []
    const hear = (error: unknown): void => void uncaught.push(error)
    process.on('unhandledRejection', hear)
    const { app, lobby, peer } = await opened(server)
    void lobby.send('say', { text: 'hello' })
    void lobby.call('history', {})
    await peer.next()
    peer.socket.terminate()
    await until(lobby, 'waiting')
    await new Promise((resolve) => setImmediate(resolve))
    process.off('unhandledRejection', hear)
    expect(uncaught).toEqual([])
    app.close()
  })

  test('bytes of another realm are bytes', async () => {
    await using server = await scriptedServer('/ws/notes')
    const app = client({ url: server.url, clock: manualClock() })
    const opening = app.open(notes)
    const peer = await server.next()
    peer.open()
    void opening.send(runInNewContext('Uint8Array.of(1, 2, 255)') as Uint8Array)
    expect((await peer.next()).data).toEqual(Uint8Array.of(1, 2, 255))
    app.close()
  })

  test('a message that was written before the connection broke is rejected: outcome unknown', async () => {
    await using server = await scriptedServer(path)
    const { app, lobby, peer } = await opened(server)
    const written = rejection(lobby.send('say', { text: 'hello' }))
    await peer.next()
    peer.socket.terminate()
    const error = await written
    expect(error).toMatchObject({ code: 'ERR_CLOSED' })
    expect(String(error)).toContain('it is not known whether the message took effect')
    app.close()
  })

  test('what was never written goes out on the next line', async () => {
    await using server = await scriptedServer(path)
    const { app, clock, lobby, peer } = await opened(server)
    peer.socket.terminate()
    await until(lobby, 'waiting')
    const sent = lobby.send('say', { text: 'hello' })
    clock.advance(2000)
    const again = await server.next()
    again.open()
    const { id, data } = await again.next()
    expect(data).toEqual({ text: 'hello' })
    again.send({ op: 'ok', in: path, id })
    await sent
    app.close()
  })

  test('once the server says bye it is sent nothing more; answers still count', async () => {
    await using server = await scriptedServer(path)
    const { app, clock, lobby, peer } = await opened(server)
    const early = lobby.send('say', { text: 'early' })
    const { id } = await peer.next()
    peer.send({ op: 'bye', retryAfterMs: 1000 })
    peer.send({ op: 'ping' })
    expect(await peer.next()).toEqual({ op: 'pong' })
    const late = lobby.send('say', { text: 'late' })
    peer.send({ op: 'ok', in: path, id })
    await early
    peer.socket.close(1012, 'restart')
    await until(lobby, 'waiting')
    clock.advance(1000)
    const again = await server.next()
    again.open()
    const frame = await again.next()
    expect(frame.data).toEqual({ text: 'late' })
    again.send({ op: 'ok', in: path, id: frame.id })
    await late
    app.close()
  })

  test('without an answer it gives up after 10 s and says what is known', async () => {
    await using server = await scriptedServer(path)
    const { app, clock, lobby, peer } = await opened(server)
    const failed = rejection(lobby.send('say', { text: 'hello' }))
    await peer.next()
    clock.advance(10_000)
    const error = await failed
    expect(error).toMatchObject({ code: 'ERR_TIMEOUT' })
    expect(String(error)).toContain('the message was sent, and it is not known whether it took effect')
    expect(lobby.state).toBe('open')
    app.close()
  })

  test('what has waited too long is never sent', async () => {
    await using server = await scriptedServer(path)
    const { app, clock, lobby } = open(server)
    const failed = rejection(lobby.send('say', { text: 'late' }, { timeout: '2s' }))
    const peer = await server.next()
    clock.advance(2000)
    expect(String(await failed)).toContain('the message was never sent')
    peer.open()
    await until(lobby, 'open')
    void rejection(lobby.send('say', { text: 'next' }))
    expect((await peer.next()).data).toEqual({ text: 'next' })
    app.close()
  })

  test('the deadline of all can be chosen', async () => {
    await using server = await scriptedServer(path)
    const { app, clock, lobby } = open(server, { timeout: 50 })
    const failed = rejection(lobby.send('typing', {}))
    clock.advance(50)
    expect(await failed).toMatchObject({ code: 'ERR_TIMEOUT' })
    app.close()
  })

  test('aborting takes back what waits', async () => {
    await using server = await scriptedServer(path)
    const { app, lobby } = open(server, { queue: 1 })
    const abort = new AbortController()
    const failed = rejection(lobby.send('say', { text: 'no' }, { signal: abort.signal }))
    const reason = new Error('changed my mind')
    abort.abort(reason)
    expect(await failed).toBe(reason)
    void rejection(lobby.send('say', { text: 'yes' }))
    const peer = await server.next()
    peer.open()
    expect((await peer.next()).data).toEqual({ text: 'yes' })
    app.close()
  })

  test('a signal that is aborted already sends nothing', async () => {
    await using server = await scriptedServer(path)
    const { app, lobby } = open(server)
    const error = await rejection(lobby.send('typing', {}, { signal: AbortSignal.abort() }))
    expect(error).toMatchObject({ name: 'AbortError' })
    app.close()
  })

  test('a message that is too large for the server is refused here, and the connection stays', async () => {
    await using server = await scriptedServer(path)
    const { app, lobby } = await opened(server)
    const error = await rejection(lobby.send('say', { text: 'é'.repeat(40_000) }))
    expect(error).toMatchObject({ code: 'ERR_INVALID_MESSAGE' })
    expect(lobby.state).toBe('open')
    app.close()
  })

  test('a message of the allowed size is sent', async () => {
    await using server = await scriptedServer(path)
    const { app, lobby, peer } = await opened(server)
    void rejection(lobby.send('say', { text: 'e'.repeat(65_000) }))
    expect((await peer.next()).op).toBe('msg')
    app.close()
  })

  test('a reader that does not read is not fed without end', async () => {
    await using server = await scriptedServer(path)
    const { app, lobby, peer } = await opened(server, { timeout: '1h' })
    peer.socket.pause()
    const text = 'x'.repeat(60_000)
    const refusals: unknown[] = []
    for (let count = 0; count < 500 && refusals.length === 0; count++) {
      lobby.send('say', { text }).catch((error: unknown) => refusals.push(error))
      await new Promise(setImmediate)
    }
    expect(refusals[0]).toBeInstanceOf(SallyportError)
    expect(refusals[0]).toMatchObject({ code: 'ERR_QUEUE_FULL' })
    app.close()
  })

  test('what cannot be written as JSON is a TypeError', async () => {
    await using server = await scriptedServer(path)
    const { app, lobby } = open(server)
    const cycle: { text: string; self?: unknown } = { text: '' }
    cycle.self = cycle
    expect(await rejection(lobby.send('say', cycle))).toBeInstanceOf(TypeError)
    app.close()
  })

  test('a malformed parameter is refused when it is opened', async () => {
    await using server = await scriptedServer(path)
    const app = client({ url: server.url, clock: manualClock() })
    expect(() => app.open(chat, { room: '' })).toThrow(TypeError)
    app.close()
  })
})

describe('calling', () => {
  test('it resolves with the answer', async () => {
    await using server = await scriptedServer(path)
    const { app, lobby, peer } = await opened(server)
    const answer = lobby.call('history', { before: 'm-9' })
    const { id, ...frame } = await peer.next()
    expect(frame).toEqual({ op: 'call', in: path, type: 'history', data: { before: 'm-9' } })
    peer.send({ op: 'ok', in: path, id, data: ['a', 'b'] })
    expect(await answer).toEqual(['a', 'b'])
    app.close()
  })

  test('it rejects with the denial', async () => {
    await using server = await scriptedServer(path)
    const { app, lobby, peer } = await opened(server)
    const failed = rejection(lobby.call('history', {}))
    const { id } = await peer.next()
    peer.send({ op: 'err', in: path, id, status: 404, code: 'no-history', message: 'None.' })
    expect(await failed).toMatchObject({ status: 404, reason: 'no-history' })
    app.close()
  })

  test('aborting cancels it at the server', async () => {
    await using server = await scriptedServer(path)
    const { app, lobby, peer } = await opened(server)
    const abort = new AbortController()
    const failed = rejection(lobby.call('history', {}, { signal: abort.signal }))
    const { id } = await peer.next()
    abort.abort()
    expect(await failed).toMatchObject({ name: 'AbortError' })
    expect(await peer.next()).toEqual({ op: 'cancel', in: path, id })
    app.close()
  })

  test('its deadline cancels it at the server', async () => {
    await using server = await scriptedServer(path)
    const { app, clock, lobby, peer } = await opened(server)
    const failed = rejection(lobby.call('history', {}, { timeout: '3s' }))
    const { id } = await peer.next()
    clock.advance(3000)
    expect(await failed).toMatchObject({ code: 'ERR_TIMEOUT' })
    expect(await peer.next()).toEqual({ op: 'cancel', in: path, id })
    app.close()
  })

  test('one that was never sent needs no cancel', async () => {
    await using server = await scriptedServer(path)
    const { app, clock, lobby } = open(server)
    const failed = rejection(lobby.call('history', {}, { timeout: '1s' }))
    clock.advance(1000)
    await failed
    const peer = await server.next()
    peer.open()
    peer.send({ op: 'ping' })
    expect(await peer.next()).toEqual({ op: 'pong' })
    app.close()
  })

  test('an answer that comes too late changes nothing', async () => {
    await using server = await scriptedServer(path)
    const { app, lobby, peer } = await opened(server)
    const abort = new AbortController()
    const failed = rejection(lobby.call('history', {}, { signal: abort.signal }))
    const { id } = await peer.next()
    abort.abort()
    await failed
    peer.send({ op: 'ok', in: path, id, data: [] })
    peer.send({ op: 'ping' })
    expect(await peer.next()).toMatchObject({ op: 'cancel' })
    expect(await peer.next()).toEqual({ op: 'pong' })
    expect(lobby.state).toBe('open')
    app.close()
  })
})

/** A WebSocket that sends what it is told, and keeps nothing of it. */
class Unbuffered extends WebSocket {
  override send(): void {}
}

/** Bytes of the heap and of buffers outside of it that are reachable. */
function heapAfterCollection(): number {
  setFlagsFromString('--expose-gc')
  // what the flag adds to a new context is the function that collects
  const collect = runInNewContext('gc') as () => void
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

function binaryFrame(header: object, bytes: Uint8Array): Uint8Array {
  const head = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(2)
  length.writeUInt16BE(head.length)
  return Buffer.concat([length, head, bytes])
}
