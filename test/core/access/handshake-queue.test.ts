import { expect, test } from 'vitest'
import { anyone, consumer, contract } from '../../../src/index.ts'
import { HandshakeQueue } from '../../../src/core/access/handshake-queue.ts'
import { limitsWith } from '../../../src/core/api/limits.ts'
import { TimerQueue } from '../../../src/core/runtime/timer-queue.ts'
import { serverContext } from '../../../src/core/server-context.ts'
import { settled, testClock } from '../../../src/testing/clock.ts'
import { testServer, visit } from '../../../src/testing.ts'

const small = limitsWith({ handshakesAtOnce: 2, handshakesWaiting: 1, handshakeMs: 5_000 })

function handshakeQueue(): { queue: HandshakeQueue; clock: ReturnType<typeof testClock> } {
  const clock = testClock()
  return { queue: new HandshakeQueue(small, new TimerQueue(clock)), clock }
}

/** Asks for a slot. @returns what frees it */
async function enter(queue: HandshakeQueue, address: string, signal: AbortSignal): Promise<() => void> {
  const slot = await queue.enter({ address, signal })
  return () => slot.leave()
}

const never = (): AbortSignal => new AbortController().signal

// proves: handshake-flood
test('so many of one address are worked on, so many wait, and the rest is 503', async () => {
  const { queue } = handshakeQueue()
  const [first, second] = [await enter(queue, '192.0.2.1', never()), await enter(queue, '192.0.2.1', never())]
  const third = enter(queue, '192.0.2.1', never())
  await expect(enter(queue, '192.0.2.1', never())).rejects.toMatchObject({ status: 503, httpOnly: true })
  const elsewhere = await enter(queue, '192.0.2.2', never())
  first()
  const leave = await third
  for (const one of [second, leave, elsewhere]) one()
  expect(queue.size).toBe(0)
})

test('a place that is given back twice is given back once', async () => {
  const { queue } = handshakeQueue()
  const first = await enter(queue, '192.0.2.1', never())
  await enter(queue, '192.0.2.1', never())
  first()
  first()
  await enter(queue, '192.0.2.1', never())
  const waiting = enter(queue, '192.0.2.1', never())
  await expect(Promise.race([waiting, settled().then(() => 'waits')])).resolves.toBe('waits')
})

test('a handshake that ends while it waits gives up its place in the queue', async () => {
  const { queue } = handshakeQueue()
  const [first, second] = [await enter(queue, '192.0.2.1', never()), await enter(queue, '192.0.2.1', never())]
  const gone = new AbortController()
  const third = enter(queue, '192.0.2.1', gone.signal)
  gone.abort()
  await expect(third).rejects.toMatchObject({ status: 503 })
  const fourth = enter(queue, '192.0.2.1', never())
  first()
  second()
  ;(await fourth)()
  expect(queue.size).toBe(0)
})

test('work that never ends gives its place back when the time of a handshake is over', async () => {
  const { queue, clock } = handshakeQueue()
  await enter(queue, '192.0.2.1', never())
  await enter(queue, '192.0.2.1', never())
  await clock.advance(4_999)
  expect(queue.size).toBe(1)
  await clock.advance(1)
  expect(queue.size).toBe(0)
})

test('a peer that has gone keeps the place of the work it has caused', async () => {
  const { queue } = handshakeQueue()
  const gone = new AbortController()
  await enter(queue, '192.0.2.1', gone.signal)
  await enter(queue, '192.0.2.1', gone.signal)
  gone.abort()
  await settled()
  const third = enter(queue, '192.0.2.1', never())
  await expect(Promise.race([third, settled().then(() => 'waits')])).resolves.toBe('waits')
})

test.each([
  ['2001:db8::1', '2001:db8::ffff:1', true],
  ['2001:db8:0:0:1::', '2001:db8::2:0:0:9', true],
  ['2001:db8:0:1::1', '2001:db8:0:2::1', false],
  ['::1', '::2', true],
  ['1:2:3:4:5:6:7:8', '1:2:3:4:8:7:6:5', true],
  ['1:2:3:4:5:6:7:8', '1:2:3:5:5:6:7:8', false],
  ['192.0.2.1', '192.0.2.2', false],
])('%s and %s stand in one line: %s', async (one, other, same) => {
  const { queue } = handshakeQueue()
  await enter(queue, one, never())
  await enter(queue, other, never())
  expect(queue.size).toBe(same ? 1 : 2)
})

test('an application that never settles does not lock its address out for ever', async () => {
  const clock = testClock()
  const server = testServer({ clock, limits: { handshakesAtOnce: 1, handshakeMs: 5_000 } })
  const hangs = consumer(contract('/ws/hangs', {}), { auth: () => new Promise<null>(() => {}) }, () => ({}))
  const opens = consumer(contract('/ws/opens', {}), { auth: anyone }, () => ({}))
  void visit(hangs, {}, { headers: {}, server })
  await settled()
  const honest = visit(opens, {}, { headers: {}, server })
  await clock.advance(5_000)
  await honest
  expect(server[serverContext].handshakeQueue.size).toBe(0)
})

test('a handshake that has ended before it had to wait takes no place in the queue', async () => {
  const { queue } = handshakeQueue()
  const [first] = [await enter(queue, '192.0.2.1', never()), await enter(queue, '192.0.2.1', never())]
  await expect(enter(queue, '192.0.2.1', AbortSignal.abort())).rejects.toMatchObject({ status: 503 })
  const waiting = enter(queue, '192.0.2.1', never())
  first()
  await expect(waiting).resolves.toBeTypeOf('function')
})
