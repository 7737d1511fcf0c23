import { Receiver as FrameParser } from 'ws'
import type { Payload } from '../../wire/body.ts'

/** A listener to the frames of a peer. */
export interface FrameListener {
  message(payload: Payload, bytes: number): void
  pinged(data: Uint8Array): void
  ponged(): void
  /** The peer has sent its close frame; 1005 when it named no code. */
  concluded(code: number, reason: string): void
  /** The peer broke a rule; no call follows. */
  broken(code: number): void
  /** There is room for more. */
  ready(): void
}

/** The bounds of one connection's messages. */
export interface FrameReaderBounds {
  readonly messageBytes: number
  readonly fragments: number
}

/**
 * The chunks that may wait for the rest of a frame: the bound of ws against tiny pieces (CVE-2026-48779), but
 * far lower. Larger messages may arrive in more of them, of 64 bytes on average.
 */
function bufferedChunks(messageBytes: number): number {
  return Math.max(1_024, Math.ceil(messageBytes / 64))
}

/** The close codes for what the parser of ws refuses; every other fault breaks the protocol, 1002. */
const faults: ReadonlyMap<string, number> = new Map([
  ['WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 1009],
  ['WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH', 1009],
  ['WS_ERR_TOO_MANY_BUFFERED_PARTS', 1008],
  ['WS_ERR_INVALID_UTF8', 1007],
])

/** Reads the frames of one connection with the parser of ws, which checks them by RFC 6455 section 5. */
export class FrameReader extends FrameParser {
  readonly listener: FrameListener

  constructor(listener: FrameListener, { messageBytes, fragments }: FrameReaderBounds) {
    super({
      isServer: true,
      maxPayload: messageBytes,
      maxFragments: fragments,
      maxBufferedChunks: bufferedChunks(messageBytes),
      allowSynchronousEvents: true,
      skipUTF8Validation: false,
    })
    this.listener = listener
    this.on('message', onMessage).on('ping', onPing).on('pong', onPong)
    this.on('conclude', onConclude).on('error', onError).on('drain', onDrain)
  }

  /** Bounds the size of messages from now on. */
  bound(messageBytes: number): void {
    this._maxPayload = messageBytes
    this._maxBufferedChunks = bufferedChunks(messageBytes)
  }
}

// functions with `this`, so that ten thousand parsers share them

function onMessage(this: FrameReader, data: Buffer, isBinary: boolean): void {
  // a copy: the buffer belongs to the reads of this socket, or of all sockets, and a view would keep all of
  // it in memory
  this.listener.message(isBinary ? new Uint8Array(data) : data.toString('utf8'), data.length)
}

function onPing(this: FrameReader, data: Buffer): void {
  this.listener.pinged(data)
}

function onPong(this: FrameReader): void {
  this.listener.ponged()
}

function onConclude(this: FrameReader, code: number, reason: Buffer): void {
  this.listener.concluded(code, reason.toString('utf8'))
}

function onError(this: FrameReader, { code = '' }: { readonly code?: string }): void {
  this.listener.broken(faults.get(code) ?? 1002)
}

function onDrain(this: FrameReader): void {
  this.listener.ready()
}
