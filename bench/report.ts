import type { Correctness } from './correctness.ts'
import type { Growth, GrowthStep, Memory } from './held.ts'
import type { Machine } from './machine.ts'
import type { Peer } from './peer.ts'
import type { Result, RoundsResult } from './rounds.ts'
import type { Spread } from './statistics.ts'

/** Everything that a run found out. */
export interface Report {
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
  readonly correctness: readonly Correctness[]
  readonly rounds: readonly RoundsResult[]
  readonly memory: readonly Memory[]
  readonly growth: readonly Growth[]
}

/** The report as Markdown. */
export function markdown(report: Report): string {
  return [
    '# Benchmark',
    ...(report.quick
      ? ['**A smoke run: it shows that everything works. Its figures are no measurement.**']
      : []),
    conditions(report),
    ...(report.rounds.length > 0 ? [summary(report.rounds)] : []),
    ...report.rounds.map((round) => section(round)),
    ...(report.memory.length > 0 ? [memorySection(report.memory)] : []),
    ...(report.growth.length > 0 ? [growthSection(report.growth)] : []),
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
  ].join('\n')
}

function named(versions: Readonly<Record<string, string>>): string {
  return Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')
}

function summary(rounds: readonly RoundsResult[]): string {
  const names = rounds[0]?.results.map(({ peer }) => peer) ?? []
  return [
    '## Rates beside ws, median of the rounds',
    table(
      ['', 'workload', ...names],
      rounds.map(({ id, title, results }) => [id, title, ...results.map((result) => ratioCell(result, id))]),
    ),
    'P compares server CPU for one delivery, so less is better there; everywhere else more is better.',
  ].join('\n\n')
}

function ratioCell(result: Result, id: RoundsResult['id']): string {
  return times(id === 'P' ? result.costRatio : result.ratio)
}

function section({ id, title, unit, results }: RoundsResult): string {
  const heads = [
    'peer',
    unit,
    '÷ ws',
    'p50 ms',
    'p99 ms',
    'server µs each',
    'server CPU',
    'µs ÷ ws',
    'client CPU',
    'others',
    'lost',
  ]
  const problems = results.flatMap(({ peer, problems: found }) =>
    found.map((problem) => `- **${peer}: ${problem}**`),
  )
  return [
    `## ${id}: ${title}`,
    table(heads, results.map(rowOf)),
    ...[[...problems, ...doubts(results)].join('\n')].filter(Boolean),
  ].join('\n\n')
}

/** Which figures are held back by something that is not the server. */
function doubts(results: readonly Result[]): readonly string[] {
  const full = results.filter(({ generatorCpu }) => generatorCpu.median > 0.9)
  const disturbed = results.filter(({ othersCpu }) => othersCpu.median > 0.1)
  return [
    ...full.map(({ peer }) => `- ${peer}: the generator's core was full: its rate is a lower bound`),
    ...disturbed.map(
      ({ peer }) => `- ${peer}: others took more than 10 % of its core: go by µs, not by rates`,
    ),
  ]
}

function rowOf(result: Result): readonly string[] {
  return [
    result.peer,
    spreadOf(result.rate),
    times(result.ratio),
    figure(result.p50Ms.median),
    figure(result.p99Ms.median),
    spreadOf(result.microseconds),
    percent(result.serverCpu),
    times(result.costRatio),
    percent(result.generatorCpu),
    percent(result.othersCpu),
    String(result.lost),
  ]
}

function memorySection(memory: readonly Memory[]): string {
  const reference = memory.find(({ peer }) => peer === 'ws')
  const heads = [
    'peer',
    'connections',
    'KB each',
    '÷ ws',
    'KB each, later ones',
    '÷ ws',
    'MB empty',
    'MB full',
    'connects/s',
  ]
  const rows = memory.map((one) => [
    one.peer,
    figure(one.connections),
    figure(one.kbEach),
    reference === undefined ? '–' : ratio(one.kbEach / reference.kbEach),
    figure(one.kbEachLater),
    reference === undefined ? '–' : ratio(one.kbEachLater / reference.kbEachLater),
    figure(one.baselineKb / 1_024),
    figure(one.residentKb / 1_024),
    figure(one.rampPerSecond),
  ])
  return ['## D: memory of idle, authenticated connections', table(heads, rows)].join('\n\n')
}

function growthSection(growth: readonly Growth[]): string {
  const members = growth[0]?.steps.map((step) => `${figure(step.members)} members`) ?? []
  const rows = growth.map(({ peer, steps }) => {
    const [first, last] = [steps[0], steps.at(-1)]
    const cost =
      first === undefined || last === undefined ? Number.NaN : last.microseconds / first.microseconds
    const cells = steps.map(stepCell)
    return [peer, ...cells, ratio(cost)]
  })
  return [
    '## E: one room that grows, 2 in flight: deliveries/s, new handshakes/s, server µs per delivery',
    table(['peer', ...members, 'µs, last ÷ first'], rows),
  ].join('\n\n')
}

function stepCell(step: GrowthStep): string {
  const { deliveriesPerSecond, handshakesPerSecond, microseconds, lost } = step
  const rates = `${figure(deliveriesPerSecond)} d/s, ${figure(handshakesPerSecond)} hs/s`
  const figures = `${rates}, ${figure(microseconds)} µs`
  return lost > 0 ? `${figures}, **${lost} lost**` : figures
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

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n')
}

function spreadOf({ median, least, most }: Spread): string {
  return least === most ? figure(median) : `${figure(median)} [${figure(least)}–${figure(most)}]`
}

function times(spread: Spread | null): string {
  return spread === null ? '–' : ratio(spread.median)
}

function ratio(value: number): string {
  return `${value.toFixed(2)}×`
}

function percent({ median }: Spread): string {
  return `${Math.round(median * 100)} %`
}

/** About three figures that count; more would be noise. */
function figure(value: number): string {
  if (Number.isNaN(value)) return '–'
  const digits = value < 10 ? 2 : value < 100 ? 1 : 0
  return value.toLocaleString('en', { maximumFractionDigits: digits })
}
