import { BlockList, isIP, isIPv4, type Socket, SocketAddress } from 'node:net'
import { TLSSocket } from 'node:tls'

/** The peer of a socket, behind the trusted proxies. */
export interface RemoteAddress {
  /** Canonical: an IPv4 address that is mapped into IPv6 is the IPv4 address. */
  readonly address: string
  /** Whether the peer's own wire is encrypted, as far as a trusted proxy says so. */
  readonly secure: boolean
  /** Why others may have the same address; `null` when there is no sign of it. */
  readonly shared: SharedAddress | null
}

/** A sign that several people come from one address. */
export interface SharedAddress {
  /** Each kind is reported once: a header from an unknown peer must not use up the report about a proxy. */
  readonly kind: 'unix' | 'silent' | 'private' | 'public'
  readonly cause: 'unix-socket' | 'silent-proxy' | 'unlisted-proxy'
  /** What to configure. */
  readonly detail: string
}

/** The forwarded headers of a request. Several lines of one header are joined with commas. */
export interface ForwardedHeaders {
  /** `X-Forwarded-For`. */
  readonly forwardedFor: string | null
  /** `X-Forwarded-Proto`. */
  readonly forwardedProto: string | null
}

/** A request whose headers are not looked at. */
export const nothingForwarded: ForwardedHeaders = { forwardedFor: null, forwardedProto: null }

/** Finds the address of a socket. */
export type RemoteAddressOf = (socket: Socket, headers: ForwardedHeaders) => RemoteAddress

/**
 * Reads forwarded headers from these proxies alone (addresses, CIDR ranges, or `unix` for a proxy that
 * connects over a socket of the file system). Headers from other peers are ignored.
 *
 * @throws TypeError when an entry is something else
 */
export function remoteAddressesBehind(proxies: readonly string[]): RemoteAddressOf {
  const trusted = new BlockList()
  for (const proxy of proxies) if (proxy !== unix) add(trusted, proxy)
  const trustsUnix = proxies.includes(unix)
  // a block list costs as much as the rest of a handshake's address
  const trustsAddresses = proxies.some((proxy) => proxy !== unix)
  const isTrusted = (address: string): boolean =>
    address === unix ? trustsUnix : trustsAddresses && trusted.check(address, familyOf(address))
  return (socket, headers) => {
    const direct = directOf(socket)
    const secure = socket instanceof TLSSocket
    const { forwardedFor: forwarded } = headers
    const isProxy = isTrusted(direct)
    const shared = sharedOf(direct, forwarded, isProxy)
    if (!isProxy) return { address: direct, secure, shared }
    return {
      address: firstStranger(direct, forwarded ?? '', isTrusted),
      secure: forwardedSecure(headers.forwardedProto) ?? secure,
      shared,
    }
  }
}

/** The address of a peer that connects over a socket of the file system, and its name in `proxies`. */
const unix = 'unix'

/** A peer that has gone has no address, and is not taken for a socket of the file system. */
function directOf(socket: Socket): string {
  const { remoteAddress } = socket
  if (remoteAddress !== undefined) return canonicalAddress(remoteAddress)
  return socket.destroyed || socket.localAddress !== undefined ? '' : unix
}

/** Addresses near by: this machine, and private networks (RFC 1918, RFC 4193, RFC 6598, link-local). */
const near = new BlockList()
for (const range of [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
])
  add(near, range)
for (const range of ['::1/128', 'fc00::/7', 'fe80::/10']) add(near, range)

/** Whether the address that was found may be shared by many peers. */
function sharedOf(direct: string, forwarded: string | null, isTrusted: boolean): SharedAddress | null {
  if (direct === unix) return unsureUnix(forwarded, isTrusted)
  if (isTrusted || forwarded === null || isIP(direct) === 0) return null
  const kind = near.check(direct, familyOf(direct)) ? 'private' : 'public'
  const caution = kind === 'public' ? ', and only then, because strangers send that header too' : ''
  const detail = `a handshake from ${direct} has X-Forwarded-For, which is ignored, because 'proxies' does not list that address: everyone behind it has one address and one share of the limits. If it is a proxy of yours${caution}: sallyport({ proxies: ['${direct}'] })`
  return { kind, cause: 'unlisted-proxy', detail }
}

