import type { Body, Payload } from '../../wire/body.ts'
import { type Direction, rawKind } from '../../wire/contract.ts'
import type { Denial } from '../../wire/errors.ts'
import { decodeFrame, encodeFrame, encodeMessage, glimpseId, type RawFrame } from '../../wire/frame.ts'
import { decodePlain, encodePlain, encodePlainError } from '../../wire/plain.ts'
import { isSchema } from '../../wire/schema.ts'
import { refusalOf } from '../access/denial-response.ts'

/** A credential that a peer sends on an open connection, and the nonce of the request that it answers. */
export interface NewCredential {
  readonly nonce: string
  /** `bearer` or `ticket`. */
  readonly scheme: string
  readonly token: string
}

/** What a peer asks for with one payload. */
export type PeerCommand =
  | {
      readonly do: 'message'
      /**
       * The path of the channel that the payload is for, as the peer names it; `null` on the plain wire,
       * which has only one.
       */
      readonly in: unknown
      readonly type: string | null
      readonly data: unknown
      readonly id: string | null
      /** The trace context as the peer sent it, not yet checked. */
      readonly trace?: unknown
    }
  | {
      readonly do: 'call'
      readonly in: unknown
      readonly type: string
      readonly data: unknown
      readonly id: string
      readonly trace?: unknown
    }
  | { readonly do: 'cancel'; readonly in: unknown; readonly id: string }
  | ({ readonly do: 'refresh' } & NewCredential)
  | { readonly do: 'ping' }
  | { readonly do: 'pong' }
  | { readonly do: 'nothing' }
  | {
      readonly do: 'invalid'
      /** The short word of the denial. */
      readonly code: string
      readonly issue: string
      readonly id: string | null
      readonly mismatch: boolean
    }

/**
 * What a denial is about: the channel, the id of the message if it has one, and the id of the handshake,
 * under which logs name the socket.
 */
export interface Refused {
  readonly path: string
  readonly id: string | null
  readonly ref: string
}

/** Encodes and decodes what a peer sends and receives, on the plain wire or in `sallyport.v1`. */
export interface Codec {
  readonly framed: boolean
  /** Decodes a payload. Its JSON may hold at most `maxValues` values. */
  read(payload: Payload, maxValues: number): PeerCommand
  /** Encodes a message of the channel at this path. */
  message(path: string, type: string | null, body: Body): Payload
  /** Encodes a denial for the sender. `null` where this wire cannot carry one: the socket closes instead. */
  denial(denial: Denial, about: Refused): Payload | null
}

const nothing: PeerCommand = { do: 'nothing' }
const invalid = (issue: string, id: string | null = null): PeerCommand => ({
  do: 'invalid',
  code: 'invalid-message',
  issue,
  id,
  mismatch: false,
})

/** The plain wire: bare messages for wscat, a script or a bare `new WebSocket`. */
export function plainCodec(client: Direction, server: Direction): Codec {
  const isRaw = isSchema(server) && rawKind(server) !== null
  return {
    framed: false,
    message: (_path, type, body) => encodePlain(type, body),
    denial: (denial) => (isRaw ? null : encodePlainError(server, denial)),
    read(payload, maxValues) {
      const reading = decodePlain(client, payload, maxValues)
      if (!reading.ok) {
        const { code, issue, mismatch } = reading
        return { do: 'invalid', code, issue, id: null, mismatch }
      }
      const { type, data } = reading
      // of the same fields as a message in a frame
      return { do: 'message', in: null, type, data, id: null, trace: undefined }
    },
  }
}

/** The frames of `sallyport.v1`. All peers that speak it share one codec. */
export const frameCodec: Codec = {
  framed: true,
  message: (path, type, body) => encodeMessage({ in: path, type }, body),
  denial: (denial, { path, id, ref }) =>
    encodeFrame({ op: 'err', in: path, ...(id === null ? {} : { id }), ...refusalOf(denial, ref) }),
  read(payload, maxValues) {
    const reading = decodeFrame(payload, maxValues)
    if (reading.ok) return commandOf(reading.frame)
    const { code, issue } = reading
    return { do: 'invalid', code, issue, id: glimpseId(payload), mismatch: false }
  },
}

function commandOf(frame: RawFrame): PeerCommand {
  const { op, type = null, data, trace } = frame
  const id = frame['id'] ?? null
  if (op === 'ping' || op === 'pong') return { do: op }
  if (op === 'auth') return refreshOf(frame)
  if (id !== null && !isId(id)) return invalid("an 'id' is a text of 1 to 64 characters")
  if (op !== 'msg' && op !== 'call' && op !== 'cancel') return nothing
  // a frame without a channel is for no channel
  const channel = frame['in'] ?? ''
  if (op === 'cancel')
    return id === null ? invalid('a cancel names the call by its id') : { do: 'cancel', in: channel, id }
  if (type !== null && typeof type !== 'string') return invalid("a 'type' is a text", id)
  if (op === 'msg') return { do: 'message', in: channel, type, data, id, trace }
  return type === null || id === null
    ? invalid("a call has a 'type' and an 'id'", id)
    : { do: 'call', in: channel, type, data, id, trace }
}

function refreshOf({ nonce, token, scheme = 'bearer' }: RawFrame): PeerCommand {
  const known = scheme === 'bearer' || scheme === 'ticket'
  return known && isId(nonce) && typeof token === 'string' && token !== ''
    ? { do: 'refresh', nonce, scheme, token }
    : invalid("an 'auth' has the 'nonce' of the question and a 'token'; its 'scheme' is bearer or ticket")
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= 64
}
