import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Alarms } from '../../src/core/alarms.ts'
import { testClock } from '../../src/testing.ts'

test('alarms ring in order of their times, however they were set, and those called off do not', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat(100_000), fc.boolean()), { maxLength: 60 }), async (set) => {
      const clock = testClock()
      const alarms = new Alarms(clock)
      const rung: number[] = []
      const timers = set.map(([ms, keep]) => ({ ms, keep, timer: alarms.after(ms, () => rung.push(ms)) }))
      for (const { keep, timer } of timers) if (!keep) timer.cancel()
      await clock.advance(100_001)
      const expected = set.flatMap(([ms, keep]) => (keep ? [ms] : [])).sort((one, other) => one - other)
      expect(rung).toEqual(expected)
      expect(alarms.size).toBe(0)
    }),
    { numRuns: 20 },
  )
})

test('an alarm further away than a timer reaches rings at its time, not before', async () => {
  const clock = testClock()
  const alarms = new Alarms(clock)
  const rung: number[] = []
  const start = clock.now()
  const days = 86_400_000
  alarms.at(start + 30 * days, () => rung.push(clock.now() - start))
  clock.jump(29 * days)
  await clock.advance(86_399_000)
  expect(rung).toEqual([])
  await clock.advance(2_000)
  expect(rung).toEqual([30 * days])
})

test('a wall clock that jumps forward brings an alarm within a minute, and one that jumps back does not put it off', async () => {
  const clock = testClock()
  const alarms = new Alarms(clock)
  const rung: string[] = []
  alarms.at(clock.now() + 3_600_000, () => rung.push('forward'))
  clock.jump(2 * 3_600_000)
  await clock.advance(60_000)
  expect(rung).toEqual(['forward'])
  alarms.at(clock.now() + 300_000, () => rung.push('back'))
  clock.jump(-2 * 3_600_000)
  await clock.advance(300_000)
  expect(rung).toEqual(['forward', 'back'])
})

test('a mere span of time does not mind the wall clock', async () => {
  const clock = testClock()
  const alarms = new Alarms(clock)
  const rung: string[] = []
  alarms.after(300_000, () => rung.push('span'))
  clock.jump(10 * 3_600_000)
  await clock.advance(200_000)
  expect(rung).toEqual([])
  await clock.advance(100_000)
  expect(rung).toEqual(['span'])
})
