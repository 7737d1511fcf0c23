const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** A span of time: a number of milliseconds, or a number with its unit, such as `'30s'`. */
export type Duration = number | `${number}${keyof typeof unitMs}`

/**
 * The milliseconds of a duration.
 *
 * @throws TypeError when it is negative, not finite or not written as in `250`, `'250ms'`, `'30s'`, `'5m'`, `'2h'`, `'1d'`.
 * @example milliseconds('30s') // 30000
 */
export function milliseconds(duration: Duration): number {
  const ms = typeof duration === 'number' ? duration : spelled(duration)
  if (Number.isFinite(ms) && ms >= 0) return ms
  throw new TypeError(
    `'${duration}' is no duration: write milliseconds or a number with ms, s, m, h or d, as in '30s'`,
  )
}

function spelled(duration: string): number {
  const [, count, unit] = /^(\d{1,15}(?:\.\d{1,6})?)(ms|s|m|h|d)$/.exec(duration) ?? []
  // the expression lets only the five units through
  return count === undefined ? Number.NaN : Number(count) * unitMs[unit as keyof typeof unitMs]
}
