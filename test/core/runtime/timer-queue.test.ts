import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { TimerQueue } from '../../../src/core/runtime/timer-queue.ts'
import type { Clock } from '../../../src/wire/clock.ts'
import { type TestClock, testClock } from '../../../src/testing.ts'

test('timers fire in order of their times, however they were set, and cancelled ones do not', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(100_000), fc.boolean()), { maxLength: 500, size: 'max' }),
      async (set) => {
        const clock = testClock()
        const queue = new TimerQueue(clock)
        const rung: number[] = []
        const handles = set.map(([ms, keep]) => ({ ms, keep, timer: queue.after(ms, () => rung.push(ms)) }))
        for (const { keep, timer } of handles) if (!keep) timer.cancel()
        await clock.advance(100_001)
        const expected = set.flatMap(([ms, keep]) => (keep ? [ms] : [])).sort((one, other) => one - other)
        expect(rung).toEqual(expected)
        expect(queue.size).toBe(0)
      },
    ),
    { numRuns: 20 },
  )
})

test('a timer beyond the longest time of the runtime fires at its time, not before', async () => {
  const clock = testClock()
  const queue = new TimerQueue(clock)
  const rung: number[] = []
  const start = clock.now()
  const days = 86_400_000
  queue.at(start + 30 * days, () => rung.push(clock.now() - start))
  clock.jump(29 * days)
  await clock.advance(86_399_000)
  expect(rung).toEqual([])
  await clock.advance(2_000)
  expect(rung).toEqual([30 * days])
})

test('a wall clock that jumps forward fires a timer within 10 s, one that jumps back delays none', async () => {
  const clock = testClock()
  const queue = new TimerQueue(clock)
  const rung: string[] = []
  queue.at(clock.now() + 3_600_000, () => rung.push('forward'))
  clock.jump(2 * 3_600_000)
  await clock.advance(10_000)
  expect(rung).toEqual(['forward'])
  queue.at(clock.now() + 300_000, () => rung.push('back'))
  clock.jump(-2 * 3_600_000)
  await clock.advance(300_000)
  expect(rung).toEqual(['forward', 'back'])
})

test('a wall clock that is set right again after a jump back brings what was set meanwhile', async () => {
  const clock = testClock()
  const queue = new TimerQueue(clock)
  const rung: string[] = []
  clock.jump(-3_600_000)
  queue.at(clock.now() + 3_600_000, () => rung.push('meanwhile'))
  clock.jump(3_600_000)
  await clock.advance(10_000)
  expect(rung).toEqual(['meanwhile'])
})

test('a wall clock that was ahead for a while fires no timer sooner than it was set for', async () => {
  const clock = testClock()
  const queue = new TimerQueue(clock)
  const rung: number[] = []
  queue.at(clock.now() + 300_000, () => rung.push(clock.monotonic()))
  clock.jump(60_000)
  await clock.advance(12_000)
  clock.jump(-60_000)
  await clock.advance(287_000)
  expect(rung).toEqual([])
  await clock.advance(1_000)
  expect(rung).toEqual([300_000])
})

test('a wall clock that goes back slowly from where it was ahead fires no timer too soon', async () => {
  const clock = testClock()
  const queue = new TimerQueue(clock)
  const rung: number[] = []
  queue.at(clock.now() + 300_000, () => rung.push(clock.monotonic()))
  clock.jump(6_000)
  for (let second = 0; second < 200; second++) {
    await clock.advance(1_000)
    if (second >= 20 && second < 120) clock.jump(-60)
  }
  await clock.advance(99_000)
  expect(rung).toEqual([])
  await clock.advance(1_000)
  expect(rung).toHaveLength(1)
  expect(rung[0]).toBeGreaterThan(299_900)
})

/** A timer for 300 s from now, at the latest so, that is set after the wall clock has jumped. */
function setAfterJump(ms: number): { readonly clock: TestClock; readonly rung: number[] } {
  const clock = testClock()
  const queue = new TimerQueue(clock)
  const rung: number[] = []
  const end = clock.now() + 300_000
  clock.jump(ms)
  queue.at(end, () => rung.push(clock.monotonic()), 300_000)
  return { clock, rung }
}

test('a timer that is set after the wall clock went back fires at its latest time', async () => {
  const { clock, rung } = setAfterJump(-3_600_000)
  await clock.advance(299_999)
  expect(rung).toEqual([])
  await clock.advance(1)
  expect(rung).toEqual([300_000])
})

test('a timer that is set while the wall clock is ahead fires no sooner than its time', async () => {
  const { clock, rung } = setAfterJump(60_000)
  await clock.advance(12_000)
  clock.jump(-60_000)
  await clock.advance(287_000)
  expect(rung).toEqual([])
  await clock.advance(1_000)
  expect(rung).toEqual([300_000])
})

