import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import WebSocket from 'ws'
import { serverContext } from '../../../src/core/server-context.ts'
import {
  type Authenticator,
  consumer,
  contract,
  deny,
  type ServerOptions,
  type SallyportEvent,
  sallyport,
  text,
} from '../../../src/index.ts'
import { settled } from '../../../src/testing/clock.ts'
import { testClock, testServer, visit } from '../../../src/testing.ts'
import { ada, byName, type User } from '../support/members.ts'
import { closeAfterTest } from '../../support/close-after-test.ts'

/** Knows a bearer token when it is told to. */
function waiting(): { auth: Authenticator<User>; asked: AbortSignal[]; answer: (known: boolean) => void } {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const asked: AbortSignal[] = []
  const auth: Authenticator<User> = async ({ credentials, signal }) => {
    const token = credentials.of('bearer')
    if (token === null) return null
    asked.push(signal)
    if (token === 'slow') await promise
    if (token === 'fault') throw new Error('the directory is away')
    return token === 'bad' ? deny(401, 'bad-token', 'this token is not good') : { user: ada }
  }
  return { auth, asked, answer: resolve }
}

const heard: string[] = []
const lines = contract('/ws/lines', { client: text, server: text })

async function serving(options: ServerOptions = {}, refuse?: { code: number }) {
  const { auth, asked, answer } = waiting()
  heard.length = 0
  const events: SallyportEvent[] = []
  const faults: unknown[] = []
  const server = sallyport({
    carriers: { message: true },
    report: (error) => faults.push(error),
    on: (event) => events.push(event),
    ...options,
  })
  closeAfterTest(server)
  server.serve(
    consumer(lines, { auth, ...(refuse && { refuse }) }, (socket) => ({
      message: (line) => {
        heard.push(line)
        socket.send(`heard ${line.length > 40 ? line.length : line}`)
      },
    })),
  )
  const { port: number } = await server.listen(0)
  return { server, asked, answer, events, faults, url: `ws://127.0.0.1:${number}/ws/lines` }
}

async function arrived(url: string, protocols: string[] = []) {
  const ws = Object.assign(new WebSocket(url, protocols), { got: [] as string[] })
  ws.on('message', (data: Buffer) => ws.got.push(data.toString()))
  ws.on('error', () => {})
  await once(ws, 'open')
  return ws
}

const auth = (token: string): string => JSON.stringify({ type: 'auth', token })

test('a first message authenticates, and the messages after it are handled in order', async () => {
  const { url } = await serving()
  const ws = await arrived(url)
  ws.send(auth('good'))
  ws.send('one')
  ws.send('two')
  await expect.poll(() => ws.got).toEqual(['heard one', 'heard two'])
})

test('the bound of the first message is not the bound of the connection', async () => {
  const { url } = await serving()
  const ws = await arrived(url)
  ws.send(auth('good'))
  await once(ws, 'message', { signal: AbortSignal.timeout(50) }).catch(() => {})
  ws.send('x'.repeat(65_536))
  await expect.poll(() => ws.got).toEqual(['heard 65536'])
  ws.send('x'.repeat(65_537))
  expect((await once(ws, 'close'))[0]).toBe(1009)
})

test('a first message above 4 KiB closes with 1009', async () => {
  const { url, asked } = await serving()
  const ws = await arrived(url)
  ws.send(auth('x'.repeat(4_096)))
  expect((await once(ws, 'close'))[0]).toBe(1009)
  expect(asked).toEqual([])
})

test('a first message that is no credential closes with 4401, and its refusal is an event', async () => {
  const { url, events } = await serving()
  const ws = await arrived(url)
  ws.send('hello')
  expect((await once(ws, 'close'))[0]).toBe(4401)
  expect(events).toMatchObject([{ type: 'denied', status: 401, code: 'unauthenticated' }])
})

test.each([
  'null',
  '[]',
  '"auth"',
  '{"type":"say","token":"good"}',
  '{"type":"auth","token":7}',
  '{"type":"auth","token":""}',
  '{"type":"auth"}',
])('a first message without a credential closes with 4401, and asks no authenticator: %s', async (line) => {
  const { url, asked, faults } = await serving()
  const ws = await arrived(url)
  ws.send(line)
  const [code, reason] = (await once(ws, 'close')) as [number, Buffer]
  expect([code, reason.toString()]).toEqual([4401, 'unauthenticated: the first message must be a credential'])
  expect([asked, faults]).toEqual([[], []])
})

test('someone who came in with a first message and leaves is gone', async () => {
  const { url, server } = await serving()
  const ws = await arrived(url)
  ws.send(auth('good'))
  ws.send('one')
  await expect.poll(() => ws.got).toEqual(['heard one'])
  expect(server.connections).toBe(1)
  ws.close()
  await expect.poll(() => server.connections).toBe(0)
  expect(server[serverContext].groups.size).toBe(0)
})

test.each([
  ['a bad token in a header', { authorization: 'Bearer bad' }, 401],
  ['a header of an unknown kind', { authorization: 'Digest abc' }, 401],
])('%s gets no second try in a message', async (_, headers, status) => {
  const { url } = await serving()
  const ws = new WebSocket(url, { headers })
  ws.on('error', () => {})
  const [, response] = (await once(ws, 'unexpected-response')) as [unknown, IncomingMessage]
  expect(response.statusCode).toBe(status)
})

