import { fromBase64url } from '../../wire/from-base64url.ts'
import { type SubprotocolList, subprotocols } from '../../wire/carrier.ts'
import { deny } from '../../wire/errors.ts'
import { aBoolean, anObject, aString, checkedOptions, type OptionKinds, strings } from '../../wire/options.ts'
import type { Carriers, Credentials, ExplicitCredential } from '../api/credentials.ts'

const carrierKinds: OptionKinds<Carriers> = { query: anObject, headers: strings, message: aBoolean }

const queryKinds: OptionKinds<Carriers['query'] & {}> = { bearer: aString, ticket: aString, key: aString }

/**
 * Checks the option `carriers` and returns it. @throws TypeError when a carrier is unknown or of the wrong
 * kind
 */
export function checkedCarriers(carriers: Carriers): Carriers {
  const { query, ...others } = checkedOptions("'carriers'", carriers, carrierKinds)
  return query === undefined
    ? others
    : { ...others, query: checkedOptions("'carriers.query'", query, queryKinds) }
}

/** The parts of a request that can hold credentials, as the transport read them. */
export interface CredentialSources {
  /** The `Authorization` header. */
  readonly authorization: string | null
  /** The `Cookie` header. HTTP/2 sends each cookie in a line of its own (RFC 9113 section 8.2.3): they are joined by `; `. */
  readonly cookies: string | null
  /** The values of the headers that carry an API key, see {@link keyHeaderNames}. */
  readonly keys: readonly string[]
  /** The offered subprotocols, split at commas and trimmed. */
  readonly offered: readonly string[]
  /** The query string without its `?`. */
  readonly query: string
}

/**
 * Query parameters that are treated as credentials, whether their carrier is open or not: they never reach
 * application code.
 */
const queryNames: readonly string[] = ['token', 'access_token', 'ticket']

const defaultKeyHeaders: readonly string[] = ['x-api-key']

/** A request without its credentials. */
export interface SeparatedRequest {
  readonly credentials: Credentials
  /** The subprotocols that may be accepted. */
  readonly protocols: readonly string[]
  /** The query string without credentials. */
  readonly query: string
}

/**
 * Separates the credentials from a request.
 *
 * @throws Denial 400 when a credential is malformed, sent twice, or in a closed carrier, or when two
 * credentials disagree
 */
export function separate(sources: CredentialSources, carriers: Carriers): SeparatedRequest {
  const list = offeredIn(sources.offered)
  const query = queryCredentials(sources.query, carriers)
  let found = sources.authorization === null ? null : authorization(sources.authorization)
  for (const { scheme, value } of list.credentials)
    found = agreed(found, { scheme, value, carrier: scheme === 'ticket' ? 'ticket' : 'subprotocol' })
  for (const value of sources.keys) found = agreed(found, { scheme: 'key', value, carrier: 'header' })
  for (const one of query.found) found = agreed(found, one)
  return {
    credentials: credentials(found, sources.cookies ?? ''),
    protocols: list.names,
    query: query.rest,
  }
}

const noList: SubprotocolList = { names: Object.freeze([]), credentials: [] }

function offeredIn(offered: readonly string[]): SubprotocolList {
  if (offered.length === 0) return noList
  return subprotocols(offered) ?? deny(400, 'bad-subprotocol', malformedProtocols, { httpOnly: true })
}

const malformedProtocols =
  "the subprotocol list is malformed: offer ['sallyport.v1', 'sallyport.bearer.<base64url>'] or ['token', '<jwt>']"

/** Credentials that hold one explicit credential, for a credential that arrives after the handshake. */
export function explicitCredentials(explicit: ExplicitCredential): Credentials {
  return credentials(explicit)
}

/** The items of a header that holds a list, trimmed; an empty item stays, so that it can be refused. */
export function listItems(header: string): readonly string[] {
  const trimmed = header.trim()
  if (trimmed === '') return []
  return trimmed.includes(',') ? trimmed.split(',').map((part) => part.trim()) : [trimmed]
}

/** The headers that carry an API key, in lower case. */
export function keyHeaderNames(carriers: Carriers): readonly string[] {
  return (carriers.headers ?? defaultKeyHeaders).map((name) => name.toLowerCase())
}

