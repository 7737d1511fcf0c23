import type { RawFrame } from '../wire/frame.ts'
import { isRecord } from '../wire/json.ts'

/**
 * The frame in the data of a socket, or `null` when the data is no frame. Text is one JSON object. Bytes have
 * three parts: the length of such an object in two bytes, big-endian; the object; its `data`.
 *
 * A server bounds JSON from strangers. A client does not, because it trusts its server and must be small.
 */
export function readFrame(received: unknown): RawFrame | null {
  if (typeof received === 'string') return parsed(received)
  if (!isBuffer(received) || received.byteLength < 2) return null
  const end = 2 + new DataView(received).getUint16(0)
  if (received.byteLength < end) return null
  const header = parsed(new TextDecoder('utf-8', { ignoreBOM: true }).decode(received.slice(2, end)))
  return header && { ...header, data: new Uint8Array(received, end) }
}

/** Also one of another realm, such as a test's. */
function isBuffer(value: unknown): value is ArrayBuffer {
  return Object.prototype.toString.call(value) === '[object ArrayBuffer]'
}

function parsed(text: string): RawFrame | null {
  try {
    const value: unknown = JSON.parse(text)
    return isFrame(value) ? value : null
  } catch {
    return null
  }
}

function isFrame(value: unknown): value is RawFrame {
  return isRecord(value) && typeof value['op'] === 'string'
}
