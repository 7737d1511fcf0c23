import type { IncomingMessage } from 'node:http'
import { Denial } from '../../wire/errors.ts'

/** The parts of an upgrade request, read once and strictly. */
export interface UpgradeRequest {
  /** The path as it came, still percent-encoded: router, guard and handler all see this one. */
  readonly path: string
  /** The query string without its `?`. */
  readonly query: string
  readonly host: string
  readonly origin: string | null
  readonly key: string
  /** The offered subprotocols, in order. */
  readonly offered: readonly string[]
  /** Every header by its name in lower case, in the order of arrival. */
  readonly headers: ReadonlyMap<string, readonly string[]>
}

/** Headers that decide something here: a second one is another opinion (request smuggling, RFC 9112 section 11.2). */
const single = [
  'host',
  'origin',
  'authorization',
  'cookie',
  'sec-websocket-key',
  'sec-websocket-version',
  'upgrade',
  'content-length',
  'x-forwarded-proto',
]

/**
 * Reads an upgrade request (RFC 6455 section 4.2.1).
 *
 * @throws Denial 400 when it is malformed or ambiguous, 426 when it asks for another version or protocol, 431 when its
 * headers are too large
 */
export function readUpgrade(request: IncomingMessage, headerBytes: number): UpgradeRequest {
  const headers = headersOf(request.rawHeaders, headerBytes)
  for (const name of single)
    if ((headers.get(name)?.length ?? 0) > 1) bad(`the header '${name}' stands twice`)
  const one = (name: string): string | null => headers.get(name)?.[0] ?? null
  if (request.method !== 'GET' || request.httpVersion !== '1.1')
    bad('a WebSocket begins with GET over HTTP/1.1')
  if (one('transfer-encoding') !== null || (one('content-length') ?? '0') !== '0')
    bad('an upgrade request has no body')
  if (one('upgrade')?.toLowerCase() !== 'websocket' || !connectionUpgrades(headers))
    mustUpgrade('this address speaks WebSocket')
  if (one('sec-websocket-version') !== '13') mustUpgrade('only version 13 is spoken')
  return {
    ...target(request.url ?? ''),
    host: one('host') ?? bad('the Host header is missing'),
    origin: one('origin'),
    key: keyOf(one('sec-websocket-key')),
    offered: (headers.get('sec-websocket-protocol') ?? []).flatMap(listed),
    headers,
  }
}

function headersOf(raw: readonly string[], headerBytes: number): ReadonlyMap<string, readonly string[]> {
  const headers = new Map<string, string[]>()
  let bytes = 0
  for (let index = 0; index < raw.length; index += 2) {
    const [name = '', value = ''] = [raw[index]?.toLowerCase(), raw[index + 1]]
    bytes += name.length + value.length + 4
    assertPlain(name, value)
    const values = headers.get(name)
    if (values === undefined) headers.set(name, [value])
    else values.push(value)
  }
  if (bytes <= headerBytes) return headers
  throw new Denial(431, 'headers-too-large', `the headers are larger than ${headerBytes} bytes`, {
    httpOnly: true,
  })
}

/** Bytes that another parser might take for a line end (CVE-2026-44546), and all that is not ASCII where we read it. */
function assertPlain(name: string, value: string): void {
  const strict = name.startsWith('sec-websocket-') || single.includes(name)
  const fits = strict ? /^[\t\x20-\x7e]*$/.test(value) : !/[\x00-\x08\x0a-\x1f\x7f\x80-\x9f]/.test(value)
  if (!fits) bad('a header holds a character that has no place there')
}

function connectionUpgrades(headers: ReadonlyMap<string, readonly string[]>): boolean {
  return (headers.get('connection') ?? []).flatMap(listed).some((token) => token.toLowerCase() === 'upgrade')
}

function listed(value: string): readonly string[] {
  const parts = value.split(',').map((part) => part.trim())
  return parts.length === 1 && parts[0] === '' ? [] : parts
}

function target(url: string): { readonly path: string; readonly query: string } {
  if (!url.startsWith('/') || url.startsWith('//') || /[#\\\x00-\x20\x7f-\uffff]/.test(url))
    bad('the request target is malformed')
  const mark = url.indexOf('?')
  return mark === -1 ? { path: url, query: '' } : { path: url.slice(0, mark), query: url.slice(mark + 1) }
}

/** The key is 16 bytes of base64 (RFC 6455 section 4.1). */
function keyOf(key: string | null): string {
  return key !== null && /^[A-Za-z0-9+/]{21}[AQgw]==$/.test(key)
    ? key
    : bad('the Sec-WebSocket-Key is missing or malformed')
}

function bad(message: string): never {
  throw new Denial(400, 'bad-request', message, { httpOnly: true })
}

function mustUpgrade(message: string): never {
  throw new Denial(426, 'upgrade-required', message, { httpOnly: true })
}
