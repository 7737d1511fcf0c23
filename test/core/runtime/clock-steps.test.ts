import { expect, test } from 'vitest'
import { ClockSteps } from '../../../src/core/runtime/clock-steps.ts'
import { testClock } from '../../../src/testing/clock.ts'

const start = 1_000_000_000

/** A clock that is looked at, and then set, and looked at again. */
function watched() {
  const clock = testClock(start)
  const steps = new ClockSteps(clock)
  const set = (ms: number): void => {
    steps.look()
    clock.jump(ms)
    steps.look()
  }
  return { clock, steps, set }
}

test('a clock that was never set leaves no date in doubt, however long it runs', async () => {
  const { clock, steps } = watched()
  for (let count = 0; count < 10; count++) {
    await clock.advance(86_400_000)
    steps.look()
  }
  expect(steps.doubtfulAfter(0)).toEqual([])
})

test('after a clock was set back all that it had shown is in doubt, until it has shown it again', () => {
  const { clock, steps, set } = watched()
  set(-5_000)
  expect(steps.doubtfulAfter(clock.now())).toEqual([{ from: Number.NEGATIVE_INFINITY, to: start }])
  expect(steps.doubtfulAfter(start)).toEqual([])
})

test('of a clock that was ahead for a moment that moment is in doubt, and no date before it', async () => {
  const { clock, steps, set } = watched()
  set(9_000_000)
  await clock.advance(500)
  set(-9_000_000)
  const [moment, ...others] = steps.doubtfulAfter(clock.now())
  expect(others).toEqual([])
  expect(moment).toEqual({ from: start + 9_000_000 - 1_000, to: start + 9_000_500 })
})

test('another moment in doubt is not taken for the one that was told before', async () => {
  const { clock, steps, set } = watched()
  set(-5_000)
  expect(steps.doubtfulAfter(start - 1)).toEqual([{ from: Number.NEGATIVE_INFINITY, to: start }])
  await clock.advance(10_000)
  set(9_000_000)
  await clock.advance(500)
  set(-9_000_000)
  expect(steps.doubtfulAfter(clock.now())).toMatchObject([{ to: start + 9_005_500 }])
})

test('where a clock was set between two looks is unknown: both stretches reach into the gap', async () => {
  const { clock, steps } = watched()
  await clock.advance(3_000)
  clock.jump(60_000)
  await clock.advance(2_000)
  steps.look()
  clock.jump(-60_000)
  steps.look()
  const [moment] = steps.doubtfulAfter(clock.now())
  expect(moment).toEqual({ from: start + 60_000 - 1_000, to: start + 65_000 })
})

test('a clock that is set to and fro for ever costs the memory of 16 stretches, and loses none', async () => {
  const { clock, steps, set } = watched()
  const moments: number[] = []
  for (let count = 1; count <= 100; count++) {
    set(count * 1_000_000)
    moments.push(clock.now())
    set(count * -1_000_000)
    await clock.advance(10)
  }
  const doubtful = steps.doubtfulAfter(clock.now())
  expect(doubtful.length).toBeLessThanOrEqual(16)
  for (const moment of moments)
    expect(doubtful.some(({ from, to }) => from <= moment && moment <= to)).toBe(true)
})

test('the same doubt is told in the same list, which many revocations share', () => {
  const { clock, steps, set } = watched()
  set(-5_000)
  expect(steps.doubtfulAfter(clock.now())).toBe(steps.doubtfulAfter(clock.now() + 1))
})
