const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' })
const units = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const

/** How long ago, as people say it: `just now`, `5 minutes ago`, `yesterday`. Milliseconds since 1970. */
export function ago(at: number, now: number): string {
  const past = now - at
  const unit = units.find(([, ms]) => past >= ms)
  return unit === undefined ? 'just now' : relative.format(-Math.floor(past / unit[1]), unit[0])
}
