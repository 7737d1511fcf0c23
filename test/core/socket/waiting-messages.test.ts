import { runInNewContext } from 'node:vm'
import { setFlagsFromString } from 'node:v8'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { serverContext } from '../../../src/core/server-context.ts'
import { HandlerBacklog } from '../../../src/core/access/handler-backlog.ts'
import { heapBytes } from '../../../src/core/runtime/heap-bytes.ts'
import { identityKey } from '../../../src/core/groups/address.ts'
import {
  anyone,
  binary,
  consumer,
  contract,
  type Limits,
  type Server,
  type SallyportEvent,
  text,
  type Tracer,
} from '../../../src/index.ts'
import { settled } from '../../../src/testing/clock.ts'
import { testServer, visit } from '../../../src/testing.ts'
import { ada, byName, grace } from '../support/members.ts'

const path = '/ws/desk'
const desk = contract(path, {
  client: { say: z.object({ text: z.string() }), show: z.object({ value: z.any() }) },
  server: { said: z.object({ text: z.string() }) },
  calls: { ask: { input: z.object({ text: z.string() }), output: z.object({}) } },
})

/** What else bounds messages is another test's. */
const unrated: Partial<Limits> = {
  rate: null,
  byteRate: null,
  identityByteRate: null,
  guestRate: null,
  guestByteRate: null,
  validation: null,
}

/** A desk whose handlers never settle unless they are told to. */
function serverWithPendingHandlers(limits: Partial<Limits> = {}) {
  const works: (() => void)[] = []
  const at: unknown[] = []
  const work = (data: unknown): Promise<void> => {
    at.push(data)
    return new Promise((resolve) => works.push(resolve))
  }
  const app = consumer(desk, { auth: byName, limits: { rate: null, values: 100_000 } }, () => ({
    on: { say: work, show: work },
    calls: { ask: async (data) => (await work(data), {}) },
  }))
  const events: SallyportEvent[] = []
  const server = testServer({ limits: { ...unrated, ...limits }, on: (event) => events.push(event) })
  const visitAs = (user = ada) => visit(app, {}, { user, server })
  const limited = () => events.filter(({ type }) => type === 'limited')
  const workOff = async (): Promise<void> => {
    for (let more = works.shift(); more !== undefined; more = works.shift()) {
      more()
      await settled()
    }
  }
  return { at, events, server, app, visitAs, limited, workOff }
}

const say = (data: object, more: object = {}): string =>
  JSON.stringify({ op: 'msg', in: path, type: 'say', data, ...more })
const waitingOf = (server: Server, id: string): number =>
  server[serverContext].backlog.of(identityKey('', id))
const tooMuch = { status: 429, reason: 'too-much-waiting' }
const large = 'x'.repeat(60_000)

