import type { Bench } from './bench.ts'
import { staying, withFresh } from './fresh.ts'
import { generate, type Window } from './generator.ts'
import type { Peer } from './peer.ts'
import { measureWindow, measureWindows, serverSeconds } from './rounds.ts'
import type { Server } from './server.ts'
import { median } from './statistics.ts'
import { acceptedHandshakes, type Workload } from './workloads.ts'

/** Handshakes of one server while it is empty, and while many connections are open (H). */
export interface Crowded {
  readonly peer: string
  readonly open: number
  readonly empty: Handshakes
  readonly beside: Handshakes
}

/** Medians. */
export interface Handshakes {
  readonly perSecond: number
  readonly microseconds: number
}

/** Measures handshakes of a warm server, before and after so many connections have come in. */
export async function measureCrowded(peer: Peer, bench: Bench): Promise<Crowded> {
  const accepted = { ...acceptedHandshakes(bench.sizes), id: 'H' } as const
  return await withFresh(peer, { bench }, async (server) => {
    const { warmAfterSeconds } = bench.arguments
    await measureWindow(accepted, server, { bench, times: { warm: 0, dur: warmAfterSeconds } })
    const empty = await measure(accepted, server, bench)
    let beside: Handshakes = { perSecond: Number.NaN, microseconds: Number.NaN }
    const open = bench.sizes.idle
    await generate(server, {
      ...staying('hold', [open], { bench, settings: { ctl: 1 } }),
      onWindow: async ({ mode }) => {
        if (mode === 'idle') beside = await measure(accepted, server, bench)
      },
    })
    return { peer: peer.name, open, empty, beside }
  })
}

async function measure(workload: Workload, server: Server, bench: Bench): Promise<Handshakes> {
  const windows = (await measureWindows(workload, [server], bench)).get(server.peer.name) ?? []
  const cost = (window: Window): number => (serverSeconds(window, bench) * 1e6) / window.count
  return { perSecond: median(windows.map(({ rate }) => rate)), microseconds: median(windows.map(cost)) }
}
