import { expect, test } from 'vitest'
import { TimerQueue } from '../../../src/core/runtime/timer-queue.ts'
import { KeyedRateLimiter } from '../../../src/core/runtime/keyed-rate-limiter.ts'
import { testClock } from '../../../src/testing.ts'

function allowances(rate: { most: number; eachMs: number; burst: number } | null) {
  const clock = testClock()
  const timers = new TimerQueue(clock)
  return { clock, timers, known: new KeyedRateLimiter(rate, clock, timers) }
}

const two = { most: 1, eachMs: 1_000, burst: 2 }

test('each key has an allowance of its own, which fills up again', async () => {
  const { clock, known } = allowances(two)
  expect([known.take('a'), known.take('a'), known.take('a'), known.take('b')]).toEqual([
    true,
    true,
    false,
    true,
  ])
  await clock.advance(1_000)
  expect([known.take('a'), known.take('a')]).toEqual([true, false])
})

test('it says for how long there is nothing left', async () => {
  const { clock, known } = allowances(two)
  expect(known.shortMs('a')).toBe(0)
  known.take('a')
  known.take('a')
  expect(known.shortMs('a')).toBe(1_000)
  await clock.advance(400)
  expect(known.shortMs('a')).toBe(600)
  await clock.advance(600)
  expect(known.shortMs('a')).toBe(0)
})

test('a wall clock that jumps gives no key more', () => {
  const { clock, known } = allowances(two)
  known.take('a')
  known.take('a')
  clock.jump(3_600_000)
  expect(known.take('a')).toBe(false)
})

test('nothing is remembered once all is quiet, and what is short stays', async () => {
  const { clock, known } = allowances(two)
  for (let key = 0; key < 1_000; key++) known.take(`quiet ${key}`)
  expect(known.size).toBe(1_000)
  await clock.advance(6_000)
  known.take('short')
  known.take('short')
  await clock.advance(2_000)
  expect([known.size, known.take('short'), known.take('short'), known.take('short')]).toEqual([
    1,
    true,
    true,
    false,
  ])
  await clock.advance(8_000)
  expect(known.size).toBe(0)
})

test('what is in use is never forgotten, however long it is used', async () => {
  const { clock, known } = allowances(two)
  known.take('a')
  for (let second = 0; second < 60; second++) {
    expect(known.take('a')).toBe(true)
    expect(known.take('a')).toBe(false)
    await clock.advance(1_000)
  }
})

test('however many keys are short, one timer waits for all of them', async () => {
  const { clock, timers, known } = allowances(two)
  for (let key = 0; key < 1_000; key++) known.take(`key ${key}`)
  expect(timers.size).toBe(1)
  await clock.advance(8_000)
  expect(timers.size).toBe(0)
})

// proves: refilled-budget
test('a flood of keys costs bounded memory, and does not push out what is used up', () => {
  const { known } = allowances({ most: 1, eachMs: 3_600_000, burst: 3 })
  for (let count = 0; count < 3; count++) known.take('used up')
  for (let key = 0; key < 200_000; key++) known.take(String(key))
  expect(known.size).toBe(100_000)
  expect([known.take('used up'), known.take('199999')]).toEqual([false, true])
})

test('no rate allows everything and remembers nothing', () => {
  const { known } = allowances(null)
  for (let count = 0; count < 1_000; count++) expect(known.take('a')).toBe(true)
  expect([known.size, known.shortMs('a')]).toEqual([0, 0])
})
