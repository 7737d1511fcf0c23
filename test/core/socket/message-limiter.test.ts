import { expect, test } from 'vitest'
import { type Accounts, accountsUnder } from '../../../src/core/access/account.ts'
import { type Limits, limitsWith } from '../../../src/core/api/limits.ts'
import type { Rate } from '../../../src/core/runtime/token-bucket.ts'
import { TimerQueue } from '../../../src/core/runtime/timer-queue.ts'
import { MessageLimiter } from '../../../src/core/socket/message-limiter.ts'
import { testClock } from '../../../src/testing.ts'

const one = { most: 1, eachMs: 600_000, burst: 1 }
const off = { rate: null, byteRate: null, identityRate: null, identityByteRate: null, validation: null }

interface Changed {
  readonly messageBytes?: number
  readonly own?: { readonly rate?: Rate | null; readonly byteRate?: Rate | null }
  readonly guests?: () => number
  /** The accounts of other sockets that it shares. */
  readonly accounts?: Accounts
  readonly since?: number
}

function accountsOf(changes: Partial<Limits>): Accounts {
  const clock = testClock(0)
  return accountsUnder(limitsWith({ ...off, ...changes }), { clock, timers: new TimerQueue(clock) })
}

function limiter(
  changes: Partial<Limits>,
  { messageBytes = 1_000, own: ownChanges = {}, guests, accounts, since = 0 }: Changed = {},
): MessageLimiter {
  const limits = limitsWith({ ...off, ...changes })
  const own = {
    message: undefined,
    values: undefined,
    members: undefined,
    rate: undefined,
    byteRate: undefined,
    ...ownChanges,
  }
  const limited = (): void => {}
  return new MessageLimiter({
    limits,
    own,
    messageBytes,
    accounts: accounts ?? accountsOf(changes),
    account: 'ada',
    guests: guests ?? null,
    since,
    now: since,
    limited,
  })
}

/** A clock at this moment. */
function at(now: number): { monotonic: () => number } {
  return { monotonic: () => now }
}

test.each([
  ['identityRate', 'too-many-messages'],
  ['identityByteRate', 'too-many-bytes'],
  ['validation', 'too-costly'],
] as const)('%s refuses by itself, where every other limit is off', (limit, code) => {
  const alone = limiter({ [limit]: one })
  expect(alone.message(1, 0)).toBeNull()
  alone.charge(at(4))
  expect(alone.message(1, 4)).toMatchObject({ denial: { status: 429, reason: code } })
})

test('the time of a message is charged once, and that of a refused message never', () => {
  const socket = limiter({ rate: one })
  expect([socket.charge(at(5)), socket.message(1, 10)]).toEqual([0, null])
  expect([socket.charge(at(13)), socket.charge(at(17))]).toEqual([3, 0])
  expect(socket.message(1, 20)).toMatchObject({ denial: { status: 429 } })
  expect(socket.charge(at(30))).toBe(0)
})

test('without limits nothing is refused, and nothing is charged', () => {
  const free = limiter({})
  expect([free.message(1_000, 0), free.message(1_000, 0)]).toEqual([null, null])
  expect(free.charge(at(1_000_000))).toBe(1_000_000)
  expect([free.message(1_000, 1_000_000), free.message(1_000, 1_000_000)]).toEqual([null, null])
})

test('a message of the largest size costs its bytes, also above the burst of the byte rate', () => {
  const socket = limiter({ byteRate: { most: 100, eachMs: 1_000, burst: 100 } })
  expect([socket.message(1_000, 0), socket.message(10, 200)]).toEqual([null, null])
  expect(socket.message(100, 200)).toMatchObject({ denial: { reason: 'too-many-bytes' } })
})

test.each(['rate', 'byteRate'] as const)(
  'an endpoint that has switched its %s off is not limited by that of the identity',
  (limit) => {
    const wide = limiter({ identityRate: one, identityByteRate: one }, { own: { [limit]: null } })
    const codes = [wide.message(1, 0), wide.message(1, 0)].map((verdict) => verdict?.denial.reason ?? null)
    expect(codes).toEqual([null, limit === 'rate' ? 'too-many-bytes' : 'too-many-messages'])
  },
)

