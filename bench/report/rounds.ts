import type { HandshakesResult } from '../handshakes.ts'
import type { Result, RoundsResult } from '../rounds.ts'
import { figure, percent, spreadOf, table, times } from './cells.ts'

/** A workload of rounds. */
export function roundsSection({ id, title, unit, results }: RoundsResult): string {
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
  return [`## ${id}: ${title}`, table(heads, results.map(rowOf)), ...remarks(results)].join('\n\n')
}

/** Handshakes, cold and warm. */
export function handshakesSection({ id, title, unit, cold, warm }: HandshakesResult): string {
  const phase = (name: string): readonly string[] => [
    `${name}: ${unit}`,
    '÷ ws',
    'server µs each',
    'µs ÷ ws',
    'p50 ms',
    'p99 ms',
  ]
  const heads = ['peer', ...phase('cold'), ...phase('warm'), 'client CPU', 'others']
  const rows = warm.map((result, index) => [
    result.peer,
    ...phaseCells(cold[index]),
    ...phaseCells(result),
    percent(result.generatorCpu),
    percent(result.othersCpu),
  ])
  return [`## ${id}: ${title}`, table(heads, rows), ...remarks([...cold, ...warm])].join('\n\n')
}

function phaseCells(result: Result | undefined): readonly string[] {
  if (result === undefined) return ['–', '–', '–', '–', '–', '–']
  const { rate, ratio, microseconds, costRatio, p50Ms, p99Ms } = result
  return [
    spreadOf(rate),
    times(ratio),
    spreadOf(microseconds),
    times(costRatio),
    figure(p50Ms.median),
    figure(p99Ms.median),
  ]
}

function remarks(results: readonly Result[]): readonly string[] {
  const problems = results.flatMap(({ peer, problems: found }) =>
    found.map((problem) => `- **${peer}: ${problem}**`),
  )
  const all = [...new Set([...problems, ...doubts(results)])]
  return all.length === 0 ? [] : [all.join('\n')]
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
