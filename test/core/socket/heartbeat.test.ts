import { expect, test } from 'vitest'
import { TimerQueue } from '../../../src/core/runtime/timer-queue.ts'
import { Heartbeat, type HeartbeatParts } from '../../../src/core/socket/heartbeat.ts'
import { type TestClock, testClock } from '../../../src/testing/clock.ts'

const every = { pingMs: 25_000, pongMs: 10_000, outboundMs: 60_000 }

/** A clock that runs ahead after the event loop was blocked, as a timer sees it. */
function blockable(clock: TestClock): TestClock & { block(ms: number): void } {
  let blocked = 0
  return {
    ...clock,
    monotonic: () => clock.monotonic() + blocked,
    now: () => clock.now() + blocked,
    block: (ms) => void (blocked += ms),
  }
}

class Watched extends Heartbeat<HeartbeatParts> {
  readonly clock: TestClock
  readonly late: ReturnType<typeof blockable>
  readonly pings: number[] = []
  readonly losses: number[] = []
  readonly halts: number[] = []
  override isBehind = false
  override paused = false
  override progress = 0

  constructor(clock: TestClock, late: ReturnType<typeof blockable>) {
    super({ clock: late, timers: new TimerQueue(late), limits: every })
    this.clock = clock
    this.late = late
  }

  override ping(): void {
    this.pings.push(this.late.monotonic())
  }

  override lost(): void {
    this.losses.push(this.late.monotonic())
  }

  override stuck(): void {
    this.stopTimer()
    this.halts.push(this.late.monotonic())
  }

  /** Blocks the event loop at the next timer. */
  block(ms: number): void {
    this.late.block(ms)
  }
}

function watched(): Watched {
  const clock = testClock()
  return new Watched(clock, blockable(clock))
}

test('a peer that falls silent at any moment is lost within 35 seconds and a last look', async () => {
  for (const silentAt of [0, 1, 24_999, 25_001, 34_999, 49_999]) {
    const one = watched()
    const { clock, losses } = one
    await clock.advance(silentAt)
    one.alive()
    await clock.advance(60_000 + silentAt)
    expect(losses).toHaveLength(1)
    expect((losses[0] ?? 0) - silentAt).toBeLessThanOrEqual(35_050)
  }
})

test('a peer that answers every ping is never lost, and is pinged every 25 seconds', async () => {
  const one = watched()
  const { clock, losses, pings } = one
  for (let second = 0; second < 300; second++) {
    const before = pings.length
    await clock.advance(1_000)
    if (pings.length > before) one.alive()
  }
  expect(losses).toEqual([])
  expect(pings).toHaveLength(12)
})

test('a peer that we do not read is not judged, and is asked again when we do', async () => {
  const one = watched()
  one.paused = true
  await one.clock.advance(300_000)
  expect(one.losses).toEqual([])
  one.paused = false
  await one.clock.advance(60_000)
  expect(one.losses).toHaveLength(1)
})

test('a slow reader is not lost while it takes something between two verdicts, and then is', async () => {
  const one = watched()
  for (let cycle = 0; cycle < 20; cycle++) {
    one.progress++
    await one.clock.advance(25_000)
  }
  expect(one.losses).toEqual([])
  await one.clock.advance(60_000)
  expect(one.losses).toHaveLength(1)
})

test('a stopped heartbeat asks no socket and loses no socket', async () => {
  const one = watched()
  const { clock, losses, pings } = one
  one.stopTimer()
  await clock.advance(100_000)
  expect([losses, pings]).toEqual([[], []])
})

test('a verdict that comes late asks once more: the ping may have left only now', async () => {
  const one = watched()
  const { clock, losses, pings } = one
  await clock.advance(25_000)
  expect(pings).toHaveLength(1)
  one.block(12_000)
  await clock.advance(10_000)
  await clock.advance(9_000)
  expect(losses).toEqual([])
  one.alive()
  await clock.advance(20_000)
  expect(losses).toEqual([])
})

/** A peer that sends something every second. */
async function sendFor(one: Watched, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    one.alive()
    await one.clock.advance(1_000)
  }
}

test('a peer that sends and takes nothing of what waits for it is stuck after 60 s and a look', async () => {
  const one = watched()
  one.isBehind = true
  await sendFor(one, 200)
  expect(one.halts).toHaveLength(1)
  expect((one.halts[0] ?? 0) - 25_000).toBeGreaterThanOrEqual(60_000)
  expect(one.halts[0] ?? 0).toBeLessThanOrEqual(120_000)
  expect(one.losses).toEqual([])
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
  expect([slow.halts, idle.halts]).toEqual([[], []])
})

test('an answer within the last 50 ms before the end keeps the peer', async () => {
  const one = watched()
  const { clock, losses, pings } = one
  await clock.advance(35_000)
  await clock.advance(49)
  one.alive()
  await clock.advance(10_000)
  expect(losses).toEqual([])
  await clock.advance(10_000)
  expect(pings).toHaveLength(2)
})

test('a last look that comes late loses the peer: it is asked no third time', async () => {
  const one = watched()
  const { clock, losses, pings } = one
  await clock.advance(35_000)
  one.block(12_000)
  await clock.advance(50)
  expect([losses.length, pings.length]).toEqual([1, 1])
})
