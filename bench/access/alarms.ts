// Alarms are no part of the public names: they are measured where they are
import { TimerQueue } from '../../src/core/runtime/timer-queue.ts'
import { systemClock } from 'sallyport'

/** What so many timers cost, one way or another. */
export interface AlarmCost {
  readonly what: string
  readonly count: number
  /** Bytes of heap for each while they are set. */
  readonly bytesEach: number
  /** Milliseconds to set all, and to call all off. */
  readonly setMs: number
  readonly cancelMs: number
  /** Milliseconds of CPU while all of them ring within two seconds. */
  readonly ringCpuMs: number
  /** How late they rang: p99. */
  readonly lateMs: number
}

interface Timers {
  set(ms: number, run: () => void): { cancel(): void }
  close(): void
}

const kinds: Readonly<Record<string, () => Timers>> = {
  'one heap on one timer (timers)': () => {
    const timers = new TimerQueue(systemClock)
    return { set: (ms, run) => timers.after(ms, run), close: () => timers.close() }
  },
  'a setTimeout each': () => ({
    set(ms, run) {
      const handle = setTimeout(run, ms)
      return { cancel: () => clearTimeout(handle) }
    },
    close: () => {},
  }),
}

const hourMs = 3_600_000
const ringMs = 2_000

/** Sets so many timers for moments within an hour, calls them off, and lets as many ring within two seconds. */
export async function measureAlarms(count: number): Promise<readonly AlarmCost[]> {
  const costs: AlarmCost[] = []
  for (const [what, make] of Object.entries(kinds)) {
    // once for the compiler
    await ring(make(), 1_000)
    costs.push({ what, count, ...hold(make(), count), ...(await ring(make(), count)) })
  }
  return costs
}

function hold(timers: Timers, count: number): Pick<AlarmCost, 'bytesEach' | 'setMs' | 'cancelMs'> {
  const run = (): void => {}
  const before = heapBytes()
  const began = performance.now()
  const all = Array.from({ length: count }, (_, at) => timers.set(spread(at, count, hourMs), run))
  const setMs = performance.now() - began
  const bytesEach = (heapBytes() - before) / count
  const from = performance.now()
  for (const timer of all) timer.cancel()
  const cancelMs = performance.now() - from
  timers.close()
  return { bytesEach, setMs, cancelMs }
}

async function ring(timers: Timers, count: number): Promise<Pick<AlarmCost, 'ringCpuMs' | 'lateMs'>> {
  const cpu = process.cpuUsage()
  const late: number[] = []
  await new Promise<void>((resolve) => {
    for (let at = 0; at < count; at++) {
      const ms = 500 + spread(at, count, ringMs)
      const due = performance.now() + ms
      timers.set(ms, () => {
        late.push(performance.now() - due)
        if (late.length === count) resolve()
      })
    }
    // timers do not keep a process alive
    setTimeout(() => {}, 60_000).unref()
    const awake = setInterval(() => late.length === count && clearInterval(awake), 100)
  })
  timers.close()
  const { user, system } = process.cpuUsage(cpu)
  return {
    ringCpuMs: (user + system) / 1_000,
    lateMs: late.toSorted((a, b) => a - b)[Math.ceil(0.99 * count) - 1] ?? Number.NaN,
  }
}

/** Scattered, yet the same in each run. */
function spread(at: number, count: number, overMs: number): number {
  return (((at * 7_919) % count) / count) * overMs
}

function heapBytes(): number {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}
