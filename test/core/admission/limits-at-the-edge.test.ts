import { once } from 'node:events'
import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  consumer,
  contract,
  type LeaveReason,
  type ServerOptions,
  type Server,
  router,
  sallyport,
} from '../../../src/index.ts'
import { HandshakeQueue } from '../../../src/core/access/handshake-queue.ts'
import { TimerQueue } from '../../../src/core/runtime/timer-queue.ts'
import { defaultLimits } from '../../../src/core/api/limits.ts'
import { settled, testClock } from '../../../src/testing/clock.ts'
import { testServer, visit } from '../../../src/testing.ts'
import { cutRawClients, frame, type RawClient, rawClient, say } from '../../transports/node/raw-client.ts'
import { answerTo, connectAndSend, statusOf, upgradeHead } from '../../transports/node/upgrade-head.ts'
import { ada, byName, echo, grace, lines, room } from '../support/members.ts'
import { closeAfterTest } from '../../support/close-after-test.ts'

// Every bound with its default, at the limit and one above. Those of frames, fragments, pings and slow readers stand in
// test/security and test/transports, that of the inbox beside it.
const soon = { interval: 1 }
const servers: HttpServer[] = []
afterEach(() => {
  cutRawClients()
  for (const httpServer of servers.splice(0)) httpServer.close()
})

interface Serving {
  readonly server: Server
  readonly number: number
  readonly clock: ReturnType<typeof testClock>
  readonly left: readonly LeaveReason[]
}

async function serving(options: ServerOptions = {}): Promise<Serving> {
  const clock = testClock()
  const left: LeaveReason[] = []
  const server = sallyport({
    clock,
    on: (event) => event.type === 'left' && left.push(event.why),
    ...options,
  })
  closeAfterTest(server)
  server.serve(router([echo, room]))
  const { port: number } = await server.listen(0)
  return { server, number, clock, left }
}

describe('a handshake', () => {
  test('is one of 64 of its address that are worked on, or of 1,024 that wait, or answered 503', async () => {
    const gate = new HandshakeQueue(defaultLimits, new TimerQueue(testClock()))
    let working = 0
    const { signal } = new AbortController()
    const enter = async (): Promise<unknown> => {
      await gate.enter({ address: '192.0.2.1', signal })
      return working++
    }
    for (let one = 0; one < 64 + 1_024; one++) void enter()
    await settled()
    expect(working).toBe(64)
    await expect(enter()).rejects.toMatchObject({ status: 503, reason: 'busy', httpOnly: true })
  })

  test('has five seconds, and is answered 408 at the end of them', async () => {
    const { server, number, clock } = await serving()
    const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>()
    server.serve(() => (arrive(), new Promise<never>(() => {})))
    let answered = false
    const answer = answerTo(number, upgradeHead()).finally(() => (answered = true))
    await arrived
    await clock.advance(4_999)
    expect(answered).toBe(false)
    await clock.advance(1)
    expect(statusOf(await answer)).toBe(408)
  })

  test('has 16 KiB of headers, and is 431 with one byte more', async () => {
    const { server } = await serving()
    const httpServer = createServer({ maxHeaderSize: 100_000 })
    servers.push(httpServer)
    server.attach(httpServer)
    httpServer.listen(0, '127.0.0.1')
    await once(httpServer, 'listening')
    const { port: number } = httpServer.address() as AddressInfo
    // as they travel: a name, a colon, a space, a value and the end of the line
    const bytesOf = (head: string): number => head.length - head.indexOf('\r\n') - 4
    const padded = (bytes: number): string => {
      const bare = upgradeHead('/ws/lines', { 'X-Pad': '' })
      return upgradeHead('/ws/lines', { 'X-Pad': 'x'.repeat(bytes - bytesOf(bare)) })
    }
    expect([bytesOf(padded(16_384)), bytesOf(padded(16_385))]).toEqual([16_384, 16_385])
    expect(statusOf(await answerTo(number, padded(16_385)))).toBe(431)
    expect(statusOf(await answerTo(number, padded(16_384)))).toBe(401)
  })
})

