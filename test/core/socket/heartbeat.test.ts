import { expect, test } from 'vitest'
import { TimerQueue } from '../../../src/core/runtime/timer-queue.ts'
import { Heartbeat } from '../../../src/core/socket/heartbeat.ts'
import { type TestClock, testClock } from '../../../src/testing/clock.ts'

const every = { pingMs: 25_000, pongMs: 10_000, outboundMs: 60_000 }

interface Watched {
  readonly clock: TestClock
  readonly heart: Heartbeat
  readonly pings: number[]
  readonly lost: number[]
  readonly stuck: number[]
  isBehind: boolean
  paused: boolean
  progress: number
  /** Blocks the event loop at the next timer. */
  block(ms: number): void
}

function watched(): Watched {
  const clock = testClock()
  let blocked = 0
  const late: TestClock = {
    ...clock,
    monotonic: () => clock.monotonic() + blocked,
    now: () => clock.now() + blocked,
  }
  const pings: number[] = []
  const lost: number[] = []
  const stuck: number[] = []
  const state = { paused: false, progress: 0, isBehind: false }
  const rhythm = { clock: late, timers: new TimerQueue(late), limits: every }
  const heart = new Heartbeat(rhythm, {
    ping: () => pings.push(late.monotonic()),
    get paused() {
      return state.paused
    },
    get progress() {
      return state.progress
    },
    get isBehind() {
      return state.isBehind
    },
    lost: () => lost.push(late.monotonic()),
    stuck: () => {
      heart.stop()
      stuck.push(late.monotonic())
    },
  })
  return {
    clock,
    heart,
    pings,
    lost,
    stuck,
    get isBehind() {
      return state.isBehind
    },
    set isBehind(isBehind) {
      state.isBehind = isBehind
    },
    get paused() {
      return state.paused
    },
    set paused(paused) {
      state.paused = paused
    },
    get progress() {
      return state.progress
    },
    set progress(progress) {
      state.progress = progress
    },
    block: (ms) => void (blocked += ms),
  }
}

test('a peer that falls silent at any moment is lost within 35 seconds and a last look', async () => {
  for (const silentAt of [0, 1, 24_999, 25_001, 34_999, 49_999]) {
    const { clock, heart, lost } = watched()
    await clock.advance(silentAt)
    heart.heard()
    await clock.advance(60_000 + silentAt)
    expect(lost).toHaveLength(1)
    expect((lost[0] ?? 0) - silentAt).toBeLessThanOrEqual(35_050)
  }
})

test('a peer that answers every ping is never lost, and is pinged every 25 seconds', async () => {
  const { clock, heart, lost, pings } = watched()
  for (let second = 0; second < 300; second++) {
    const before = pings.length
    await clock.advance(1_000)
    if (pings.length > before) heart.heard()
  }
  expect(lost).toEqual([])
  expect(pings).toHaveLength(12)
})

test('a peer that we do not read is not judged, and is asked again when we do', async () => {
  const one = watched()
  one.paused = true
  await one.clock.advance(300_000)
  expect(one.lost).toEqual([])
  one.paused = false
  await one.clock.advance(60_000)
  expect(one.lost).toHaveLength(1)
})

test('a slow reader is not lost while it takes something between two verdicts, and then is', async () => {
  const one = watched()
  for (let cycle = 0; cycle < 20; cycle++) {
    one.progress++
    await one.clock.advance(25_000)
  }
  expect(one.lost).toEqual([])
  await one.clock.advance(60_000)
  expect(one.lost).toHaveLength(1)
})

test('a stopped heartbeat asks no socket and loses no socket', async () => {
  const { clock, heart, lost, pings } = watched()
  heart.stop()
  await clock.advance(100_000)
  expect([lost, pings]).toEqual([[], []])
})

test('a verdict that comes late asks once more: the ping may have left only now', async () => {
  const { clock, heart, lost, pings, block } = watched()
  await clock.advance(25_000)
  expect(pings).toHaveLength(1)
  block(12_000)
  await clock.advance(10_000)
  await clock.advance(9_000)
  expect(lost).toEqual([])
  heart.heard()
  await clock.advance(20_000)
  expect(lost).toEqual([])
})

/** A peer that sends something every second. */
async function sendFor(one: Watched, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    one.heart.heard()
    await one.clock.advance(1_000)
  }
}

test('a peer that sends and takes nothing of what waits for it is stuck after 60 s and a look', async () => {
  const one = watched()
  one.isBehind = true
  await sendFor(one, 200)
  expect(one.stuck).toHaveLength(1)
  expect((one.stuck[0] ?? 0) - 25_000).toBeGreaterThanOrEqual(60_000)
  expect(one.stuck[0] ?? 0).toBeLessThanOrEqual(120_000)
  expect(one.lost).toEqual([])
})

test('a peer that sends and takes a little, or for which nothing waits, is not stuck', async () => {
  const [slow, idle] = [watched(), watched()]
  slow.isBehind = true
  for (let cycle = 0; cycle < 10; cycle++) {
    slow.progress++
    await sendFor(slow, 40)
    idle.isBehind = cycle % 2 === 0
    await sendFor(idle, 40)
  }
  expect([slow.stuck, idle.stuck]).toEqual([[], []])
})

test('an answer within the last 50 ms before the end keeps the peer', async () => {
  const { clock, heart, lost, pings } = watched()
  await clock.advance(35_000)
  await clock.advance(49)
  heart.heard()
  await clock.advance(10_000)
  expect(lost).toEqual([])
  await clock.advance(10_000)
  expect(pings).toHaveLength(2)
})

test('a last look that comes late loses the peer: it is asked no third time', async () => {
  const { clock, lost, pings, block } = watched()
  await clock.advance(35_000)
  block(12_000)
  await clock.advance(50)
  expect([lost.length, pings.length]).toEqual([1, 1])
})
