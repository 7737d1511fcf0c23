import { once } from 'node:events'
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { afterAll, beforeAll, expect, test } from 'vitest'
import WebSocket from 'ws'
import { z } from 'zod'
import {
  type Authenticator,
  consumer,
  contract,
  deny,
  endpoint,
  memory,
  type ServerOptions,
  sallyport,
  text,
} from '../src/index.ts'
import { otel, type OtelOptions } from '../src/otel.ts'
import { visit } from '../src/testing.ts'
import { closeAfterTest } from './support/close-after-test.ts'

const manager = new AsyncLocalStorageContextManager()
beforeAll(() => void context.setGlobalContextManager(manager.enable()))
afterAll(() => context.disable())
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const traceparent = `00-${traceId}-00f067aa0ba902b7-01`
const chat = contract('/ws/chat/:room', {
  client: { say: z.object({ text: z.string() }) },
  server: { said: z.object({ text: z.string() }) },
  calls: { double: { input: z.object({ of: z.number() }), output: z.number() } },
})

const member: Authenticator<{ readonly id: string }> = async ({ credentials }) => {
  const key = credentials.of('bearer')
  if (key === null) return null
  if (key === 'key-marked-away') throw new Error('the directory with key-marked-away is away')
  return key === 'key-marked-1' ? { user: { id: 'ada' } } : deny(401, 'unknown-key', 'this opens nothing')
}

const room = consumer(chat, { auth: member }, (socket) => ({
  on: {
    say: async ({ text: line }) => {
      if (line === 'refuse') deny(403, 'read-only')
      if (line.startsWith('boom')) throw new RangeError(`cannot say ${line}`)
      // what a handler awaits keeps its place in the trace
      await Promise.resolve()
      await socket.group().send('said', { text: line })
    },
  },
  calls: { double: ({ of }) => 2 * of },
}))

/** @param how `null` is without a tracer */
async function serving(options: ServerOptions = {}, how: OtelOptions | null = {}) {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  const traced = how === null ? {} : { tracer: otel({ provider, ...how }) }
  const server = sallyport({ ...traced, report: () => {}, ...options })
  closeAfterTest(server)
  server.serve(room)
  const { port: number } = await server.listen(0)
  const url = `ws://127.0.0.1:${number}/ws/chat/lobby`
  const spans = (prefix = '') => exporter.getFinishedSpans().filter(({ name }) => name.startsWith(prefix))
  return { url, server, spans }
}

async function connectTo(url: string, headers: Record<string, string> = {}) {
  const ws = new WebSocket(url, ['sallyport.v1'], {
    headers: { authorization: 'Bearer key-marked-1', ...headers },
  })
  const frames: string[] = []
  ws.on('message', (data: Buffer) => frames.push(data.toString()))
  ws.on('error', () => {})
  await once(ws, 'open')
  await expect.poll(() => frames.some((frame) => frame.includes('"op":"opened"'))).toBe(true)
  const say = (line: string, more: object = {}) =>
    ws.send(
      JSON.stringify({
        op: 'msg',
        in: '/ws/chat/lobby',
        id: line,
        type: 'say',
        data: { text: line },
        ...more,
      }),
    )
  const heard = () => frames.filter((frame) => frame.includes('"op":"msg"'))
  return { ws, frames, say, heard }
}

