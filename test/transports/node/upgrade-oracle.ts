import type { IncomingMessage } from 'node:http'
import { Denial } from '../../../src/wire/errors.ts'

/** What is read of an upgrade request, as the plain reader below sees it. */
export interface PlainUpgrade {
  readonly path: string
  readonly query: string
  readonly host: string
  readonly origin: string | null
  readonly key: string
  readonly offered: readonly string[]
  readonly authorization: string | null
  readonly cookies: string | null
  readonly keys: readonly string[]
  readonly forwardedFor: string | null
  readonly forwardedProto: string | null
}

const single: readonly string[] = [
  'host',
  'origin',
  'authorization',
  'proxy-authorization',
  'sec-websocket-key',
  'sec-websocket-version',
  'upgrade',
  'content-length',
  'transfer-encoding',
]

/**
 * Reads an upgrade request in the plainest way: a map of all headers, a list for each, an expression for each rule. It is
 * slow, and says what the reader of the product must say.
 */
export function plainlyRead(
  request: Pick<IncomingMessage, 'rawHeaders' | 'method' | 'httpVersion' | 'url'>,
  headerBytes: number,
  keyHeaders: readonly string[],
): PlainUpgrade {
  const headers = headersOf(request.rawHeaders, headerBytes)
  for (const name of [...single, ...keyHeaders])
    if ((headers.get(name)?.length ?? 0) > 1) bad(`the header '${name}' appears twice`)
  const one = (name: string): string | null => headers.get(name)?.[0] ?? null
  const all = (name: string): readonly string[] => headers.get(name) ?? []
  if (request.method !== 'GET' || request.httpVersion !== '1.1')
    bad('a WebSocket begins with GET over HTTP/1.1')
  if (one('transfer-encoding') !== null || (one('content-length') ?? '0') !== '0')
    bad('an upgrade request has no body')
  const tokens = all('connection').flatMap(items)
  if (
    one('upgrade')?.toLowerCase() !== 'websocket' ||
    !tokens.some((token) => token.toLowerCase() === 'upgrade')
  )
    throw new Denial(426, 'upgrade-required', 'this address accepts WebSocket alone')
  if (one('sec-websocket-version') !== '13')
    throw new Denial(426, 'upgrade-required', 'only version 13 is supported')
  return {
    ...target(request.url ?? ''),
    host: hostOf(one('host')),
    origin: one('origin'),
    key: keyOf(one('sec-websocket-key') ?? ''),
    offered: all('sec-websocket-protocol').flatMap(items),
    authorization: one('authorization'),
    cookies: headers.get('cookie')?.join('; ') ?? null,
    keys: keyHeaders.flatMap((name) => one(name) ?? []),
    forwardedFor: headers.get('x-forwarded-for')?.join(',') ?? null,
    forwardedProto: headers.get('x-forwarded-proto')?.join(',') ?? null,
  }
}

function headersOf(raw: readonly string[], headerBytes: number): ReadonlyMap<string, readonly string[]> {
  if (raw.length > 200) tooLarge('there are more than 100 header lines')
  const headers = new Map<string, string[]>()
  let bytes = 0
  for (let index = 0; index < raw.length; index += 2) {
    const [name = '', value = ''] = [raw[index]?.toLowerCase(), raw[index + 1]]
    bytes += name.length + value.length + 4
    const strict = name.startsWith('sec-websocket-') || single.includes(name)
    const fits = strict ? /^[\t\x20-\x7e]*$/.test(value) : !/[\x00-\x08\x0a-\x1f\x7f]/.test(value)
    if (!fits) bad('a header holds a character that is not allowed')
    headers.set(name, [...(headers.get(name) ?? []), value])
  }
  if (bytes > headerBytes) tooLarge(`the headers are larger than ${headerBytes} bytes`)
  return headers
}

function items(header: string): readonly string[] {
  return header.trim() === '' ? [] : header.split(',').map((part) => part.trim())
}

function target(url: string): { readonly path: string; readonly query: string } {
  const [, path = '', query = ''] = /^([^?]*)(?:\?(.*))?$/s.exec(url) ?? []
  if (!/^\/[\w\-.~!$&'()*+,;=:@%/]*$/.test(path) || path.startsWith('//') || !/^[!"$-~]*$/.test(query))
    bad('the request target is malformed')
  if (/\/(?:\.|%2e){1,2}(?:\/|$)/i.test(path)) bad('the request target holds a dot segment')
  return { path, query }
}

function hostOf(host: string | null): string {
  if (host === null) return bad('the Host header is missing')
  const isPlain = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?$/.test(host)
  return isPlain && URL.canParse(`ws://${host}`) ? host : bad('the Host header is malformed')
}

function keyOf(key: string): string {
  return /^[A-Za-z0-9+/]{21}[AQgw]==$/.test(key) ? key : bad('the Sec-WebSocket-Key is missing or malformed')
}

function bad(message: string): never {
  throw new Denial(400, 'bad-request', message)
}

function tooLarge(message: string): never {
  throw new Denial(431, 'headers-too-large', message)
}
