import { rawKind } from './contract.ts'
import { isBytes } from './is-bytes.ts'
import { check, type Schema } from './schema.ts'

/** The data of one message, serialised once for every wire: JSON text, raw text or bytes. */
export type Body =
  | { readonly kind: 'json'; readonly json: string }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'binary'; readonly bytes: Uint8Array }

/** What one WebSocket message holds: a text frame or a binary frame. */
export type Payload = string | Uint8Array

/**
 * Serialises data as its schema wants it.
 *
 * @throws TypeError when the data cannot be sent: not JSON (a function, `undefined`, a cycle), or not bytes or text
 * where the contract says so
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

/** Checks outgoing data against its schema: what tests switch on. @throws TypeError naming what is wrong */
export function assertValid(schema: Schema, data: unknown, what: string): void {
  const verdict = check(schema, data)
  if (!verdict.ok) throw new TypeError(`${what} does not fit its schema: ${verdict.issue}`)
}
