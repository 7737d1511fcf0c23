import type { Bench } from './bench.ts'
import type { Window } from './generator.ts'
import { measureWindow, measureWindows, type Result, resultsOf, rotated, saidOf } from './rounds.ts'
import { type Server, startServer } from './server.ts'
import type { HandshakeId, Workload } from './workloads.ts'

/** Handshakes of one kind (A, F, Fb): of a process that has just started, and of one that V8 has compiled. */
export interface HandshakesResult {
  readonly id: HandshakeId
  readonly title: string
  readonly unit: string
  readonly cold: readonly Result[]
  readonly warm: readonly Result[]
}

/**
 * Measures handshakes on servers of their own. Each cold window is the first seconds of a fresh process. The processes
 * of the first round are loaded until they are warm, and then take turns.
 */
export async function measureHandshakes(
  workload: Workload<HandshakeId>,
  bench: Bench,
): Promise<HandshakesResult> {
  const { peers, windows: rounds, priority } = bench.arguments
  const cold = new Map<string, Window[]>(peers.map(({ name }) => [name, []]))
  const kept: Server[] = []
  try {
    for (let round = 0; round < rounds; round++) {
      for (const peer of rotated(peers, round)) {
        const server = await startServer(peer, { secret: bench.tokens.secret, priority })
        kept.push(server)
        cold.get(peer.name)?.push(await measureCold(workload, server, bench))
        if (round === 0) await warmUp(workload, server, bench)
        else await kept.pop()?.stop()
      }
    }
    const warm = await measureWindows(workload, kept, bench)
    const { id, title, unit } = workload
    return {
      id,
      title,
      unit,
      cold: resultsOf(cold, workload, bench),
      warm: resultsOf(warm, workload, bench),
    }
  } finally {
    await Promise.all(kept.map((server) => server.stop()))
  }
}

async function measureCold(workload: Workload, server: Server, bench: Bench): Promise<Window> {
  const window = await measureWindow(workload, server, {
    bench,
    times: { warm: 0, dur: bench.arguments.coldSeconds },
  })
  bench.progress(`${workload.id} cold: ${saidOf(window, workload, server)}`)
  return window
}

/** Loads a server that was measured cold until it has had as many seconds as make it warm. */
async function warmUp(workload: Workload, server: Server, bench: Bench): Promise<void> {
  const { coldSeconds, warmAfterSeconds } = bench.arguments
  const dur = warmAfterSeconds - coldSeconds
  if (dur > 0) await measureWindow(workload, server, { bench, times: { warm: 0, dur } })
}
