import type { Bench } from './bench.ts'
import { withFresh } from './fresh.ts'
import { generate, type Window } from './generator.ts'
import type { Peer } from './peer.ts'
import { measureWindow, requestOf } from './rounds.ts'
import type { Server } from './server.ts'
import { echoes, handshakes, type Workload } from './workloads.ts'

/** Bytes that a warm server allocates in its JavaScript heap (G), for each handshake or message. */
export interface Garbage {
  readonly peer: string
  readonly each: readonly { readonly id: Workload['id']; readonly bytes: number }[]
}

/** Counts allocated bytes on a fresh server of a peer that runs on Node. */
export async function measureGarbage(peer: Peer, bench: Bench): Promise<Garbage> {
  return await withFresh(peer, { bench }, async (server) => {
    const each: { id: Workload['id']; bytes: number }[] = []
    for (const workload of handshakes(bench.sizes))
      each.push({ id: workload.id, bytes: await ofHandshake(workload, server, bench) })
    for (const workload of echoes(bench.sizes))
      each.push({ id: workload.id, bytes: await ofMessage(workload, server, bench) })
    return { peer: peer.name, each }
  })
}

/** So many handshakes to their end, warm: what is allocated meanwhile is theirs, all of it. */
async function ofHandshake(workload: Workload, server: Server, bench: Bench): Promise<number> {
  const total = bench.sizes.counted.handshakes
  await measureWindow(workload, server, { bench, times: { warm: 0, dur: bench.arguments.warmAfterSeconds } })
  const bytes = await server.allocated(() => generate(server, requestOf(workload, bench, { total })))
  return bytes / total
}

/** A long run less a short one, warm: what it takes to connect and to close is in both, and falls out. */
async function ofMessage(workload: Workload, server: Server, bench: Bench): Promise<number> {
  const { seconds } = bench.sizes.counted
  await measureWindow(workload, server, { bench, times: { warm: 0, dur: 2 * seconds } })
  const short = await counted(workload, server, { bench, seconds })
  const long = await counted(workload, server, { bench, seconds: 3 * seconds })
  return (long.bytes - short.bytes) / (long.messages - short.messages)
}

async function counted(
  workload: Workload,
  server: Server,
  { bench, seconds }: { readonly bench: Bench; readonly seconds: number },
): Promise<{ readonly bytes: number; readonly messages: number }> {
  let windows: readonly Window[] = []
  const bytes = await server.allocated(async () => {
    windows = await generate(server, requestOf(workload, bench, { warm: 0, dur: seconds }))
  })
  return { bytes, messages: windows[0]?.count ?? Number.NaN }
}
