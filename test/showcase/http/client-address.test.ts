import { describe, expect, test } from 'vitest'
import { clientAddress, networkPrefix } from '../../../showcase/src/http/client-address.ts'

describe('the network that limits are kept by', () => {
  test.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::FFFF:c000:207', '192.0.2.7'],
    ['2001:DB8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002:ffff:0:0:1', '2001:db8:1:2::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['not an address', 'unknown'],
  ])('of %s is %s', (address, prefix) => {
    expect(networkPrefix(address)).toBe(prefix)
  })
})

describe('the client behind proxies', () => {
  const find = clientAddress(['10.0.0.0/8', '::1'])

  test('is the peer when the peer is no listed proxy, whatever it claims', () => {
    expect(find('203.0.113.5', '198.51.100.1')).toBe('203.0.113.5')
  })
  test('is what the last of our proxies saw', () => {
    expect(find('10.0.0.1', '6.6.6.6, 198.51.100.1, 10.0.0.2')).toBe('198.51.100.1')
  })
  test('is the last proxy when the header is not an address', () => {
    expect(find('::1', 'unknown')).toBe('::1')
  })
  test('is found for an IPv4 peer that came over IPv6', () => {
    expect(find('::ffff:10.0.0.1', '198.51.100.1')).toBe('198.51.100.1')
  })
  test('is the peer when no proxy is trusted', () => {
    expect(clientAddress([])('127.0.0.1', '198.51.100.1')).toBe('127.0.0.1')
  })
})
