import { rawKind } from './contract.ts'
import { maxJsonDepth } from './json.ts'
import { isBytes } from './is-bytes.ts'
import { check, type Schema } from './schema.ts'

/** The data of one message, serialised once for every wire: JSON text, raw text or bytes. */
export type Body =
  | { readonly kind: 'json'; readonly json: string }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'binary'; readonly bytes: Uint8Array }

/** The content of one WebSocket message: a text frame or a binary frame. */
export type Payload = string | Uint8Array

/**
 * Serialises data by its schema.
 *
 * @throws TypeError when the data cannot be sent: not JSON (a function, `undefined`, a cycle), or not bytes
 * or text where the contract says so
 */
export function bodyOf(schema: Schema, data: unknown): Body {
  const kind = rawKind(schema)
  if (kind === 'binary' && isBytes(data)) return { kind, bytes: data }
  if (kind === 'text' && typeof data === 'string') return { kind, text: data }
  if (kind !== null) throw new TypeError(`the contract says ${kind}, but the data is ${typeof data}`)
  const json: string | undefined = JSON.stringify(data)
  if (json === undefined) throw new TypeError(`the data is ${typeof data}, which JSON cannot hold`)
  return { kind: 'json', json }
}

/**
 * Checks outgoing data against its schema, which tests switch on. A message of JSON must also arrive
 * unchanged. The type of a number does not exclude `NaN` and infinity, which JSON turns into `null`.
 *
 * @throws TypeError that names the fault
 */
export function assertValid(schema: Schema, data: unknown, what: string): void {
  const verdict = check(schema, data)
  if (!verdict.ok) throw new TypeError(`${what} does not fit its schema: ${verdict.issue}`)
  const fault = rawKind(schema) === null ? jsonFault(data, '') : null
  if (fault !== null) throw new TypeError(`${what} does not arrive as it is sent: ${fault}`)
}

/**
 * What JSON would change in a value, and where; `null` when it changes nothing. @param at the path of the
 * value, for people
 */
function jsonFault(value: unknown, at: string, depth = 0): string | null {
  const here = at === '' ? 'it' : `'${at}'`
  if (typeof value === 'number') return Number.isFinite(value) ? null : `${here} is ${value}`
  if (value === null || ['string', 'boolean'].includes(typeof value)) return null
  if (value === undefined) return depth === 0 ? null : `${here} is undefined`
  if (typeof value !== 'object') return `${here} is a ${typeof value}`
  if (depth === maxJsonDepth) return `${here} is nested deeper than ${maxJsonDepth}`
  const isList = Array.isArray(value)
  // a Map, a Date, bytes or an Error have another name here, also when they are of another realm
  const kind = isList ? '' : Object.prototype.toString.call(value).slice(8, -1)
  if (!isList && (kind !== 'Object' || 'toJSON' in value)) return `${here} is no plain object (${kind})`
  for (const [key, one] of isList ? value.entries() : Object.entries(value)) {
    // a field that is undefined is left out, like a missing one
    const fault =
      one === undefined && !isList
        ? null
        : jsonFault(one, at === '' ? String(key) : `${at}.${key}`, depth + 1)
    if (fault !== null) return fault
  }
  return null
}
