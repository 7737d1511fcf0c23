import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import WebSocket from 'ws'
import { type Connection, Packet } from '../../../src/core/api/connection.ts'
import { testClock } from '../../../src/testing.ts'
import { openServer } from './open-server.ts'
import { frame, goodbye, rawClient, say } from './raw-client.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const soon = { interval: 1 }

test.each([0, 1, 125, 126, 65_535, 65_536, 200_000])(
  'a message of %i bytes arrives whole at a client of ws, as text and as bytes',
  async (length) => {
    const opened = await openServer({}, ({ connection }) => {
      connection.send(new Packet('x'.repeat(length)))
      connection.send(new Packet(new Uint8Array(length).fill(7)))
    })
    const client = new WebSocket(`ws://127.0.0.1:${opened.number}/`)
    const got: [Buffer, boolean][] = []
    client.on('message', (data: Buffer, isBinary) => got.push([data, isBinary]))
    await expect.poll(() => got.length, soon).toBe(2)
    expect(got[0]).toEqual([Buffer.alloc(length, 'x'), false])
    expect(got[1]).toEqual([Buffer.alloc(length, 7), true])
  },
)

test('the 101, the first frames and the close leave in one write', async () => {
  const opened = await openServer({}, ({ connection }) => {
    connection.send(new Packet('one'))
    connection.send(new Packet('two'))
    connection.close(4403, 'forbidden')
  })
  const { heard, chunks } = await rawClient(opened.number, '/')
  await expect.poll(() => heard.closed, soon).toBe(4403)
  expect([chunks.length, heard.messages, heard.reason]).toEqual([1, ['one', 'two'], 'forbidden'])
})

test('what is sent in one turn leaves in one write, pongs and pings with it', async () => {
  const opened = await openServer()
  const { socket, chunks, heard } = await rawClient(opened.number, '/')
  const [accepted] = opened.handshakes
  socket.write(Buffer.concat([frame({ opcode: 9, payload: Buffer.from('p') }), say('ask')]))
  await expect.poll(() => heard.pongs, soon).toEqual(['p'])
  const before = chunks.length
  for (const word of ['a', 'b', 'c']) accepted?.connection.send(new Packet(word))
  accepted?.connection.ping()
  await expect.poll(() => heard.pings, soon).toBe(1)
  expect([chunks.length - before, heard.messages]).toEqual([1, ['a', 'b', 'c']])
})

test('frames that came before anybody listened are heard in order', async () => {
  const { promise: open, resolve: letIn } = Promise.withResolvers<void>()
  const opened = await openServer()
  const got: unknown[] = []
  opened.server.serve(async (handshake) => {
    await open
    const connection = handshake.accept(null)
    connection.listen({ message: (payload) => got.push(payload), alive: () => {}, closed: () => {} })
  })
  const socket = connect(opened.number, '127.0.0.1')
  await once(socket, 'connect')
  const lines = ['GET / HTTP/1.1', 'Host: 127.0.0.1', 'Connection: Upgrade', 'Upgrade: websocket']
  const rest = ['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', '', '']
  socket.write(Buffer.concat([Buffer.from([...lines, ...rest].join('\r\n')), say('with the head')]))
  await turn()
  socket.write(say('while it waited'))
  await new Promise((resolve) => setTimeout(resolve, 20))
  letIn()
  await expect.poll(() => got, soon).toEqual(['with the head', 'while it waited'])
  socket.destroy()
})

