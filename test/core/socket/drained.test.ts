import { once } from 'node:events'
import { onTestFinished, expect, test } from 'vitest'
import {
  anyone,
  consumer,
  contract,
  endpoint,
  type LoopSocket,
  type ServerOptions,
  sallyport,
  type SallyportEvent,
  text,
} from '../../../src/index.ts'
import { settled, testClock } from '../../../src/testing/clock.ts'
import { testServer, visit } from '../../../src/testing.ts'
import { cutRawClients, type RawClient, rawClient, say } from '../../transports/node/raw-client.ts'

const soon = { interval: 1, timeout: 18_000 }
const lines = contract('/ws/lines', { client: text, server: text })
type Line = LoopSocket<typeof lines, null, true>

/** A server with one endpoint, and what it told of. */
async function serve(run: (socket: Line) => Promise<void>, options: ServerOptions = {}) {
  const events: SallyportEvent[] = []
  const faults: unknown[] = []
  const server = sallyport({
    report: (error) => faults.push(error),
    on: (event) => void events.push(event),
    ...options,
  })
  server.serve(endpoint(lines, { auth: anyone }, run))
  const { port: number } = await server.listen(0)
  onTestFinished(async () => {
    cutRawClients()
    await server.close({ drain: 0 })
  })
  const left = () => events.flatMap((event) => (event.type === 'left' ? [event.code] : []))
  return { number, events, faults, left }
}

/** A client that does not read until it is told to. */
async function lazy(number: number): Promise<RawClient> {
  const client = await rawClient(number, '/ws/lines')
  client.socket.pause()
  return client
}

/** More than a kernel takes for a reader that does not read. */
const big = 'x'.repeat(1_000_000)
const flood = 24

/** Sends until the kernel takes no more; the queue is then full. */
async function stuff(socket: Line): Promise<void> {
  for (let count = 0; count < 100; count++) {
    socket.send(big)
    for (let turn = 0; turn < 20 && !socket.send(''); turn++) await new Promise(setImmediate)
    if (!socket.send('')) return
  }
}

test('24 messages of 1 MB reach a reader that is waited for, and no other socket is closed', async () => {
  const answers: boolean[] = []
  const { number, left } = await serve(async (socket) => {
    for (let count = 0; count < flood; count++) {
      answers.push(socket.send(big))
      await socket.drained()
    }
    for await (const line of socket) socket.send(line)
  })
  const client = await lazy(number)
  client.socket.resume()
  await expect.poll(() => client.heard.messages.length, soon).toBe(flood)
  expect(client.heard.messages.every((message) => message === big)).toBe(true)
  // one of them alone is more than half of the bound
  expect(answers).toEqual(Array.from({ length: flood }, () => false))
  client.socket.write(say('still here'))
  await expect.poll(() => client.heard.messages.at(-1), soon).toBe('still here')
  expect(left()).toEqual([])
})

test('a sender that does not wait still meets the bound: 4508', async () => {
  const { number, left } = await serve(async (socket) => {
    for (let count = 0; count < flood; count++) socket.send(big)
  })
  await lazy(number)
  await expect.poll(left, soon).toEqual([4508])
})

test('send says that there is room for a small message, and none when half of the bound waits', async () => {
  const answers: boolean[] = []
  const { number } = await serve(
    async (socket) => {
      for (let count = 0; count < 4; count++) answers.push(socket.send('x'.repeat(200)))
      await socket.drained()
      answers.push(socket.send('x'))
    },
    { limits: { outboundBytes: 1_000 } },
  )
  await rawClient(number, '/ws/lines')
  // the head of the handshake waits with the first of them
  await expect.poll(() => answers, soon).toEqual([true, true, false, false, true])
})

test('a message above the bound goes to a reader with little waiting, and a second one does not', async () => {
  const { number, left } = await serve(async (socket) => {
    socket.send('x'.repeat(8_000_000))
    await new Promise(setImmediate)
    for await (const line of socket) socket.send(line)
  })
  const client = await lazy(number)
  client.socket.resume()
  await expect.poll(() => client.heard.messages[0]?.length, soon).toBe(8_000_000)
  expect(left()).toEqual([])
  const other = await serve(async (socket) => {
    for (let count = 0; count < 2; count++) socket.send('x'.repeat(8_000_000))
  })
  await lazy(other.number)
  await expect.poll(other.left, soon).toEqual([4508])
})

