import type { Body, Payload } from './body.ts'
import { endOfText, isRecord, maxJsonValues, parseJson, type RefusedJson } from './json.ts'
import type { TraceContext } from './trace.ts'
import { decodeUtf8 } from './utf8.ts'

/** Where a kept message stands in its group's history: the run of the history, and the number in it. */
export interface Position {
  readonly epoch: string
  readonly offset: number
  /** Tells apart what two stores have put under one number, where the layer has such marks. A position is given back whole. */
  readonly mark?: string
}

/** A member of a group, as the others see it. */
export interface PresentMember {
  /** The subject: who it is, the same for all of a user's tabs. */
  readonly user: string
  readonly info: unknown
}

/** What a peer is told of a refusal. */
export interface Refusal {
  readonly status: number
  readonly code: string
  readonly message: string
  /** The id under which the operator finds it in the log. */
  readonly ref?: string
  readonly retryAfterMs?: number
}

/** An endpoint that a new credential does not open any more. */
export interface DroppedChannel extends Refusal {
  readonly in: string
}

/** The frames of `sallyport.v1` that a server sends. PROTOCOL.md describes each. */
export type ServerFrame =
  | {
      readonly op: 'hello'
      readonly version: 1
      readonly id: string
      readonly pingMs: number
      readonly limits: { readonly message: number }
    }
  | {
      readonly op: 'opened'
      readonly in: string
      readonly id: string
      readonly grant?: unknown
      readonly members?: readonly PresentMember[]
      readonly count?: number
    }
  | ({ readonly op: 'denied'; readonly in: string } & Refusal)
  | {
      readonly op: 'msg'
      readonly in: string
      readonly type?: string
      readonly data: unknown
      readonly at?: Position
      readonly trace?: TraceContext
    }
  | { readonly op: 'ok'; readonly in: string; readonly id: string; readonly data?: unknown }
  | ({ readonly op: 'err'; readonly in: string; readonly id?: string } & Refusal)
  // `joins` and `leaves`, or `members`, or `count`
  | {
      readonly op: 'presence'
      readonly in: string
      readonly joins?: readonly PresentMember[]
      readonly leaves?: readonly string[]
      readonly members?: readonly PresentMember[]
      readonly count?: number
    }
  | { readonly op: 'changed'; readonly in: string; readonly grant: unknown }
  | { readonly op: 'ask'; readonly nonce: string; readonly withinMs: number }
  | {
      readonly op: 'auth'
      readonly nonce: string
      readonly expiresInMs?: number
      readonly dropped?: readonly DroppedChannel[]
      readonly refused?: Refusal
    }
  | { readonly op: 'ping' | 'pong' }
  | { readonly op: 'bye'; readonly retryAfterMs: number }

/** The frames of `sallyport.v1` that a client sends. */
export type ClientFrame =
  | {
      readonly op: 'msg'
      readonly in: string
      readonly id?: string
      readonly type?: string
      readonly data: unknown
      readonly trace?: TraceContext
    }
  | {
      readonly op: 'call'
      readonly in: string
      readonly id: string
      readonly type: string
      readonly data: unknown
      readonly trace?: TraceContext
    }
  | { readonly op: 'cancel'; readonly in: string; readonly id: string }
  | { readonly op: 'auth'; readonly nonce: string; readonly token: string; readonly scheme?: string }
  | { readonly op: 'ping' | 'pong' }

/** A frame as it came: an object with an `op`; nothing else of it has been looked at. */
export type RawFrame = Readonly<Record<string, unknown>> & { readonly op: string }

/** A frame, or why the payload is none. */
export type FrameReading = { readonly ok: true; readonly frame: RawFrame } | RefusedJson

/** The address and the extras of a message frame. */
export interface MessageHead {
  readonly in: string
  readonly type: string | null
  readonly id?: string
  readonly at?: Position | undefined
  readonly trace?: TraceContext
}

/**
 * A `msg` frame around data that is serialised already. A group's frame is the same bytes for every member: it is
 * addressed by canonical path, never by an id of one connection.
 */
export function encodeMessage(head: MessageHead, body: Body): Payload {
  const fields = fieldsOf(head)
  if (body.kind === 'binary') return binaryFrame(`${fields}}`, body.bytes)
  return `${fields},"data":${body.kind === 'json' ? body.json : JSON.stringify(body.text)}}`
}

