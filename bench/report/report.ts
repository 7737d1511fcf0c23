import type { Correctness } from '../correctness.ts'
import type { Machine } from '../machine.ts'
import type { Measurements } from '../measurements.ts'
import type { Peer } from '../peer.ts'
import type { Result } from '../rounds.ts'
import { table, times } from './cells.ts'
import {
  crowdedSection,
  garbageSection,
  growthSection,
  memorySections,
  stormsSection,
  waitingSection,
} from './fresh.ts'
import { handshakesSection, roundsSection } from './rounds.ts'

/** Everything that a run found out. */
export interface Report extends Measurements {
  readonly date: string
  readonly command: string
  /** A smoke run: its figures are no measurement. */
  readonly quick: boolean
  /** Not all workloads, or not all peers. */
  readonly partial: boolean
  readonly windows: number
  readonly seconds: number
  readonly priority: boolean
  readonly machine: Machine
  readonly load: { readonly before: readonly number[]; readonly after: readonly number[] }
  readonly peers: readonly Peer[]
  /** Peers that are not beside the others here, and why. */
  readonly absent: readonly string[]
}

/** The report as Markdown. */
export function markdown(report: Report): string {
  return [
    '# Benchmark',
    ...(report.quick
      ? ['**A smoke run: it shows that everything works. Its figures are no measurement.**']
      : []),
    conditions(report),
    ...summary(report),
    ...report.handshakes.map(handshakesSection),
    ...garbageSection(report.garbage),
    ...report.rounds.map(roundsSection),
    ...waitingSection(report.waiting),
    ...memorySections(report.memory),
    ...growthSection(report.growth),
    ...crowdedSection(report.crowded),
    ...stormsSection(report.storms),
    correctnessSection(report.correctness),
  ].join('\n\n')
}

function conditions(report: Report): string {
  const { machine, load } = report
  const { cores, cpu, memoryGiB, system, kernel } = machine
  const averages = `load average ${load.before.join(' ')} before, ${load.after.join(' ')} after`
  return [
    `- \`${report.command}\`, ${report.date}; ${report.windows} windows of ${report.seconds} s a figure`,
    `- ${cores} cores of ${cpu}, ${memoryGiB} GiB, ${system}, Linux ${kernel}`,
    `- Node ${machine.node}; ${named(machine.packages)}; commit ${machine.commit}; ${machine.compiler}`,
    `- ${averages}; priority ${report.priority ? 'raised' : 'normal'}`,
    `- softirq time is booked ${machine.softirqs === 'apart' ? 'apart, and added' : 'within the server'}`,
    ...report.peers.map(({ name, note }) => `- ${name}: ${note}`),
    ...report.absent.map((reason) => `- ${reason}`),
  ].join('\n')
}

function named(versions: Readonly<Record<string, string>>): string {
  return Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')
}

/** What was measured in windows, in one table. */
function summary({ handshakes, rounds }: Report): readonly string[] {
  const measured = [
    ...handshakes.flatMap(({ id, title, cold, warm }) => [
      { id: `${id} cold`, title, results: cold },
      { id: `${id} warm`, title, results: warm },
    ]),
    ...rounds,
  ]
  const [first] = measured
  if (first === undefined) return []
  return [
    '## Beside ws: rate, and server µs each; median of the rounds',
    table(
      ['', 'workload', ...first.results.map(({ peer }) => peer)],
      measured.map(({ id, title, results }) => [id, title, ...results.map(ratioCell)]),
    ),
    'Of rates more is better, of µs less. The rate of P is given, so only its µs count.',
  ]
}

function ratioCell({ ratio, costRatio }: Result): string {
  return `${times(ratio)}, µs ${times(costRatio)}`
}

function correctnessSection(checks: readonly Correctness[]): string {
  const cases = Object.keys(checks[0]?.refusals ?? {})
  return [
    '## Checked before anything was measured',
    'Every peer welcomed valid tokens, delivered to a room, its sender and to no other room, passed on no\n' +
      'nonsense, and refused:',
    table(
      ['token', ...checks.map(({ peer }) => peer)],
      cases.map((name) => [name, ...checks.map(({ refusals }) => refusals[name] ?? '–')]),
    ),
  ].join('\n\n')
}