/** The first of two credentials. @throws Denial 400 when they are different */
function agreed(first: ExplicitCredential | null, other: ExplicitCredential): ExplicitCredential {
  if (first === null) return other
  if (first.scheme === other.scheme && first.value === other.value) return first
  return deny(400, 'conflicting-credentials', 'the request holds two different credentials: send one', {
    httpOnly: true,
  })
}

const schemeName = /^[A-Za-z][A-Za-z0-9-]*$/
const schemeValue = /^\S(?:.*\S)?$/
/** RFC 6750 section 2.1: any other text in a bearer token is two headers joined, or no token. */
const bearerToken = /^[A-Za-z0-9\-._~+/]+=*$/

/** A scheme, spaces, and a value that has no space at its ends. */
function authorization(header: string): ExplicitCredential {
  const space = header.indexOf(' ')
  const name = space === -1 ? header : header.slice(0, space)
  const value = space === -1 ? '' : withoutSpaces(header, space)
  if (!schemeName.test(name) || !schemeValue.test(value))
    return refuse('authorization', 'is malformed: send "Authorization: Bearer <token>"')
  const scheme = name === 'Bearer' ? 'bearer' : name.toLowerCase()
  if (scheme === 'bearer' && !bearerToken.test(value))
    return refuse('authorization', 'holds a malformed bearer token')
  return { scheme, value, carrier: 'authorization' }
}

/** The text from a place on, without the spaces at both ends. */
function withoutSpaces(text: string, from: number): string {
  let [start, end] = [from, text.length]
  while (text[start] === ' ') start++
  while (end > start && text[end - 1] === ' ') end--
  return text.slice(start, end)
}

function queryCredentials(
  query: string,
  carriers: Carriers,
): { found: readonly ExplicitCredential[]; rest: string } {
  if (!mayHoldCredential(query, carriers)) return { found: none, rest: query }
  const open = new Map(Object.entries(carriers.query ?? {}).map(([scheme, name]) => [name, scheme]))
  const params = new URLSearchParams(query)
  const found: ExplicitCredential[] = []
  for (const name of new Set([...queryNames, ...open.keys()])) {
    const values = queryValues(query, name)
    if (values.length === 0) continue
    const scheme =
      open.get(name) ??
      refuse(
        `query`,
        `holds '${name}', but credentials in the query string are switched off`,
        `carriers: { query: { ${name === 'ticket' ? 'ticket' : 'bearer'}: '${name}' } }`,
      )
    found.push({ scheme, value: queryValue(name, values), carrier: 'query' })
    params.delete(name)
  }
  return { found, rest: params.toString() }
}

const none: readonly ExplicitCredential[] = []

/** Whether a query has a parameter of a name that is treated as a credential: most have none. */
function mayHoldCredential(query: string, carriers: Carriers): boolean {
  for (let start = 0; start < query.length;) {
    const mark = query.indexOf('&', start)
    const end = mark === -1 ? query.length : mark
    if (isCredentialName(nameIn(query.slice(start, end)), carriers)) return true
    start = end + 1
  }
  return false
}

function isCredentialName(name: string | null, { query }: Carriers): boolean {
  if (name === null) return false
  return queryNames.includes(name) || (query !== undefined && Object.values(query).includes(name))
}

function queryValues(query: string, name: string): readonly string[] {
  return query.split('&').flatMap((pair) => {
    const equals = pair.indexOf('=')
    return nameIn(pair) === name ? [equals === -1 ? '' : pair.slice(equals + 1)] : []
  })
}

/** The name of a parameter, percent-decoded; `null` when it is malformed. */
function nameIn(pair: string): string | null {
  const equals = pair.indexOf('=')
  return percentDecoded(equals === -1 ? pair : pair.slice(0, equals))
}

/**
 * The value of a query credential. Percent-encoding is decoded once; `=` and padding stay; a bare `+` stays a plus,
 * because it is part of base64 and no token holds a space.
 */
function queryValue(name: string, values: readonly string[]): string {
  const [first = '', ...more] = values
  if (more.length > 0) return refuse('query', `holds '${name}' more than once`)
  const value = percentDecoded(first)
  return value === null || value === '' ? refuse('query', `holds a malformed '${name}'`) : value
}

function percentDecoded(part: string): string | null {
  if (!part.includes('%')) return part
  try {
    return decodeURIComponent(part)
  } catch {
    return null
  }
}