/** The fields of a message beside its data, as JSON without the last brace. */
function fieldsOf({ in: path, type, id, at, trace }: MessageHead): string {
  let fields = `{"op":"msg","in":${JSON.stringify(path)}`
  if (id !== undefined) fields += `,"id":${JSON.stringify(id)}`
  if (at !== undefined) fields += `,"at":${JSON.stringify(at)}`
  if (trace !== undefined) fields += `,"trace":${JSON.stringify(trace)}`
  return type === null ? fields : `${fields},"type":${JSON.stringify(type)}`
}

/** Any other frame, as text. */
export function encodeFrame(frame: ServerFrame | ClientFrame): string {
  return JSON.stringify(frame)
}

/**
 * A frame with a list that is encoded already.
 *
 * @param frame the other fields; at least one
 * @param name the field of the list
 * @param list the JSON of its items, with commas between them
 */
export function encodeWithList(
  frame: Readonly<Record<string, unknown>>,
  name: 'joins' | 'members',
  list: string,
): string {
  return `${JSON.stringify(frame).slice(0, -1)},"${name}":[${list}]}`
}

/**
 * Reads a frame. A text frame is one JSON object. A binary frame has three parts: the length of its header in
 * two bytes, big-endian; the header, which is the same JSON object; the payload, which becomes its `data`.
 * The object holds at most `maxValues`, its own fields among them, see {@link parseJson}.
 */
export function decodeFrame(payload: Payload, maxValues: number = maxJsonValues): FrameReading {
  if (typeof payload === 'string') return asFrame(payload, maxValues)
  if (payload.length < 2) return wrong('a binary frame begins with the length of its header')
  const end = headerEnd(payload)
  if (payload.length < end) return wrong('the header of a binary frame is cut short')
  const header = asFrame(decodeUtf8(payload.subarray(2, end)), maxValues)
  return header.ok ? { ok: true, frame: { ...header.frame, data: payload.subarray(end) } } : header
}

/** How much of a frame is looked at for its `id`, in characters. */
const glimpseLength = 1_024
const idField = /"id"\s*:\s*"([^"\\]{1,64})"/y

/**
 * The `id` of a frame that is refused unread, so that the sender is told which one. It is found when it stands among the
 * first 1,024 characters, without escapes, as the client writes it; `null` otherwise.
 */
export function glimpseId(payload: Payload): string | null {
  const text =
    typeof payload === 'string'
      ? payload.slice(0, glimpseLength)
      : decodeUtf8(payload.subarray(2, glimpseLength))
  let depth = 0
  for (let index = 0; index < text.length; index++) {
    const char = text.charAt(index)
    if (char === '{' || char === '[') depth++
    else if (char === '}' || char === ']') depth--
    else if (char === '"') {
      idField.lastIndex = index
      const id = depth === 1 ? idField.exec(text)?.[1] : undefined
      if (id !== undefined) return id
      index = endOfText(text, index + 1)
    }
    // behind the header of a binary frame are its bytes
    if (depth === 0) return null
  }
  return null
}

const wrong = (issue: string): FrameReading => ({ ok: false, code: 'invalid-message', issue })

function headerEnd(payload: Uint8Array): number {
  return 2 + new DataView(payload.buffer, payload.byteOffset).getUint16(0)
}

function asFrame(text: string, maxValues: number): FrameReading {
  const parsed = parseJson(text, maxValues)
  if (!parsed.ok) return parsed
  const { value } = parsed
  return isRecord(value) && hasOp(value)
    ? { ok: true, frame: value }
    : wrong("a frame is a JSON object with an 'op'")
}

function hasOp(value: Readonly<Record<string, unknown>>): value is RawFrame {
  return typeof value['op'] === 'string'
}

/** A binary frame: the length of its header in two bytes, the header, the bytes. @throws TypeError when that is too long */
export function binaryFrame(fields: string, bytes: Uint8Array): Uint8Array {
  const header = new TextEncoder().encode(fields)
  if (header.length > 0xffff) throw new TypeError('the header of a binary frame is too long')
  const joined = new Uint8Array(2 + header.length + bytes.length)
  new DataView(joined.buffer).setUint16(0, header.length)
  joined.set(header, 2)
  joined.set(bytes, 2 + header.length)
  return joined
}
