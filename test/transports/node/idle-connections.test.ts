import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { type Handshake, type Limits, sallyport } from '../../../src/index.ts'
import { type TestClock, testClock } from '../../../src/testing.ts'
import { answerTo, connectAndSend, statusOf, upgradeHead } from './upgrade-head.ts'
import { closeAfterTest } from '../../support/close-after-test.ts'

// Balancers and browsers open connections before they have a request: its time counts from its first byte.
interface Serving {
  readonly number: number
  readonly clock: TestClock
  /** Clients whose handshake waits. */
  readonly waiting: Handshake[]
  /** Settles when the server knows all that was opened and sent until now. */
  caughtUp(): Promise<void>
}

async function serving(limits: Partial<Limits> = {}): Promise<Serving> {
  const clock = testClock()
  const waiting: Handshake[] = []
  const server = sallyport({ clock, limits })
  closeAfterTest(server)
  server.serve((handshake) => {
    waiting.push(handshake)
    return new Promise((_, reject) => {
      handshake.signal.addEventListener('abort', () => reject(handshake.signal.reason))
    })
  })
  const { port: number } = await server.listen(0)
  // connections are taken, and read, in the order in which they came
  const caughtUp = async (): Promise<void> => {
    expect(statusOf(await answerTo(number, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'))).toBe(426)
  }
  return { number, clock, waiting, caughtUp }
}

/** All that a socket hears until it is closed. */
async function untilClosed(socket: Socket): Promise<string> {
  let got = ''
  socket.on('data', (chunk: Buffer) => (got += chunk.toString()))
  await once(socket, 'close')
  return got
}

test('a connection that was opened 59 s ahead has the whole time of a handshake', async () => {
  const { number, clock, waiting, caughtUp } = await serving()
  const socket = await connectAndSend(number, '')
  await caughtUp()
  await clock.advance(59_000)
  socket.write(upgradeHead())
  await expect.poll(() => waiting.length, { interval: 1 }).toBe(1)
  await clock.advance(4_999)
  expect(waiting[0]?.signal.aborted).toBe(false)
  const heard = untilClosed(socket)
  await clock.advance(1)
  expect(statusOf(await heard)).toBe(408)
})

test('a connection on which no request begins is closed without a word after 60 s', async () => {
  const { number, clock, caughtUp } = await serving()
  const socket = connect(number, '127.0.0.1')
  await once(socket, 'connect')
  const heard = untilClosed(socket)
  await caughtUp()
  await clock.advance(59_000)
  expect(socket.closed).toBe(false)
  await clock.advance(1_500)
  expect(await heard).toBe('')
})

// proves: slow-handshake
test('with more of them than may wait in line, they have the time of a handshake', async () => {
  const { number, clock, caughtUp } = await serving({ handshakesWaiting: 2 })
  const sockets = await Promise.all([1, 2, 3].map(() => connectAndSend(number, '')))
  await caughtUp()
  const heard = Promise.all(sockets.map(untilClosed))
  await clock.advance(5_500)
  expect(await heard).toEqual(['', '', ''])
})

test('a request that does not end is 408 in the time of a handshake from its first byte', async () => {
  const { number, clock, caughtUp } = await serving()
  const socket = await connectAndSend(number, '')
  await caughtUp()
  await clock.advance(30_000)
  socket.write('GET /ws')
  await caughtUp()
  const heard = untilClosed(socket)
  await clock.advance(4_500)
  socket.write('/lines HTTP/1.1\r\n')
  await caughtUp()
  expect(socket.closed).toBe(false)
  await clock.advance(1_000)
  expect(statusOf(await heard)).toBe(408)
})

test('the time of a handshake runs while its request comes in', async () => {
  const { number, clock, waiting, caughtUp } = await serving()
  const head = upgradeHead()
  const socket = await connectAndSend(number, head.slice(0, 10))
  await caughtUp()
  // the first byte is noticed within half a second
  await clock.advance(500)
  await clock.advance(4_000)
  socket.write(head.slice(10))
  await expect.poll(() => waiting.length, { interval: 1 }).toBe(1)
  const heard = untilClosed(socket)
  await clock.advance(1_000)
  expect(statusOf(await heard)).toBe(408)
})
