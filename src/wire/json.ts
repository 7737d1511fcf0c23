/** The deepest nesting that a message may have. */
export const maxJsonDepth = 64
/** The values that JSON from a peer may hold, unless said otherwise. */
export const maxJsonValues = 1_024
/** Beyond it V8 keeps members that are named by whole numbers as it keeps others. */
const largestIndex = 4_096

/** A parsed value, or why the text is refused. */
export type Parsed = { readonly ok: true; readonly value: unknown } | RefusedJson

/** Why a text is refused: the short word of a denial, and a sentence. */
export interface RefusedJson {
  readonly ok: false
  readonly code: 'invalid-message' | 'too-many-values'
  readonly issue: string
}

/**
 * Parses JSON from a peer. The text is checked before a value is built. It is refused in these cases:
 *
 * - Its nesting is deeper than 64, because validators recurse.
 * - It has a key `__proto__` or `constructor` (prototype pollution, such as CVE-2019-10744).
 * - It has a key with a backslash in it. After such a key, V8 reads the next escaped key wrongly, everywhere
 *   in the process: https://github.com/nodejs/node/issues/63785.
 * - It holds more values than `maxValues`: the objects, the items of arrays and the members of objects, all
 *   together. A validator may report an error for each of them.
 *
 * An empty array or object counts as if it held one value. An object whose keys are small whole numbers
 * counts for one value more for each 64 of its largest key up to 4,096. V8 makes an array of that length of
 * its copy: 14 KB of `{"1000":1}` were 15 MB.
 */
export function parseJson(text: string, maxValues: number = maxJsonValues): Parsed {
  const refused = lookAt(text, maxValues)
  if (refused !== null) return refused
  try {
    return { ok: true, value: JSON.parse(text) as unknown }
  } catch {
    return refusal('not valid JSON')
  }
}

/** The object that a text is, or `null` when it is none or is refused as {@link parseJson} does; of any number of values. */
export function parseRecord(
  text: string,
  maxValues: number = Infinity,
): Readonly<Record<string, unknown>> | null {
  const parsed = parseJson(text, maxValues)
  const value = parsed.ok ? parsed.value : undefined
  return isRecord(value) ? value : null
}

/** An object that is no array. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function refusal(issue: string, code: RefusedJson['code'] = 'invalid-message'): RefusedJson {
  return { ok: false, code, issue }
}

/** Why a text is refused unparsed. A text that is too short for what is looked for is not scanned. */
function lookAt(text: string, maxValues: number): RefusedJson | null {
  const hasSuspect = mayHoldForbiddenKey(text)
  // each bracket of a depth that is refused has its counterpart, and an object, which counts as two values, has two brackets;
  // the few keys of a short text are whole numbers at no great cost
  const isShort = text.length <= 2 * maxJsonDepth && text.length <= maxValues
  return isShort && !hasSuspect ? null : scan(text, maxValues, hasSuspect)
}

/** A cheap look at the text, so that keys are looked at in few messages; an escape could spell any key. */
function mayHoldForbiddenKey(text: string): boolean {
  return (
    text.includes('__proto__') ||
    text.includes('constructor') ||
    text.includes('\\u') ||
    text.includes('\\\\')
  )
}

/** The largest whole-number key of each object that is open, by its depth: filled by one scan at a time. */
const largestIndexes = new Uint16Array(maxJsonDepth + 1)

/** One pass over a text. What is no JSON may pass: it is parsed afterwards. */
function scan(text: string, maxValues: number, hasSuspect: boolean): RefusedJson | null {
  let depth = 0
  let values = 0
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code === 0x22) {
      const end = endOfText(text, index + 1)
      if (hasSuspect && isForbiddenKey(text, index, end)) return refusal('a key is not allowed')
      values += growth(depth, indexKey(text, index, end))
      index = end
    } else if (code === 0x2c) values++
    else if (code === 0x5b || code === 0x7b) {
      if (++depth > maxJsonDepth) return refusal(`JSON is nested deeper than ${maxJsonDepth}`)
      largestIndexes[depth] = 0
      // the first item or member is counted here, each other one at the comma before it
      values += code === 0x7b ? 2 : 1
    } else if (code === 0x5d || code === 0x7d) depth--
    else continue
    if (values > maxValues) return refusal(`a message holds at most ${maxValues} values`, 'too-many-values')
  }
  return null
}

/** By how many values more an object of this depth counts for a key. */
function growth(depth: number, key: number): number {
  const largest = key === 0 ? 0 : (largestIndexes[depth] ?? 0)
  if (key <= largest) return 0
  largestIndexes[depth] = key
  return (key >> 6) - (largest >> 6)
}

/**
 * The whole number up to 4,096 that the text between two quotation marks is as a key; 0 for another text. Larger ones cost
 * no more than a word. With an escape in it, it counts as the largest.
 */
function indexKey(text: string, open: number, close: number): number {
  const first = text.charCodeAt(open + 1)
  const isEscapedDigit = first === 0x5c && text.startsWith('\\u003', open + 1)
  if (!isEscapedDigit && (first < 0x31 || first > 0x39 || text.charCodeAt(close - 1) > 0x39)) return 0
  if (!isKey(text, close + 1)) return 0
  const key = text.slice(open + 1, close)
  if (key.includes('\\')) return largestIndex
  return key.length <= 4 && /^\d+$/.test(key) && Number(key) <= largestIndex ? Number(key) : 0
}

/** Where the quotation mark stands that ends a text; the end of everything when there is none. */
export function endOfText(text: string, start: number): number {
  let index = start
  while (index < text.length) {
    // most texts are short: looking at their characters is faster than a search
    const near = index + 24
    for (; index < near; index++) {
      const code = text.charCodeAt(index)
      if (code === 0x22) return index
      if (code === 0x5c) index++
    }
    const found = text.indexOf('"', index)
    if (found === -1) return text.length
    if (!isEscaped(text, index, found)) return found
    index = found + 1
  }
  return text.length
}

/** Whether an odd number of backslashes stands before a character. Backslashes before `start` do not count. */
function isEscaped(text: string, start: number, index: number): boolean {
  let from = index
  while (from > start && text.charCodeAt(from - 1) === 0x5c) from--
  return (index - from) % 2 === 1
}

const forbiddenKeys = ['__proto__', 'constructor']

/** Whether the text between two quotation marks is a forbidden key, escapes or not: a colon follows. */
function isForbiddenKey(text: string, open: number, close: number): boolean {
  if (!isKey(text, close + 1)) return false
  return (
    holdsBackslash(text.slice(open + 1, close)) ||
    forbiddenKeys.some((key) => endOfWord(text, open + 1, key) === close)
  )
}

/** Whether a text has a backslash when its escapes are read. */
function holdsBackslash(escaped: string): boolean {
  return escaped.includes('\\\\') || /\\u005c/i.test(escaped)
}

/** Where a word ends that begins here, any of its characters as it is or as `\\u` and four digits; -1 for another word. */
function endOfWord(text: string, start: number, word: string): number {
  let index = start
  for (let at = 0; at < word.length; at++) {
    const code = word.charCodeAt(at)
    if (text.charCodeAt(index) === code) index++
    else if (text.startsWith('\\u', index) && Number.parseInt(text.slice(index + 2, index + 6), 16) === code)
      index += 6
    else return -1
  }
  return index
}

function isKey(text: string, start: number): boolean {
  let index = start
  while (index < text.length && ' \t\r\n'.includes(text.charAt(index))) index++
  return text.charAt(index) === ':'
}