test('who is known and not admitted gets no second try in a message', async () => {
  const server = testServer({ carriers: { message: true } })
  const shut = consumer(lines, { auth: byName, authorize: () => null }, () => ({ message: () => {} }))
  const page = { host: 'localhost', origin: 'http://localhost' }
  await expect(visit(shut, {}, { server, headers: { ...page, cookie: 'who=Ada' } })).rejects.toMatchObject({
    status: 403,
  })
  const strict = consumer(lines, { auth: byName, authorize: (): true => deny(401, 'again') }, () => ({
    message: () => {},
  }))
  await expect(visit(strict, {}, { server, user: ada })).rejects.toMatchObject({ status: 401 })
})

test('a fault that only looks like a denial is not told with the code of one', async () => {
  const tenant = (): never => {
    throw Object.assign(new Error('the directory refuses us'), { status: 401 })
  }
  const { url, faults } = await serving({ tenant }, { code: 4003 })
  const ws = await arrived(url)
  ws.send(auth('good'))
  expect((await once(ws, 'close'))[0]).toBe(4503)
  expect(faults).toHaveLength(1)
})

test('no first message in time closes with 4408, and its refusal is an event', async () => {
  const { url, events } = await serving({ limits: { firstMessageMs: 50 } })
  const ws = await arrived(url)
  expect((await once(ws, 'close'))[0]).toBe(4408)
  expect(events).toMatchObject([{ type: 'denied', status: 408, code: 'timeout' }])
})

test('a bad credential closes with the code of the endpoint, and a framed client gets a frame', async () => {
  const { url } = await serving({}, { code: 4003 })
  const plain = await arrived(url)
  plain.send(auth('bad'))
  expect((await once(plain, 'close'))[0]).toBe(4003)
  const silent = await arrived(url)
  silent.send('no credential')
  expect((await once(silent, 'close'))[0]).toBe(4003)
  const framed = await arrived(url, ['sallyport.v1'])
  framed.send(auth('bad'))
  expect((await once(framed, 'close'))[0]).toBe(4003)
  expect(framed.got.map((frame): unknown => JSON.parse(frame))).toEqual([
    {
      op: 'denied',
      in: '/ws/lines',
      status: 401,
      code: 'bad-token',
      message: 'this token is not good',
      ref: expect.any(String),
    },
  ])
})

test('an authenticator that throws closes with 4503, and its error reaches the reporter', async () => {
  const { url, faults } = await serving()
  const ws = await arrived(url)
  ws.send(auth('fault'))
  expect((await once(ws, 'close'))[0]).toBe(4503)
  expect(faults).toEqual([expect.objectContaining({ message: 'the directory is away' })])
})

test('a peer that leaves while its token is judged leaves nothing behind, and its judge is told', async () => {
  const { url, asked, answer, server } = await serving()
  const ws = await arrived(url)
  ws.send(auth('slow'))
  await expect.poll(() => asked.length).toBe(1)
  ws.terminate()
  await expect.poll(() => asked[0]?.aborted).toBe(true)
  answer(true)
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(server.connections).toBe(0)
  expect(server[serverContext].groups.size).toBe(0)
})

test('a token that is judged for too long closes with 4408', async () => {
  const clock = testClock()
  const { url, asked, answer, server, events } = await serving({ clock })
  const ws = await arrived(url)
  ws.send(auth('slow'))
  await expect.poll(() => asked.length).toBe(1)
  const closed = once(ws, 'close')
  await clock.advance(5_000)
  expect((await closed)[0]).toBe(4408)
  expect(asked[0]?.aborted).toBe(true)
  answer(true)
  await settled()
  expect(events.map(({ type }) => type)).toEqual(['denied'])
  expect(server.connections).toBe(0)
  expect(server[serverContext].groups.size).toBe(0)
})

test('messages that are sent while the token is checked are not read', async () => {
  const { url, asked, answer } = await serving({ limits: { rate: null, byteRate: null, validation: null } })
  const ws = await arrived(url)
  ws.send(auth('slow'))
  await expect.poll(() => asked.length).toBe(1)
  const line = 'x'.repeat(4_000)
  // far more than all the buffers in between hold
  for (let count = 0; count < 5_000; count++) ws.send(line)
  let before = Number.POSITIVE_INFINITY
  while (ws.bufferedAmount < before) {
    before = ws.bufferedAmount
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  expect(ws.bufferedAmount).toBeGreaterThan(5_000_000)
  answer(true)
  await expect.poll(() => heard.length, { timeout: 30_000 }).toBe(5_000)
})

test('what comes in one piece with a credential is not heard by a socket that has ended at once', async () => {
  const { server, url } = await serving()
  const told: string[] = []
  server.serve(
    consumer(lines, { auth: waiting().auth }, (socket) => ({
      open: () => socket.close(4000, 'not today'),
      message: (line) => void told.push(line),
      close: () => void told.push('closed'),
    })),
  )
  const ws = await arrived(url)
  for (const line of [auth('good'), 'one', 'two']) ws.send(line)
  expect((await once(ws, 'close'))[0]).toBe(4000)
  expect(told).toEqual(['closed'])
})
