import { isUtf8 } from 'node:buffer'
import type { Payload } from '../../wire/body.ts'
import { mayTravel, opcodes } from './frame.ts'

/** A listener to the frames of a peer, and the bounds of its messages. */
export interface FrameListener {
  /** The largest message, in bytes: the sum of its fragments. */
  readonly messageBytes: number
  /** The most fragments of a message; at least 1. */
  readonly fragments: number
  /** @param bytes the size of the payload on the wire */
  message(payload: Payload, bytes: number): void
  pinged(data: Uint8Array): void
  ponged(): void
  /** The peer has sent its close frame; 1005 when it named no code. No call follows. */
  concluded(code: number, reason: string): void
  /** The peer broke a rule; no call follows. */
  broken(code: number): void
}

/** The first byte of a text, and of binary data, in one frame: final, no extension. */
const wholeText = 0x80 | opcodes.text
const wholeBinary = 0x80 | opcodes.binary

/**
 * The chunks that may wait for the rest of a frame, against tiny pieces (CVE-2026-48779). Larger messages may
 * arrive in more chunks, of 64 bytes on average.
 */
function bufferedChunks(messageBytes: number): number {
  return Math.max(1_024, Math.ceil(messageBytes / 64))
}

/**
 * Reads the frames of one connection by RFC 6455 section 5. The payload of a frame that lies in one chunk is
 * unmasked in place, and only the message is copied. What waits for the rest of a message is bounded by the
 * size of a message, by the number of its fragments and by the number of chunks. Between two messages a
 * reader holds nothing: see {@link FrameReader.isIdle}.
 */
export class FrameReader {
  readonly #listener: FrameListener
  /** The chunks from the beginning of a frame whose rest has not come; `null` between two frames. */
  #chunks: Uint8Array[] | null = null
  #chunkBytes = 0
  /** How many bytes from the beginning of that frame must have come before it can be read further. */
  #needed = 0
  /** The opcode of the message whose last fragment has not come; 0 between two messages. */
  #opcode = 0
  /** Its fragments, unmasked. */
  #parts: Uint8Array[] = noParts
  #partBytes = 0
  /** How many fragments have come, the empty ones among them. */
  #fragments = 0
  #ended = false

  constructor(listener: FrameListener) {
    this.#listener = listener
  }

  /** Whether no frame and no message has begun, so that a new reader can read on. */
  get isIdle(): boolean {
    return this.#chunks === null && this.#opcode === 0 && !this.#ended
  }

  /** Takes a chunk, which then belongs to the reader. After a close frame or a fault it does nothing. */
  read(chunk: Uint8Array): void {
    if (this.#ended) return
    const bytes = this.#chunks === null ? chunk : this.#joined(this.#chunks, chunk)
    if (bytes !== null) this.#readFrames(asBuffer(bytes))
  }

  /** The bytes from the beginning of the frame under way; `null` while too few have come. */
  #joined(chunks: Uint8Array[], chunk: Uint8Array): Uint8Array | null {
    if (chunks.length >= bufferedChunks(this.#listener.messageBytes)) {
      this.#break(1008)
      return null
    }
    chunks.push(chunk)
    this.#chunkBytes += chunk.length
    if (this.#chunkBytes < this.#needed) return null
    this.#chunks = null
    return Buffer.concat(chunks, this.#chunkBytes)
  }

  #readFrames(bytes: Buffer): void {
    let at = 0
    while (at < bytes.length) {
      const end = this.#readFrame(bytes, at)
      if (this.#ended) return
      if (end > bytes.length) return this.#wait(bytes.subarray(at), end - at)
      at = end
    }
  }

  #wait(rest: Buffer, needed: number): void {
    // a view of a few bytes would keep all the messages before them in memory
    this.#chunks = [2 * rest.length < rest.buffer.byteLength ? new Uint8Array(rest) : rest]
    this.#chunkBytes = rest.length
    this.#needed = needed
  }

  /**
   * Reads the frame that begins here, if all of it is here.
   *
   * @returns where the frame ends, or a place behind these bytes that must come before it can be read further
   */
  #readFrame(bytes: Buffer, at: number): number {
    if (bytes.length < at + 2) return at + 2
    const first = bytes[at] ?? 0
    const second = bytes[at + 1] ?? 0
    if (!this.#isAllowed(first, second)) return this.#break(1002)
    const short = second & 0x7f
    const start = at + (short < 126 ? 6 : short === 126 ? 8 : 14)
    // the mask is four bytes before the payload, and the length is checked before the mask has come
    if (bytes.length < start - 4) return start - 4
    const length = short < 126 ? short : longLength(bytes, at + 2, short)
    if (length === -1) return this.#break(1002)
    if (first % 16 < 8 && this.#partBytes + length > this.#listener.messageBytes) return this.#break(1009)
    const end = start + length
    if (bytes.length < end) return end
    if (first === wholeText) this.#text(unmaskedText(bytes, start, end), length)
    else this.#take(first, unmasked(bytes, start, end))
    return end
  }

  /** Whether a frame may begin with these two bytes: flags and opcode, the mask bit and the short length. */
  #isAllowed(first: number, second: number): boolean {
    // no extension was agreed on, and clients must mask
    if ((first & 0x70) !== 0 || second < 0x80) return false
    const opcode = first & 0x0f
    if (opcode === 0) return this.#opcode !== 0
    if (opcode < 8) return opcode < 3 && this.#opcode === 0
    // a control frame has one fragment of at most 125 bytes, and a close code has two bytes
    return opcode < 11 && first >= 0x80 && second < 0xfe && (opcode !== opcodes.close || second !== 0x81)
  }

  #text(text: string | null, bytes: number): void {
    if (text === null) this.#break(1007)
    else this.#listener.message(text, bytes)
  }

  #take(first: number, payload: Buffer): void {
    const opcode = first & 0x0f
    // a copy: the chunk may hold other messages
    if (first === wholeBinary) this.#listener.message(new Uint8Array(payload), payload.length)
    else if (opcode < 8) this.#takeFragment(first, new Uint8Array(payload))
    else if (opcode === opcodes.close) this.#conclude(payload)
    else if (opcode === opcodes.ping) this.#listener.pinged(payload)
    else this.#listener.ponged()
  }

