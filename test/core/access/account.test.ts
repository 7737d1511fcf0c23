import { describe, expect, test } from 'vitest'
import { anyone, consumer, contract, type ServerOptions, type Schema, text } from '../../../src/index.ts'
import { accountsUnder, Crowd } from '../../../src/core/access/account.ts'
import { type EndpointLimits, limitsWith } from '../../../src/core/api/limits.ts'
import { TimerQueue } from '../../../src/core/runtime/timer-queue.ts'
import { MessageLimiter } from '../../../src/core/socket/message-limiter.ts'
import { settled } from '../../../src/testing/clock.ts'
import { testClock, testServer, visit } from '../../../src/testing.ts'

const path = '/ws/lines'
const payload = (line: string): string => JSON.stringify({ op: 'msg', in: path, data: line })
const of = (most: number, burst: number) => ({ most, eachMs: 1_000, burst })

/** Guests of one network in a place whose validator takes a twentieth of a millisecond for each character. */
function serverForGuests(limits: ServerOptions['limits'] = {}) {
  const clock = testClock()
  let spent = 0
  const heard = new Map<string, number>()
  const validate = (value: unknown) => {
    spent += String(value).length / 20
    return { value: String(value) }
  }
  const line: Schema<string> = { '~standard': { version: 1, vendor: 'test', validate } }
  const app = consumer(contract(path, { client: line, server: text }), { auth: anyone }, () => ({
    message: (from) => void heard.set(from[0] ?? '', (heard.get(from[0] ?? '') ?? 0) + 1),
  }))
  const events: string[] = []
  const now = (): number => clock.monotonic() + spent
  const server = testServer({
    clock: { ...clock, monotonic: now },
    limits: { rate: null, byteRate: null, validation: null, ...limits },
    on: (event) => event.type === 'limited' && events.push(event.limit),
  })
  const visitAsGuest = () => visit(app, {}, { headers: {}, server })
  return { clock, now, server, visitAsGuest, heard, events }
}
type Guest = Awaited<ReturnType<ReturnType<typeof serverForGuests>['visitAsGuest']>>
const say = (guest: Guest, line: string): void =>
  guest.raw(JSON.stringify({ op: 'msg', in: path, data: line }))

describe.each([
  ['guestRate', of(500, 500), 1],
  ['guestByteRate', of(40_000, 40_000), payload('flood').length],
  ['validation', of(100, 100), 0.25],
] as const)('a network whose %s is used up', (limit, budget, cost) => {
  const limits = { [limit]: budget }

  // proves: guest-neighbour
  test.each([1, 10])(
    'still hears an honest guest in every second, beside a flood from %i sockets',
    async (count) => {
      const { clock, server, visitAsGuest, heard } = serverForGuests(limits)
      const flood = await Promise.all(Array.from({ length: count }, visitAsGuest))
      const honest = await visitAsGuest()
      for (let second = 0; second < 10; second++) {
        for (let tenth = 0; tenth < 10; tenth++) {
          await clock.advance(100)
          for (const guest of flood) for (let more = 0; more < 200 / count; more++) say(guest, 'flood')
        }
        // nothing is left of what the network has
        say(honest, 'honest and longer')
      }
      await settled()
      // it was 0
      expect(heard.get('h')).toBe(10)
      expect(server.connections).toBe(count + 1)
    },
  )

  test('is exceeded by half at most, by any number of sockets, with or without reconnects', async () => {
    const { clock, now, visitAsGuest, heard } = serverForGuests(limits)
    const floodFor = async (sockets: number, reconnects: boolean): Promise<number> => {
      const [before, began] = [heard.get('f') ?? 0, now()]
      let flood = await Promise.all(Array.from({ length: sockets }, visitAsGuest))
      for (let tenth = 0; tenth < 100; tenth++) {
        for (const guest of flood) for (let more = 0; more < 300 / sockets; more++) say(guest, 'flood')
        await clock.advance(100)
        if (!reconnects) continue
        for (const guest of flood) guest.leave()
        await settled()
        flood = await Promise.all(Array.from({ length: sockets }, visitAsGuest))
      }
      for (const guest of flood) guest.leave()
      await settled()
      const tokens = ((heard.get('f') ?? 0) - before) * cost
      return tokens / (budget.burst + ((now() - began) * budget.most) / budget.eachMs)
    }
    const used: number[] = []
    for (const sockets of [1, 20])
      for (const reconnects of [false, true]) used.push(await floodFor(sockets, reconnects))
    expect(Math.max(...used)).toBeLessThan(1.5)
    // and what the network has is there for one socket alone; validations that follow each other at once cost more
    expect(used[0]).toBeGreaterThan(limit === 'validation' ? 0.5 : 0.95)
  })
})

