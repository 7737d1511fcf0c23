import type { Bench } from './bench.ts'
import { staying, withFresh } from './fresh.ts'
import { generate, type Window } from './generator.ts'
import type { Peer } from './peer.ts'
import { serverSeconds } from './rounds.ts'
import type { Held } from './server.ts'

/** What idle connections cost (D, Ds). */
export interface Memory {
  readonly id: 'D' | 'Ds'
  readonly peer: string
  readonly connections: number
  readonly baselineKb: number
  readonly residentKb: number
  /** KB of each connection: over all, and of those after the first fifth, which is the steadier figure. */
  readonly kbEach: number
  readonly kbEachLater: number
  /** Bytes of objects in the JavaScript heap, of each connection of the second half; `null` where V8 is not. */
  readonly heapBytesEach: number | null
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

/** What limits V8's young generation in Ds, in MiB: it then holds no more than three times that. */
export const semiSpaceMiB = 16

/** Measures the memory of idle connections; in Ds Node runs with a small young generation. */
export async function measureMemory(id: Memory['id'], peer: Peer, bench: Bench): Promise<Memory> {
  const flags = id === 'Ds' ? [`--max-semi-space-size=${semiSpaceMiB}`] : []
  return await withFresh(peer, { bench, flags }, async (server) => {
    const connections = bench.sizes.idle
    const [first, half] = [Math.round(connections / 5), Math.round(connections / 2)]
    const empty = await server.memory(bench.sizes.settleSeconds)
    const held: Held[] = []
    const steps = [first, half, connections]
    const windows = await generate(server, {
      ...staying('hold', steps, { bench, settings: { ctl: 1 } }),
      onWindow: async ({ mode }) => {
        if (mode === 'idle') held.push(await server.memory(bench.sizes.settleSeconds))
      },
    })
    const [atFirst, atHalf, atAll] = held
    if (atFirst === undefined || atHalf === undefined || atAll === undefined)
      throw new Error(`the generator left a step of ${steps.join(', ')} connections out`)
    return {
      id,
      peer: peer.name,
      connections,
      baselineKb: empty.residentKb,
      residentKb: atAll.residentKb,
      kbEach: (atAll.residentKb - empty.residentKb) / connections,
      kbEachLater: (atAll.residentKb - atFirst.residentKb) / (connections - first),
      heapBytesEach:
        peer.runtime === 'node' ? (atAll.heapBytes - atHalf.heapBytes) / (connections - half) : null,
      rampPerSecond: windows.findLast(({ mode }) => mode === 'ramp')?.rate ?? Number.NaN,
    }
  })
}

/** Measures growth: one room that grows in steps, a broadcast with two messages in flight at each. */
export async function measureGrowth(peer: Peer, bench: Bench): Promise<Growth> {
  const { warm, seconds } = bench.arguments
  return await withFresh(peer, { bench }, async (server) => {
    const steps = bench.sizes.growth
    const settings = { window: 2, warm, dur: seconds }
    const windows = await generate(server, staying('grow', steps, { bench, settings }))
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