function refuse(carrier: string, fault: string, detail?: string): never {
  return deny(400, 'bad-credential', `the ${carrier} ${fault}`, {
    httpOnly: true,
    ...(detail === undefined ? {} : { detail }),
  })
}

/** Sets what `limitLookup` does for the credentials of a handshake: it throws when the budget is used up. */
export function setLookupLimit(held: Credentials, assertBudget: () => void): void {
  ConsumedCredentials.setLookupLimit(held, assertBudget)
}

/**
 * What `limitLookup` does for these credentials. It is `null` for those of a refresh, which come from an
 * authenticated peer.
 */
export function lookupLimitOf(held: Credentials): (() => void) | null {
  return ConsumedCredentials.lookupLimitOf(held)
}

function credentials(explicit: ExplicitCredential | null, cookies = ''): Credentials {
  return new ConsumedCredentials(explicit, explicit === null ? cookies : '')
}

/** Keeps the secrets in private fields, so that printing and serialising do not reveal them. */
class ConsumedCredentials implements Credentials {
  readonly #explicit: ExplicitCredential | null
  readonly #cookies: string
  #reads = 0
  #lookupLimit: (() => void) | null = null

  constructor(explicit: ExplicitCredential | null, cookies: string) {
    this.#explicit = explicit
    this.#cookies = cookies
  }

  static setLookupLimit(held: Credentials, assertBudget: () => void): void {
    if (#lookupLimit in held) held.#lookupLimit = assertBudget
  }

  static lookupLimitOf(held: Credentials): (() => void) | null {
    return #lookupLimit in held ? held.#lookupLimit : null
  }

  get explicit(): ExplicitCredential | null {
    return this.#explicit
  }

  get cookieReads(): number {
    return this.#reads
  }

  of(scheme: string): string | null {
    return this.#explicit?.scheme === scheme ? this.#explicit.value : null
  }

  cookie(name: string): string | null {
    const value = cookieNamed(this.#cookies, name)
    if (value !== null) this.#reads++
    return value
  }

  cookies(): string {
    if (this.#cookies !== '') this.#reads++
    return this.#cookies
  }

  toJSON(): string {
    return '[credentials]'
  }
}

function cookieNamed(header: string, name: string): string | null {
  const values = new Set<string>()
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=')
    if (equals !== -1 && withoutBlanks(pair.slice(0, equals)) === name)
      values.add(unquoted(withoutBlanks(pair.slice(equals + 1))))
  }
  if (values.size > 1) refuseCookie(name, 'is there twice with different values')
  const [value] = values
  if (value === undefined) return null
  if (!/^[\x20-\x7e]*$/.test(value)) refuseCookie(name, 'holds a character that is not ASCII')
  return percentDecoded(value) ?? value
}

/**
 * Removes the spaces and tabs at both ends (RFC 6265 section 5.2). `trim` also removes other characters, such
 * as a no-break space, and so makes one name of two.
 */
function withoutBlanks(text: string): string {
  let [start, end] = [0, text.length]
  while (start < end && isBlank(text[start])) start++
  while (end > start && isBlank(text[end - 1])) end--
  return text.slice(start, end)
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t'
}

/**
 * Refuses a malformed cookie. A page of an allowed origin is told by a close code: it cannot read a status,
 * and would come back for ever.
 */
function refuseCookie(name: string, fault: string): never {
  return deny(400, 'bad-credential', `the cookie '${name}' ${fault}`)
}

function unquoted(value: string): string {
  return value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value
}

/**
 * The user and password of Basic credentials (RFC 7617), or `null` when they are malformed. Base64 has one spelling here:
 * the alphabet of RFC 4648 section 4, with its padding.
 */
export function basicPair(value: string): { readonly user: string; readonly password: string } | null {
  // at most two, and only at the end: a search for padding anywhere is quadratic in a header full of it
  const [unpadded = ''] = value.split('=', 1)
  if (!/^={0,2}$/.test(value.slice(unpadded.length)) || value.length % 4 !== 0 || /[-_]/.test(unpadded))
    return null
  const bytes = fromBase64url(unpadded.replaceAll('+', '-').replaceAll('/', '_'))
  if (bytes === null) return null
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    const colon = text.indexOf(':')
    return colon === -1 ? null : { user: text.slice(0, colon), password: text.slice(colon + 1) }
  } catch {
    return null
  }
}
