// npm run bench: starts the peers, checks them, loads them in turns, and writes down what came out.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Arguments, readArguments, usage } from './arguments.ts'
import type { Bench } from './bench.ts'
import { loadGenerator } from './compile.ts'
import { checkCorrectness } from './correctness.ts'
import { measureGrowth, measureMemory } from './held.ts'
import { describeMachine, loadAverages } from './machine.ts'
import { peers } from './peer.ts'
import { assertMachine } from './placement.ts'
import { markdown, type Report } from './report.ts'
import { measureRounds, type RoundsResult } from './rounds.ts'
import { type Server, startServer } from './server.ts'
import { mintTokens, type Tokens } from './tokens.ts'
import { sizesOf, workloadIds, workloads } from './workloads.ts'

const began = performance.now()

function progress(line: string): void {
  const seconds = ((performance.now() - began) / 1_000).toFixed(0).padStart(4)
  process.stderr.write(`${seconds} s  ${line}\n`)
}

async function main(args: readonly string[]): Promise<void> {
  const asked = readArguments(args)
  if (asked === null) return console.log(usage)
  assertMachine()
  const binary = loadGenerator()
  const tokens = await mintTokens()
  process.once('exit', () => tokens.remove())
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
  const report = await measured(asked, binary, tokens, args)
  const text = markdown(report)
  write(report, text)
  console.log(text)
}

async function measured(
  asked: Arguments,
  binary: string,
  tokens: Tokens,
  args: readonly string[],
): Promise<Report> {
  const machine = describeMachine()
  const bench: Bench = {
    arguments: asked,
    sizes: sizesOf(asked.quick),
    binary,
    tokens,
    accounting: machine.softirqs,
    progress,
  }
  const before = loadAverages()
  const taken = await inTurns(bench)
  const memory = asked.only.includes('D') ? await oneByOne(bench, 'D', measureMemory) : []
  const growth = asked.only.includes('E') ? await oneByOne(bench, 'E', measureGrowth) : []
  return {
    date: new Date().toISOString(),
    command: ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' '),
    quick: asked.quick,
    partial: asked.only.length < workloadIds.length || asked.peers.length < peers.length,
    windows: asked.windows,
    seconds: asked.seconds,
    priority: asked.priority,
    machine,
    load: { before, after: loadAverages() },
    peers: asked.peers,
    ...taken,
    memory,
    growth,
  }
}

/** All servers are up at once and take turns, so that a ratio is of figures from the same minute. */
async function inTurns(bench: Bench): Promise<Pick<Report, 'correctness' | 'rounds'>> {
  const servers: Server[] = []
  try {
    for (const peer of bench.arguments.peers) servers.push(await start(peer, bench))
    const correctness: Report['correctness'][number][] = []
    for (const server of servers) correctness.push(await checkCorrectness(server, bench.tokens.secret))
    progress('all peers do what is measured')
    const rounds: RoundsResult[] = []
    const chosen = workloads(bench.sizes).filter(({ id }) => bench.arguments.only.includes(id))
    for (const workload of chosen) rounds.push(await measureRounds(workload, servers, bench))
    return { correctness, rounds }
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
  }
}

async function start(peer: Arguments['peers'][number], bench: Bench): Promise<Server> {
  const { priority } = bench.arguments
  const server = await startServer(peer, { secret: bench.tokens.secret, priority })
  progress(`${peer.name} listens after ${Math.round(server.startMs)} ms`)
  return server
}

async function oneByOne<T>(
  bench: Bench,
  name: string,
  measure: (peer: Arguments['peers'][number], bench: Bench) => Promise<T>,
): Promise<readonly T[]> {
  const results: T[] = []
  for (const peer of bench.arguments.peers) {
    progress(`${name}: ${peer.name}, on a fresh server`)
    results.push(await measure(peer, bench))
  }
  return results
}

/** Neither a smoke run nor one of a few workloads or peers replaces a measurement of all. */
function write(report: Report, text: string): void {
  const folder = join(import.meta.dirname, 'results')
  const name = report.quick ? 'quick' : report.partial ? 'partial' : 'latest'
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(report, null, 1)}\n`)
  writeFileSync(join(folder, `${name}.md`), `${text}\n`)
  progress(`written: bench/results/${name}.json and ${name}.md`)
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  const cause = error instanceof Error && error.cause instanceof Error ? `\n${error.cause.message}` : ''
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}${cause}`)
  process.exitCode = 1
}
