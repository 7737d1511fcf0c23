// npm run bench: starts the peers, checks them, loads them in turns, and writes down what came out.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Arguments, readArguments, usage } from './arguments.ts'
import type { Bench } from './bench.ts'
import { buildPackage, loadGenerator } from './compile.ts'
import { describeMachine, loadAverages } from './machine.ts'
import { measureAll } from './measurements.ts'
import { absentPeers, peersHere } from './peer.ts'
import { assertMachine } from './placement.ts'
import { markdown, type Report } from './report/report.ts'
import { mintTokens, type Tokens } from './tokens.ts'
import { sizesOf, workloadIds } from './workloads.ts'

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
  buildPackage()
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
  const found = await measureAll(bench)
  return {
    date: new Date().toISOString(),
    command: ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' '),
    quick: asked.quick,
    partial: asked.only.length < workloadIds.length || asked.peers.length < peersHere().length,
    windows: asked.windows,
    seconds: asked.seconds,
    priority: asked.priority,
    machine,
    load: { before, after: loadAverages() },
    peers: asked.peers,
    absent: absentPeers(),
    ...found,
  }
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
