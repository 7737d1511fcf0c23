import { expect, test } from 'vitest'
import { LayerConnection } from '../../../src/core/groups/layer-connection.ts'
import type { Health, Layer, Link } from '../../../src/core/api/layer.ts'
import type { Awaitable } from '../../../src/core/runtime/awaitable.ts'
import { anyone, consumer, contract, memory, text } from '../../../src/index.ts'
import { settled, testClock } from '../../../src/testing/clock.ts'
import { testLayer, testServer, visit } from '../../../src/testing.ts'
import { changedLinks, linkOf } from '../../support/links.ts'
import { closeAfterTest } from '../../support/close-after-test.ts'

const lines = contract('/ws/lines', { client: text, server: text })
const room = consumer(lines, { auth: anyone }, () => ({ message: () => {} }))
const guest = { headers: {} }
const rules = { space: 'history', size: 10, forMs: 60_000 } as const
/** A connection to a layer that connects as it is told. */
function unreliableLayer(connect: (attempt: number, joined: () => Promise<Link>) => Promise<Link>) {
  const clock = testClock()
  const real = memory({ clock })
  const attempts: number[] = []
  const faults: string[] = []
  const layer: Layer = {
    connect: (node, hooks) => {
      attempts.push(clock.monotonic())
      return connect(attempts.length, () => real.connect(node, hooks))
    },
  }
  const report = (error: unknown): void => void faults.push(String(error))
  return { clock, layer, real, attempts, faults, report }
}

const connected = (parts: ReturnType<typeof unreliableLayer>): LayerConnection =>
  new LayerConnection({ ...parts, node: 'one' })
/** What becomes of a call, as soon as it is known. */
function outcome(call: Awaitable<unknown>): { readonly code: string } {
  const told = { code: 'pending' }
  Promise.resolve(call).then(
    () => (told.code = 'done'),
    (error: unknown) => (told.code = (error as { code: string }).code),
  )
  return told
}

// proves: layer-away
test('a layer that is away at the start is 503 for 200 handshakes, without one connect for each', async () => {
  const parts = unreliableLayer((attempt, joined) =>
    attempt < 4 ? Promise.reject(new Error('refused')) : joined(),
  )
  const server = testServer({ layer: parts.layer, clock: parts.clock, report: parts.report })
  closeAfterTest(server)
  await settled()
  for (let count = 0; count < 200; count++)
    await expect(visit(room, {}, { ...guest, server })).rejects.toMatchObject({ status: 503 })
  expect(parts.attempts).toEqual([0])
  expect(parts.faults[0]).toBe('SallyportError: the layer could not connect: refused')
  await parts.clock.advance(50 + 100 + 200)
  expect(parts.attempts).toEqual([0, 50, 150, 350])
  await visit(room, {}, { ...guest, server })
  expect(server.connections).toBe(1)
})

test('attempts to connect come at most two seconds apart, and end with the server', async () => {
  const parts = unreliableLayer(() => Promise.reject(new Error('refused')))
  const connection = connected(parts)
  await parts.clock.advance(20_000)
  const pauses = parts.attempts.slice(1).map((at, index) => at - (parts.attempts[index] ?? 0))
  expect(pauses.slice(0, 7)).toEqual([50, 100, 200, 400, 800, 1_600, 2_000])
  expect(new Set(pauses.slice(7))).toEqual(new Set([2_000]))
  await connection.close()
  const before = parts.attempts.length
  await parts.clock.advance(60_000)
  expect(parts.attempts).toHaveLength(before)
})

test('a layer that never answers fails each call in 2 seconds, and is asked again after 10', async () => {
  const late = Promise.withResolvers<Link>()
  const closed: string[] = []
  const parts = unreliableLayer((attempt, joined) => (attempt === 1 ? late.promise : joined()))
  const connection = connected(parts)
  const taking = outcome(connection.take('key'))
  await parts.clock.advance(1_999)
  expect(taking.code).toBe('pending')
  await parts.clock.advance(1)
  expect(taking.code).toBe('ERR_LAYER')
  await parts.clock.advance(8_050)
  expect(parts.attempts).toEqual([0, 10_050])
  late.resolve({ ...(await linkOf(parts.real, 'late')), close: async () => void closed.push('late') })
  await settled()
  expect(closed).toEqual(['late'])
  expect(await connection.take('key')).toBeNull()
})

test('a link that comes too late changes neither the state nor the roster of the newer link', async () => {
  const heard: ((now: Health) => void)[] = []
  const late = Promise.withResolvers<Link>()
  const parts = unreliableLayer((attempt, joined) => (attempt === 1 ? late.promise : joined()))
  const layer: Layer = {
    connect: (node, hooks) => (heard.push((now) => hooks.health(now)), parts.layer.connect(node, hooks)),
  }
  const connection = connected({ ...parts, layer })
  await parts.clock.advance(10_050)
  expect(connection.nodes).toEqual(['one'])
  heard[0]?.({ state: 'down', nodes: ['one', 'ghost'], detail: 'late' })
  expect(connection.health).toEqual({ state: 'up', nodes: ['one'], detail: 'in this process' })
  heard[1]?.({ state: 'degraded', nodes: ['one', 'two'], detail: 'slow' })
  expect(connection.nodes).toEqual(['one', 'two'])
})

