import { expect, test } from 'vitest'
import {
  defaultLimits,
  isWider,
  type Limits,
  limitsWith,
  type Rate,
  type RateOption,
} from '../../src/core/limits.ts'
import { consumer, contract, sallyport, anyone } from '../../src/index.ts'

test('limits that are left out keep their defaults', () => {
  expect(limitsWith({ fragments: 8 })).toEqual({ ...defaultLimits, fragments: 8 })
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

test('whoever switches it off has no rate left, unless one is set for the identity', () => {
  const identityRate = { most: 10, eachMs: 1_000, burst: 10 }
  expect(limitsWith({ rate: null }).identityRate).toBeNull()
  expect(limitsWith({ rate: null, identityRate }).identityRate).toEqual(identityRate)
})

test.each(['identityRate', 'failedHandshakes'] as const)(
  '%s may be switched off, and is checked like the rate',
  (name) => {
    expect(limitsWith({ [name]: null })[name]).toBeNull()
    for (const none of [5, undefined])
      expect(() => limitsWith({ [name]: none })).toThrow(
        "the limit '" + name + "' is null or { most, eachMs, burst }",
      )
  },
)
