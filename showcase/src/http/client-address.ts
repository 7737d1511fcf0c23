import { BlockList, isIP, isIPv4 } from 'node:net'

/** The plain form of an address: no zone, IPv4 out of its IPv6 mapping, IPv6 in its canonical text. */
export function canonicalAddress(address: string): string | null {
  const bare = address.replace(/%.*$/, '')
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1] ?? bare
  if (isIPv4(mapped)) return mapped
  if (isIP(bare) === 0) return null
  const canonical = new URL(`http://[${bare}]/`).hostname.slice(1, -1)
  const hex = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical)
  return hex === null ? canonical : dotted(hex[1] ?? '0', hex[2] ?? '0')
}

function dotted(high: string, low: string): string {
  const [a, b] = [Number.parseInt(high, 16), Number.parseInt(low, 16)]
  return `${a >> 8}.${a & 255}.${b >> 8}.${b & 255}`
}

/**
 * What a limit is kept by: an IPv4 address as it is, of an IPv6 address the /64 that one customer owns.
 *
 * @example networkPrefix('2001:db8::7') // '2001:db8:0:0::/64'
 */
export function networkPrefix(address: string): string {
  const canonical = canonicalAddress(address)
  if (canonical === null || isIPv4(canonical)) return canonical ?? 'unknown'
  const [front = '', back = ''] = canonical.split('::')
  const head = front === '' ? [] : front.split(':')
  const tail = back === '' ? [] : back.split(':')
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0')
  return `${[...head, ...zeros, ...tail].slice(0, 4).join(':')}::/64`
}

/** Finds the client behind the proxies that are trusted. */
export type ClientAddress = (peer: string | undefined, forwardedFor: string | null) => string

/**
 * Reads `X-Forwarded-For` from the right for as long as the writer of the entry is trusted, so that a client cannot
 * choose its own address.
 *
 * @param trusted addresses and networks, such as `10.0.0.0/8`
 */
export function clientAddress(trusted: readonly string[]): ClientAddress {
  const list = blockList(trusted)
  const isTrusted = (address: string): boolean => list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6')
  return (peer, forwardedFor) => {
    let client = canonicalAddress(peer ?? '') ?? 'unknown'
    for (const hop of (forwardedFor ?? '').split(',').toReversed()) {
      if (isIP(client) === 0 || !isTrusted(client)) return client
      const next = canonicalAddress(hop.trim())
      if (next === null) return client
      client = next
    }
    return client
  }
}

function blockList(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', bits] = network.split('/')
    const family = isIPv4(address) ? 'ipv4' : 'ipv6'
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return list
}