test('a message from socket to socket through a handler is one trace, in the same bytes for all', async () => {
  const { url, spans } = await serving()
  const [alice, bob] = [await connectTo(url), await connectTo(url)]
  alice.say('hello', { trace: { traceparent, tracestate: 'vendor=1' } })
  await expect.poll(() => [alice.heard().length, bob.heard().length]).toEqual([1, 1])
  await expect.poll(() => spans('process')).toHaveLength(1)
  const [processed] = spans('process')
  const [sent] = spans('send')
  expect(processed).toMatchObject({
    name: 'process /ws/chat/:room',
    kind: SpanKind.CONSUMER,
    parentSpanContext: { traceId, spanId: '00f067aa0ba902b7', isRemote: true },
    attributes: {
      'messaging.system': 'sallyport',
      'messaging.operation.type': 'process',
      'messaging.destination.template': '/ws/chat/:room',
      'messaging.destination.name': '/ws/chat/lobby',
      'sallyport.message.type': 'say',
      'user.id': 'ada',
    },
  })
  expect(processed?.spanContext().traceState?.serialize()).toBe('vendor=1')
  expect(sent).toMatchObject({
    name: 'send /ws/chat/:room',
    kind: SpanKind.PRODUCER,
    parentSpanContext: { traceId, spanId: processed?.spanContext().spanId },
  })
  expect(bob.heard()).toEqual(alice.heard())
  expect(JSON.parse(bob.heard()[0] ?? '{}')).toMatchObject({
    data: { text: 'hello' },
    trace: { traceparent: `00-${traceId}-${sent?.spanContext().spanId}-01` },
  })
})

test('another node hands the trace on to its own sockets', async () => {
  const layer = memory()
  const [west, east] = [await serving({ layer, node: 'west' }), await serving({ layer, node: 'east' }, null)]
  const [alice, bob] = [await connectTo(west.url), await connectTo(east.url)]
  alice.say('hello', { trace: { traceparent } })
  await expect.poll(() => bob.heard()).toHaveLength(1)
  expect(bob.heard()[0]).toContain(traceId)
})

test('a call is a span of its own', async () => {
  const { url, spans } = await serving()
  const { ws, frames } = await connectTo(url)
  const call = {
    op: 'call',
    in: '/ws/chat/lobby',
    id: 'c1',
    type: 'double',
    data: { of: 2 },
    trace: { traceparent },
  }
  ws.send(JSON.stringify(call))
  await expect.poll(() => frames.at(-1)).toContain('"data":4')
  const attributes = { 'rpc.system': 'sallyport', 'rpc.service': '/ws/chat/:room', 'rpc.method': 'double' }
  expect(spans('/ws/chat/:room/double')).toMatchObject([{ kind: SpanKind.SERVER, attributes }])
  expect(spans('/ws/chat/:room/double')[0]?.spanContext().traceId).toBe(traceId)
})

test('a handshake continues the trace of its headers', async () => {
  const { url, spans } = await serving()
  await connectTo(url, { traceparent })
  const attributes = {
    'http.request.method': 'GET',
    'http.route': '/ws/chat/:room',
    'url.path': '/ws/chat/lobby',
    'client.address': '127.0.0.1',
  }
  expect(spans('GET')).toMatchObject([{ kind: SpanKind.SERVER, attributes, parentSpanContext: { traceId } }])
})

test('a refused handshake is an answer, and a failed authenticator an error', async () => {
  const { url, spans } = await serving()
  for (const key of ['nonsense', 'key-marked-away']) {
    const ws = new WebSocket(url, { headers: { authorization: `Bearer ${key}` } })
    await once(ws, 'error')
  }
  expect(spans('GET')).toMatchObject([
    {
      attributes: { 'sallyport.denial.status': 401, 'sallyport.denial.code': 'unknown-key' },
      status: { code: SpanStatusCode.UNSET },
    },
    {
      attributes: { 'sallyport.denial.status': 503, 'error.type': 'unavailable' },
      status: { code: SpanStatusCode.ERROR },
    },
  ])
})

test('a handler that refuses has answered, and one that fails is an error', async () => {
  const { url, spans } = await serving()
  const { ws, say } = await connectTo(url)
  say('refuse')
  say('boom')
  await once(ws, 'close')
  expect(spans('process')).toMatchObject([
    { attributes: { 'sallyport.denial.code': 'read-only' }, status: { code: SpanStatusCode.UNSET } },
    { attributes: { 'error.type': 'RangeError' }, status: { code: SpanStatusCode.ERROR } },
  ])
})

