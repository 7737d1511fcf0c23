import { expect, test } from 'vitest'
import { z } from 'zod'
import { consumer, contract, optional, type ServerOptions, type Schema, text } from '../../../src/index.ts'
import { serverContext } from '../../../src/core/server-context.ts'
import { testClock, testServer, visit } from '../../../src/testing.ts'
import { ada, byName, grace } from '../support/members.ts'

const path = '/ws/lines'
const lines = contract(path, { client: text, server: text })
const listening = consumer(lines, { auth: byName }, () => ({ message: () => {} }))
const guests = consumer(lines, { auth: optional(byName) }, () => ({ message: () => {} }))
const kilobyte = 'x'.repeat(1_024)

function serverWithLimits(limits: ServerOptions['limits'] = {}) {
  const clock = testClock()
  const events: string[] = []
  const server = testServer({
    clock,
    limits,
    on: (event) => event.type === 'limited' && events.push(`${event.limit} of ${event.scope}`),
  })
  return { clock, server, events }
}
const of = (most: number, burst: number) => ({ most, eachMs: 1_000, burst })
const tooManyBytes = { reason: { status: 429, reason: 'too-many-bytes' } }

test('a socket over its byte rate is refused with 429, told once, and then closed with 4429', async () => {
  const { clock, server, events } = serverWithLimits({ byteRate: of(1_024, 70_000), rate: null })
  const tab = await visit(listening, {}, { user: ada, server })
  const state = { isSent: false }
  const sending = Promise.allSettled(Array.from({ length: 70 }, () => tab.send(kilobyte)))
  void sending.then(() => (state.isSent = true))
  while (!state.isSent) await clock.advance(100)
  const refused = (await sending).filter(({ status }) => status === 'rejected')
  expect(refused.length).toBeGreaterThan(2)
  expect(refused[0]).toMatchObject(tooManyBytes)
  expect(events).toEqual(['byteRate of socket'])
  for (let tenth = 0; tenth < 110; tenth++) {
    await clock.advance(100)
    tab.raw(JSON.stringify({ op: 'msg', in: path, data: kilobyte }))
  }
  expect(await tab.closed).toMatchObject({ code: 4429 })
  expect(events).toEqual(['byteRate of socket'])
})

test.each([
  ['as long as its bytes take at the rate of its socket', of(4_096, 4_096), 270],
  ['half a second at most', of(1_024, 4_096), 500],
])('after a message over its bytes a socket is not read for %s', async (_, byteRate, restMs) => {
  const { clock, server } = serverWithLimits({ byteRate, messageBytes: 4_096, rate: null })
  const tab = await visit(listening, {}, { user: ada, server })
  for (let count = 0; count < 3; count++) await tab.send(kilobyte)
  await expect(tab.send(kilobyte)).rejects.toMatchObject(tooManyBytes.reason)
  let isRead = false
  const next = tab.send('hello').then(() => (isRead = true))
  await clock.advance(restMs - 30)
  expect(isRead).toBe(false)
  await clock.advance(30)
  await next
})

test('a thousand messages over the rate are told to operators once, as one lapse', async () => {
  const events: string[] = []
  const server = testServer({ limits: { rate: of(50, 100) }, on: ({ type }) => events.push(type) })
  const tab = await visit(listening, {}, { user: ada, server })
  await Promise.allSettled(Array.from({ length: 1_100 }, () => tab.send('hello')))
  expect(events.filter((type) => type === 'limited')).toHaveLength(1)
  expect(events.filter((type) => type === 'refused-message')).toHaveLength(1)
})

test('bytes are those of the wire: three for a character that takes three', async () => {
  const { server } = serverWithLimits({ identityByteRate: of(1, 10_000), rate: null })
  const tab = await visit(listening, {}, { user: ada, server })
  await tab.send('€'.repeat(3_000))
  await expect(tab.send('€'.repeat(400))).rejects.toMatchObject(tooManyBytes.reason)
})

// proves: costly-member
test('all sockets of an identity share their byte rate over reconnects, and cost others nothing', async () => {
  const { server, events } = serverWithLimits({ identityByteRate: of(1, 10_000), rate: null })
  for (let count = 0; count < 4; count++) {
    const tab = await visit(listening, {}, { user: ada, server })
    for (let line = 0; line < 2; line++) await tab.send(kilobyte)
    tab.leave()
    await tab.closed
  }
  const tab = await visit(listening, {}, { user: ada, server })
  await tab.send(kilobyte)
  await expect(tab.send(kilobyte)).rejects.toMatchObject(tooManyBytes.reason)
  expect(events).toEqual(['identityByteRate of identity'])
  await (await visit(listening, {}, { user: grace, server })).send(kilobyte)
})