  #takeFragment(first: number, part: Uint8Array): void {
    if (++this.#fragments > this.#listener.fragments) return void this.#break(1008)
    if (this.#opcode === 0) {
      this.#opcode = first
      this.#parts = []
    }
    if (part.length > 0) this.#parts.push(part)
    this.#partBytes += part.length
    if (first >= 0x80) this.#finish()
  }

  /** Delivers a message whose last fragment has come. */
  #finish(): void {
    const isText = this.#opcode === opcodes.text
    const whole = Buffer.concat(this.#parts, this.#partBytes)
    this.#forget()
    if (isText) this.#text(textOf(whole), whole.length)
    else this.#listener.message(new Uint8Array(whole), whole.length)
  }

  #conclude(payload: Buffer): void {
    const code = payload.length === 0 ? 1005 : payload.readUInt16BE(0)
    const reason = textOf(payload.subarray(2))
    if (payload.length > 0 && !mayTravel(code)) return void this.#break(1002)
    if (reason === null) return void this.#break(1007)
    this.#end()
    this.#listener.concluded(code, reason)
  }

  #break(code: number): number {
    this.#end()
    this.#listener.broken(code)
    return 0
  }

  #end(): void {
    this.#ended = true
    this.#chunks = null
    this.#forget()
  }

  #forget(): void {
    this.#opcode = 0
    this.#parts = noParts
    this.#partBytes = 0
    this.#fragments = 0
  }
}

/** Shared by all readers between two messages; it stays empty. */
const noParts: Uint8Array[] = []

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** A length of 16 or 64 bits; -1 when it is not in its shortest form. Beyond 2^53 it is not exact. */
function longLength(bytes: Buffer, at: number, short: number): number {
  if (short === 126) {
    const length = bytes.readUInt16BE(at)
    return length < 126 ? -1 : length
  }
  const length = bytes.readUInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4)
  return length < 65_536 ? -1 : length
}

/** Unmasks a payload in place; its mask stands before it. @returns all its bytes, joined by OR */
function unmask(bytes: Buffer, start: number, end: number): number {
  const one = bytes[start - 4] ?? 0
  const two = bytes[start - 3] ?? 0
  const three = bytes[start - 2] ?? 0
  const four = bytes[start - 1] ?? 0
  let bits = 0
  let at = start
  for (; at + 3 < end; at += 4)
    bits |=
      (bytes[at] = (bytes[at] ?? 0) ^ one) |
      (bytes[at + 1] = (bytes[at + 1] ?? 0) ^ two) |
      (bytes[at + 2] = (bytes[at + 2] ?? 0) ^ three) |
      (bytes[at + 3] = (bytes[at + 3] ?? 0) ^ four)
  for (; at < end; at++) bits |= bytes[at] = (bytes[at] ?? 0) ^ (bytes[start - 4 + ((at - start) % 4)] ?? 0)
  return bits
}

function unmasked(bytes: Buffer, start: number, end: number): Buffer {
  unmask(bytes, start, end)
  return bytes.subarray(start, end)
}

/** The text of a masked payload; `null` when it is not UTF-8. */
function unmaskedText(bytes: Buffer, start: number, end: number): string | null {
  const isAscii = unmask(bytes, start, end) < 0x80
  return isAscii ? bytes.toString('latin1', start, end) : textOf(bytes.subarray(start, end))
}

function textOf(bytes: Buffer): string | null {
  return isUtf8(bytes) ? bytes.toString('utf8') : null
}
