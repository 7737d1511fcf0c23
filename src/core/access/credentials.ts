import { fromBase64url } from '../../wire/from-base64url.ts'
import { subprotocols } from '../../wire/carrier.ts'
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
  /** Every header by its name in lower case, with the value of each line. */
  readonly headers: ReadonlyMap<string, readonly string[]>
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
  const list =
    subprotocols(sources.offered) ?? deny(400, 'bad-subprotocol', malformedProtocols, { httpOnly: true })
  const query = queryCredentials(sources.query, carriers)
  const found: ExplicitCredential[] = [
    ...authorization(sources.headers.get('authorization')?.[0]),
    ...list.credentials.map(({ scheme, value }) => ({
      scheme,
      value,
      carrier: scheme === 'ticket' ? ('ticket' as const) : ('subprotocol' as const),
    })),
    ...keyHeaders(sources, carriers),
    ...query.found,
  ]
  return {
    // HTTP/2 sends a cookie in a line of its own (RFC 9113 section 8.2.3)
    credentials: credentials(onlyOne(found), sources.headers.get('cookie')?.join('; ')),
    protocols: list.names,
    query: query.rest,
  }
}

const malformedProtocols =
  "the subprotocol list is malformed: offer ['sallyport.v1', 'sallyport.bearer.<base64url>'] or ['token', '<jwt>']"

/** Credentials that hold one explicit credential, for a credential that arrives after the handshake. */
export function explicitCredentials(explicit: ExplicitCredential): Credentials {
  return credentials(explicit)
}

/** The items of a header that holds a list, trimmed; an empty item stays, so that it can be refused. */
export function listItems(header: string): readonly string[] {
  return header.trim() === '' ? [] : header.split(',').map((part) => part.trim())
}

/** The headers that carry an API key, in lower case. */
export function keyHeaderNames(carriers: Carriers): readonly string[] {
  return (carriers.headers ?? defaultKeyHeaders).map((name) => name.toLowerCase())
}

function onlyOne(found: readonly ExplicitCredential[]): ExplicitCredential | null {
  const [first] = found
  if (first === undefined) return null
  if (found.some((one) => one.scheme !== first.scheme || one.value !== first.value)) {
    deny(400, 'conflicting-credentials', 'the request holds two different credentials: send one', {
      httpOnly: true,
    })
  }
  return first
}

function authorization(header: string | undefined): readonly ExplicitCredential[] {
  if (header === undefined) return []
  const [, scheme = '', value = ''] = /^([A-Za-z][A-Za-z0-9-]*) +(\S(?:.*\S)?) *$/.exec(header) ?? []
  if (value === '') return refuse('authorization', 'is malformed: send "Authorization: Bearer <token>"')
  // RFC 6750 section 2.1: b64token; any other text in a bearer token is two headers joined, or no token
  if (scheme.toLowerCase() === 'bearer' && !/^[A-Za-z0-9\-._~+/]+=*$/.test(value))
    return refuse('authorization', 'holds a malformed bearer token')
  return [{ scheme: scheme.toLowerCase(), value, carrier: 'authorization' }]
}

function keyHeaders(sources: CredentialSources, carriers: Carriers): readonly ExplicitCredential[] {
  return keyHeaderNames(carriers).flatMap((name) => {
    const [value] = sources.headers.get(name) ?? []
    return value === undefined ? [] : [{ scheme: 'key', value, carrier: 'header' as const }]
  })
}

function queryCredentials(
  query: string,
  carriers: Carriers,
): { found: readonly ExplicitCredential[]; rest: string } {
  if (query === '') return { found: [], rest: '' }
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
  return { found, rest: found.length === 0 ? query : params.toString() }
}

function queryValues(query: string, name: string): readonly string[] {
  return query.split('&').flatMap((pair) => {
    const equals = pair.indexOf('=')
    const key = equals === -1 ? pair : pair.slice(0, equals)
    return percentDecoded(key) === name ? [equals === -1 ? '' : pair.slice(equals + 1)] : []
  })
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

function credentials(explicit: ExplicitCredential | null, cookies = ''): Credentials {
  return new ConsumedCredentials(explicit, explicit === null ? cookies : '')
}

/** Keeps the secrets in private fields, so that printing and serialising do not reveal them. */
class ConsumedCredentials implements Credentials {
  readonly #explicit: ExplicitCredential | null
  readonly #cookies: string
  #reads = 0

  constructor(explicit: ExplicitCredential | null, cookies: string) {
    this.#explicit = explicit
    this.#cookies = cookies
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
