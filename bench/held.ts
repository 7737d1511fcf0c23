import type { Bench } from './bench.ts'
import { generate, type Window } from './generator.ts'
import type { Peer } from './peer.ts'
import { serverSeconds } from './rounds.ts'
import { type Server, startServer } from './server.ts'

/** What idle connections cost (D). */
export interface Memory {
  readonly peer: string
  readonly connections: number
  readonly baselineKb: number
  readonly residentKb: number
  /** KB of each connection: over all, and of those after the first fifth, which is the steadier figure. */
  readonly kbEach: number
  readonly kbEachLater: number
  readonly rampPerSecond: number
}

/** How cost grows with one room (E). */
export interface Growth {
  readonly peer: string
  readonly steps: readonly GrowthStep[]
}

export interface GrowthStep {
  readonly members: number
  readonly deliveriesPerSecond: number
  /** New handshakes while all the others sit there. */
  readonly handshakesPerSecond: number
  /** Server CPU for one delivery. */
  readonly microseconds: number
  readonly lost: number
}

/**
 * Measures memory on a fresh server: empty, with a fifth of the connections, with all; garbage collected
 * first.
 */
export async function measureMemory(peer: Peer, bench: Bench): Promise<Memory> {
  return await withFresh(peer, bench, async (server) => {
    const connections = bench.sizes.idle
    const first = Math.round(connections / 5)
    const residents: number[] = [await server.memoryKb()]
    const windows = await generate(server, {
      ...plain(bench),
      mode: 'hold',
      settings: { n: connections, steps: `${first},${connections}`, ctl: 1, settle: 1, climit: 120 },
      onWindow: async ({ mode }) => {
        if (mode === 'idle') residents.push(await server.memoryKb())
      },
    })
    const [baselineKb = Number.NaN, firstKb = Number.NaN, residentKb = Number.NaN] = residents
    return {
      peer: peer.name,
      connections,
      baselineKb,
      residentKb,
      kbEach: (residentKb - baselineKb) / connections,
      kbEachLater: (residentKb - firstKb) / (connections - first),
      rampPerSecond: windows.findLast(({ mode }) => mode === 'ramp')?.rate ?? Number.NaN,
    }
  })
}

/** Measures growth: one room that grows in steps, a broadcast with two messages in flight at each. */
export async function measureGrowth(peer: Peer, bench: Bench): Promise<Growth> {
  const { warm, seconds } = bench.arguments
  return await withFresh(peer, bench, async (server) => {
    const steps = bench.sizes.growth
    const windows = await generate(server, {
      ...plain(bench),
      mode: 'grow',
      settings: { n: Math.max(...steps), steps: steps.join(','), window: 2, warm, dur: seconds, climit: 120 },
    })
    return {
      peer: peer.name,
      steps: steps.map((members, index) => stepOf(members, windows.slice(index * 3), bench)),
    }
  })
}

/** Each step prints three windows: ramp, broadcast, idle. */
function stepOf(members: number, [ramp, broadcast]: readonly Window[], bench: Bench): GrowthStep {
  if (ramp?.mode !== 'ramp' || broadcast?.mode !== 'broadcast')
    throw new Error(`the generator left the step of ${members} members out`)
  return {
    members,
    deliveriesPerSecond: broadcast.rate,
    handshakesPerSecond: ramp.rate,
    microseconds: (serverSeconds(broadcast, bench) * 1e6) / broadcast.count,
    lost: broadcast.lost,
  }
}

function plain(bench: Bench): { binary: string; tokens: string; origin: boolean; priority: boolean } {
  const { priority } = bench.arguments
  return { binary: bench.binary, tokens: bench.tokens.valid, origin: true, priority }
}

async function withFresh<T>(peer: Peer, bench: Bench, use: (server: Server) => Promise<T>): Promise<T> {
  const { priority } = bench.arguments
  const server = await startServer(peer, { secret: bench.tokens.secret, priority, collects: true })
  try {
    return await use(server)
  } finally {
    await server.stop()
  }
}
