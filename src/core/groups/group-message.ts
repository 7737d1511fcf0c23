import type { Body } from '../../wire/body.ts'
import type { SlowPolicy } from '../../wire/contract.ts'
import type { Position } from '../../wire/frame.ts'
import { isRecord, parseRecord } from '../../wire/json.ts'
import { type TraceContext, traceOf } from '../../wire/trace.ts'
import { decodeUtf8 } from '../../wire/utf8.ts'

/** A message to a group, with all that a node needs to encode it for its members. */
export interface GroupMessage {
  readonly type: string | null
  readonly body: Body
  readonly slow: SlowPolicy
  /** Under `latest`, names the waiting message that this one replaces. */
  readonly key: string
  /** The socket that does not get it. */
  readonly except: string | null
  /** Its position in the history, which its envelope carries; `null` when it is not kept. */
  readonly at: Position | null
  /** The trace context of its sender. */
  readonly trace?: TraceContext
}

/** Encodes a group message: the length of its head in four bytes, the head as JSON, the data. */
export function packGroupMessage(message: GroupMessage): Uint8Array {
  const { type, body, slow, key, except, trace } = message
  const text = new TextEncoder()
  const fields = text.encode(JSON.stringify({ type, slow, key, except, trace, kind: body.kind }))
  const data = body.kind === 'binary' ? body.bytes : text.encode(body.kind === 'json' ? body.json : body.text)
  const packed = new Uint8Array(4 + fields.length + data.length)
  new DataView(packed.buffer).setUint32(0, fields.length)
  packed.set(fields, 4)
  packed.set(data, 4 + fields.length)
  return packed
}

/**
 * Decodes a group message of another node or a store; `null` when it is malformed. The content of a layer is
 * checked, not trusted.
 */
export function unpackGroupMessage(packed: Uint8Array): GroupMessage | null {
  if (packed.length < 4) return null
  const end = 4 + new DataView(packed.buffer, packed.byteOffset).getUint32(0)
  if (packed.length < end) return null
  const head = parseRecord(decodeUtf8(packed.subarray(4, end)))
  return head === null ? null : groupMessageOf(head, packed.subarray(end))
}

function groupMessageOf(head: Readonly<Record<string, unknown>>, data: Uint8Array): GroupMessage | null {
  const { type, slow, key, except, kind } = head
  const trace = traceOf(head['trace'])
  if (typeof key !== 'string' || !isSlow(slow) || !isNameOrNull(type) || !isNameOrNull(except)) return null
  const body = bodyFrom(kind, data)
  if (body === null || !isSendable(type, body)) return null
  return { type, body, slow, key, except, at: null, ...(trace === null ? {} : { trace }) }
}

function bodyFrom(kind: unknown, data: Uint8Array): Body | null {
  if (kind === 'binary') return { kind, bytes: data }
  const text = decodeUtf8(data)
  if (kind === 'json') return { kind, json: text }
  return kind === 'text' ? { kind, text } : null
}

/**
 * Whether the data can be put into a frame unchanged. JSON is pasted without parsing, so it must be JSON, and
 * an object if it has a type.
 */
function isSendable(type: string | null, body: Body): boolean {
  if (body.kind !== 'json') return true
  try {
    const value: unknown = JSON.parse(body.json)
    return type === null || isRecord(value)
  } catch {
    return false
  }
}

const isSlow = (value: unknown): value is SlowPolicy =>
  value === 'close' || value === 'drop' || value === 'latest'
const isNameOrNull = (value: unknown): value is string | null => value === null || typeof value === 'string'
