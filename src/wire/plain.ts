import type { Body, Payload } from './body.ts'
import { type Direction, rawKind, shapeOf } from './contract.ts'
import type { Denial } from './errors.ts'
import { isRecord, maxJsonValues, parseJson, type RefusedJson } from './json.ts'
import { isSchema } from './schema.ts'
import { decodeUtf8 } from './utf8.ts'

/** A message taken from the wire, not validated yet; `type` is `null` for an unnamed shape. */
export interface Received {
  readonly type: string | null
  readonly data: unknown
}

/** A message, or why the payload is none. `mismatch`: text came where binary belongs, or the reverse. */
export type Reading = ({ readonly ok: true } & Received) | (RefusedJson & { readonly mismatch: boolean })

const wrong = (issue: string, mismatch = false): Reading => ({
  ok: false,
  code: 'invalid-message',
  issue,
  mismatch,
})
const read = (type: string | null, data: unknown): Reading => ({ ok: true, type, data })

/**
 * A message on the plain wire: bare JSON, flat and tagged with `type`, so that wscat or a bare `new WebSocket` can read
 * it. Raw shapes travel as they are; a named binary one has a byte with the length of its type, then the type, in front.
 *
 * @throws TypeError when a named message is no object
 */
export function encodePlain(type: string | null, body: Body): Payload {
  switch (body.kind) {
    case 'json':
      return type === null ? body.json : flat(type, body.json)
    case 'text':
      return type === null
        ? body.text
        : `{"type":${JSON.stringify(type)},"data":${JSON.stringify(body.text)}}`
    case 'binary':
      return type === null ? body.bytes : labelled(type, body.bytes)
  }
}

function flat(type: string, json: string): string {
  if (!json.startsWith('{')) throw new TypeError(`the message '${type}' must be an object`)
  const head = `{"type":${JSON.stringify(type)}`
  return json === '{}' ? `${head}}` : `${head},${json.slice(1)}`
}

function labelled(type: string, bytes: Uint8Array): Uint8Array {
  const label = new TextEncoder().encode(type)
  const joined = new Uint8Array(1 + label.length + bytes.length)
  joined[0] = label.length
  joined.set(label, 1)
  joined.set(bytes, 1 + label.length)
  return joined
}

/** Reads a plain payload by the direction of its contract; JSON holds at most `maxValues`, see {@link parseJson}. */
export function decodePlain(
  direction: Direction,
  payload: Payload,
  maxValues: number = maxJsonValues,
): Reading {
  if (isSchema(direction)) return decodeUnnamed(rawKind(direction), payload, maxValues)
  if (typeof payload !== 'string') return decodeLabelled(direction, payload)
  const parsed = parseJson(payload, maxValues)
  return parsed.ok ? decodeNamed(direction, parsed.value) : { ...parsed, mismatch: false }
}

function decodeUnnamed(kind: 'binary' | 'text' | null, payload: Payload, maxValues: number): Reading {
  const isBinary = typeof payload !== 'string'
  if (isBinary !== (kind === 'binary'))
    return wrong(`expected ${isBinary ? 'a text' : 'a binary'} frame`, true)
  if (kind !== null || isBinary) return read(null, payload)
  const parsed = parseJson(payload, maxValues)
  return parsed.ok ? read(null, parsed.value) : { ...parsed, mismatch: false }
}

function decodeNamed(direction: Direction, value: unknown): Reading {
  if (!isRecord(value)) return wrong('a message is a JSON object')
  const { type, ...data } = value
  if (typeof type !== 'string') return wrong("a message has a field 'type'")
  const shape = shapeOf(direction, type)
  return read(type, shape !== null && rawKind(shape.schema) === 'text' ? data['data'] : data)
}

function decodeLabelled(direction: Direction, payload: Uint8Array): Reading {
  const length = payload[0]
  if (length === undefined || payload.length < 1 + length)
    return wrong('a binary message begins with its type')
  const type = decodeUtf8(payload.subarray(1, 1 + length))
  const shape = shapeOf(direction, type)
  if (shape === null || rawKind(shape.schema) !== 'binary') return wrong('no such binary message', true)
  return read(type, payload.subarray(1 + length))
}

/** What the sender of a refused message gets: tagged `error` beside named messages, under `error` beside an unnamed shape. */
export function encodePlainError(direction: Direction, denial: Denial): string {
  const { status, reason: code, message, retryAfterMs } = denial
  const face = { status, code, message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
  return JSON.stringify(isSchema(direction) ? { error: face } : { type: 'error', ...face })
}
