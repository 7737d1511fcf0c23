import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/**
 * The lines of a good upgrade request; a change replaces the header of its name, or takes it away when it is
 * null.
 */
export function upgradeHead(
  path = '/',
  changes: Readonly<Record<string, string | null>> = {},
  more: readonly string[] = [],
): string {
  const headers: Record<string, string | null> = {
    Host: '127.0.0.1',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...changes,
  }
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    value === null ? [] : [`${name}: ${value}`],
  )
  return [`GET ${path} HTTP/1.1`, ...lines, ...more, '', ''].join('\r\n')
}

/** Everything that a server answers to some bytes until it hangs up. */
export async function answerTo(number: number, bytes: string): Promise<string> {
  const socket = await connectAndSend(number, bytes)
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  await Promise.race([once(socket, 'close'), once(socket, 'end')])
  socket.destroy()
  return Buffer.concat(chunks).toString('latin1')
}

/** Sends some bytes and leaves the socket to the test. */
export async function connectAndSend(number: number, bytes: string): Promise<Socket> {
  const socket = connect(number, '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(bytes, 'latin1')
  return socket
}

/** The status of an answer. */
export function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1])
}
