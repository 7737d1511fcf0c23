import type { Body, Payload } from '../wire/body.ts'
import { type Direction, rawKind } from '../wire/contract.ts'
import type { Denial } from '../wire/errors.ts'
import { decodeFrame, encodeFrame, encodeMessage, glimpseId, type RawFrame } from '../wire/frame.ts'
import { decodePlain, encodePlain, encodePlainError } from '../wire/plain.ts'
import { isSchema } from '../wire/schema.ts'
import { refusalOf } from './refusal.ts'

/** A credential that a peer brings on an open connection, and the question that it answers. */
export interface NewCredential {
  readonly nonce: string
  /** `bearer` or `ticket`. */
  readonly scheme: string
  readonly token: string
}

/** What a peer asks for with one payload. */
export type Command =
  | {
      readonly do: 'message'
      readonly type: string | null
      readonly data: unknown
      readonly id: string | null
      /** Where it stands in a trace, as the peer says: not looked at yet. */
      readonly trace?: unknown
    }
  | {
      readonly do: 'call'
      readonly type: string
      readonly data: unknown
      readonly id: string
      readonly trace?: unknown
    }
  | { readonly do: 'cancel'; readonly id: string }
  | ({ readonly do: 'refresh' } & NewCredential)
  | { readonly do: 'ping' | 'pong' }
  | { readonly do: 'nothing' }
  | {
      readonly do: 'invalid'
      /** The short word of the denial. */
      readonly code: string
      readonly issue: string
      readonly id: string | null
      readonly mismatch: boolean
    }

/** How one socket reads and writes: the plain wire or `sallyport.v1`. */
export interface Codec {
  readonly framed: boolean
  /** Reads a payload; its JSON holds at most so many values. */
  read(payload: Payload, maxValues: number): Command
  message(type: string | null, body: Body): Payload
  /** A denial for the sender; `null` where this wire has no room for one, and the socket closes instead. */
  denial(denial: Denial, id: string | null, ref: string): Payload | null
}

const nothing: Command = { do: 'nothing' }
const invalid = (issue: string, id: string | null = null): Command => ({
  do: 'invalid',
  code: 'invalid-message',
  issue,
  id,
  mismatch: false,
})

/** Bare messages, for wscat, a script, a bare `new WebSocket`. */
export function plainCodec(client: Direction, server: Direction): Codec {
  const isRaw = isSchema(server) && rawKind(server) !== null
  return {
    framed: false,
    message: encodePlain,
    denial: (denial) => (isRaw ? null : encodePlainError(server, denial)),
    read(payload, maxValues) {
      const reading = decodePlain(client, payload, maxValues)
      if (!reading.ok) {
        const { code, issue, mismatch } = reading
        return { do: 'invalid', code, issue, id: null, mismatch }
      }
      return { do: 'message', ...reading.message, id: null }
    },
  }
}

/** The frames of `sallyport.v1`, for the endpoint at this path. */
export function frameCodec(path: string): Codec {
  return new FrameCodec(path)
}

/** A class, because each socket has its own: three closures for each of them hold more. */
class FrameCodec implements Codec {
  readonly framed = true
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  message(type: string | null, body: Body): Payload {
    return encodeMessage({ in: this.#path, type }, body)
  }

  denial(denial: Denial, id: string | null, ref: string): Payload {
    const refusal = refusalOf(denial, ref)
    return encodeFrame({ op: 'err', in: this.#path, ...(id === null ? {} : { id }), ...refusal })
  }

  read(payload: Payload, maxValues: number): Command {
    const reading = decodeFrame(payload, maxValues)
    if (reading.ok) return commandOf(reading.frame, this.#path)
    const { code, issue } = reading
    return { do: 'invalid', code, issue, id: glimpseId(payload), mismatch: false }
  }
}

function commandOf(frame: RawFrame, path: string): Command {
  const { op, type = null, data, trace } = frame
  const id = frame['id'] ?? null
  if (op === 'ping' || op === 'pong') return { do: op }
  if (op === 'auth') return refreshOf(frame)
  if (id !== null && !isId(id)) return invalid("an 'id' is a text of 1 to 64 characters")
  if (op !== 'msg' && op !== 'call' && op !== 'cancel') return nothing
  if (frame['in'] !== path) return invalid(`nothing is open at that 'in' on this connection`, id)
  if (op === 'cancel')
    return id === null ? invalid('a cancel names the call by its id') : { do: 'cancel', id }
  if (type !== null && typeof type !== 'string') return invalid("a 'type' is a text", id)
  if (op === 'msg') return { do: 'message', type, data, id, trace }
  return type === null || id === null
    ? invalid("a call has a 'type' and an 'id'", id)
    : { do: 'call', type, data, id, trace }
}

function refreshOf({ nonce, token, scheme = 'bearer' }: RawFrame): Command {
  const known = scheme === 'bearer' || scheme === 'ticket'
  return known && isId(nonce) && typeof token === 'string' && token !== ''
    ? { do: 'refresh', nonce, scheme, token }
    : invalid("an 'auth' has the 'nonce' of the question and a 'token'; its 'scheme' is bearer or ticket")
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= 64
}