test('a message larger than all that may come at once is not refused for ever', async () => {
  const { clock, server } = serverWithLimits({
    messageBytes: 4_000_000,
    byteRate: of(1_000, 1_000),
    identityByteRate: of(1_000_000, 2_000_000),
  })
  const tab = await visit(listening, {}, { user: ada, server })
  await tab.send('x'.repeat(3_000_000))
  await expect(tab.send('hello')).rejects.toMatchObject(tooManyBytes.reason)
  await clock.advance(1_100)
  await tab.send('hello')
})

test.each([
  ['is wider', { each: '1s', most: 1_000_000 } as const],
  ['is off', null],
])('an endpoint whose own byte rate %s is not counted for the account', async (_, byteRate) => {
  const { server } = serverWithLimits({
    identityByteRate: of(1_000, 10_000),
    byteRate: of(1, 100),
    rate: null,
  })
  const uploads = consumer(lines, { auth: byName, limits: { byteRate } }, () => ({ message: () => {} }))
  const tab = await visit(uploads, {}, { user: ada, server })
  await Promise.all(Array.from({ length: 100 }, () => tab.send(kilobyte)))
})

// proves: guest-flood
test('guests of one network share one rate of messages and of bytes, whatever their sockets', async () => {
  for (const [limits, event, code] of [
    [{ guestRate: of(1, 4) }, 'guestRate of address', 'too-many-messages'],
    [{ guestByteRate: of(1, 4_900) }, 'guestByteRate of address', 'too-many-bytes'],
  ] as const) {
    const { server, events } = serverWithLimits(limits)
    const visitFrom = (address: string) => visit(guests, {}, { headers: {}, server, address })
    for (const address of ['2001:db8::1', '2001:db8::2']) {
      const guest = await visitFrom(address)
      for (let count = 0; count < 2; count++) await guest.send(kilobyte)
      guest.leave()
    }
    await expect((await visitFrom('2001:db8:0:0:ff::3')).send('x'.repeat(900))).rejects.toMatchObject({
      status: 429,
      reason: code,
    })
    expect(events).toEqual([event])
    await (await visitFrom('2001:db8:0:1::1')).send(kilobyte)
    await (await visit(guests, {}, { user: ada, server, address: '2001:db8::1' })).send(kilobyte)
  }
})

/** A world whose validator takes as many milliseconds as the message says, and whose handler takes what it is told. */
function serverWithSlowValidation({
  handlerMs = 0,
  ...limits
}: ServerOptions['limits'] & { readonly handlerMs?: number } = {}) {
  const clock = testClock()
  const events: string[] = []
  const costs: number[] = []
  const details: string[] = []
  let spent = 0
  const validate = (value: unknown) => {
    if (typeof value !== 'number') return { issues: [{ message: 'not a number' }] }
    if (value < 0) {
      spent += 10_000
      throw new Error('a fault of the validator')
    }
    spent += value
    costs.push(value)
    return { value }
  }
  const schema: Schema<number> = { '~standard': { version: 1, vendor: 'test', validate } }
  const priced = contract('/ws/priced', {
    client: schema,
    server: text,
    calls: { price: { input: schema, output: z.number() } },
  })
  const server = testServer({
    clock: { ...clock, monotonic: () => clock.monotonic() + spent },
    limits: { rate: null, ...limits },
    report: () => {},
    on: (event) => {
      if (event.type === 'limited') events.push(`${event.limit} of ${event.scope}`)
      if (event.type === 'misconfigured') details.push(event.detail)
    },
  })
  const application = consumer(priced, { auth: optional(byName) }, () => ({
    message: () => void (spent += handlerMs),
    calls: { price: (ms) => ms },
  }))
  costs.length = 0
  return { clock, server, application, events, costs, details }
}
const pay = (data: unknown, op: 'msg' | 'call' = 'msg'): string =>
  JSON.stringify({ op, in: '/ws/priced', id: 'x', ...(op === 'msg' ? {} : { type: 'price' }), data })
const tooCostly = { op: 'err', id: 'x', status: 429, code: 'too-costly' }

// proves: costly-member
test('the time of validating is charged to the identity, over sockets, reconnects and calls', async () => {
  const { clock, server, application, events, costs } = serverWithSlowValidation()
  for (let count = 0; count < 2; count++) {
    const tab = await visit(application, {}, { user: ada, server })
    tab.raw(pay(100))
    await clock.advance(10)
    tab.raw(pay(10, 'call'))
    await clock.advance(10)
    tab.leave()
    await tab.closed
  }
  // the first for its time, the others for more: 100, 40, 2,000, and what 230 ms have brought
  const tab = await visit(application, {}, { user: ada, server })
  tab.raw(pay(1))
  expect(await tab.next()).toMatchObject(tooCostly)
  expect([costs, events]).toEqual([[100, 10, 100], ['validation of identity']])
  await (await visit(application, {}, { user: grace, server })).send(1)
  await clock.advance(19_000)
  await tab.send(1)
})

