import type { Bench } from './bench.ts'
import { type Correctness, checkCorrectness } from './correctness.ts'
import { type Crowded, measureCrowded } from './crowded.ts'
import { withFresh } from './fresh.ts'
import { type Garbage, measureGarbage } from './garbage.ts'
import { type HandshakesResult, measureHandshakes } from './handshakes.ts'
import { type Growth, measureGrowth, measureMemory, type Memory } from './held.ts'
import { type Peer, slowPeer } from './peer.ts'
import { measureRounds, type RoundsResult } from './rounds.ts'
import { type Server, startServer } from './server.ts'
import { measureWaiting, type Waiting } from './slow-handler.ts'
import { measureStorms, type Storm } from './storm.ts'
import { handshakes, roundsWorkloads, type WorkloadId } from './workloads.ts'

/** What was measured; what was not asked for is empty. */
export interface Measurements {
  readonly correctness: readonly Correctness[]
  readonly handshakes: readonly HandshakesResult[]
  readonly garbage: readonly Garbage[]
  readonly rounds: readonly RoundsResult[]
  readonly waiting: readonly Waiting[]
  readonly memory: readonly Memory[]
  readonly growth: readonly Growth[]
  readonly crowded: readonly Crowded[]
  readonly storms: readonly Storm[]
}

/** Checks all peers, and measures what is asked for, one workload after the other. */
export async function measureAll(bench: Bench): Promise<Measurements> {
  const { peers } = bench.arguments
  const onNode = peers.filter(({ runtime }) => runtime === 'node')
  const slow = peers.some(({ name }) => name === slowPeer.name)
  return {
    correctness: await checkAll(bench),
    handshakes: await inOrder(chosen(handshakes(bench.sizes), bench), (workload) =>
      measureHandshakes(workload, bench),
    ),
    garbage: await ofPeers('G', onNode, bench, measureGarbage),
    rounds: await measureInTurns(bench),
    waiting: slow && isAsked('Q', bench) ? await measureWaiting(bench) : [],
    memory: [
      ...(await ofPeers('D', peers, bench, (peer) => measureMemory('D', peer, bench))),
      ...(await ofPeers('Ds', onNode, bench, (peer) => measureMemory('Ds', peer, bench))),
    ],
    growth: await ofPeers('E', peers, bench, measureGrowth),
    crowded: await ofPeers('H', peers, bench, measureCrowded),
    storms: isAsked('S', bench) ? await measureStorms(bench) : [],
  }
}

async function checkAll(bench: Bench): Promise<readonly Correctness[]> {
  const checks = await inOrder(bench.arguments.peers, (peer) =>
    withFresh(peer, { bench }, (server) => checkCorrectness(server, bench.tokens.secret)),
  )
  bench.progress('all peers do what is measured')
  return checks
}

/** All servers are up at once and take turns, so that a ratio is of figures from the same minute. */
async function measureInTurns(bench: Bench): Promise<readonly RoundsResult[]> {
  const workloads = chosen(roundsWorkloads(bench.sizes), bench)
  if (workloads.length === 0) return []
  const { peers, priority } = bench.arguments
  const servers: Server[] = []
  try {
    for (const peer of peers) servers.push(await startServer(peer, { secret: bench.tokens.secret, priority }))
    return await inOrder(workloads, (workload) => measureRounds(workload, servers, bench))
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
  }
}

async function ofPeers<T>(
  id: WorkloadId,
  peers: readonly Peer[],
  bench: Bench,
  measure: (peer: Peer, bench: Bench) => Promise<T>,
): Promise<readonly T[]> {
  if (!isAsked(id, bench)) return []
  return await inOrder(peers, (peer) => {
    bench.progress(`${id}: ${peer.name}, on a fresh server`)
    return measure(peer, bench)
  })
}

function chosen<T extends { readonly id: WorkloadId }>(workloads: readonly T[], bench: Bench): readonly T[] {
  return workloads.filter(({ id }) => isAsked(id, bench))
}

function isAsked(id: WorkloadId, bench: Bench): boolean {
  return bench.arguments.only.includes(id)
}

async function inOrder<T, R>(list: readonly T[], use: (one: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = []
  for (const one of list) results.push(await use(one))
  return results
}
