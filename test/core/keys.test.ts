import { expect, test } from 'vitest'
import { accountKey } from '../../src/core/keys.ts'

const guest = { user: null }

test('a guest with another handshake id has the same account in the same network', () => {
  const first = accountKey('', { identity: guest, subject: 'guest:1' }, '192.0.2.7')
  expect(accountKey('', { identity: guest, subject: 'guest:2' }, '::ffff:192.0.2.7')).toBe(first)
  expect(accountKey('', { identity: guest, subject: 'guest:1' }, '192.0.2.8')).not.toBe(first)
})

test('guests of two addresses in one IPv6 /64 have one account', () => {
  const first = accountKey('', { identity: guest, subject: 'guest:1' }, '2001:db8::1')
  expect(accountKey('', { identity: guest, subject: 'guest:2' }, '2001:db8::ffff')).toBe(first)
})

test('a user has one account in every network', () => {
  const known = { identity: { user: { id: '7' } }, subject: '7' }
  expect(accountKey('', known, '192.0.2.8')).toBe(accountKey('', known, '192.0.2.7'))
})

test('users of one name in two tenants have two accounts', () => {
  const known = { identity: { user: { id: '7' } }, subject: '7' }
  expect(accountKey('acme', known, '192.0.2.7')).not.toBe(accountKey('globex', known, '192.0.2.7'))
})

test('an identity without a user that has a subject pays for itself', () => {
  const robot = { identity: { user: null, subject: 'robot:7' }, subject: 'robot:7' }
  expect(accountKey('', robot, '192.0.2.7')).toBe(accountKey('', robot, '192.0.2.8'))
})

test('a user whose id looks like a network does not pay from the account of guests', () => {
  const known = { identity: { user: { id: '192.0.2.7' } }, subject: '192.0.2.7' }
  const ofGuests = accountKey('', { identity: guest, subject: 'guest:1' }, '192.0.2.7')
  expect(accountKey('', known, '192.0.2.7')).not.toBe(ofGuests)
})
