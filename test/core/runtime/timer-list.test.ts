import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ListedTimer } from '../../../src/core/runtime/timer-list.ts'
import { TimerQueue } from '../../../src/core/runtime/timer-queue.ts'
import { type TestClock, testClock } from '../../../src/testing/clock.ts'
import type { Clock } from '../../../src/wire/clock.ts'

/** A timer that calls a function, as the objects of the product do. */
class Calling extends ListedTimer {
  readonly #run: (timer: Calling) => void

  constructor(run: (timer: Calling) => void) {
    super()
    this.#run = run
  }

  override timeIsUp(): void {
    this.#run(this)
  }
}

/** A clock that counts the timers that are set on it. */
function counting(): { clock: TestClock; counted: Clock; set: number[] } {
  const clock = testClock()
  const set: number[] = []
  const counted: Clock = {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    after: (ms, run) => (set.push(ms), clock.after(ms, run)),
  }
  return { clock, counted, set }
}

const command = fc.record({
  do: fc.constantFrom('start', 'start', 'stop'),
  timer: fc.nat(9),
  list: fc.constantFrom(1, 7, 100),
  thenMs: fc.nat(60),
})

test('timers that are started, restarted and stopped in any order run once at their time', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 60, size: 'max' }), async (commands) => {
      const clock = testClock()
      const queue = new TimerQueue(clock)
      const rung: string[] = []
      const timers = Array.from({ length: 10 }, (_, index) => {
        return new Calling(() => rung.push(`${index} at ${clock.monotonic()}`))
      })
      const due = new Map<number, number>()
      const expected: string[] = []
      const pass = (until: number): void => {
        for (const [timer, at] of [...due].filter(([, ms]) => ms <= until)) {
          expected.push(`${timer} at ${at}`)
          due.delete(timer)
        }
      }
      for (const { do: what, timer, list, thenMs } of commands) {
        if (what === 'stop') timers[timer]?.stopTimer()
        else timers[timer]?.startTimer(queue.list(list))
        if (what === 'stop') due.delete(timer)
        else due.set(timer, clock.monotonic() + list)
        pass(clock.monotonic() + thenMs)
        await clock.advance(thenMs)
      }
      pass(Number.POSITIVE_INFINITY)
      await clock.advance(1_000)
      expect(rung.toSorted()).toEqual(expected.toSorted())
      expect([1, 7, 100].map((ms) => queue.list(ms).isEmpty)).toEqual([true, true, true])
    }),
    { numRuns: 60 },
  )
})

test('the timers of a list run in the order in which they were started', async () => {
  const clock = testClock()
  const list = new TimerQueue(clock).list(1_000)
  const rung: number[] = []
  const timers = Array.from({ length: 100 }, (_, index) => new Calling(() => rung.push(index)))
  for (const timer of timers) timer.startTimer(list)
  timers[99]?.stopTimer()
  timers[0]?.startTimer(list)
  timers[50]?.stopTimer()
  await clock.advance(1_000)
  expect(rung).toEqual([...Array.from({ length: 98 }, (_, at) => at + 1).filter((index) => index !== 50), 0])
})

test('ten thousand timers of one duration set one timer of the runtime', async () => {
  const { clock, counted, set } = counting()
  const list = new TimerQueue(counted).list(5_000)
  for (let socket = 0; socket < 10_000; socket++) {
    const timer = new Calling(() => {})
    timer.startTimer(list)
    timer.stopTimer()
  }
  expect(set).toEqual([5_000])
  await clock.advance(5_000)
  // the list is empty, so nothing is set again
  expect(set).toEqual([5_000])
})

test('a list is set again for the rest of the time of its first timer, and ends when it is empty', async () => {
  const { clock, counted, set } = counting()
  const rung: number[] = []
  const list = new TimerQueue(counted).list(5_000)
  const [first, second] = [new Calling(() => {}), new Calling(() => rung.push(clock.monotonic()))]
  first.startTimer(list)
  await clock.advance(2_000)
  second.startTimer(list)
  first.stopTimer()
  expect(list.isEmpty).toBe(false)
  await clock.advance(5_000)
  expect(rung).toEqual([7_000])
  expect(set).toEqual([5_000, 2_000])
  expect(list.isEmpty).toBe(true)
})

