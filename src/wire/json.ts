/** The deepest nesting that a message may have. */
export const maxJsonDepth = 64

/** A parsed value, or why the text is refused. */
export type Parsed =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly issue: string }

/**
 * Parses JSON from a peer. Deeper nesting than 64 is refused (validators recurse), and so is a key `__proto__` or
 * `constructor` (prototype pollution, CVE-2019-10744 and its kind).
 */
export function parseJson(text: string): Parsed {
  if (isDeep(text)) return { ok: false, issue: `JSON is nested deeper than ${maxJsonDepth}` }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { ok: false, issue: 'not valid JSON' }
  }
  if (mayHoldForbiddenKey(text) && holdsForbiddenKey(value))
    return { ok: false, issue: 'a key is not allowed' }
  return { ok: true, value }
}

/** The object that a text is, or `null` when it is none or is refused as {@link parseJson} does. */
export function parseRecord(text: string): Readonly<Record<string, unknown>> | null {
  const parsed = parseJson(text)
  const value = parsed.ok ? parsed.value : undefined
  return isRecord(value) ? value : null
}

/** An object that is no array. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isDeep(text: string): boolean {
  if (text.length <= 2 * maxJsonDepth) return false
  let depth = 0
  let quoted = false
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (quoted) {
      if (code === 0x5c) index++
      else if (code === 0x22) quoted = false
    } else if (code === 0x22) quoted = true
    else if (code === 0x5b || code === 0x7b) {
      if (++depth > maxJsonDepth) return true
    } else if (code === 0x5d || code === 0x7d) depth--
  }
  return false
}

/** A cheap look at the text, so that ordinary messages are not walked; an escape could spell any key. */
function mayHoldForbiddenKey(text: string): boolean {
  return text.includes('__proto__') || text.includes('constructor') || text.includes('\\u')
}

function holdsForbiddenKey(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(
    ([key, one]) => key === '__proto__' || key === 'constructor' || holdsForbiddenKey(one),
  )
}
