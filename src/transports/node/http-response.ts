import { hash } from 'node:crypto'
import { type HttpRefusal, titleOf } from '../../core/access/denial-response.ts'

const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

const switching =
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: '

/** The answer that opens a WebSocket (RFC 6455 section 4.2.2). */
export function switchingProtocols(key: string, protocol: string | null): Uint8Array {
  const chosen = protocol === null ? '' : `Sec-WebSocket-Protocol: ${protocol}\r\n`
  return Buffer.from(`${switching}${hash('sha1', key + guid, 'base64')}\r\n${chosen}\r\n`, 'latin1')
}

/** A response without an upgrade: status, headers and body, to be sent in UTF-8. The connection ends with it. */
export function httpAnswer({ status, headers, body }: HttpRefusal): string {
  let head = `HTTP/1.1 ${status} ${titleOf(status)}\r\nDate: ${dateOf(Date.now())}\r\n`
  for (const name of Object.keys(headers)) head += `${name}: ${oneLine(headers[name] ?? '')}\r\n`
  const { Connection: connection } = connectionHeader(headers)
  return `${head}Connection: ${connection}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}

/** The text of the last second for which a date was asked. */
let [second, date] = [-1, '']

/** The date for a header. It counts seconds, so it is made once in each. */
function dateOf(ms: number): string {
  const now = Math.floor(ms / 1_000)
  if (now !== second) [second, date] = [now, new Date(ms).toUTCString()]
  return date
}

/** The `Connection` header of a last answer; it names `Upgrade` where that is sent (RFC 9110 section 7.8). */
export function connectionHeader(headers: HttpRefusal['headers']): { readonly Connection: string } {
  return { Connection: headers['Upgrade'] === undefined ? 'close' : 'close, Upgrade' }
}

const notInLine = /[^\t\x20-\x7e]/g

/**
 * A challenge may contain text of the application: a line end in it must not begin another header
 * (CVE-2020-7695).
 */
function oneLine(value: string): string {
  return value.replaceAll(notInLine, ' ')
}