test('a connection that is printed shows neither its server nor its socket', async () => {
  const opened = await openServer()
  const { socket } = await rawClient(opened.number, '/')
  const [accepted] = opened.handshakes
  const printed = inspect(accepted?.connection, { depth: 9 })
  expect(printed).toContain('NodeConnection')
  expect(printed).not.toMatch(/context|turnWriter|Socket \{/)
  socket.destroy()
})

test('a paused connection is not read, and goes on where it was', async () => {
  const opened = await openServer({ limits: { messageBytes: 1_000_000 } })
  const { socket } = await rawClient(opened.number, '/')
  const [accepted] = opened.handshakes
  accepted?.connection.pause()
  const sent = 200
  for (let count = 0; count < sent; count++) socket.write(say('x'.repeat(65_536)))
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(accepted?.got).toEqual([])
  expect(socket.writableLength).toBeGreaterThan(0)
  accepted?.connection.resume()
  await expect.poll(() => accepted?.got.length, soon).toBe(sent)
})

/** A server whose receiver pauses at a message that says so, and what it has heard. */
async function pausing() {
  const opened = await openServer()
  const heard: unknown[] = []
  const connections: Connection[] = []
  opened.server.serve(async (handshake) => {
    const connection = handshake.accept(null)
    connections.push(connection)
    connection.listen({
      message: (payload, bytes) => {
        heard.push([payload, bytes])
        if (payload === 'pause') connection.pause()
        if (payload === 'close') connection.close(4000, '')
      },
      alive: () => heard.push('alive'),
      closed: (code) => heard.push(code),
    })
  })
  const { socket } = await rawClient(opened.number, '/')
  const write = (...frames: Buffer[]): boolean => socket.write(Buffer.concat(frames))
  return { heard, write, resume: () => connections[0]?.resume() }
}

// proves: behind-full-queue
test('messages behind a pause in one piece wait for the end of the pause', async () => {
  const { heard, write, resume } = await pausing()
  write(say('pause'), say('é'), say('pause'), say('c'), frame({ opcode: 9 }))
  // the ping behind them has been read
  await expect.poll(() => heard, soon).toEqual([['pause', 5], 'alive'])
  resume()
  expect(heard.slice(2)).toEqual([
    ['é', 2],
    ['pause', 5],
  ])
  resume()
  expect(heard.slice(4)).toEqual([['c', 1]])
})

test('a peer that leaves is heard to the end, and then its end, though its receiver has paused', async () => {
  const { heard, write } = await pausing()
  write(say('pause'), say('b'), say('pause'), say('c'), goodbye(1000))
  await expect.poll(() => heard, soon).toEqual([['pause', 5], ['b', 1], ['pause', 5], ['c', 1], 1000])
})

test('a peer that leaves behind a pause is heard until its receiver closes, and no longer', async () => {
  const { heard, write } = await pausing()
  write(say('pause'), say('b'), say('close'), say('c'), goodbye(1000))
  await expect.poll(() => heard, soon).toEqual([['pause', 5], ['b', 1], ['close', 5], 4000])
})

test('a ping of the peer and its pong are signs of life', async () => {
  const opened = await openServer()
  const { socket } = await rawClient(opened.number, '/')
  socket.write(Buffer.concat([frame({ opcode: 9 }), frame({ opcode: 10 })]))
  await expect.poll(() => opened.handshakes[0]?.alive, soon).toBe(2)
  expect(opened.handshakes[0]?.got).toEqual([])
})

test('a peer that closes is answered once, and the server hangs up first', async () => {
  const opened = await openServer()
  const { socket, heard } = await rawClient(opened.number, '/')
  const ended = once(socket, 'end')
  socket.write(goodbye(4001, 'bye'))
  await ended
  expect([heard.closes, heard.closed, heard.reason]).toEqual([1, 4001, ''])
  expect(opened.handshakes[0]?.ended).toEqual([{ code: 4001, reason: 'bye' }])
})

test('a close without a code is answered without one', async () => {
  const opened = await openServer()
  const { socket, heard } = await rawClient(opened.number, '/')
  socket.write(frame({ opcode: 8 }))
  await once(socket, 'close')
  expect([heard.closes, heard.closed]).toEqual([1, 1005])
  expect(opened.handshakes[0]?.ended).toEqual([{ code: 1005, reason: '' }])
})

test('a close of the server ends when the peer answers', async () => {
  const opened = await openServer()
  const { socket, heard } = await rawClient(opened.number, '/')
  opened.handshakes[0]?.connection.close(4401, 'unauthenticated')
  await expect.poll(() => heard.closed, soon).toBe(4401)
  expect(opened.handshakes[0]?.ended).toEqual([])
  socket.write(goodbye(4401))
  await once(socket, 'close')
  expect(opened.handshakes[0]?.ended).toEqual([{ code: 4401, reason: 'unauthenticated' }])
  expect(heard.closes).toBe(1)
})

test('both ends close at once: one frame each, one end', async () => {
  const opened = await openServer()
  const { socket, heard } = await rawClient(opened.number, '/')
  socket.write(goodbye(1001))
  opened.handshakes[0]?.connection.close(1012, 'restart')
  await once(socket, 'close')
  expect([heard.closes, heard.closed]).toEqual([1, 1012])
  expect(opened.handshakes[0]?.ended).toEqual([{ code: 1012, reason: 'restart' }])
})

test('nothing is heard, sent or closed after a close', async () => {
  const opened = await openServer()
  const { socket, heard } = await rawClient(opened.number, '/')
  const [accepted] = opened.handshakes
  accepted?.connection.close(1000, '')
  accepted?.connection.send(new Packet('late'))
  accepted?.connection.ping()
  accepted?.connection.close(4400, 'again')
  await expect.poll(() => heard.closed, soon).toBe(1000)
  socket.write(Buffer.concat([say('late'), frame({ opcode: 9 }), goodbye(1000)]))
  await once(socket, 'close')
  expect([heard.messages, heard.pings, heard.pongs, heard.closes]).toEqual([[], 0, [], 1])
  expect([accepted?.got, accepted?.ended.length]).toEqual([[], 1])
})

test('a peer that never answers a close is cut when its time is over', async () => {
  const clock = testClock()
  const opened = await openServer({ clock, limits: { closeMs: 5_000 } })
  const { socket, heard } = await rawClient(opened.number, '/')
  const ended = once(socket, 'close')
  opened.handshakes[0]?.connection.close(4408, 'timeout')
  await expect.poll(() => heard.closed, soon).toBe(4408)
  await clock.advance(4_999)
  expect(opened.handshakes[0]?.ended).toEqual([])
  await clock.advance(1)
  await ended
  expect(opened.handshakes[0]?.ended).toEqual([{ code: 4408, reason: 'timeout' }])
})

test('a paused connection still hears the answer to its close', async () => {
  // on a clock that stands still nothing but the answer can end it
  const opened = await openServer({ clock: testClock() })
  const { socket } = await rawClient(opened.number, '/')
  opened.handshakes[0]?.connection.pause()
  opened.handshakes[0]?.connection.close(1012, 'restart')
  const ended = once(socket, 'close')
  socket.write(goodbye(1012))
  await ended
  expect(opened.handshakes[0]?.ended).toHaveLength(1)
})

test.each<[string, (socket: Socket) => void]>([
  ['hangs up without a close', (socket) => socket.end()],
  ['resets', (socket) => socket.resetAndDestroy()],
  ['vanishes', (socket) => socket.destroy()],
])('a peer that %s has ended with 1006, once', async (_, leave) => {
  const opened = await openServer()
  const { socket } = await rawClient(opened.number, '/')
  leave(socket)
  await expect.poll(() => opened.handshakes[0]?.ended, soon).toEqual([{ code: 1006, reason: '' }])
  opened.handshakes[0]?.connection.terminate()
  opened.handshakes[0]?.connection.close(1000, '')
  opened.handshakes[0]?.connection.send(new Packet('lost'))
  await turn()
  expect(opened.handshakes[0]?.ended).toHaveLength(1)
  expect(opened.faults).toEqual([])
})

test.each([1004, 1005, 1006, 1015, 999, 2000, 5000, Number.NaN])(
  'the close code %d never travels',
  async (code) => {
    const opened = await openServer()
    const { heard } = await rawClient(opened.number, '/')
    opened.handshakes[0]?.connection.close(code, '')
    await expect.poll(() => heard.closed, soon).not.toBeNull()
    expect(heard.closed).toBe(code === 1005 ? 1005 : 1011)
  },
)

test('a reason is cut to 123 bytes without splitting a character', async () => {
  const opened = await openServer()
  const { heard } = await rawClient(opened.number, '/')
  opened.handshakes[0]?.connection.close(4400, 'é'.repeat(100))
  await expect.poll(() => heard.reason, soon).toBe('é'.repeat(61))
})

test('a receiver that throws costs its own connection, with 1011, and is reported', async () => {
  const opened = await openServer()
  opened.server.serve(async (handshake) => {
    handshake.accept(null).listen({
      message: () => {
        throw new Error('a fault of the receiver')
      },
      alive: () => {},
      closed: () => {
        throw new Error('and another')
      },
    })
  })
  const { socket, heard } = await rawClient(opened.number, '/')
  socket.write(Buffer.concat([say('one'), say('two')]))
  await expect.poll(() => heard.closed, soon).toBe(1011)
  expect(opened.faults.map(String)).toEqual(['Error: a fault of the receiver', 'Error: and another'])
})

test('a half-open peer does not keep its socket', async () => {
  const clock = testClock()
  const opened = await openServer({ clock })
  const { socket, heard } = await rawClient(opened.number, '/')
  socket.pause()
  const ended = once(socket, 'close')
  // what a heartbeat does when nothing was heard
  opened.handshakes[0]?.connection.close(4408, 'no sign of life')
  await clock.advance(5_000)
  expect(opened.handshakes[0]?.ended).toEqual([{ code: 4408, reason: 'no sign of life' }])
  socket.resume()
  await ended
  expect(heard.closed).toBe(4408)
})

test('packets keep their order with private ones between, also when buffers are shared', async () => {
  const opened = await openServer()
  const clients = await Promise.all(Array.from({ length: 5 }, () => rawClient(opened.number, '/')))
  const expected = clients.map(() => [] as string[])
  for (let round = 0; round < 20; round++) {
    const packet = new Packet(`all ${round}`)
    for (const [index, { connection }] of opened.handshakes.entries()) {
      connection.send(packet)
      expected[index]?.push(`all ${round}`)
      if ((round + index) % 3 !== 0) continue
      connection.send(new Packet(`${index} alone in ${round}`))
      expected[index]?.push(`${index} alone in ${round}`)
    }
    if (round % 4 === 0) await turn()
  }
  await expect
    .poll(() => clients.map(({ heard }) => heard.messages.length), soon)
    .toEqual(expected.map(({ length }) => length))
  // guests come in the order in which they were accepted, not in that of the clients
  const sorted = (lists: readonly string[][]): string[] => lists.map((list) => list.join()).toSorted()
  expect(sorted(clients.map(({ heard }) => [...heard.messages]))).toEqual(sorted(expected))
})