/** Whether a socket that sends on every 100 ms for 30 s is ended for it. */
function ends(socket: MessageLimiter): boolean {
  const verdicts = Array.from({ length: 300 }, (_, count) => socket.message(1, count * 100))
  expect(verdicts.at(-1)).toMatchObject({ denial: { status: 429 } })
  return verdicts.some((verdict) => verdict?.ends === true)
}

test.each(['rate', 'byteRate'] as const)('a guest that goes on over its own %s is ended', (limit) => {
  expect(ends(limiter({ [limit]: one }, { messageBytes: 1, guests: () => 2 }))).toBe(true)
})

test.each(['guestRate', 'guestByteRate'] as const)(
  'what the network uses of its %s ends no guest',
  (limit) => {
    const shared = { guestRate: null, guestByteRate: null, [limit]: one }
    expect(ends(limiter(shared, { guests: () => 2 }))).toBe(false)
  },
)

test('an endpoint without a byte rate leaves the bytes of the identity to other sockets', () => {
  const many = { most: 100, eachMs: 1_000, burst: 100 }
  const limits = { identityRate: many, identityByteRate: { most: 100, eachMs: 600_000, burst: 1_000 } }
  const accounts = accountsOf(limits)
  const wide = limiter(limits, { own: { byteRate: null }, accounts })
  expect([wide.message(1_000, 0), wide.message(1_000, 0)]).toEqual([null, null])
  expect(limiter(limits, { accounts }).message(1_000, 0)).toBeNull()
})

test('a rate of the endpoint is kept where the identity has no rate', () => {
  const socket = limiter({ identityRate: null }, { own: { rate: one } })
  expect(socket.message(1, 0)).toBeNull()
  expect(socket.message(1, 0)).toMatchObject({ denial: { reason: 'too-many-messages' } })
})

test('a message refused for validation time ends no socket, also long after its grace', () => {
  const limits = {
    rate: { most: 1, eachMs: 12_000, burst: 1 },
    rateGraceMs: 10_000,
    validation: { most: 1, eachMs: 600_000, burst: 1 },
  }
  const accounts = accountsOf(limits)
  const socket = limiter(limits, { accounts })
  for (let now = 0; now < 12_000; now += 500) expect(socket.message(1, now)?.ends ?? false).toBe(now > 10_000)
  const other = limiter(limits, { accounts })
  expect(other.message(1, 11_300)).toBeNull()
  other.charge(at(12_300))
  expect(socket.message(1, 12_300)).toMatchObject({ ends: false, denial: { reason: 'too-costly' } })
})

test('a guest who comes back while its network goes on over a rate has a second of its own', () => {
  const limits = { rate: one, rateGraceMs: 10_000 }
  const accounts = accountsOf(limits)
  const guest = { guests: () => 1, accounts }
  const first = limiter(limits, guest)
  for (let now = 0; now <= 9_000; now += 500) expect(first.message(1, now)?.ends ?? false).toBe(false)
  const second = limiter(limits, { ...guest, since: 9_400 })
  const ended: number[] = []
  for (let now = 9_500; now <= 12_000; now += 250) if (second.message(1, now)?.ends === true) ended.push(now)
  expect(ended[0]).toBe(10_750)
})

test('a guest who comes new to a network that goes on over a rate has the whole grace', () => {
  const limits = { rate: one, rateGraceMs: 10_000 }
  const guest = limiter(limits, { guests: () => 2 })
  const ended: number[] = []
  for (let now = 0; now <= 12_000; now += 250) if (guest.message(1, now)?.ends === true) ended.push(now)
  expect(ended[0]).toBe(10_250)
})

test('a guest that came before the rest of its network went over a rate has the whole grace', () => {
  const limits = { rate: one, rateGraceMs: 10_000 }
  const accounts = accountsOf(limits)
  const guest = { guests: () => 2, accounts }
  const [honest, flood] = [limiter(limits, guest), limiter(limits, guest)]
  expect(honest.message(1, 0)).toBeNull()
  for (let now = 1_000; now <= 13_000; now += 250) flood.message(1, now)
  for (let now = 11_500; now <= 13_000; now += 250) expect(honest.message(1, now)?.ends).toBe(false)
})