test('calls that were made before the layer is there reach it in their order', async () => {
  const { promise: ready, resolve: connect } = Promise.withResolvers<void>()
  const parts = unreliableLayer(async (_, joined) => (await ready, joined()))
  const connection = connected(parts)
  const other = await linkOf(parts.real, 'other')
  const heard: string[] = []
  await other.subscribe('topic', ({ bytes }) => void heard.push(new TextDecoder().decode(bytes)))
  const send = async (message: string) => connection.publish('topic', () => new TextEncoder().encode(message))
  const sending = [send('1'), send('2')]
  connect()
  await sending[0]
  await Promise.all([...sending, send('3')])
  await settled()
  expect(heard).toEqual(['1', '2', '3'])
})

test('a call that could be made at once waits for the calls before it that wait for the layer', async () => {
  const { promise: ready, resolve: connect } = Promise.withResolvers<void>()
  const parts = unreliableLayer(async (_, joined) => (await ready, joined()))
  const published: string[] = []
  const layer = changedLinks(parts.layer, () => ({
    publish: (topic) => {
      published.push(topic)
      if (topic === 'first') void connection.publish('last', () => new Uint8Array(1))
      return null
    },
  }))
  const connection = connected({ ...parts, layer })
  const send = async (topic: string) => connection.publish(topic, () => new Uint8Array(1))
  const sending = [send('first'), send('second'), send('third')]
  connect()
  await Promise.all(sending)
  await settled()
  expect(published).toEqual(['first', 'second', 'third', 'last'])
})

test('what a connected layer answers at once is answered at once, and what it throws rejects', async () => {
  const cause = new Error('READONLY')
  const layer = changedLinks(memory(), () => ({
    range: () => {
      throw cause
    },
  }))
  const connection = new LayerConnection({ layer, node: 'one', clock: testClock(), report: () => {} })
  await settled()
  expect(connection.publish('topic', () => new Uint8Array(1))).toBeNull()
  expect(connection.subscribe('topic', () => {})).toBeTypeOf('function')
  await expect(connection.range('topic', rules, 'all')).rejects.toMatchObject({ code: 'ERR_LAYER', cause })
  await connection.close()
  await expect(connection.publish('topic', () => new Uint8Array(1))).rejects.toMatchObject({
    code: 'ERR_CLOSED',
  })
})

test('a call whose time is over before the layer is there is not made when it is', async () => {
  const { promise: ready, resolve: connect } = Promise.withResolvers<void>()
  const parts = unreliableLayer(async (_, joined) => (await ready, joined()))
  const connection = connected(parts)
  const putting = outcome(connection.put('key', new Uint8Array(1), 60_000))
  await parts.clock.advance(2_000)
  expect(putting.code).toBe('ERR_LAYER')
  connect()
  await settled()
  expect(await connection.take('key')).toBeNull()
})

// proves: layer-away
test.each([
  ['take', (link: LayerConnection) => link.take('key'), 2_000],
  ['put', (link: LayerConnection) => link.put('key', new Uint8Array(1), 1_000), 2_000],
  ['claim', (link: LayerConnection) => link.claim('key', 'me', 1_000), 2_000],
  ['range', (link: LayerConnection) => link.range('topic', rules, 'all'), 2_000],
  ['subscribe', (link: LayerConnection) => link.subscribe('topic', () => {}), 2_000],
  ['publish', (link: LayerConnection) => link.publish('topic', () => new Uint8Array(1)), 5_000],
])('%s fails with ERR_LAYER when the layer never answers', async (method, call, ms) => {
  const clock = testClock()
  const layer = changedLinks(memory({ clock }), () => ({ [method]: () => new Promise(() => {}) }))
  const connection = new LayerConnection({ layer, node: 'one', clock, report: () => {} })
  const calling = outcome(call(connection))
  await clock.advance(ms - 1)
  expect(calling.code).toBe('pending')
  await clock.advance(1)
  expect(calling.code).toBe('ERR_LAYER')
})

test('a subscription that begins after its time is ended at once', async () => {
  const clock = testClock()
  const { promise: slow, resolve: answer } = Promise.withResolvers<void>()
  let ended = 0
  const layer = changedLinks(memory({ clock }), () => ({
    subscribe: async () => (await slow, () => void ended++),
  }))
  const connection = new LayerConnection({ layer, node: 'one', clock, report: () => {} })
  const subscribing = outcome(connection.subscribe('topic', () => {}))
  await clock.advance(2_000)
  expect([subscribing.code, ended]).toEqual(['ERR_LAYER', 0])
  answer()
  await settled()
  expect(ended).toBe(1)
})