describe('what waits for an identity', () => {
  // proves: slow-handler
  test('is bounded in bytes over all its sockets: a message beyond that is refused, and told once', async () => {
    const { server, visitAs, limited, workOff } = serverWithPendingHandlers({ waitingBytes: 130_000 })
    const [one, two] = [await visitAs(), await visitAs()]
    // one of each is at work
    for (const tab of [one, two])
      for (let count = 0; count < 2; count++) void tab.send('say', { text: large })
    await expect(two.send('say', { text: large })).rejects.toMatchObject(tooMuch)
    await expect(one.call('ask', { text: large })).rejects.toMatchObject(tooMuch)
    expect(limited()).toEqual([
      expect.objectContaining({ limit: 'waitingBytes', scope: 'identity', subject: ada.id }),
    ])
    // another user is another account
    const other = await visitAs(grace)
    for (let count = 0; count < 2; count++) void other.send('say', { text: large })
    await settled()
    expect(limited()).toHaveLength(1)
    await workOff()
    expect([waitingOf(server, ada.id), server[serverContext].backlog.size]).toEqual([0, 0])
  })

  test('is 2 MiB of the wire at most, unless said otherwise', async () => {
    const { server, visitAs } = serverWithPendingHandlers()
    const tabs = await Promise.all(Array.from({ length: 6 }, () => visitAs()))
    for (const tab of tabs) for (let count = 0; count < 9; count++) void tab.send('say', { text: large })
    await settled()
    expect(waitingOf(server, ada.id)).toBeGreaterThan(2_097_152 - 61_000)
    expect(waitingOf(server, ada.id)).toBeLessThanOrEqual(2_097_152)
  })

  test('counts bytes of the wire, and not characters', async () => {
    const { server, visitAs } = serverWithPendingHandlers()
    const tab = await visitAs()
    void tab.send('say', { text: 'at work' })
    const payload = say({ text: '€'.repeat(10_000) })
    tab.raw(payload)
    expect(waitingOf(server, ada.id)).toBe(Buffer.byteLength(payload))
  })

  test('counts a quarter of the heap where that is more than the wire', async () => {
    const { server, visitAs } = serverWithPendingHandlers()
    const tab = await visitAs()
    void tab.send('say', { text: 'at work' })
    tab.raw(
      JSON.stringify({
        op: 'msg',
        in: path,
        type: 'show',
        data: { value: Array.from({ length: 1_000 }, () => ({})) },
      }),
    )
    expect(waitingOf(server, ada.id)).toBeGreaterThan(15_000)
  })

  test('lets a message wait that is larger than the bound when nothing else does', async () => {
    const { visitAs, at, workOff } = serverWithPendingHandlers({ waitingBytes: 10_000 })
    const tab = await visitAs()
    void tab.send('say', { text: 'at work' })
    void tab.send('say', { text: large })
    await expect(tab.send('say', { text: 'small' })).rejects.toMatchObject(tooMuch)
    await workOff()
    expect(at).toEqual([{ text: 'at work' }, { text: large }])
  })

  test('delays no other identity, and tells the next lapse anew after half was worked off', async () => {
    const { visitAs, limited, workOff } = serverWithPendingHandlers({ waitingBytes: 70_000 })
    const tab = await visitAs()
    for (let lapse = 1; lapse <= 2; lapse++) {
      for (let count = 0; count < 5; count++) void tab.send('say', { text: large })
      await settled()
      expect(limited()).toHaveLength(lapse)
      await workOff()
    }
  })

  test('counts the messages of a peer that has left until they are dropped', async () => {
    const { server, visitAs } = serverWithPendingHandlers({ waitingBytes: 130_000 })
    const [gone, here] = [await visitAs(), await visitAs()]
    for (let count = 0; count < 3; count++) void gone.send('say', { text: large })
    await settled()
    gone.leave()
    await gone.closed
    void here.send('say', { text: 'at work' })
    await expect(here.send('say', { text: large })).rejects.toMatchObject(tooMuch)
    await server.revoke({ user: ada.id, at: [desk], reason: 'be nice' })
    expect(waitingOf(server, ada.id)).toBe(0)
  })

  // proves: slow-handler
  test('of guests is one for their network', async () => {
    const { promise: never } = Promise.withResolvers<void>()
    const lines = contract('/ws/lines', { client: text })
    const open = consumer(lines, { auth: anyone, limits: { rate: null } }, () => ({ message: () => never }))
    const events: SallyportEvent[] = []
    const server = testServer({
      limits: { ...unrated, waitingBytes: 70_000 },
      on: (event) => events.push(event),
    })
    const visitFrom = (address: string) => visit(open, {}, { user: null, server, address })
    const [one, two, far] = [
      await visitFrom('192.0.2.1'),
      await visitFrom('192.0.2.1'),
      await visitFrom('192.0.2.2'),
    ]
    for (const tab of [one, two, far]) void tab.send('at work')
    void one.send(large)
    await expect(two.send(large)).rejects.toMatchObject(tooMuch)
    void far.send(large)
    await settled()
    expect(events.filter(({ type }) => type === 'limited')).toEqual([
      expect.objectContaining({ limit: 'waitingBytes', scope: 'address', address: '192.0.2.1' }),
    ])
  })

  test('closes a socket whose wire has no room for a refusal with 4429', async () => {
    const { promise: never } = Promise.withResolvers<void>()
    const bytes = contract('/ws/bytes', { client: binary, server: binary })
    const app = consumer(bytes, { auth: byName, limits: { rate: null } }, () => ({ message: () => never }))
    const server = testServer({ limits: { ...unrated, waitingBytes: 10_000 } })
    const tab = await visit(app, {}, { user: ada, server })
    // a client of the frames is told; what it is told is seen above
    for (let count = 0; count < 2; count++) void tab.send(new Uint8Array(8_000))
    await expect(tab.send(new Uint8Array(8_000))).rejects.toMatchObject(tooMuch)
  })
})

