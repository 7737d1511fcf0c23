import { expect, test } from 'vitest'
import { networkOf } from '../../../src/core/runtime/ip-network.ts'

// proves: address-spelling
test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['::FFFF:192.0.2.7', '192.0.2.7'],
  ['::ffff:c000:207', '192.0.2.7'],
  ['0:0:0:0:0:ffff:c000:0207', '192.0.2.7'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['2001:DB8::1', '2001:db8:0:0'],
  ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8:0:0'],
  ['2001:db8::ffff:ffff:ffff:ffff', '2001:db8:0:0'],
  ['2001:db8:0:0:1::', '2001:db8:0:0'],
  ['2001:db8:0:1::1', '2001:db8:0:1'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
  ['fe80::2%25eth1', 'fe80:0:0:0'],
  ['::', '0:0:0:0'],
  ['::1', '0:0:0:0'],
  ['1::', '1:0:0:0'],
  ['1:2:3:4:5:6:7:8', '1:2:3:4'],
  ['::2:3:4:5:6:7:8', '0:2:3:4'],
  ['64:ff9b::192.0.2.7', '64:ff9b:0:0'],
])('%s answers from %s', (address, network) => {
  expect(networkOf(address)).toBe(network)
})

// a transport hands over what it has; a text that is no address stands for itself alone
test.each(['', 'unknown', ':::', '1::2::3', '1:2:3', '1:2:3:4:5:6:7:8:9', 'g::1', '12345::1', '::%'])(
  "'%s' is no address, or all of one, and stands for itself alone",
  (text) => {
    expect([text, networkOf('::1')]).toContain(networkOf(text))
  },
)
