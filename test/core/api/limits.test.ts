import { describe, expect, test } from 'vitest'
import {
  defaultLimits,
  isWider,
  type Limits,
  limitsWith,
  type RateOption,
} from '../../../src/core/api/limits.ts'
import { Bucket, type Rate } from '../../../src/core/runtime/token-bucket.ts'
import { consumer, contract, sallyport, anyone } from '../../../src/index.ts'

test('limits that are left out keep their defaults', () => {
  expect(limitsWith({ fragments: 8 })).toEqual({ ...defaultLimits, fragments: 8 })
})

test.each([
  [{ connectionsPerIdentity: 5_000, guestConnections: 6_000 }, 10_000, 12_000],
  [{ connectionsPerIdentity: 5_000, orphanedHandlers: 7 }, 7, 1_000],
  [{ connectionsPerIdentity: 10, guestConnections: 1 }, 100, 1_000],
])('as many handlers of ended sockets as twice a cap that was raised: %j', (changes, ofUser, ofGuests) => {
  const { orphanedHandlers, guestOrphanedHandlers } = limitsWith(changes)
  expect([orphanedHandlers, guestOrphanedHandlers]).toEqual([ofUser, ofGuests])
})

// what a configuration that was read wrongly hands over, whatever the types say
test.each([
  ['zero', { messageBytes: 0 }],
  ['a fraction', { messageBytes: 1.5 }],
  ['no number', { messageBytes: Number.NaN }],
  ['nothing', { messageBytes: undefined }],
  ['a text', { messageBytes: '65536' }],
  ['more than the frame parser can count', { messageBytes: 2 ** 32 }],
  ['a time beyond the reach of a timer', { handshakeMs: 2 ** 31 }],
  ['a name that is no limit', { mesageBytes: 1 }],
  ['a rate of nothing', { rate: { most: 0, eachMs: 1, burst: 1 } }],
  ['a rate without a burst', { rate: { most: 1, eachMs: 1 } }],
])('%s is no limit, and does not switch one off', (_, limits) => {
  expect(() => sallyport({ limits: limits as Partial<Limits> })).toThrow(TypeError)
})

test('a message bound of an endpoint that the frame parser cannot count is refused too', () => {
  const huge = { auth: anyone, limits: { message: 2 ** 31 } }
  expect(() => consumer(contract('/ws/huge', {}), huge, () => ({}))).toThrow(TypeError)
})

test.each([
  ['no message', { each: '1s', most: 0 }],
  ['no message in the long run', { each: '1s', most: 0, burst: 1 }],
  ['no message at once', { each: '1s', most: 1, burst: 0 }],
  ['no number of them', { each: '1s', most: Number.NaN }],
  ['messages in no time', { each: 0, most: 1 }],
] as const)('a rate that allows %s is refused at start', (_, rate) => {
  const rated = { auth: anyone, limits: { rate: rate as RateOption } }
  expect(() => consumer(contract('/ws/rated', {}), rated, () => ({}))).toThrow(TypeError)
})

test.each([
  [2, 1, true],
  [1, 1, false],
  [1, 2, false],
  [null, 1, true],
  [1, null, false],
  [null, null, false],
])('%j a second is wider than %j: %s', (one, other, wider) => {
  const rate = (most: number | null): Rate | null =>
    most === null ? null : { most, eachMs: 1_000, burst: 1 }
  expect(isWider(rate(one), rate(other))).toBe(wider)
})

test('a rate may be switched off', () => {
  expect(limitsWith({ rate: null }).rate).toBeNull()
})

test('an endpoint that switches the rate off has no rate, unless one is set for the identity', () => {
  const identityRate = { most: 10, eachMs: 1_000, burst: 10 }
  expect(limitsWith({ rate: null }).identityRate).toBeNull()
  expect(limitsWith({ rate: null, identityRate }).identityRate).toEqual(identityRate)
})

test('an endpoint that switches the byte rate off has none, unless one is set for the account', () => {
  const guestByteRate = { most: 10, eachMs: 1_000, burst: 10 }
  expect(limitsWith({ byteRate: null })).toMatchObject({ identityByteRate: null, guestByteRate: null })
  expect(limitsWith({ byteRate: null, guestByteRate })).toMatchObject({ guestByteRate })
  expect(limitsWith({ rate: null })).toMatchObject({ guestRate: null, byteRate: defaultLimits.byteRate })
})

test.each([
  'identityRate',
  'guestRate',
  'byteRate',
  'identityByteRate',
  'guestByteRate',
  'validation',
  'failedHandshakes',
] as const)('%s may be switched off, and is checked like the rate', (name) => {
  expect(limitsWith({ [name]: null })[name]).toBeNull()
  for (const value of [5, undefined])
    expect(() => limitsWith({ [name]: value })).toThrow(
      "the option '" + name + "' is null or { most, eachMs, burst }",
    )
})

describe('a bucket', () => {
  const rate = { most: 10, eachMs: 1_000, burst: 100 }

  test('takes several at once, and fills up with time', () => {
    const bucket = new Bucket(rate, 0)
    expect([bucket.take(0, 60), bucket.take(0, 60), bucket.take(0, 40), bucket.take(0)]).toEqual([
      true,
      false,
      true,
      false,
    ])
    expect([bucket.left(0), bucket.isEmpty(0), bucket.shortMs(0)]).toEqual([0, true, 100])
    expect([bucket.left(5_000), bucket.isEmpty(5_000), bucket.left(60_000)]).toEqual([0.5, false, 1])
  })

  test('gives more than it holds when it is full, and is owed the rest', () => {
    const bucket = new Bucket(rate, 0)
    expect([bucket.take(0, 150), bucket.left(0)]).toEqual([true, -0.5])
    expect([bucket.take(5_000), bucket.take(5_100)]).toEqual([false, true])
    expect([bucket.take(15_000, 150), bucket.take(15_100, 150)]).toEqual([false, true])
  })

  test('is owed no more than it holds, whatever was spent', () => {
    const bucket = new Bucket(rate, 0)
    bucket.spend(1_000_000, 0)
    expect([bucket.left(0), bucket.isEmpty(10_000), bucket.isEmpty(10_001)]).toEqual([-1, true, false])
  })

  test('gives nothing for a clock that jumps back', () => {
    const bucket = new Bucket(rate, 10_000)
    bucket.take(10_000, 100)
    expect([bucket.take(0), bucket.isEmpty(0), bucket.take(100)]).toEqual([false, true, true])
  })
})
