import type { IncomingMessage } from 'node:http'
import { type Carriers } from '../../core/api/credentials.ts'
import { keyHeaderNames, listItems } from '../../core/access/credentials.ts'
import type { ReadRequest } from '../../core/admission/build-handshake.ts'
import { Remembered } from '../../core/runtime/remembered.ts'
import { Denial } from '../../wire/errors.ts'

/**
 * Headers that decide something here. A second one could contradict the first (request smuggling, RFC 9112
 * section 11.2).
 */
const single = [
  'host',
  'origin',
  'authorization',
  'proxy-authorization',
  'sec-websocket-key',
  'sec-websocket-version',
  'upgrade',
  'content-length',
  'transfer-encoding',
] as const

/** Headers that may come in several lines, and how the values of two lines become one. */
const joints: Readonly<Record<string, (first: string, next: string) => string>> = {
  connection: withComma,
  // HTTP/2 sends a cookie in a line of its own (RFC 9113 section 8.2.3)
  cookie: (first, next) => `${first}; ${next}`,
  // a blank line is no list, and no empty item of one
  'sec-websocket-protocol': (first, next) =>
    isBlank(first) ? next : isBlank(next) ? first : withComma(first, next),
  'x-forwarded-for': withComma,
  'x-forwarded-proto': withComma,
}

/** The headers that are read for every server, in the order of their slots. */
const names: readonly string[] = [...single, ...Object.keys(joints)]
const slot = {
  host: names.indexOf('host'),
  origin: names.indexOf('origin'),
  authorization: names.indexOf('authorization'),
  key: names.indexOf('sec-websocket-key'),
  version: names.indexOf('sec-websocket-version'),
  upgrade: names.indexOf('upgrade'),
  contentLength: names.indexOf('content-length'),
  transferEncoding: names.indexOf('transfer-encoding'),
  connection: names.indexOf('connection'),
  cookie: names.indexOf('cookie'),
  protocol: names.indexOf('sec-websocket-protocol'),
  forwardedFor: names.indexOf('x-forwarded-for'),
  forwardedProto: names.indexOf('x-forwarded-proto'),
} as const

/** More header lines than browser and proxies together send. Node keeps 2,000 and silently drops the rest. */
const maxHeaderLines = 100

/** A header that is read here. */
interface KnownHeader {
  readonly name: string
  readonly slot: number
  /** Whether it may hold ASCII alone. */
  readonly isStrict: boolean
  /** Joins the values of two lines; `null` where a second line is refused. */
  readonly join: ((first: string, next: string) => string) | null
}

/** What the upgrade requests of a server are read with. */
export interface UpgradeRules {
  readonly headerBytes: number
  /** The values of a request without headers: one for each header that is read, in the order of their slots. */
  readonly empty: Values
  /** The headers that are read, by the length of their names: of most other headers that is all that is looked at. */
  readonly byLength: readonly (readonly KnownHeader[] | undefined)[]
  /** The slots of the headers that carry an API key. */
  readonly keySlots: readonly number[]
}

/** The rules for the largest size of all headers in bytes, and for the carriers of credentials. */
export function upgradeRules(headerBytes: number, carriers: Carriers): UpgradeRules {
  const keys = keyHeaderNames(carriers)
  const all = [...new Set([...names, ...keys])]
  const known = all.map((name, index): KnownHeader => {
    const isSingle = single.some((one) => one === name)
    const join = keys.includes(name) ? null : (joints[name] ?? null)
    return { name, slot: index, isStrict: isSingle || webSocketHeader.test(name), join }
  })
  const byLength: KnownHeader[][] = []
  for (const header of known) (byLength[header.name.length] ??= []).push(header)
  const empty = known.map(() => undefined)
  return { headerBytes, empty, byLength, keySlots: keys.map((name) => all.indexOf(name)) }
}

/** The value of each header that is read, by its slot. */
type Values = readonly (string | undefined)[]

/** An upgrade request, read once and strictly. Router, guard and handler all see its path. */
export class UpgradeRequest implements ReadRequest {
  readonly path: string
  readonly query: string
  readonly host: string
  /** The `Sec-WebSocket-Key` header. */
  readonly key: string
  readonly offered: readonly string[]
  readonly lines: readonly string[]
  /** The address of the peer, behind the trusted proxies: empty until the transport has found it. */
  address = ''
  /** Whether the peer's own wire is encrypted: the transport finds it with the address. */
  secure = false
  readonly #values: Values
  readonly #keySlots: readonly number[]

  /** @throws Denial 400 when target, host or key are malformed */
  constructor({ url = '', rawHeaders }: IncomingMessage, values: Values, keySlots: readonly number[]) {
    const mark = url.indexOf('?')
    this.path = mark === -1 ? url : copied(url.slice(0, mark))
    this.query = mark === -1 ? '' : url.slice(mark + 1)
    assertTarget(this.path, this.query)
    this.host = hostIn(values[slot.host])
    this.key = keyIn(values[slot.key])
    const protocol = values[slot.protocol]
    this.offered = protocol === undefined ? none : listItems(protocol)
    this.lines = rawHeaders
    this.#values = values
    this.#keySlots = keySlots
  }

  get origin(): string | null {
    return this.#values[slot.origin] ?? null
  }

  get authorization(): string | null {
    return this.#values[slot.authorization] ?? null
  }

  get cookies(): string | null {
    return this.#values[slot.cookie] ?? null
  }

  get keys(): readonly string[] {
    let keys = none
    for (const at of this.#keySlots) {
      const value = this.#values[at]
      if (value !== undefined) keys = [...keys, value]
    }
    return keys
  }