test('a trace that is malformed is none, and its message is as good as any', async () => {
  const { url, spans } = await serving()
  const { say, heard } = await connectTo(url, { traceparent: 'nonsense' })
  for (const malformed of ['nonsense', { traceparent: 'nonsense' }, { traceparent: 5 }, null])
    say('hello', { trace: malformed })
  await expect.poll(() => heard()).toHaveLength(4)
  await expect.poll(() => spans('process')).toHaveLength(4)
  for (const span of [...spans('process'), ...spans('GET')]) expect(span.parentSpanContext).toBeUndefined()
})

test('an active span where a message comes in is not its parent, but is that of what a job sends', async () => {
  const { server, spans } = await serving()
  const headers = { authorization: 'Bearer key-marked-1' }
  // without a network the handler runs in the very turn in which the message is sent
  const alice = await visit(room, { room: 'lobby' }, { headers, server })
  const outer = trace.wrapSpanContext({ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 })
  await context.with(trace.setSpan(context.active(), outer), async () => {
    await server.group(chat, { room: 'lobby' }).send('said', { text: 'from a job' })
    await alice.send('say', { text: 'hello' })
  })
  expect(spans('send')[0]?.parentSpanContext?.traceId).toBe('a'.repeat(32))
  expect(spans('process')).toHaveLength(1)
  expect(spans('process')[0]?.parentSpanContext).toBeUndefined()
})

test('what a loop sends begins a trace, and points to its handshake', async () => {
  const lines = contract('/ws/lines', { client: text, server: text })
  const { server, url, spans } = await serving()
  server.serve(
    endpoint(lines, { auth: member }, async (socket) => {
      for await (const line of socket) await socket.group().send(line)
    }),
  )
  const headers = { authorization: 'Bearer key-marked-1' }
  const ws = new WebSocket(url.replace('chat/lobby', 'lines'), { headers })
  await once(ws, 'open')
  ws.send('hello')
  await once(ws, 'message')
  const [handshake] = spans('GET')
  expect(spans('send')).toMatchObject([{ links: [{ context: { spanId: handshake?.spanContext().spanId } }] }])
  expect(spans('send')[0]?.spanContext().traceId).not.toBe(handshake?.spanContext().traceId)
})

// proves: traces
test('strangers decide neither ids nor sampling where theirs is only linked', async () => {
  const { url, spans } = await serving({}, { remote: 'link' })
  const { say } = await connectTo(url, { traceparent })
  say('hello', { trace: { traceparent } })
  await expect.poll(() => spans('process')).toHaveLength(1)
  for (const span of [...spans('GET'), ...spans('process')]) {
    expect(span.spanContext().traceId).not.toBe(traceId)
    expect(span.links).toMatchObject([{ context: { traceId } }])
  }
})

test.each([
  ['told not to', {}, { tell: false }],
  ['without a tracer', {}, null],
] as const)('frames carry no trace %s', async (_, options, how) => {
  const { url } = await serving(options, how)
  const { say, heard } = await connectTo(url)
  say('hello', { trace: { traceparent } })
  await expect.poll(() => heard()).toHaveLength(1)
  expect(heard()[0]).not.toContain('trace')
})

// proves: traces
test('neither credentials nor what is said are in a span', async () => {
  const { url, spans } = await serving()
  const { ws, say } = await connectTo(url)
  say('hello marked', { trace: { traceparent } })
  say('boom marked')
  await once(ws, 'close')
  await once(new WebSocket(url, { headers: { authorization: 'Bearer key-marked-away' } }), 'error')
  const told = spans().map(({ name, attributes, events, status, links }) => ({
    name,
    attributes,
    events,
    status,
    links,
  }))
  expect(told.length).toBeGreaterThanOrEqual(5)
  expect(JSON.stringify(told)).not.toContain('marked')
})

test('without an SDK nothing is made and everything goes on', async () => {
  const { url } = await serving({ tracer: otel() })
  const { say, heard } = await connectTo(url)
  say('hello')
  await expect.poll(() => heard()).toHaveLength(1)
  expect(heard()[0]).not.toContain('trace')
})
