import { connect } from 'node:net'
import { randomBytes } from 'node:crypto'

/** A client that reads at a bounded pace, and sends only that it is still there. */
export interface Reader extends Disposable {
  /** The close code that came, if one has. */
  readonly code: number | null
  readonly bytes: number
}

const tickMs = 20
/** More often than the server pings, because no ping is looked for in what is read. */
const pongMs = 10_000
/** A pong without content, whose mask is zero (RFC 6455 section 5.5.3 allows one that was not asked for). */
const pong = Buffer.from([0x8a, 0x80, 0, 0, 0, 0])

/** Opens a socket and reads so many bytes a second from it. */
export function reader(number: number, path: string, user: string, bytesPerSecond: number): Reader {
  const socket = connect({ port: number, host: '127.0.0.1' })
  socket.on('error', () => {})
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\nX-User: ${user}\r\n\r\n`,
  )
  let [bytes, allowed, code] = [0, 0, null as number | null]
  socket.on('data', (chunk) => {
    bytes += chunk.length
    if (bytes > allowed) socket.pause()
    // the last frame of a server: it ends a piece, because nothing follows it
    const at = chunk.lastIndexOf(0x88)
    if (at >= 0 && chunk.length - at === 2 + (chunk[at + 1] ?? 0)) code = chunk.readUInt16BE(at + 2)
  })
  const pace = setInterval(() => {
    allowed = Math.max(allowed, bytes) + (bytesPerSecond * tickMs) / 1_000
    socket.resume()
  }, tickMs)
  const signs = setInterval(() => socket.write(pong), pongMs)
  return {
    get code() {
      return code
    },
    get bytes() {
      return bytes
    },
    [Symbol.dispose]() {
      clearInterval(pace)
      clearInterval(signs)
      socket.destroy()
    },
  }
}
