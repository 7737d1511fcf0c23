import { expect, test } from 'vitest'
import type { AuthorizedPeer } from '../../../src/core/access/authorize.ts'
import { accountKey } from '../../../src/core/groups/address.ts'
import { keysOf } from '../../../src/core/access/registry.ts'

const guest = { user: null }

/** The account of someone at an address, as a socket finds it. */
function accountOf(
  tenant: string,
  who: Pick<AuthorizedPeer, 'identity' | 'subject'>,
  address: string,
): string {
  // the grant and the params have no part in it
  return accountKey(keysOf(who as AuthorizedPeer, { tenant, room: { key: 'room' } }, address))
}

test('a guest with another handshake id has the same account in the same network', () => {
  const first = accountOf('', { identity: guest, subject: 'guest:1' }, '192.0.2.7')
  expect(accountOf('', { identity: guest, subject: 'guest:2' }, '::ffff:192.0.2.7')).toBe(first)
  expect(accountOf('', { identity: guest, subject: 'guest:1' }, '192.0.2.8')).not.toBe(first)
})

test('guests of two addresses in one IPv6 /64 have one account', () => {
  const first = accountOf('', { identity: guest, subject: 'guest:1' }, '2001:db8::1')
  expect(accountOf('', { identity: guest, subject: 'guest:2' }, '2001:db8::ffff')).toBe(first)
})

test('a user has one account in every network', () => {
  const known = { identity: { user: { id: '7' } }, subject: '7' }
  expect(accountOf('', known, '192.0.2.8')).toBe(accountOf('', known, '192.0.2.7'))
})

test('users of one name in two tenants have two accounts', () => {
  const known = { identity: { user: { id: '7' } }, subject: '7' }
  expect(accountOf('acme', known, '192.0.2.7')).not.toBe(accountOf('globex', known, '192.0.2.7'))
})

test('an identity without a user that has a subject pays for itself', () => {
  const robot = { identity: { user: null, subject: 'robot:7' }, subject: 'robot:7' }
  expect(accountOf('', robot, '192.0.2.7')).toBe(accountOf('', robot, '192.0.2.8'))
})

test('a user whose id looks like a network does not pay from the account of guests', () => {
  const known = { identity: { user: { id: '192.0.2.7' } }, subject: '192.0.2.7' }
  const ofGuests = accountOf('', { identity: guest, subject: 'guest:1' }, '192.0.2.7')
  expect(accountOf('', known, '192.0.2.7')).not.toBe(ofGuests)
})
