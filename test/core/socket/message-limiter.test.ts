import { expect, test } from 'vitest'
import { accountsUnder } from '../../../src/core/access/account.ts'
import { type Limits, limitsWith } from '../../../src/core/api/limits.ts'
import { TimerQueue } from '../../../src/core/runtime/timer-queue.ts'
import { MessageLimiter } from '../../../src/core/socket/message-limiter.ts'
import { testClock } from '../../../src/testing.ts'

const one = { most: 1, eachMs: 600_000, burst: 1 }
const off = { rate: null, byteRate: null, identityRate: null, identityByteRate: null, validation: null }

interface Changed {
  readonly messageBytes?: number
  readonly own?: { readonly rate?: null; readonly byteRate?: null }
  readonly guests?: () => number
}

function limiter(
  changes: Partial<Limits>,
  { messageBytes = 1_000, own: ownChanges = {}, guests }: Changed = {},
): MessageLimiter {
  const clock = testClock(0)
  const limits = limitsWith({ ...off, ...changes })
  const accounts = accountsUnder(limits, { clock, timers: new TimerQueue(clock) })
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
    accounts,
    account: 'ada',
    guests: guests ?? null,
    since: 0,
    now: 0,
    limited,
  })
}

test.each([
  ['identityRate', 'too-many-messages'],
  ['identityByteRate', 'too-many-bytes'],
  ['validation', 'too-costly'],
] as const)('%s refuses by itself, where every other limit is off', (limit, code) => {
  const alone = limiter({ [limit]: one })
  expect(alone.message(1, 0)).toBeNull()
  alone.spent(4, 0)
  expect(alone.message(1, 0)).toMatchObject({ denial: { status: 429, reason: code } })
})

test('without limits nothing is refused, and nothing is charged', () => {
  const free = limiter({})
  free.spent(1_000_000, 0)
  expect([free.message(1_000, 0), free.message(1_000, 0)]).toEqual([null, null])
})

test('a message of the largest size costs itself, also where the burst of the byte rate is smaller', () => {
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
