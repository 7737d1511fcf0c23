import type { IncomingMessage } from 'node:http'
import { BlockList, isIP, SocketAddress } from 'node:net'
import { TLSSocket } from 'node:tls'

/** Who is at the other end, behind the proxies that are trusted. */
export interface Peer {
  /** Canonical: an IPv4 address that is mapped into IPv6 is the IPv4 address. */
  readonly address: string
  /** Whether the peer's own wire is encrypted, as far as a trusted proxy says so. */
  readonly secure: boolean
}

/** Finds the peer of a request. */
export type PeerOf = (request: IncomingMessage, header: (name: string) => string | null) => Peer

/**
 * Reads forwarded headers from these proxies alone (addresses or CIDR ranges); anyone else's say nothing.
 *
 * @throws TypeError when an entry is no address and no range
 */
export function peersBehind(proxies: readonly string[]): PeerOf {
  const trusted = new BlockList()
  for (const proxy of proxies) add(trusted, proxy)
  const isTrusted = (address: string): boolean =>
    isIP(address) !== 0 && trusted.check(address, familyOf(address))
  return ({ socket }, header) => {
    const direct = canonical(socket.remoteAddress ?? '')
    const encrypted = socket instanceof TLSSocket
    if (!isTrusted(direct)) return { address: direct, secure: encrypted }
    const hops = (header('x-forwarded-for') ?? '').split(',').map((hop) => canonical(hop.trim()))
    // each trusted proxy has appended the address that it saw: the last one that is no proxy of ours is the peer
    const address = hops.findLast((hop) => !isTrusted(hop))
    return {
      address: address !== undefined && isIP(address) !== 0 ? address : direct,
      secure: encrypted || header('x-forwarded-proto') === 'https',
    }
  }
}

function add(list: BlockList, proxy: string): void {
  const [address = '', bits, ...rest] = proxy.split('/')
  const family = isIP(address) === 0 ? null : familyOf(address)
  const isRange =
    bits !== undefined && /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 'ipv4' ? 32 : 128)
  if (family === null || rest.length > 0 || (bits !== undefined && !isRange)) {
    throw new TypeError(`'${proxy}' is no proxy: write an address or a range, such as '10.0.0.0/8'`)
  }
  if (bits === undefined) list.addAddress(address, family)
  else list.addSubnet(address, Number(bits), family)
}

function canonical(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  return isIP(address) === 6 ? new SocketAddress({ address, family: 'ipv6' }).address : address
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4'
}
