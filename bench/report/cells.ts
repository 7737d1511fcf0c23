import type { Spread } from '../statistics.ts'

/** A table in Markdown. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n')
}

/** A median, with least and most where they differ. */
export function spreadOf({ median, least, most }: Spread): string {
  return least === most ? figure(median) : `${figure(median)} [${figure(least)}–${figure(most)}]`
}

/** The median of ratios; a dash without a reference. */
export function times(spread: Spread | null): string {
  return spread === null ? '–' : ratio(spread.median)
}

/** So many times. */
export function ratio(value: number): string {
  return `${value.toFixed(2)}×`
}

/** A share of a core. */
export function percent({ median }: Spread): string {
  return `${Math.round(median * 100)} %`
}

/** About three figures that count; more would be noise. */
export function figure(value: number): string {
  if (Number.isNaN(value)) return '–'
  const digits = value < 10 ? 2 : value < 100 ? 1 : 0
  return value.toLocaleString('en', { maximumFractionDigits: digits })
}
