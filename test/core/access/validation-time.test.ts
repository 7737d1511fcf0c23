import { expect, test } from 'vitest'
import { defaultLimits } from '../../../src/core/api/limits.ts'
import { type Rate } from '../../../src/core/runtime/token-bucket.ts'
import { freshMsOfValidation, ValidationTime } from '../../../src/core/access/validation-time.ts'

// the default, which can be switched off: here it is on
const rate: Rate = defaultLimits.validation ?? { most: 100, eachMs: 1_000, burst: 400 }

/** An account whose messages take so long each, and come whenever they are taken: how often and how long that was. */
function patient(ms: number, { forMs, breakMs }: { readonly forMs: number; readonly breakMs: number }) {
  const time = new ValidationTime(rate, 0)
  let [now, taken] = [0, 0]
  while (now < forMs) {
    if (time.isEmpty(now)) now += 1
    else {
      now += ms
      taken++
      time.spend(ms, now)
      now += breakMs
    }
  }
  return { taken, heldMs: taken * ms }
}

test('short validations cost their time, however many there are', () => {
  const time = new ValidationTime(rate, 0)
  for (let at = 0; at < 80; at++) time.spend(4, 4 + at * 6)
  // 480 ms have brought 48 of the 320 that were spent
  expect(time.left(480)).toBeCloseTo((400 - 320 + 47.8) / 400, 2)
})

test.each([
  // each by itself: 100 ms a second up to 5 ms, less the longer one is
  [5, 2, 6_500],
  [10, 2, 1_700],
  [15, 2, 850],
  [20, 2, 550],
  [50, 2, 700],
  [100, 2, 750],
  [300, 2, 1_200],
  // one after the other without a break: the run of them is what counts
  [1, 0, 6_500],
  [4, 0, 6_500],
  [10, 0, 1_600],
])('messages of %i ms, %i ms apart, hold the process for at most %i ms of a minute', (ms, breakMs, most) => {
  expect(patient(ms, { forMs: 60_000, breakMs }).heldMs).toBeLessThanOrEqual(most)
})

test('at the default rate others wait for more than 10 ms in less than 0.6 % of the time', () => {
  for (let ms = 6; ms <= 100; ms++) {
    const { taken } = patient(ms, { forMs: 600_000, breakMs: 2 })
    // one in ten seconds is pardoned; of each other one the rest wait longer than that in its first part
    expect(((taken - 60) * Math.max(0, ms - 10)) / 600_000).toBeLessThan(0.006)
  }
})

test('what comes in one piece holds the process for 60 ms, where it was 400', () => {
  for (const ms of [0.5, 2, 5, 10, 20]) {
    const time = new ValidationTime(rate, 0)
    let now = 0
    while (!time.isEmpty(now)) time.spend(ms, (now += ms))
    expect(now).toBeLessThanOrEqual(60)
  }
})

test('a short validation leaves the pardon to the first long one', () => {
  const time = new ValidationTime(rate, 0)
  time.spend(1, 1)
  time.spend(300, 1_301)
  expect(time.left(1_301)).toBeCloseTo(0.25)
})

test('one long validation in ten seconds counts for its time, and the next for more', () => {
  const time = new ValidationTime(rate, 0)
  time.spend(300, 300)
  expect(time.left(300)).toBeCloseTo(0.25)
  time.spend(30, 1_300)
  expect(time.left(1_300)).toBeCloseTo((400 - 300 + 100 - 600) / 400)
  time.spend(300, 10_300)
  expect(time.left(10_300)).toBeCloseTo(0.25)
})

// proves: costly-member
test('a message of 300 ms is taken twice, and the next one 40 s later', () => {
  const time = new ValidationTime(rate, 0)
  time.spend(300, 300)
  expect(time.isEmpty(300)).toBe(false)
  time.spend(300, 1_000)
  expect([time.isEmpty(40_900), time.isEmpty(41_100)]).toEqual([true, false])
})

test('after the longest debt an account is as a new one, and not before', () => {
  const time = new ValidationTime(rate, 0)
  for (let count = 0; count < 3; count++) time.spend(10_000, 10_000)
  const fresh = 10_000 + freshMsOfValidation(rate)
  expect([time.left(fresh - 100), time.left(fresh)]).toEqual([expect.closeTo(0.975), 1])
})
