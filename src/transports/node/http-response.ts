import { hash } from 'node:crypto'
import { type HttpRefusal, titleOf } from '../../core/access/denial-response.ts'

const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** The answer that opens a WebSocket (RFC 6455 section 4.2.2). */
export function switchingProtocols(key: string, protocol: string | null): Uint8Array {
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${hash('sha1', key + guid, 'base64')}`,
    ...(protocol === null ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
  ]
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
}

/** A response without an upgrade: status, headers and body. The connection ends with it. */
export function httpAnswer({ status, headers, body }: HttpRefusal): Uint8Array {
  const lines = Object.entries({
    Date: new Date().toUTCString(),
    ...headers,
    ...connectionHeader(headers),
    'Content-Length': String(Buffer.byteLength(body)),
  })
  const head = lines.map(([name, value]) => `${name}: ${oneLine(value)}\r\n`).join('')
  return Buffer.from(`HTTP/1.1 ${status} ${titleOf(status)}\r\n${head}\r\n${body}`)
}

/** The `Connection` header of a last answer; it names `Upgrade` where that is sent (RFC 9110 section 7.8). */
export function connectionHeader(headers: HttpRefusal['headers']): { readonly Connection: string } {
  return { Connection: headers['Upgrade'] === undefined ? 'close' : 'close, Upgrade' }
}

/**
 * A challenge may contain text of the application: a line end in it must not begin another header
 * (CVE-2020-7695).
 */
function oneLine(value: string): string {
  return value.replaceAll(/[^\t\x20-\x7e]/g, ' ')
}
