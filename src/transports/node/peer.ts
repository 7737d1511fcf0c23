import { BlockList, isIP, isIPv4, SocketAddress } from 'node:net'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

/** Who is at the other end, behind the proxies that are trusted. */
export interface Peer {
  /** Canonical: an IPv4 address that is mapped into IPv6 is the IPv4 address. */
  readonly address: string
  /** Whether the peer's own wire is encrypted, as far as a trusted proxy says so. */
  readonly secure: boolean
}

/**
 * Finds the peer of a socket; `header` answers the forwarded headers, several lines of one joined with
 * commas.
 */
export type PeerOf = (socket: Socket, header: (name: string) => string | null) => Peer

/**
 * Reads forwarded headers from these proxies alone (addresses or CIDR ranges); anyone else's say nothing.
 *
 * @throws TypeError when an entry is no address and no range
 */
export function peersBehind(proxies: readonly string[]): PeerOf {
  const trusted = new BlockList()
  for (const proxy of proxies) add(trusted, proxy)
  // what is no address, as that of a socket of the file system, is in no list
  const isTrusted = (address: string): boolean => trusted.check(address, familyOf(address))
  return (socket, header) => {
    const direct = canonicalAddress(socket.remoteAddress ?? '')
    const secure = socket instanceof TLSSocket
    if (!isTrusted(direct)) return { address: direct, secure }
    return {
      address: firstStranger(direct, header('x-forwarded-for') ?? '', isTrusted),
      secure: forwardedSecure(header('x-forwarded-proto')) ?? secure,
    }
  }
}

/**
 * Whether a peer has reset before its address could be asked for. It would be counted under no address, so it is not let in;
 * a socket of the file system has no address at either end.
 */
export function hasVanished(socket: Socket): boolean {
  // the own address is a system call, and is kept with the socket: it is asked for only where the other one is missing
  return socket.remoteAddress === undefined && socket.localAddress !== undefined
}

/**
 * Each proxy has appended the address that it saw, so the list is read from its end: the first that is no
 * proxy of ours is the peer, and whatever stands before it is the peer's own invention. A malformed entry
 * ends the search.
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
 * Whether the first of the schemes, which is that of the peer's own wire, is encrypted; `null` when it says nothing. Nothing is
 * decided by it.
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
    throw new TypeError(`'${proxy}' is no proxy: write an address or a range, such as '10.0.0.0/8'`)
  list.addSubnet(address, Number(bits), familyOf(address))
}

/**
 * The one text of an address, so that no bound is evaded by writing it differently (CVE-2026-45364): IPv6 as
 * RFC 5952 has it, without a zone, and an IPv4 address that is mapped into IPv6 as the IPv4 address. Anything
 * else stays as it is.
 */
export function canonicalAddress(text: string): string {
  if (isIPv4(text) || isIP(text) === 0) return text
  const { address } = new SocketAddress({ address: text.replace(/%.*$/, ''), family: 'ipv6' })
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1]
  return mapped ?? address
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv4(address) ? 'ipv4' : 'ipv6'
}