test('a wall clock that runs ahead little by little delays no timer', async () => {
  const clock = testClock()
  const queue = new TimerQueue(clock)
  const rung: number[] = []
  const end = clock.now() + 100_000
  queue.at(end, () => rung.push(clock.now() - end))
  for (let second = 0; second < 100; second++) {
    clock.jump(60)
    await clock.advance(1_000)
  }
  expect(rung).toHaveLength(1)
  expect(rung[0]).toBeLessThan(1_100)
})

test('a mere span of time does not mind the wall clock', async () => {
  const clock = testClock()
  const queue = new TimerQueue(clock)
  const rung: string[] = []
  queue.after(300_000, () => rung.push('span'))
  clock.jump(10 * 3_600_000)
  await clock.advance(200_000)
  expect(rung).toEqual([])
  await clock.advance(100_000)
  expect(rung).toEqual(['span'])
})

test('cancelled timers do not stay in memory until their time', () => {
  const queue = new TimerQueue(testClock())
  const kept = [1, 2, 3].map((day) => queue.after(day * 86_400_000, () => {}))
  for (let socket = 0; socket < 10_000; socket++) queue.after(7 * 86_400_000, () => {}).cancel()
  expect(queue.size).toBeLessThan(200)
  for (const timer of kept) timer.cancel()
  // a second time, and after everything, it changes nothing
  for (const timer of kept) timer.cancel()
  queue.close()
  expect(queue.size).toBe(0)
})

test('up to as many as there are others may wait there, and one that is called off twice is one', () => {
  const queue = new TimerQueue(testClock())
  const handles = Array.from({ length: 1_000 }, () => queue.after(86_400_000, () => {}))
  for (const timer of handles.slice(0, 400)) timer.cancel()
  expect(queue.size).toBe(1_000)
  for (let again = 0; again < 1_000; again++) handles[0]?.cancel()
  expect(queue.size).toBe(1_000)
})

test('any number of queue wait on one timer', async () => {
  const clock = testClock()
  let handles = 0
  const counting: Clock = {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    after: (ms, run) => (handles++, clock.after(ms, run)),
  }
  const queue = new TimerQueue(counting)
  for (let second = 1; second <= 50; second++) queue.after(second * 1_000, () => {})
  expect(handles).toBe(1)
  await clock.advance(50_000)
  expect(handles).toBe(50)
})

test('a wall time that a jump has brought forward comes before the spans that were due sooner', async () => {
  const clock = testClock()
  const rung: string[] = []
  const queue = new TimerQueue(clock)
  queue.after(100_000, () => rung.push('span'))
  queue.at(clock.now() + 10 * 3_600_000, () => rung.push('expiry'))
  clock.jump(10 * 3_600_000)
  await clock.advance(60_000)
  expect(rung).toEqual(['expiry'])
})

test('a cancelled timer releases its callback', async () => {
  const held: WeakRef<object>[] = []
  const queue = new TimerQueue(testClock())
  const set = (): void => {
    const socket = { of: 'a user who has left' }
    held.push(new WeakRef(socket))
    queue.after(86_400_000, () => void socket.of).cancel()
  }
  set()
  setFlagsFromString('--expose-gc')
  // a context that is made now has it: https://nodejs.org/api/v8.html#v8setflagsfromstringflags
  const collect = runInNewContext('gc') as () => void
  await new Promise((resolve) => setImmediate(resolve))
  collect()
  expect(held.map((one) => one.deref())).toEqual([undefined])
  expect(queue.size).toBe(1)
})

test('a jump of the wall clock is noticed by any number of queue', async () => {
  const clock = testClock()
  const queue = new TimerQueue(clock)
  let rung = 0
  for (let at = 0; at < 200_000; at++) queue.at(clock.now() + 3_600_000 + at, () => rung++)
  clock.jump(2 * 3_600_000)
  await clock.advance(60_000)
  expect(rung).toBe(200_000)
})

test('a timer that throws does not keep the others from firing', async () => {
  const clock = testClock()
  const queue = new TimerQueue(clock)
  const rung: string[] = []
  queue.after(10, () => {
    throw new Error('a fault of the code that set it')
  })
  queue.after(10, () => rung.push('the next one'))
  await expect(clock.advance(10)).rejects.toThrow('a fault')
  await clock.advance(10)
  expect(rung).toEqual(['the next one'])
})

test('an object is called with the timer whose time is over, and not when that was cancelled', async () => {
  const clock = testClock()
  const queue = new TimerQueue(clock)
  const rung: unknown[] = []
  const object = { timeIsUp: (timer: unknown) => rung.push([timer, clock.monotonic()]) }
  const [wall, span] = [queue.at(clock.now() + 2_000.5, object), queue.after(1_000, object)]
  queue.after(1_500, object).cancel()
  await clock.advance(5_000)
  expect(rung).toEqual([
    [span, 1_000],
    [wall, 2_001],
  ])
})

test('a timer that is set after the queue was closed runs at its time', async () => {
  const clock = testClock()
  const timers = new TimerQueue(clock)
  timers.after(1_000, () => {})
  timers.close()
  let ran = false
  timers.after(5_000, () => (ran = true))
  await clock.advance(5_000)
  expect(ran).toBe(true)
})