test('a message of 300 ms is taken twice in 40 s, whatever the sockets of its sender', async () => {
  const { clock, server, application, costs } = serverWithSlowValidation({ rateGraceMs: 60_000 })
  for (let half = 0; half < 80; half++) {
    const tab = await visit(application, {}, { user: ada, server })
    tab.raw(pay(300))
    await clock.advance(400)
    tab.leave()
    await tab.closed
  }
  expect(costs).toEqual([300, 300])
})

test('a message type that takes more than 50 ms to validate is told of once, with what to do', async () => {
  const { server, application, details } = serverWithSlowValidation({ validation: null })
  const tab = await visit(application, {}, { user: ada, server })
  for (const ms of [50, 51, 80]) {
    await tab.send(ms)
    expect(await tab.call('price', ms)).toBe(ms)
  }
  expect(details).toEqual([
    expect.stringMatching(/^A message of \/ws\/priced took 51 ms .*\.max\(\).*z\.discriminatedUnion/),
    expect.stringMatching(/^'price' of \/ws\/priced took 51 ms /),
  ])
})

test('no message is parsed when no time is left, and a socket that goes on is closed', async () => {
  const { clock, server, application, costs } = serverWithSlowValidation({
    rate: of(20, 20),
    rateGraceMs: 3_000,
  })
  const tab = await visit(application, {}, { user: ada, server })
  tab.raw(pay(10_000))
  expect(await tab.next()).toMatchObject({ op: 'ok' })
  tab.raw('no json')
  expect(await tab.next()).toMatchObject({ status: 429, code: 'too-costly' })
  const floodFor = async (seconds: number, aTenth: number): Promise<void> => {
    for (let tenth = 0; tenth < 10 * seconds; tenth++) {
      await clock.advance(100)
      for (let count = 0; count < aTenth; count++) tab.raw(pay(1))
    }
  }
  await floodFor(5, 1)
  expect(server.connections).toBe(1)
  await floodFor(5, 4)
  expect(await tab.closed).toMatchObject({ code: 4429 })
  expect(costs).toEqual([10_000])
})

test('a user whose validator twice stood still with the machine is refused a while, and stays', async () => {
  const { clock, server, application, costs } = serverWithSlowValidation()
  const tab = await visit(application, {}, { user: ada, server })
  for (let count = 0; count < 300; count++) {
    tab.raw(pay(count === 3 || count === 7 ? 100 : 0.1))
    await clock.advance(200)
  }
  // it was closed with 4429 after 11.6 s
  expect(server.connections).toBe(1)
  expect(costs.length).toBeGreaterThan(200)
  expect(costs.length).toBeLessThan(300)
})

test('a message that took 10 s, for any reason, blocks its sender for 40 s at most', async () => {
  const { clock, server, application } = serverWithSlowValidation()
  const tab = await visit(application, {}, { user: ada, server })
  await tab.send(10_000)
  await clock.advance(39_900)
  await expect(tab.send(1)).rejects.toMatchObject({ reason: 'too-costly' })
  await clock.advance(200)
  await tab.send(1)
})

test('the guests of a network share the time', async () => {
  const { server, application, events } = serverWithSlowValidation()
  const visitFrom = (address: string) => visit(application, {}, { headers: {}, server, address })
  await (await visitFrom('192.0.2.1')).send(1_000)
  await expect((await visitFrom('192.0.2.1')).send(1)).rejects.toMatchObject({ reason: 'too-costly' })
  await (await visitFrom('192.0.2.2')).send(1)
  expect(events).toEqual(['validation of address'])
})

// proves: guest-neighbour
test('what one guest uses of its network closes no socket of another, its own rate does', async () => {
  const { clock, server, application } = serverWithSlowValidation({ rate: of(20, 20), rateGraceMs: 3_000 })
  const visitAsGuest = () => visit(application, {}, { headers: {}, server })
  const [costly, honest] = [await visitAsGuest(), await visitAsGuest()]
  for (let round = 0; round < 10; round++) {
    costly.raw(pay(500))
    honest.raw(pay(1))
    // its share of the network fills from the moment at which it came
    expect(await honest.next()).toMatchObject({ op: 'ok' })
    await clock.advance(500)
  }
  expect(server.connections).toBe(2)
  await clock.advance(40_100)
  await honest.send(1)
  for (let tenth = 0; tenth < 50; tenth++) {
    for (let line = 0; line < 4; line++) costly.raw(pay(1))
    await clock.advance(100)
  }
  expect(await costly.closed).toMatchObject({ code: 4429 })
  expect(server.connections).toBe(1)
})

