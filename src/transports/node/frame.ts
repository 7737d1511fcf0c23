import type { Packet } from '../../core/api/connection.ts'
import { closeReason } from '../../wire/close.ts'

/** Opcodes of RFC 6455 section 5.2. */
export const opcodes = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

/** A frame of the server: final, unmasked (RFC 6455 section 5.1), its length in the shortest form. */
function framed(opcode: number, length: number): { readonly frame: Buffer; readonly start: number } {
  const start = length < 126 ? 2 : length < 65_536 ? 4 : 10
  const frame = Buffer.allocUnsafe(start + length)
  frame[0] = 0x80 | opcode
  frame[1] = start === 2 ? length : start === 4 ? 126 : 127
  if (start === 4) frame.writeUInt16BE(length, 2)
  if (start === 10) frame.writeBigUInt64BE(BigInt(length), 2)
  return { frame, start }
}

/** Header and payload of a packet in one buffer, made once for all its receivers. */
export function frameOf(packet: Packet): Uint8Array {
  return (packet.encoded ??= encoded(packet.payload))
}

function encoded(payload: string | Uint8Array): Uint8Array {
  if (typeof payload === 'string') {
    const { frame, start } = framed(opcodes.text, Buffer.byteLength(payload))
    frame.write(payload, start)
    return frame
  }
  const { frame, start } = framed(opcodes.binary, payload.length)
  frame.set(payload, start)
  return frame
}

/**
 * A close frame; an empty one for 1005, which is never sent. Any other code that may not be sent becomes
 * 1011, and a reason is cut to 123 bytes (RFC 6455 sections 5.5.1 and 7.4).
 */
export function closeFrame(code: number, reason: string): Uint8Array {
  if (code === 1005) return framed(opcodes.close, 0).frame
  const text = closeReason(reason)
  const { frame, start } = framed(opcodes.close, 2 + (text === '' ? 0 : Buffer.byteLength(text)))
  const sent = mayTravel(code) ? code : 1011
  frame[start] = sent >> 8
  frame[start + 1] = sent & 255
  if (text !== '') frame.write(text, start + 2)
  return frame
}

/** Whether a close code may be in a close frame (RFC 6455 section 7.4). */
export function mayTravel(code: number): boolean {
  if (!Number.isInteger(code)) return false
  return (code >= 3000 && code <= 4999) || (code >= 1000 && code <= 1014 && (code < 1004 || code > 1006))
}

/** A ping without data. */
export const pingFrame: Uint8Array = framed(opcodes.ping, 0).frame

/** The pong that answers a ping: the same data (RFC 6455 section 5.5.3). */
export function pongFrame(data: Uint8Array): Uint8Array {
  const { frame, start } = framed(opcodes.pong, data.length)
  frame.set(data, start)
  return frame
}
