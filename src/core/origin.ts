import { deny } from '../wire/errors.ts'

/** Whose pages may open sockets, and under which names the server answers. */
export interface OriginRules {
  /** Exact origins such as `https://app.example`; `null` means same origin. */
  readonly origins: ReadonlySet<string> | null
  /** The host names in `Host`, lower case; `null` means any, where origins are not listed either. */
  readonly hosts: ReadonlySet<string> | null
}

/**
 * The rules of an origin list and a host list. A host must be loopback, listed in `hosts`, or the host of a listed
 * origin, as soon as one of the two lists is set: that ends DNS rebinding.
 *
 * @throws TypeError when an entry is no origin (`scheme://host[:port]`) or no host name: patterns are not supported,
 * because suffix tests let sibling subdomains in (CVE-2023-0957)
 */
export function originRules(
  origins: readonly string[] | undefined,
  hosts: readonly string[] | undefined,
): OriginRules {
  for (const origin of origins ?? []) if (canonicalOrigin(origin) !== origin) throw badOrigin(origin)
  const listed = (origins ?? []).map((origin) => new URL(origin).hostname)
  const named = (hosts ?? []).map((host) => hostName(host) ?? badHost(host))
  return {
    origins: origins === undefined ? null : new Set(origins),
    hosts: origins === undefined && hosts === undefined ? null : new Set([...listed, ...named]),
  }
}

/**
 * Asks whether this page may knock here, before anything else is done (RFC 6455 section 10.2; OWASP ASVS 5.0 4.4.2).
 *
 * @throws Denial 400 when Host is malformed, 403 when Host or Origin is not allowed
 */
export function assertOrigin(rules: OriginRules, host: string, origin: string | null): void {
  const name = hostName(host) ?? deny(400, 'bad-host', 'the Host header is malformed', { httpOnly: true })
  if (rules.hosts !== null && !isLoopback(name) && !rules.hosts.has(name)) {
    deny(403, 'host-not-allowed', 'this server does not answer under that host name', { httpOnly: true })
  }
  if (origin === null) return
  const allowed = rules.origins === null ? isSameOrigin(origin, host) : rules.origins.has(origin)
  if (!allowed)
    deny(403, 'origin-not-allowed', 'pages of this origin may not open sockets here', { httpOnly: true })
}

/** Compares host and port alone: which scheme a proxy in front speaks cannot be known here. */
function isSameOrigin(origin: string, host: string): boolean {
  if (canonicalOrigin(origin) !== origin) return false
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

/** An origin as browsers write it; no text is equal to that of one without host, or of what is none. */
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
    `'${origin}' is no origin: write scheme, host and port as a browser sends them, such as 'https://app.example'`,
  )
}

function badHost(host: string): never {
  throw new TypeError(`'${host}' is no host name: write it without scheme or path, such as 'app.example'`)
}
