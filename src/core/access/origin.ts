import { Denial, deny } from '../../wire/errors.ts'
import type { Awaitable } from '../runtime/awaitable.ts'
import { withDeadline } from '../runtime/deadline.ts'
import { Remembered } from '../runtime/remembered.ts'
import type { TimerQueue } from '../runtime/timer-queue.ts'

/** What an origin rule gets beside the origin. */
export interface OriginRequest {
  /** The `Host` header, with its port if it has one. */
  readonly host: string
  /** The path as it was sent, still percent-encoded. */
  readonly path: string
  /** The address of the peer, behind the trusted proxies. */
  readonly address: string
  /** Aborted when the peer has gone or the time of the handshake is over. */
  readonly signal: AbortSignal
}

/**
 * Decides about origins that no list can hold: a preview deployment, a domain of a customer. The rule is
 * called at each handshake that has an `Origin`, before anything else is known of the peer. The result `true`
 * allows; any other result does not. Compare the whole origin: a test of its end also allows sibling
 * subdomains (CVE-2023-0957). The rule is called for `null` and `file://` too; a text that is no origin is
 * 403 without a call. An error of the rule is 503, and so is no result within the time of a handshake.
 *
 * @example const preview: OriginRule = (origin) => /^https:\/\/pr-\d{1,5}\.example\.app$/.test(origin)
 */
export type OriginRule = (origin: string, request: OriginRequest) => boolean | Promise<boolean>

/** Which origins may open sockets: a list, or a rule. */
export type Origins = readonly string[] | OriginRule

/** Which origins may open sockets, and under which host names the server may be called. */
export interface OriginRules {
  /** Exact origins such as `https://app.example`, or a rule; `null` means same origin. */
  readonly origins: ReadonlySet<string> | OriginRule | null
  /**
   * The allowed host names of `Host`, in lower case; `null` means any, where no http origin is listed either.
   */
  readonly hosts: ReadonlySet<string> | null
  /** Values of `Host` that were allowed. */
  readonly allowedHosts: Remembered
  /** Origins with a `Host` of the same origin. */
  readonly sameOrigins: Remembered
  /** The origins of sockets, which keep them: those of one origin share its text. */
  readonly ofSockets: Remembered
}

/** So many hosts, and so many origins, are remembered for a server: at most a megabyte each. */
const mostRemembered = 1_000

/**
 * Origins that do not tell which site made a page: a sandboxed frame of any site sends `null`, and a file on
 * the disk sends `file://`.
 */
const anonymous: ReadonlySet<string> = new Set(['null', 'file://'])

/**
 * The rules from an origin list or rule, and a host list. When one of the two lists holds a host, the `Host`
 * header is checked against DNS rebinding: it must be loopback, listed in `hosts`, or the host of a listed
 * http origin.
 *
 * @throws TypeError when an entry is no origin (`scheme://host[:port]`) or no host name: patterns are not
 * supported, because suffix tests also allow sibling subdomains (CVE-2023-0957)
 */
export function originRules(origins: Origins | undefined, hosts: readonly string[] | undefined): OriginRules {
  const list = typeof origins === 'function' ? [] : (origins ?? [])
  for (const origin of list) if (!isOrigin(origin)) throw badOrigin(origin)
  const listed = list.filter(isWebOrigin).map((origin) => new URL(origin).hostname)
  const named = (hosts ?? []).map((host) => hostName(host) ?? badHost(host))
  return {
    origins: origins === undefined || typeof origins === 'function' ? (origins ?? null) : new Set(origins),
    hosts: hosts === undefined && listed.length === 0 ? null : new Set([...listed, ...named]),
    allowedHosts: new Remembered(mostRemembered),
    sameOrigins: new Remembered(mostRemembered),
    ofSockets: new Remembered(mostRemembered),
  }
}

/** The parts of a server that decide about host and origin. */
export interface OriginServer {
  readonly origins: OriginRules
  readonly timers: TimerQueue
  readonly limits: { readonly handshakeMs: number }
}

/**
 * Checks Host and Origin, before anything else is done (RFC 6455 section 10.2; OWASP ASVS 5.0 4.4.2). A rule is asked for no
 * longer than a handshake lasts; a list is asked at once.
 *
 * @throws Denial 400 when Host is malformed, 403 when Host or Origin is not allowed, 503 when a rule fails
 */
export function assertOrigin(
  server: OriginServer,
  request: Omit<OriginRequest, 'host'> & { readonly origin: string | null },
  host: string,
): Awaitable<void> {
  const { origins } = server
  assertHost(origins, host)
  if (request.origin === null) return
  if (typeof origins.origins === 'function') return askRule(server, origins.origins, { request, host })
  const isAllowed = origins.origins?.has(request.origin) ?? isKnownSameOrigin(origins, request.origin, host)
  if (!isAllowed) refuse(...notAllowed)
}