test('what a handler takes is not charged, and the time may be switched off', async () => {
  const handling = serverWithSlowValidation({ handlerMs: 5_000 })
  const tab = await visit(handling.application, {}, { user: ada, server: handling.server })
  for (let count = 0; count < 5; count++) await tab.send(1)
  const off = serverWithSlowValidation({ validation: null })
  const other = await visit(off.application, {}, { user: ada, server: off.server })
  for (let count = 0; count < 5; count++) await other.send(1_000)
})

test('a validator that throws is charged for as well', async () => {
  const { server, application, costs } = serverWithSlowValidation()
  const tab = await visit(application, {}, { user: ada, server })
  tab.raw(pay(-1))
  expect(await tab.closed).toMatchObject({ code: 1011 })
  const other = await visit(application, {}, { user: ada, server })
  other.raw(pay(1))
  expect(await other.next()).toMatchObject(tooCostly)
  expect(costs).toEqual([])
})

test('ten invalid messages of an identity in 10 s close with 4400, over sockets and reconnects', async () => {
  const { clock, server, events } = serverWithLimits()
  for (let count = 0; count < 3; count++) {
    const tab = await visit(listening, {}, { user: ada, server })
    for (let line = 0; line < 3; line++) tab.raw('no json')
    tab.leave()
    await tab.closed
  }
  const [one, other] = [
    await visit(listening, {}, { user: ada, server }),
    await visit(listening, {}, { user: ada, server }),
  ]
  one.raw('no json')
  expect(await one.closed).toMatchObject({ code: 4400 })
  await other.send('hello')
  other.raw('no json')
  expect(await other.closed).toMatchObject({ code: 4400 })
  expect(events).toEqual(['invalidMessages of identity', 'invalidMessages of identity'])
  await clock.advance(10_001)
  const later = await visit(listening, {}, { user: ada, server })
  for (let line = 0; line < 9; line++) later.raw('no json')
  await later.send('hello')
})

test('a guest is counted alone for invalid messages: the others of its network are strangers', async () => {
  const { server, events } = serverWithLimits()
  const visitAsGuest = () => visit(guests, {}, { headers: {}, server })
  const [wrong, honest] = [await visitAsGuest(), await visitAsGuest()]
  for (let line = 0; line < 10; line++) wrong.raw('no json')
  expect(await wrong.closed).toMatchObject({ code: 4400 })
  honest.raw('no json')
  await honest.send('hello')
  expect(events).toEqual(['invalidMessages of socket'])
})

// proves: refilled-budget
test('a wall clock that jumps an hour ahead refills nothing, and forgives no invalid message', async () => {
  const { clock, server } = serverWithLimits({ rate: of(1, 10), rateGraceMs: 1_000 })
  const [tab, other] = [
    await visit(listening, {}, { user: ada, server }),
    await visit(listening, {}, { user: ada, server }),
  ]
  for (let line = 0; line < 9; line++) tab.raw('no json')
  await tab.send('hello')
  await expect(tab.send('hello')).rejects.toMatchObject({ status: 429 })
  for (const ms of [3_600_000, -7_200_000]) {
    clock.jump(ms)
    await expect(tab.send('hello')).rejects.toMatchObject({ status: 429 })
  }
  other.raw('no json')
  expect(await other.closed).toMatchObject({ code: 4400 })
})

test('a refused message is answered by its id, though it is not read', async () => {
  const { server } = serverWithLimits({ rate: of(1, 1) })
  const tab = await visit(listening, {}, { user: ada, server })
  await tab.send('hello')
  tab.raw(`{"op":"msg","in":"${path}","id":"a1","data":"${'x'.repeat(50_000)}`)
  expect(await tab.next()).toMatchObject({ op: 'err', id: 'a1', status: 429, code: 'too-many-messages' })
})

test('nothing is remembered of anybody once all is quiet', async () => {
  const { clock, server } = serverWithLimits()
  for (const who of [{ user: ada }, { headers: {} }]) {
    const tab = await visit(guests, {}, { ...who, server })
    await tab.send('hello')
    tab.leave()
    await tab.closed
  }
  const { identities, guests: networks } = server[serverContext].accounts
  expect([identities.size, networks.size]).toEqual([1, 1])
  await clock.advance(90_000)
  expect([identities.size, networks.size]).toEqual([0, 0])
})