function unsureUnix(forwarded: string | null, isTrusted: boolean): SharedAddress | null {
  if (isTrusted && forwarded !== null) return null
  const all =
    'handshakes come over a unix socket, so that all people have one address and one share of the limits.'
  if (isTrusted) {
    const detail = `${all} Let the proxy send X-Forwarded-For`
    return { kind: 'silent', cause: 'silent-proxy', detail }
  }
  const detail = `${all} If only your proxy can open that socket, let it set X-Forwarded-For, and write sallyport({ proxies: ['unix'] })`
  return { kind: 'unix', cause: 'unix-socket', detail }
}

/**
 * Whether a peer has reset before its address was read. It would be counted under no address, so it is
 * refused. A socket of the file system has no address at either end.
 */
export function hasVanished(socket: Socket): boolean {
  // reading the own address is a system call, and it is kept with the socket: it is read only when the other
  // one is missing
  return socket.remoteAddress === undefined && socket.localAddress !== undefined
}

/**
 * Each proxy has appended the address that it saw, so the list is read from its end. The first that is no
 * proxy of ours is the peer; entries before it may be forged by the peer. A malformed entry ends the search.
 */
function firstStranger(direct: string, forwarded: string, isTrusted: (address: string) => boolean): string {
  let nearest = direct
  for (const hop of forwarded.split(',').toReversed()) {
    const address = canonicalAddress(withoutPort(hop.trim()))
    if (isIP(address) === 0) return nearest
    if (!isTrusted(address)) return address
    nearest = address
  }
  return nearest
}

/**
 * Whether the first scheme, which is that of the peer's own connection, is encrypted; `null` when it does not
 * tell. No decision depends on it.
 */
function forwardedSecure(forwarded: string | null): boolean | null {
  const [first = ''] = (forwarded ?? '').split(',', 1)
  const scheme = first.trim().toLowerCase()
  if (scheme === 'https' || scheme === 'wss') return true
  return scheme === 'http' || scheme === 'ws' ? false : null
}

/** Some proxies append the port: `192.0.2.1:443`, `[2001:db8::1]:443`. */
function withoutPort(hop: string): string {
  const [, bracketed, dotted] = /^(?:\[([0-9A-Fa-f:.]+)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+)$/.exec(hop) ?? []
  return bracketed ?? dotted ?? hop
}

function add(list: BlockList, proxy: string): void {
  const [address = '', ...range] = proxy.split('/')
  const width = isIPv4(address) ? 32 : 128
  const [bits = String(width), ...rest] = range
  const isRange = /^\d{1,3}$/.test(bits) && Number(bits) <= width
  if (isIP(address) === 0 || rest.length > 0 || !isRange)
    throw new TypeError(`'${proxy}' is no proxy: write an address, a range such as '10.0.0.0/8', or 'unix'`)
  list.addSubnet(address, Number(bits), familyOf(address))
}

/**
 * The one spelling of an address, so that no limit is evaded by another spelling (CVE-2026-45364): IPv6 as in
 * RFC 5952, without a zone, and an IPv4 address that is mapped into IPv6 as the IPv4 address. Any other text
 * is unchanged.
 */
export function canonicalAddress(text: string): string {
  // only IPv6 has colons
  if (!text.includes(':')) return text
  if (text.startsWith(mappedStart) && isIPv4(text.slice(mappedStart.length)))
    return text.slice(mappedStart.length)
  if (isIP(text) === 0) return text
  const { address } = new SocketAddress({ address: text.replace(/%.*$/, ''), family: 'ipv6' })
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1]
  return mapped ?? address
}

/** How the kernel shows a peer over IPv4 to a server that listens on both. */
const mappedStart = '::ffff:'

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv4(address) ? 'ipv4' : 'ipv6'
}