test('a timer never runs before its time on a clock that counts fractions of a millisecond', async () => {
  const clock = testClock()
  let fraction = 0.75
  const fine: Clock = {
    now: () => clock.now() + fraction,
    monotonic: () => clock.monotonic() + fraction,
    after: (ms, run) => clock.after(ms, run),
  }
  const rung: number[] = []
  new Calling(() => rung.push(fine.monotonic())).startTimer(new TimerQueue(fine).list(1_000))
  // the timer of the runtime comes a little too soon, as Node's may
  fraction = 0.5
  await clock.advance(1_100)
  expect(rung).toHaveLength(1)
  expect(rung[0]).toBeGreaterThanOrEqual(1_000.75)
})

test('a timer that is started again while it runs waits for the whole time again', async () => {
  const clock = testClock()
  const rung: number[] = []
  const list = new TimerQueue(clock).list(0)
  const again = new Calling((timer) => {
    rung.push(clock.monotonic())
    if (rung.length < 3) timer.startTimer(list)
  })
  again.startTimer(list)
  await clock.advance(10)
  expect(rung).toEqual([1, 2, 3])
})

test('a timer that stops the next ones while it runs keeps them from running', async () => {
  const clock = testClock()
  const list = new TimerQueue(clock).list(10)
  const rung: string[] = []
  const next = new Calling(() => rung.push('stopped'))
  new Calling(() => {
    next.stopTimer()
    next.stopTimer()
  }).startTimer(list)
  next.startTimer(list)
  new Calling(() => rung.push('last')).startTimer(list)
  await clock.advance(10)
  expect(rung).toEqual(['last'])
})

test('a timer that throws does not keep the others of its list from running', async () => {
  const clock = testClock()
  const list = new TimerQueue(clock).list(10)
  const rung: string[] = []
  new Calling(() => {
    throw new Error('a fault of the object that waits')
  }).startTimer(list)
  new Calling(() => rung.push('the next one')).startTimer(list)
  await expect(clock.advance(10)).rejects.toThrow('a fault')
  await clock.advance(10)
  expect(rung).toEqual(['the next one'])
})

test('a duration beyond the longest time of the runtime is waited for in days', async () => {
  const { clock, counted, set } = counting()
  const rung: number[] = []
  const days = 86_400_000
  new Calling(() => rung.push(clock.monotonic())).startTimer(new TimerQueue(counted).list(30 * days))
  await clock.advance(30 * days - 1)
  expect(rung).toEqual([])
  await clock.advance(1)
  expect(rung).toEqual([30 * days])
  expect(Math.max(...set)).toBe(days)
})

test('a step of the wall clock changes no timer of a list', async () => {
  const clock = testClock()
  const rung: number[] = []
  new Calling(() => rung.push(clock.monotonic())).startTimer(new TimerQueue(clock).list(300_000))
  clock.jump(10 * 3_600_000)
  await clock.advance(200_000)
  clock.jump(-20 * 3_600_000)
  await clock.advance(100_000)
  expect(rung).toEqual([300_000])
})

test('a timer that was stopped, or has run, is not kept by its list', async () => {
  const clock = testClock()
  const list = new TimerQueue(clock).list(1_000)
  const held: WeakRef<object>[] = []
  const neighbour = new Calling(() => {})
  const set = (stops: boolean): void => {
    const timer = new Calling(() => {})
    held.push(new WeakRef(timer))
    timer.startTimer(list)
    if (stops) timer.stopTimer()
  }
  set(false)
  await clock.advance(500)
  neighbour.startTimer(list)
  set(true)
  await clock.advance(500)
  setFlagsFromString('--expose-gc')
  // a context that is made now has it: https://nodejs.org/api/v8.html#v8setflagsfromstringflags
  const collect = runInNewContext('gc') as () => void
  await new Promise((resolve) => setImmediate(resolve))
  collect()
  expect(held.map((one) => one.deref())).toEqual([undefined, undefined])
  expect(list.isEmpty).toBe(false)
})