test.each(['drop', 'latest'] as const)(
  'send with %s says false to a slow reader, who stays, and drained waits for it',
  async (slow) => {
    const answers: boolean[] = []
    let drained = false
    const { number, left } = await serve(async (socket) => {
      await stuff(socket)
      for (let count = 0; count < flood; count++) answers.push(socket.send(`${count}${big}`, { slow }))
      await socket.drained()
      drained = true
      socket.send('after')
      for await (const line of socket) socket.send(line)
    })
    const client = await lazy(number)
    await expect.poll(() => answers.length, soon).toBe(flood)
    expect(answers.some(Boolean)).toBe(false)
    expect([drained, left()]).toEqual([false, []])
    client.socket.resume()
    await expect.poll(() => client.heard.messages.at(-1), soon).toBe('after')
  },
)

test('several that wait go on one by one, each with room for what it sends', async () => {
  let isStuffed = false
  const { number, left, faults } = await serve(async (socket) => {
    await stuff(socket)
    isStuffed = true
    const send = async (word: string): Promise<void> => {
      await socket.drained()
      socket.send(word + big)
    }
    await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map(send))
    for await (const line of socket) socket.send(line)
  })
  const client = await lazy(number)
  await expect.poll(() => isStuffed, soon).toBe(true)
  client.socket.resume()
  const words = () =>
    client.heard.messages.map((message) => message[0]).filter((word) => /[a-f]/.test(word ?? ''))
  await expect.poll(words, soon).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
  expect([left(), faults]).toEqual([[], []])
})

test('who waits for a reader that leaves is told so, and that is no fault', async () => {
  const errors: unknown[] = []
  const { number, left, faults } = await serve(async (socket) => {
    await stuff(socket)
    // not awaited: no unhandled rejection
    void socket.drained()
    await socket.drained().catch((error: unknown) => {
      errors.push(error)
      throw error
    })
  })
  const client = await lazy(number)
  await settled()
  const closed = once(client.socket, 'close')
  client.socket.destroy()
  await closed
  await expect.poll(() => errors, soon).toMatchObject([{ name: 'AbortError' }])
  await expect.poll(left, soon).toHaveLength(1)
  expect(faults).toEqual([])
})

// proves: held-handler
test('a reader that takes a little now and then holds a handler for 60 s at most', async () => {
  const clock = testClock()
  let waits = false
  let ended = false
  const { number, left, events } = await serve(
    async (socket) => {
      await stuff(socket)
      waits = true
      await socket.drained().finally(() => (ended = true))
    },
    { clock, limits: { pingMs: 1_000_000 } },
  )
  await lazy(number)
  await expect.poll(() => waits, soon).toBe(true)
  await clock.advance(59_999)
  expect([ended, left()]).toEqual([false, []])
  await clock.advance(1)
  expect([ended, left()]).toEqual([true, [4508]])
  expect(events).toContainEqual(expect.objectContaining({ type: 'limited', limit: 'outboundMs' }))
})

test('a visitor of a test takes everything at once, and one that has left is not waited for', async () => {
  const answers: unknown[] = []
  const room = consumer(lines, { auth: anyone }, (socket) => ({
    async message() {
      answers.push(socket.send(big))
      await socket.drained()
      answers.push('drained')
    },
    async close() {
      answers.push(socket.send(big))
      await socket.drained().catch((error: unknown) => answers.push((error as Error).name))
    },
  }))
  const visitor = await visit(room, {}, { user: null, server: testServer() })
  await visitor.send('go')
  expect(answers).toEqual([true, 'drained'])
  visitor.leave()
  await visitor.closed
  await settled()
  expect(answers).toEqual([true, 'drained', false, 'AbortError'])
})

// proves: never-reads
test('a reader that sends and never reads is closed with 4508, also below a full queue', async () => {
  const clock = testClock()
  let heard = 0
  let waiting = false
  const { number, left, events } = await serve(
    async (socket) => {
      // what the kernel takes for a reader, and a little more
      for (let count = 0; count < 400 && socket.send('x'.repeat(60_000)); count++)
        await new Promise(setImmediate)
      waiting = true
      for await (const _ of socket) heard++
    },
    { clock, limits: { rate: null, byteRate: null } },
  )
  const client = await lazy(number)
  await expect.poll(() => waiting, soon).toBe(true)
  for (let ten = 0; ten < 20 && left().length === 0; ten++) {
    const before = heard
    client.socket.write(say('still here'))
    await expect.poll(() => heard > before || left().length > 0, soon).toBe(true)
    await clock.advance(10_000)
  }
  expect(left()).toEqual([4508])
  expect(events).toContainEqual(expect.objectContaining({ type: 'limited', limit: 'outboundMs' }))
})
