/** The program and the machine behind a session, in words. */
export interface Device {
  /** Such as `Firefox`, `Chrome`; `A program` for what is no browser, `Unknown` where nothing was said. */
  readonly browser: string
  /** Such as `Windows`, `Android`; `null` where it was not said. */
  readonly system: string | null
}

// the order matters: most browsers also claim to be Chrome, and all of them to be Safari
const browsers = [
  ['Edge', /\bEdgA?(?:iOS)?\//],
  ['Opera', /\bOPR\//],
  ['Samsung Internet', /\bSamsungBrowser\//],
  ['Firefox', /\b(?:Firefox|FxiOS)\//],
  ['Chrome', /\b(?:Headless)?(?:Chrome|CriOS|Chromium)\//],
  ['Safari', /\bSafari\//],
] as const

const systems = [
  ['iPadOS', /\biPad\b/],
  ['iOS', /\biPhone\b/],
  ['Android', /\bAndroid\b/],
  ['Windows', /\bWindows\b/],
  ['macOS', /\bMac OS X\b/],
  ['ChromeOS', /\bCrOS\b/],
  ['Linux', /\bLinux\b|\bX11\b/],
] as const

/**
 * Reads a User-Agent header as far as people want to know it: to tell their own devices apart. Anyone can send
 * anything, so nothing of it is repeated.
 *
 * @example deviceOf('Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0') // Firefox, Linux
 */
export function deviceOf(userAgent: string | null): Device {
  if (userAgent === null || userAgent === '') return { browser: 'Unknown', system: null }
  const system = firstOf(systems, userAgent)
  return { browser: firstOf(browsers, userAgent) ?? (system === null ? 'A program' : 'A browser'), system }
}

function firstOf(
  names: readonly (readonly [name: string, pattern: RegExp])[],
  userAgent: string,
): string | null {
  return names.find(([, pattern]) => pattern.test(userAgent))?.[0] ?? null
}