test('what a layer throws comes out as ERR_LAYER, with its cause', async () => {
  const cause = new Error('READONLY')
  const layer = changedLinks(memory(), () => ({ take: () => Promise.reject(cause) }))
  const connection = new LayerConnection({ layer, node: 'one', clock: testClock(), report: () => {} })
  await expect(connection.take('key')).rejects.toMatchObject({
    code: 'ERR_LAYER',
    message: 'the layer could not take a value: READONLY',
    cause,
  })
})

test('a subscriber that throws is reported, and the others hear the message', async () => {
  const layer = memory()
  const faults: unknown[] = []
  const clock = testClock()
  const connection = new LayerConnection({ layer, node: 'one', clock, report: (error) => faults.push(error) })
  const other = await linkOf(layer, 'other')
  let heard = 0
  const fault = new Error('a fault')
  await connection.subscribe('topic', () => {
    throw fault
  })
  await connection.subscribe('topic', () => void heard++)
  await other.publish('topic', () => new Uint8Array(1))
  await settled()
  expect([faults, heard]).toEqual([[fault], 1])
})

test('a layer that goes down is reported once, and the roster stays as it was', async () => {
  const clock = testClock()
  const layer = testLayer({ clock })
  const faults: unknown[] = []
  const connection = new LayerConnection({ layer, node: 'one', clock, report: (error) => faults.push(error) })
  expect(connection.health).toMatchObject({ state: 'up', nodes: ['one'] })
  await linkOf(layer, 'two')
  expect(connection.nodes).toEqual(['one', 'two'])
  layer.cut('one')
  await clock.advance(20_000)
  expect(connection.health.state).toBe('down')
  expect(connection.nodes).toEqual(['one', 'two'])
  expect(faults).toMatchObject([{ code: 'ERR_LAYER', message: 'the layer is down: it was cut off' }])
  layer.restore('one')
  expect(connection.health.state).toBe('up')
})

test('a server that is closed while it connects leaves no node behind', async () => {
  const { promise: ready, resolve: connect } = Promise.withResolvers<void>()
  const parts = unreliableLayer(async (_, joined) => (await ready, joined()))
  const connection = connected(parts)
  const healths: Health[] = []
  await linkOf(parts.real, 'witness', (now) => void healths.push(now))
  const closing = connection.close()
  await expect(connection.take('key')).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  connect()
  await closing
  expect(healths.at(-1)?.nodes).toEqual(['witness'])
  expect(parts.faults).toEqual([])
})

test('a server that closes twice leaves its layer once', async () => {
  let closings = 0
  const clock = testClock()
  const layer = changedLinks(memory({ clock }), (link) => ({
    close: () => {
      closings++
      return link.close()
    },
  }))
  const connection = new LayerConnection({ layer, node: 'one', clock, report: () => {} })
  await Promise.all([connection.close(), connection.close()])
  await connection.close()
  expect(closings).toBe(1)
})

test('a server that is closed while its layer refuses reports nothing, and connects no more', async () => {
  const { promise: away, reject: refuse } = Promise.withResolvers<Link>()
  const parts = unreliableLayer(() => away)
  const closing = connected(parts).close()
  refuse(new Error('refused'))
  await closing
  await parts.clock.advance(20_000)
  expect([parts.attempts, parts.faults]).toEqual([[0], []])
})

test('a layer that goes down after the server has closed is not reported', async () => {
  const parts = unreliableLayer((_, joined) => joined())
  let tell: (now: Health) => void = () => {}
  const layer: Layer = {
    connect: (node, hooks) => {
      tell = (now) => hooks.health(now)
      return parts.layer.connect(node, hooks)
    },
  }
  const connection = connected({ ...parts, layer })
  await settled()
  await connection.close()
  tell({ state: 'down', nodes: ['one'], detail: 'gone' })
  expect(parts.faults).toEqual([])
})

test('a server closes though its layer never answers', async () => {
  const parts = unreliableLayer(() => new Promise(() => {}))
  const connection = connected(parts)
  const closing = outcome(connection.close())
  await parts.clock.advance(10_000)
  expect(closing.code).toBe('done')
})

test('a node that is cut off refuses who comes and says so to who sends', async () => {
  const layer = testLayer()
  const server = testServer({ layer, node: 'one', report: () => {} })
  closeAfterTest(server)
  await visit(room, {}, { ...guest, server })
  layer.cut('one')
  const other = consumer(contract('/ws/other', { client: text }), { auth: anyone }, () => ({
    message: () => {},
  }))
  await expect(visit(other, {}, { ...guest, server })).rejects.toMatchObject({ status: 503 })
  await expect(server.group(lines).send('hello')).rejects.toMatchObject({ code: 'ERR_LAYER' })
  await expect(server.store.put('key', new Uint8Array(1), 1_000)).rejects.toMatchObject({ code: 'ERR_LAYER' })
  expect(server.connections).toBe(1)
  layer.restore('one')
  await visit(other, {}, { ...guest, server })
})