  /** The header `X-Forwarded-For`; several lines are joined with commas, as those of {@link forwardedProto}. */
  get forwardedFor(): string | null {
    return this.#values[slot.forwardedFor] ?? null
  }

  get forwardedProto(): string | null {
    return this.#values[slot.forwardedProto] ?? null
  }
}

const none: readonly string[] = Object.freeze([])

/**
 * Reads an upgrade request (RFC 6455 section 4.2.1). It reads the raw headers, because Node joins some
 * headers that appear twice and drops others.
 *
 * @throws Denial 400 when it is malformed or ambiguous; 426 when it asks for another version or protocol; 431
 * when its headers are too large or too many
 */
export function readUpgrade(request: IncomingMessage, rules: UpgradeRules): UpgradeRequest {
  const values = valuesIn(request.rawHeaders, rules)
  if (request.method !== 'GET' || request.httpVersion !== '1.1')
    bad('a WebSocket begins with GET over HTTP/1.1')
  if (values[slot.transferEncoding] !== undefined || (values[slot.contentLength] ?? '0') !== '0')
    bad('an upgrade request has no body')
  if (values[slot.upgrade]?.toLowerCase() !== 'websocket' || !upgrades(values[slot.connection] ?? ''))
    mustUpgrade('this address accepts WebSocket alone')
  if (values[slot.version] !== '13') mustUpgrade('only version 13 is supported')
  return new UpgradeRequest(request, values, rules.keySlots)
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

/** One pass over all header lines. */
function valuesIn(lines: readonly string[], { headerBytes, empty, byLength }: UpgradeRules): Values {
  if (lines.length > 2 * maxHeaderLines) tooLarge(`there are more than ${maxHeaderLines} header lines`)
  const values = empty.slice()
  let bytes = 0
  let twice: KnownHeader | null = null
  for (let index = 0; index < lines.length; index += 2) {
    const name = lines[index] ?? ''
    const value = lines[index + 1] ?? ''
    bytes += name.length + value.length + 4
    const near = byLength[name.length]
    const header = near === undefined ? undefined : headerNamed(name, near)
    assertPlain(value, header?.isStrict ?? webSocketHeader.test(name))
    if (header === undefined) continue
    const first = values[header.slot]
    if (first === undefined) values[header.slot] = value
    else if (header.join !== null) values[header.slot] = header.join(first, value)
    else if (twice === null || header.slot < twice.slot) twice = header
  }
  if (bytes > headerBytes)
    tooLarge(
      `the headers are larger than ${headerBytes} bytes`,
      `limits: { headerBytes: ${2 * headerBytes} }`,
    )
  if (twice !== null) bad(`the header '${twice.name}' appears twice`)
  return values
}

function headerNamed(name: string, known: readonly KnownHeader[]): KnownHeader | undefined {
  const lower = name.toLowerCase()
  for (const header of known) if (header.name === lower) return header
  return undefined
}

const webSocketHeader = /^sec-websocket-/i
const ascii = /^[\t\x20-\x7e]*$/
const control = /[\x00-\x08\x0a-\x1f\x7f]/

/**
 * Refuses non-ASCII in the headers that are read here, and control characters in all of them: another parser
 * might take one for a line end (CVE-2026-44546). Other bytes in other headers and cookies are allowed: a
 * script of the site may set a cookie in UTF-8, a proxy may add the name of a city.
 */
function assertPlain(value: string, isStrict: boolean): void {
  if (isStrict ? !ascii.test(value) : control.test(value))
    bad('a header holds a character that is not allowed')
}

function withComma(first: string, next: string): string {
  return `${first},${next}`
}

function isBlank(value: string): boolean {
  return value.trim() === ''
}

function upgrades(connection: string): boolean {
  return listItems(connection).some((token) => token.toLowerCase() === 'upgrade')
}

const pathCharacters = /^\/[\w\-.~!$&'()*+,;=:@%/]*$/
const queryCharacters = /^[!"$-~]*$/
const dotSegment = /\/(?:\.|%2e){1,2}(?:\/|$)/i

/**
 * The target in origin form (RFC 9112 section 3.2.1). A path that a URL parser would change is refused (dot
 * segments, backslashes, characters outside RFC 3986). So a reader of `url` and the router see the same path.
 */
function assertTarget(path: string, query: string): void {
  if (!pathCharacters.test(path) || path.startsWith('//') || !queryCharacters.test(query))
    bad('the request target is malformed')
  if (dotSegment.test(path)) bad('the request target holds a dot segment')
}

/**
 * V8 keeps the whole text from which a part was cut. A path lives as long as its socket, and a credential in
 * the query after it must not.
 */
function copied(text: string): string {
  return Buffer.from(text).toString()
}

const hostForm = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?$/
/** Hosts that are well-formed. Servers have few. */
const wellFormed = new Remembered(100)

function hostIn(host: string | undefined): string {
  if (host === undefined) return bad('the Host header is missing')
  if (wellFormed.has(host)) return host
  if (!hostForm.test(host) || !URL.canParse(`ws://${host}`)) bad('the Host header is malformed')
  wellFormed.add(host)
  return host
}

const keyForm = /^[A-Za-z0-9+/]{21}[AQgw]==$/

/** The key is 16 bytes of base64 (RFC 6455 section 4.1). */
function keyIn(key = ''): string {
  return keyForm.test(key) ? key : bad('the Sec-WebSocket-Key is missing or malformed')
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