test('a lapse of guests over their shared rate is one event for the network, not for each socket', async () => {
  const { visitAsGuest, events } = serverForGuests({ guestRate: of(1, 10) })
  for (const guest of await Promise.all(Array.from({ length: 20 }, visitAsGuest)))
    for (let count = 0; count < 5; count++) say(guest, 'flood')
  expect(events).toEqual(['guestRate'])
})

describe('a guest that reconnects', () => {
  // proves: fresh-grace
  test('has nine invalid messages once, and not at each reconnect', async () => {
    const { clock, server, visitAsGuest } = serverForGuests()
    let invalid = 0
    for (let count = 0; count < 20; count++) {
      const guest = await visitAsGuest()
      for (let more = 0; more < 9 && server.connections > 0; more++, invalid++) guest.raw('no json')
      guest.leave()
      await clock.advance(1)
    }
    // nine, and two of each socket after it; it was 180
    expect(invalid).toBeLessThan(60)
  })

  test('has the grace of a rate once, and not at each reconnect', async () => {
    const { clock, server, visitAsGuest } = serverForGuests({ rate: of(1, 1), rateGraceMs: 5_000 })
    let tenths = 0
    for (let count = 0; count < 4; count++) {
      const guest = await visitAsGuest()
      for (let more = 0; more < 45 && server.connections > 0; more++, tenths++) {
        for (let line = 0; line < 3; line++) say(guest, 'flood')
        await clock.advance(100)
      }
      guest.leave()
      await settled()
    }
    // 4.5 s of the first, and at most 1.2 s of each after it; it was 180
    expect(tenths).toBeLessThan(90)
  })

  test('and sends bad messages ends no earlier guest, and no new guest with one bad message', async () => {
    const { clock, server, visitAsGuest } = serverForGuests()
    const before = await visitAsGuest()
    for (let count = 0; count < 3; count++) {
      const guest = await visitAsGuest()
      for (let more = 0; more < 9; more++) guest.raw('no json')
      guest.leave()
      await clock.advance(1)
    }
    const newcomer = await visitAsGuest()
    for (let count = 0; count < 5; count++) before.raw('no json')
    newcomer.raw('no json')
    await settled()
    expect(server.connections).toBe(2)
  })

  test('and floods ends no new guest that is over its own rate for a moment', async () => {
    const { clock, server, visitAsGuest } = serverForGuests({ rate: of(10, 10), rateGraceMs: 3_000 })
    const flooding = await visitAsGuest()
    for (let tenth = 0; tenth < 50 && server.connections > 0; tenth++) {
      for (let line = 0; line < 5; line++) say(flooding, 'flood')
      await clock.advance(100)
    }
    expect(server.connections).toBe(0)
    const newcomer = await visitAsGuest()
    for (let line = 0; line < 30; line++) say(newcomer, 'hello')
    await clock.advance(500)
    say(newcomer, 'hello')
    expect(server.connections).toBe(1)
  })
})

test.each([65_536, 1_048_576, 4_194_304])(
  '500 guests who send messages of %i bytes exceed the bytes of their network by half at most',
  async (size) => {
    const clock = testClock()
    const bytes = { most: 4_194_304, eachMs: 1_000, burst: 4_194_304 }
    const limits = limitsWith({ rate: null, byteRate: of(2 ** 30, 2 ** 30), guestByteRate: bytes })
    const accounts = accountsUnder(limits, { clock, timers: new TimerQueue(clock) })
    const now = clock.monotonic()
    const parts = {
      limits,
      own: {} as EndpointLimits,
      messageBytes: size,
      accounts,
      account: 'a',
      since: now,
      now,
    }
    const guests = Array.from(
      { length: 500 },
      () => new MessageLimiter({ ...parts, guests: () => 500, limited: () => {} }),
    )
    let taken = 0
    for (let second = 0; second < 120; second++) {
      await clock.advance(1_000)
      for (const guest of guests) if (guest.message(size, clock.monotonic()) === null) taken += size
    }
    // messages of 4 MiB were 9.3 times as much
    expect(taken / (120 * bytes.most)).toBeLessThan(1.5)
  },
)

test('a crowd of guests counts for ten seconds after it has gone', () => {
  const crowd = new Crowd()
  expect([crowd.of(10, 0), crowd.of(1, 9_999), crowd.of(1, 10_000), crowd.of(3, 10_001)]).toEqual([
    10, 10, 1, 3,
  ])
})
