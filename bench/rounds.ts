import type { Bench } from './bench.ts'
import { generate, type Request, type Window } from './generator.ts'
import { referencePeer } from './peer.ts'
import type { Server } from './server.ts'
import { type Spread, spread } from './statistics.ts'
import type { RoundsId, Workload } from './workloads.ts'

/** What a workload came to with one peer. */
export interface Result {
  readonly peer: string
  readonly rate: Spread
  /** Rate by rate of the reference, window by window of the same round; `null` without a reference. */
  readonly ratio: Spread | null
  readonly p50Ms: Spread
  readonly p99Ms: Spread
  /** CPU of the server for one operation, its network work in the kernel included. */
  readonly microseconds: Spread
  /**
   * Shares of a core: the server's of its own, the generator's of its own, and what others took of the
   * server's.
   */
  readonly serverCpu: Spread
  readonly generatorCpu: Spread
  readonly othersCpu: Spread
  /** Server CPU for one operation by that of the reference, window by window. */
  readonly costRatio: Spread | null
  readonly lost: number
  /** What a reader must know before using these figures. */
  readonly problems: readonly string[]
  readonly windows: readonly Window[]
}

export interface RoundsResult {
  readonly id: RoundsId
  readonly title: string
  readonly unit: string
  readonly results: readonly Result[]
}

/** The windows of each peer, round by round. */
export type Windows = ReadonlyMap<string, Window[]>

/** Measures one workload: peers take turns, round after round, each round beginning with another one. */
export async function measureRounds(
  workload: Workload<RoundsId>,
  servers: readonly Server[],
  bench: Bench,
): Promise<RoundsResult> {
  const { id, title, unit } = workload
  const windows = await measureWindows(workload, servers, bench)
  return { id, title, unit, results: resultsOf(windows, workload, bench) }
}

/** The windows of such rounds. */
export async function measureWindows(
  workload: Workload,
  servers: readonly Server[],
  bench: Bench,
): Promise<Windows> {
  const windows = new Map<string, Window[]>(servers.map(({ peer }) => [peer.name, []]))
  const { warm, seconds } = bench.arguments
  const times = { warm, dur: Math.max(seconds, workload.leastSeconds ?? 0) }
  for (let round = 0; round < bench.arguments.windows; round++) {
    for (const server of rotated(servers, round)) {
      const window = await measureWindow(workload, server, { bench, times })
      windows.get(server.peer.name)?.push(window)
      bench.progress(`${workload.id} round ${round + 1}: ${saidOf(window, workload, server)}`)
    }
  }
  return windows
}

/** A window as one is told of it meanwhile. */
export function saidOf({ rate }: Window, { unit }: Workload, { peer }: Server): string {
  return `${peer.name} ${Math.round(rate).toLocaleString('en')} ${unit}`
}

/** What windows come to, for each peer. */
export function resultsOf(windows: Windows, workload: Workload, bench: Bench): readonly Result[] {
  return [...windows].map(([peer]) => resultOf(peer, windows, workload, bench))
}

/** A list that begins at another place; each round begins with another peer. */
export function rotated<T>(list: readonly T[], by: number): readonly T[] {
  const start = by % list.length
  return [...list.slice(start), ...list.slice(0, start)]
}

/** One window, after `warm` seconds of the same load. */
export async function measureWindow(
  workload: Workload,
  server: Server,
  {
    bench,
    times,
  }: { readonly bench: Bench; readonly times: { readonly warm: number; readonly dur: number } },
): Promise<Window> {
  const [window] = await generate(server, requestOf(workload, bench, times))
  if (window === undefined) throw new Error(`the generator measured nothing on ${server.peer.name}`)
  if (window.count > 0) return window
  throw new Error(
    `${server.peer.name} did nothing in ${workload.id}: ${problemsOf([window], workload).join('; ')}`,
  )
}

/** What the generator is asked for a workload; `settings` are added to those of the workload. */
export function requestOf(
  { mode, settings, tokens, origin }: Workload,
  bench: Bench,
  added: Readonly<Record<string, number>>,
): Request {
  return {
    binary: bench.binary,
    mode,
    settings: { ...settings, settle: bench.sizes.settleSeconds, ...added },
    tokens: bench.tokens[tokens],
    origin,
    priority: bench.arguments.priority,
  }
}

function resultOf(
  peer: string,
  all: ReadonlyMap<string, readonly Window[]>,
  workload: Workload,
  bench: Bench,
): Result {
  const windows = all.get(peer) ?? []
  const reference = all.get(referencePeer)
  const cpu = (window: Window): number => serverSeconds(window, bench)
  const over = (figure: (window: Window) => number): Spread => spread(windows.map(figure))
  const against = (figure: (window: Window) => number): Spread | null =>
    reference === undefined ? null : spread(paired(windows, reference, figure))
  return {
    peer,
    rate: over(({ rate }) => rate),
    ratio: against(({ rate }) => rate),
    p50Ms: over(({ p50_us }) => p50_us / 1_000),
    p99Ms: over(({ p99_us }) => p99_us / 1_000),
    microseconds: over((window) => (cpu(window) * 1e6) / window.count),
    serverCpu: over((window) => cpu(window) / window.seconds),
    generatorCpu: over((window) => window.client_s / window.seconds),
    othersCpu: over((window) => Math.max(0, window.core_busy_s - cpu(window)) / window.seconds),
    costRatio: against((window) => cpu(window) / window.count),
    lost: windows.reduce((sum, { lost }) => sum + lost, 0),
    problems: problemsOf(windows, workload),
    windows,
  }
}

function paired(
  windows: readonly Window[],
  reference: readonly Window[],
  figure: (window: Window) => number,
): readonly number[] {
  return windows.flatMap((window, round) => {
    const other = reference[round]
    return other === undefined ? [] : [figure(window) / figure(other)]
  })
}

/** CPU that a window cost the server, wherever its kernel booked the network work. */
export function serverSeconds(window: Window, { accounting }: Pick<Bench, 'accounting'>): number {
  return window.server_s + (accounting === 'apart' ? window.core_softirq_s : window.ksoftirqd_s)
}

function problemsOf(windows: readonly Window[], { mode, tokens }: Workload): readonly string[] {
  const sum = (figure: (window: Window) => number): number =>
    windows.reduce((total, window) => total + figure(window), 0)
  const wronglyIn = tokens === 'forged' ? sum(({ accepted }) => accepted) : 0
  const wronglyOut = tokens === 'valid' && mode === 'handshake' ? sum(({ refused }) => refused) : 0
  const counts: readonly [number, string][] = [
    [wronglyIn, 'forged tokens accepted'],
    [wronglyOut, 'valid tokens refused'],
    [sum(({ errors }) => errors), 'connections broken'],
    [sum(({ slow_closes }) => slow_closes), 'closes that took more than a second'],
    [sum(({ lost }) => lost), 'deliveries lost'],
  ]
  return counts.flatMap(([count, what]) => (count > 0 ? [`${count} ${what}`] : []))
}
