/**
 * The addresses that one peer can use: an IPv4 address, or the first 64 bits of an IPv6 address, because the
 * peer can choose the rest. All spellings of an address give the same network: upper case, zeros, a zone, and
 * IPv4 mapped into IPv6 (CVE-2026-45364). A text that is no address is returned unchanged.
 *
 * @example networkOf('2001:DB8:0::7%eth0') // '2001:db8:0:0'
 */
export function networkOf(address: string): string {
  // only IPv6 has colons, and every other text is its own network
  if (!address.includes(':')) return address
  const groups = groupsOf(address.toLowerCase().replace(/%.*$/, ''))
  if (groups === null) return address
  const [high = 0, low = 0] = groups.slice(6)
  const isMapped = groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0)
  if (isMapped) return [high >> 8, high & 255, low >> 8, low & 255].join('.')
  return groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')
}

/** The eight groups of an IPv6 address (RFC 4291 section 2.2); `null` when it is malformed. */
function groupsOf(address: string): readonly number[] | null {
  const [head = '', tail, ...more] = withoutDots(address).split('::')
  const [before, after] = [listed(head), listed(tail ?? '')]
  const missing = 8 - before.length - after.length
  if (more.length > 0 || (tail === undefined ? missing !== 0 : missing < 1)) return null
  const groups = [...before, ...Array.from({ length: missing }, () => '0'), ...after]
  return groups.every((group) => /^[0-9a-f]{1,4}$/.test(group))
    ? groups.map((group) => Number.parseInt(group, 16))
    : null
}

function listed(groups: string): readonly string[] {
  return groups === '' ? [] : groups.split(':')
}

/** The last two groups may be written as IPv4. */
function withoutDots(address: string): string {
  return address.replace(/(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/, (_, ...parts: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = parts.slice(0, 4).map(Number)
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
  })
}
