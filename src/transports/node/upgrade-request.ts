import type { IncomingMessage } from 'node:http'
import { type Carriers } from '../../core/api/credentials.ts'
import { keyHeaderNames, listItems } from '../../core/access/credentials.ts'
import type { ReadRequest } from '../../core/admission/build-handshake.ts'
import { Denial } from '../../wire/errors.ts'

/** The parts of an upgrade request, read once and strictly. Router, guard and handler all see its path. */
export interface UpgradeRequest extends Omit<ReadRequest, 'id' | 'address' | 'secure' | 'known'> {
  /** The `Sec-WebSocket-Key` header. */
  readonly key: string
}

type HeaderLines = ReadRequest['headers']

/**
 * Headers that decide something here. A second one could contradict the first (request smuggling, RFC 9112
 * section 11.2).
 */
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

/** More header lines than browser and proxies together send. Node keeps 2,000 and silently drops the rest. */
const maxHeaderLines = 100

/**
 * Reads an upgrade request (RFC 6455 section 4.2.1). It reads the raw headers, because Node joins some
 * headers that appear twice and drops others.
 *
 * @throws Denial 400 when it is malformed or ambiguous; 426 when it asks for another version or protocol; 431
 * when its headers are too large or too many
 */
export function readUpgrade(
  request: IncomingMessage,
  headerBytes: number,
  carriers: Carriers,
): UpgradeRequest {
  const headers = headersOf(request.rawHeaders, headerBytes)
  assertSingle(headers, [...single, ...keyHeaderNames(carriers)])
  const one = (name: string): string | null => headers.get(name)?.[0] ?? null
  if (request.method !== 'GET' || request.httpVersion !== '1.1')
    bad('a WebSocket begins with GET over HTTP/1.1')
  if (one('transfer-encoding') !== null || (one('content-length') ?? '0') !== '0')
    bad('an upgrade request has no body')
  if (one('upgrade')?.toLowerCase() !== 'websocket' || !connectionUpgrades(headers))
    mustUpgrade('this address accepts WebSocket alone')
  if (one('sec-websocket-version') !== '13') mustUpgrade('only version 13 is supported')
  return {
    ...target(request.url ?? ''),
    host: hostOf(one('host')),
    origin: one('origin'),
    key: keyOf(one('sec-websocket-key') ?? ''),
    offered: (headers.get('sec-websocket-protocol') ?? []).flatMap(listItems),
    headers,
  }
}

/**
 * The path of a request, for logs and to find its server: the part before the query. Empty for a target in
 * absolute form, which is refused and may hold a password.
 */
export function pathOf({ url = '' }: IncomingMessage): string {
  if (!url.startsWith('/')) return ''
  const mark = url.indexOf('?')
  return mark === -1 ? url : url.slice(0, mark)
}

/**
 * Refuses a request that has as many headers as its server keeps, where 0 is all of them. Some versions of
 * Node silently drop the rest, which may hold a contradicting header or the one of the proxy
 * (CVE-2024-37890).
 *
 * @throws Denial 431
 */
export function assertWhole({ rawHeaders }: IncomingMessage, most: number): void {
  if (most > 0 && rawHeaders.length >= 2 * most) tooLarge(`there are ${most} header lines or more`)
}

function headersOf(raw: readonly string[], headerBytes: number): HeaderLines {
  if (raw.length > 2 * maxHeaderLines) tooLarge(`there are more than ${maxHeaderLines} header lines`)
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
  if (bytes > headerBytes)
    tooLarge(
      `the headers are larger than ${headerBytes} bytes`,
      `limits: { headerBytes: ${2 * headerBytes} }`,
    )
  return headers
}

function assertSingle(headers: HeaderLines, names: readonly string[]): void {
  for (const name of names)
    if ((headers.get(name)?.length ?? 0) > 1) bad(`the header '${name}' appears twice`)
}

/**
 * Refuses non-ASCII in the headers that are read here, and control characters in all of them: another parser
 * might take one for a line end (CVE-2026-44546). Other bytes in other headers and cookies are allowed: a
 * script of the site may set a cookie in UTF-8, a proxy may add the name of a city.
 */
function assertPlain(name: string, value: string): void {
  const strict = name.startsWith('sec-websocket-') || single.includes(name)
  const fits = strict ? /^[\t\x20-\x7e]*$/.test(value) : !/[\x00-\x08\x0a-\x1f\x7f]/.test(value)
  if (!fits) bad('a header holds a character that is not allowed')
}

function connectionUpgrades(headers: HeaderLines): boolean {
  return (headers.get('connection') ?? [])
    .flatMap(listItems)
    .some((token) => token.toLowerCase() === 'upgrade')
}

/**
 * The target in origin form (RFC 9112 section 3.2.1). A path that a URL parser would change is refused (dot
 * segments, backslashes, characters outside RFC 3986). So a reader of `url` and the router see the same path.
 */
function target(url: string): { readonly path: string; readonly query: string } {
  const mark = url.indexOf('?')
  const path = mark === -1 ? url : copied(url.slice(0, mark))
  const query = mark === -1 ? '' : url.slice(mark + 1)
  if (!/^\/[\w\-.~!$&'()*+,;=:@%/]*$/.test(path) || path.startsWith('//') || !/^[!"$-~]*$/.test(query))
    bad('the request target is malformed')
  if (/\/(?:\.|%2e){1,2}(?:\/|$)/i.test(path)) bad('the request target holds a dot segment')
  return { path, query }
}

/**
 * V8 keeps the whole text from which a part was cut. A path lives as long as its socket, and a credential in
 * the query after it must not.
 */
function copied(text: string): string {
  return Buffer.from(text).toString()
}

function hostOf(host: string | null): string {
  if (host === null) return bad('the Host header is missing')
  const isPlain = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?$/.test(host)
  return isPlain && URL.canParse(`ws://${host}`) ? host : bad('the Host header is malformed')
}

/** The key is 16 bytes of base64 (RFC 6455 section 4.1). */
function keyOf(key: string): string {
  return /^[A-Za-z0-9+/]{21}[AQgw]==$/.test(key) ? key : bad('the Sec-WebSocket-Key is missing or malformed')
}

function bad(message: string): never {
  throw new Denial(400, 'bad-request', message, { httpOnly: true })
}

function tooLarge(message: string, detail?: string): never {
  throw new Denial(431, 'headers-too-large', message, {
    httpOnly: true,
    ...(detail === undefined ? {} : { detail }),
  })
}

function mustUpgrade(message: string): never {
  throw new Denial(426, 'upgrade-required', message, { httpOnly: true })
}