describe('a socket', () => {
  test('may say 100 things at once, the next is dropped, and then 50 a second', async () => {
    const clock = testClock()
    const alice = await visit(room, { room: 'rate' }, { user: ada, server: testServer({ clock }) })
    const type = (count: number): Promise<unknown>[] =>
      Array.from({ length: count }, () => alice.send('typing', {}))
    await Promise.all(type(100))
    await expect(type(1)[0]).rejects.toMatchObject({ status: 429 })
    await clock.advance(1_000)
    await Promise.all(type(50))
    await expect(type(1)[0]).rejects.toMatchObject({ status: 429 })
  })

  test('may be over its rate for ten seconds, and is closed with 4429 when they are over', async () => {
    const clock = testClock()
    const server = testServer({ clock, limits: { rate: { most: 1, eachMs: 1_000_000, burst: 1 } } })
    const alice = await visit(room, { room: 'rate' }, { user: ada, server })
    let closed = false
    void alice.closed.then(() => (closed = true))
    const over = (): void => alice.raw('{"op":"ping"}')
    over()
    for (let half = 0; half < 20; half++) {
      over()
      await clock.advance(half === 19 ? 499 : 500)
    }
    over()
    await settled()
    expect(closed).toBe(false)
    await clock.advance(1)
    over()
    expect(await alice.closed).toMatchObject({ code: 4429 })
  })

  test('that pauses for longer than a second begins anew', async () => {
    const clock = testClock()
    const server = testServer({ clock, limits: { rate: { most: 1, eachMs: 1_000_000, burst: 1 } } })
    const alice = await visit(room, { room: 'rate' }, { user: ada, server })
    let closed = false
    void alice.closed.then(() => (closed = true))
    for (let count = 0; count < 20; count++) {
      alice.raw('{"op":"ping"}')
      await clock.advance(1_001)
    }
    expect(closed).toBe(false)
  })

  test.each([
    ['plain', [], ({ heard }: RawClient) => heard.pings],
    [
      'sallyport.v1',
      ['Sec-WebSocket-Protocol: sallyport.v1'],
      ({ heard }: RawClient) => heard.messages.filter((one) => one === '{"op":"ping"}').length,
    ],
  ] as const)('that is %s is pinged after 25 s, and lost 10 s later', async (_, headers, pings) => {
    const { number, clock, left } = await serving()
    const mute = await rawClient(number, '/ws/lines', { headers: ['x-test-user: Ada', ...headers] })
    await clock.advance(24_999)
    expect(pings(mute)).toBe(0)
    await clock.advance(1)
    await expect.poll(() => pings(mute), soon).toBe(1)
    await clock.advance(9_999)
    expect([mute.heard.closed, left]).toEqual([null, []])
    // and a last look at what came meanwhile
    await clock.advance(1 + 50)
    await expect.poll(() => mute.heard.closed, soon).toBe(4408)
    expect(left).toEqual(['lost'])
  })

  test('that says anything at all within the ten seconds stays', async () => {
    const { number, clock, left } = await serving()
    const { socket, heard } = await rawClient(number, '/ws/lines')
    for (let minute = 1; minute <= 3; minute++) {
      await clock.advance(minute === 1 ? 34_000 : 24_000)
      socket.write(minute === 2 ? say('hello') : frame({ opcode: 10 }))
      // our own ping is answered behind it: it was heard
      socket.write(frame({ opcode: 9, payload: Buffer.from(String(minute)) }))
      await expect.poll(() => heard.pongs.at(-1), soon).toBe(String(minute))
      await clock.advance(1_000)
    }
    expect([heard.closed, left]).toEqual([null, []])
  })

  test('counts as present for five seconds after it has left', async () => {
    const clock = testClock()
    const server = testServer({ clock })
    const alice = await visit(room, { room: 'p' }, { user: ada, server })
    const bob = await visit(room, { room: 'p' }, { user: grace, server })
    bob.cut()
    await bob.closed
    await clock.advance(4_999)
    expect(alice.members).toHaveLength(2)
    await clock.advance(1)
    expect(alice.members).toHaveLength(1)
  })

  test('is waited for through thirty seconds of draining, and cut at the end of them', async () => {
    const clock = testClock()
    const server = testServer({ clock })
    const stuck = consumer(lines, { auth: byName }, () => ({ message: () => new Promise<never>(() => {}) }))
    const alice = await visit(stuck, {}, { user: ada, server })
    let closed = false
    void alice.closed.then(() => (closed = true))
    void alice.send('for ever').catch(() => {})
    await settled()
    const closing = server.close()
    await clock.advance(29_999)
    expect(closed).toBe(false)
    await clock.advance(1)
    await closing
    expect(await alice.closed).toMatchObject({ code: 1012 })
  })
})

describe('a first message', () => {
  async function early() {
    const late = await serving({ carriers: { message: true } })
    late.server.serve(
      consumer(
        contract('/ws/late', { client: z.object({}), server: z.object({ id: z.string() }) }),
        {
          auth: async ({ credentials }) =>
            credentials.of('bearer') === null ? null : { user: ada, expires: new Date(8.64e15) },
        },
        (socket) => ({ open: () => socket.send({ id: socket.user.id }), message: () => {} }),
      ),
    )
    return { ...late, client: await rawClient(late.number, '/ws/late', { headers: [] }) }
  }
  const credential = (bytes: number): string => {
    const bare = JSON.stringify({ type: 'auth', token: '' })
    return JSON.stringify({ type: 'auth', token: 'x'.repeat(bytes - bare.length) })
  }

  test('has 4 KiB, and closes with 1009 with one byte more', async () => {
    const fine = await early()
    fine.client.socket.write(say(credential(4_096)))
    await expect.poll(() => fine.client.heard.messages, soon).toEqual(['{"id":"1"}'])
    const large = await early()
    large.client.socket.write(say(credential(4_097)))
    await expect.poll(() => large.client.heard.closed, soon).toBe(1009)
  })

  test('is waited for through five seconds, and the socket closes with 4408 at the end of them', async () => {
    const { client, clock } = await early()
    await clock.advance(4_999)
    expect(client.heard.closed).toBeNull()
    await clock.advance(1)
    await expect.poll(() => client.heard.closed, soon).toBe(4408)
  })
})

test('a connection that was refused has five seconds to answer the close', async () => {
  const { number, clock } = await serving()
  const socket = await connectAndSend(number, upgradeHead('/ws/lines', { Origin: 'http://127.0.0.1' }))
  let cut = false
  socket.on('close', () => (cut = true))
  await once(socket, 'data')
  await clock.advance(4_999)
  expect(cut).toBe(false)
  await clock.advance(1)
  await expect.poll(() => cut, soon).toBe(true)
})