test('512 KiB of one socket pause its reading, and half of that lets it go on', async () => {
  const { at, server, visitAs, workOff } = serverWithPendingHandlers()
  const tab = await visitAs()
  for (let count = 0; count < 20; count++) void tab.send('say', { text: large })
  await settled()
  expect(waitingOf(server, ada.id)).toBeGreaterThanOrEqual(524_288)
  expect(waitingOf(server, ada.id)).toBeLessThan(524_288 + 61_000)
  await workOff()
  expect(at).toHaveLength(20)
})

test('what waits while open is at work is bounded too', async () => {
  const lines = contract('/ws/lines', { client: text })
  const { promise: opening, resolve: opened } = Promise.withResolvers<void>()
  let heard = 0
  const slow = consumer(lines, { auth: byName, limits: { rate: null } }, () => ({
    open: () => opening,
    message: () => void heard++,
  }))
  const server = testServer({ limits: { ...unrated, waitingBytes: 100_000, inboxBytes: 1_000_000 } })
  const tab = await visit(slow, {}, { user: ada, server })
  void tab.send(large)
  await expect(tab.send(large)).rejects.toMatchObject(tooMuch)
  opened()
  await settled()
  expect([heard, waitingOf(server, ada.id)]).toEqual([1, 0])
})

describe('the heap that waiting messages hold', () => {
  /** How much the heap grows by messages that wait, and what they count for. */
  async function held(
    payload: (count: number) => string,
    { tracer, tabs = 1 }: { readonly tracer?: Tracer; readonly tabs?: number } = {},
  ) {
    const { promise: never } = Promise.withResolvers<void>()
    const app = consumer(desk, { auth: byName, limits: { rate: null, values: 100_000 } }, () => ({
      on: { say: () => never, show: () => never },
      calls: { ask: async () => (await never, {}) },
    }))
    const limits = { ...unrated, inboxBytes: 1e9, waitingBytes: 1e9 }
    const server = testServer({ limits, ...(tracer === undefined ? {} : { tracer }) })
    const visitAsAda = () => visit(app, {}, { user: ada, server })
    const here = await Promise.all(Array.from({ length: tabs }, visitAsAda))
    for (const tab of here) tab.raw(say({ text: 'at work' }))
    await settled()
    const before = heap()
    for (const tab of here) for (let count = 0; count < 100; count++) tab.raw(payload(count))
    await settled()
    const grown = heap() - before
    return { grown, counted: waitingOf(server, ada.id) }
  }

  const arrays = JSON.parse(`[${Array(19_000).fill('[]').join(',')}]`) as unknown
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
  const tracer: Tracer = { run: (_, inside) => inside(null) }

  // proves: slow-handler
  test.each<[string, (count: number) => string, { readonly tracer?: Tracer }?]>([
    ['arrays beside what the schema takes', () => say({ text: 'hi', junk: arrays })],
    ['a text beside what the schema takes', () => say({ text: 'hi', junk: large })],
    ['junk beside the data', () => say({ text: 'hi' }, { id: 'x', junk: arrays })],
    ['junk in the trace', () => say({ text: 'hi' }, { trace: { traceparent, junk: arrays } }), { tracer }],
    [
      'junk in a call',
      (count) =>
        JSON.stringify({
          op: 'call',
          in: path,
          id: String(count),
          type: 'ask',
          data: { text: 'hi', junk: arrays },
        }),
    ],
  ])('is that of the validated value: %s', async (_, payload, how) => {
    const { grown } = await held(payload, how)
    // of 100 messages of 57 KB: with what was thrown away they would hold 5.7 to 76 MB
    expect(grown).toBeLessThan(1_000_000)
  })

  const show = (json: string): string => `{"op":"msg","in":"${path}","type":"show","data":{"value":${json}}}`
  const list = (item: (index: number) => string, length: number): string =>
    `[${Array.from({ length }, (_, index) => item(index)).join(',')}]`

  // proves: slow-handler
  test.each<[string, (count: number) => string, { readonly tabs: number }?]>([
    ['empty objects', () => show(list(() => '{}', 1_900))],
    ['empty arrays', () => show(list(() => '[]', 3_900))],
    ['nested arrays', () => show(list(() => '[[[[[[]]]]]]', 650))],
    ['keys that no other object has', (n) => show(list((index) => `{"k${index + n * 2_000}":1}`, 1_300))],
    ['indexes as keys', () => show(list((index) => `{"${index}":1}`, 1_300))],
    ['numbers', () => show(list((index) => `${index}.5`, 3_900))],
    ['short texts', () => show(list((index) => `"${index.toString(36).padStart(12, 'x')}"`, 3_900))],
    ['a text of two bytes for each character', () => say({ text: `€${large}` })],
    ['small messages', () => say({ text: 'hi' }), { tabs: 40 }],
  ])('is at most four times what they count for: %s', async (_, payload, how) => {
    const { grown, counted } = await held(payload, how)
    expect(grown).toBeLessThan(4 * counted)
  })

  test('is counted for what a validator makes of indexes, too', () => {
    const copies = Array.from({ length: 300 }, () => {
      const copy: Record<string, number> = {}
      copy['1000'] = 1
      return copy
    })
    // 300 arrays of 1,517 items
    expect(heapBytes(copies)).toBeGreaterThan(300 * 1_517 * 8)
  })

  test('is not that of a message at work whose handler has let go of it', async () => {
    const { promise: never } = Promise.withResolvers<void>()
    const seen: WeakRef<object>[] = []
    const app = consumer(desk, { auth: byName }, () => ({
      on: { say: (data) => (seen.push(new WeakRef(data)), never), show: () => {} },
      calls: { ask: async () => ({}) },
    }))
    const tab = await visit(app, {}, { user: ada, server: testServer() })
    tab.raw(say({ text: 'hi' }))
    await settled()
    heap()
    expect(seen.map((one) => one.deref())).toEqual([undefined])
  })

  test('of a value that holds itself is counted all the same', () => {
    const cycle: Record<string, unknown> = {}
    cycle['self'] = cycle
    expect(heapBytes(cycle)).toBeGreaterThan(0)
  })
})

test('an account for which nothing waits is not remembered', () => {
  const backlog = new HandlerBacklog(100)
  const limited: string[] = []
  const take = (account: string, bytes: number) => backlog.take(account, bytes, () => limited.push(account))
  expect([take('a', 60), take('a', 40), take('a', 1), take('a', 1), take('b', 500)]).toEqual([
    true,
    true,
    false,
    false,
    true,
  ])
  expect([limited, backlog.of('a'), backlog.size]).toEqual([['a'], 100, 2])
  backlog.give('a', 49)
  expect([take('a', 50), limited.length]).toEqual([false, 1])
  backlog.give('a', 1)
  expect([take('a', 51), limited.length]).toEqual([false, 2])
  backlog.give('a', 50)
  backlog.give('b', 500)
  backlog.give('c', 1)
  expect([backlog.size, backlog.of('a')]).toEqual([0, 0])
})

function heap(): number {
  setFlagsFromString('--expose-gc')
  // the flag gives each new context a function of this name
  const collect = runInNewContext('gc') as () => void
  for (let round = 0; round < 3; round++) collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