function assertHost({ hosts, allowedHosts }: OriginRules, host: string): void {
  if (allowedHosts.has(host)) return
  const name = hostName(host) ?? deny(400, 'bad-host', 'the Host header is malformed', { httpOnly: true })
  if (hosts !== null && !isLoopback(name) && !hosts.has(name))
    refuse('host-not-allowed', 'this server does not answer under that host name', name)
  allowedHosts.add(host)
}

/** No origin and no host that passes holds a space: so the text of a pair is that of no other pair. */
function isKnownSameOrigin({ sameOrigins }: OriginRules, origin: string, host: string): boolean {
  const pair = `${origin} ${host}`
  if (sameOrigins.has(pair)) return true
  const isSame = isSameOrigin(origin, host)
  if (isSame) sameOrigins.add(pair)
  return isSame
}

/** The answer of a rule is never remembered: it may change, or depend on the path. */
async function askRule(
  server: OriginServer,
  rule: OriginRule,
  { request, host }: { readonly request: Parameters<typeof assertOrigin>[1]; readonly host: string },
): Promise<void> {
  const { origin, path, address, signal: asker } = request
  // a rule is called for origins alone: a rule that parses its origin would throw at any other text
  if (origin === null || !isOrigin(origin)) return refuse(...notAllowed)
  const isAllowed: unknown = await withDeadline(
    server,
    async (signal) => rule(origin, { host, path, address, signal }),
    asker,
  ).catch(unanswered(asker))
  // any result that is not `true` is no permission
  if (isAllowed !== true) refuse(...notAllowed)
}

const notAllowed = ['origin-not-allowed', 'pages of this origin may not open sockets here'] as const

function refuse(code: string, message: string, detail?: string): never {
  return deny(403, code, message, { httpOnly: true, ...(detail === undefined ? {} : { detail }) })
}

/** A rule that fails allows nothing. When the peer has gone or was answered meanwhile, that is no failure. */
function unanswered(asker: AbortSignal): (cause: unknown) => never {
  return (cause) => {
    if (asker.aborted) throw asker.reason
    const message = 'the server could not find out whether this page may open sockets: come back later'
    throw new Denial(503, 'unavailable', message, { httpOnly: true, cause, detail: "asking 'origins'" })
  }
}

/**
 * Whether an origin tells where a page comes from. `null` (a sandboxed frame, a redirect) and `file://` do
 * not: any site can send `null`, so a cookie beside it may have been sent for the page of an attacker.
 */
export function tellsOrigin(origin: string | null): boolean {
  return origin !== null && !anonymous.has(origin)
}

/**
 * Whether a text is an origin as browsers and apps send it: of http or https, of an app scheme (`app://-`,
 * `capacitor://localhost`, `chrome-extension://<id>`), `file://` or `null`.
 */
export function isOrigin(text: string): boolean {
  return isWebOrigin(text) || isAppOrigin(text) || anonymous.has(text)
}

/**
 * Whether it is an origin of http or https. URL accepts `*` as a letter of a host, which would be a pattern
 * that never matches.
 */
function isWebOrigin(text: string): boolean {
  return (
    /^https?:\/\/(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/.test(text) && canonicalOrigin(text) === text
  )
}

/**
 * Whether it is an origin of an app scheme. URL gives such schemes no origin, so the text is compared
 * unchanged.
 */
function isAppOrigin(text: string): boolean {
  const [, scheme = ''] = /^([a-z][a-z0-9+.-]*):\/\/[A-Za-z0-9._-]+(?::\d{1,5})?$/.exec(text) ?? []
  return scheme !== '' && !/^(?:https?|wss?|ftp|file)$/.test(scheme)
}

/** Compares host and port alone: the server does not know the scheme of a proxy in front of it. */
function isSameOrigin(origin: string, host: string): boolean {
  if (!isWebOrigin(origin)) return false
  const { protocol, host: originHost } = new URL(origin)
  return originHost === authority(protocol, host)
}

function authority(protocol: string, host: string): string | null {
  try {
    return new URL(`${protocol}//${host}`).host
  } catch {
    return null
  }
}

/**
 * An origin as browsers write it. For a text that is no origin, or has no host, a value that equals no
 * origin.
 */
function canonicalOrigin(origin: string): string | null {
  try {
    return new URL(origin).origin
  } catch {
    return null
  }
}

/** The host name of a `Host` header, lower case and without its port; `null` when it is malformed. */
function hostName(host: string): string | null {
  if (!/^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?$/.test(host)) return null
  try {
    return new URL(`http://${host}`).hostname
  } catch {
    return null
  }
}

function isLoopback(name: string): boolean {
  return (
    name === 'localhost' ||
    name === '[::1]' ||
    name.endsWith('.localhost') ||
    /^127\.\d+\.\d+\.\d+$/.test(name)
  )
}

function badOrigin(origin: string): TypeError {
  return new TypeError(
    `'${origin}' is no origin: write scheme, host and port as a browser sends them, such as 'https://app.example'; where a list is not enough, 'origins' may be a function`,
  )
}

function badHost(host: string): never {
  throw new TypeError(`'${host}' is no host name: write it without scheme or path, such as 'app.example'`)
}
