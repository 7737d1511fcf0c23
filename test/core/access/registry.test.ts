import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { type SocketKeys, matches, Registry } from '../../../src/core/access/registry.ts'
import { accountKey, identityKey } from '../../../src/core/groups/address.ts'

const keys: SocketKeys = {
  tenant: '',
  subject: 'ada',
  session: 's1',
  token: 't1',
  room: 'lobby',
  account: identityKey('', 'ada'),
}
/** The same keys in a tenant. */
const keysIn = (tenant: string): SocketKeys => ({ ...keys, tenant, account: identityKey(tenant, 'ada') })
const selectors = [{ user: 'ada' }, { session: 's1' }, { token: 't1' }, { room: 'lobby' }]

test('a filter without a name matches no socket', () => {
  expect(matches({}, keys)).toBe(false)
})

test('a filter of one tenant matches no socket of another, whatever else is the same', () => {
  const found = ['', 'acme', 'other'].map((tenant) =>
    matches({ user: 'ada', tenant }, { ...keys, tenant: 'acme' }),
  )
  expect(found).toEqual([false, true, false])
})

test.each(selectors)(
  'a socket that has ended is not found by %j, whatever other socket shared that with it',
  (selector) => {
    const registry = new Registry<{ keys: SocketKeys }>()
    const [one, other] = [{ keys }, { keys }]
    registry.add(one)
    expect(registry.find(selector)).toEqual([one])
    registry.delete(one)
    expect(registry.find(selector)).toEqual([])
    for (const socket of [one, other]) registry.add(socket)
    registry.delete(one)
    expect(registry.find(selector)).toEqual([other])
    registry.delete(other)
    expect([registry.find(selector), registry.of(keys), registry.size]).toEqual([[], [], 0])
  },
)

test('a socket gets the keys of an open one of its account only where all of them are equal', () => {
  const registry = new Registry<{ keys: SocketKeys }>()
  const tab = { ...keys }
  expect(registry.shared(tab)).toBe(tab)
  registry.add({ keys })
  expect(registry.shared(tab)).toBe(keys)
  const others = {
    tenant: 'acme',
    subject: 'bob',
    session: 's2',
    token: 't2',
    room: 'hall',
    network: '10.0.0.0',
  }
  for (const [name, value] of Object.entries(others)) {
    const other = { ...keys, [name]: value }
    expect(registry.shared(other)).toBe(other)
  }
  const elsewhere = { ...keys, account: identityKey('', 'bob') }
  expect(registry.shared(elsewhere)).toBe(elsewhere)
})

test('a socket that has ended is not found by what it would hold now', () => {
  const registry = new Registry<{ keys: SocketKeys }>()
  const socket = { keys }
  registry.add(socket)
  registry.delete(socket)
  registry.move(socket, { ...keys, session: 's2' })
  expect(registry.find({ session: 's2' })).toEqual([])
})

test('of sockets that have ended nothing is kept, however many people had two of them', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const registry = new Registry<{ keys: SocketKeys }>()
  collect()
  const before = process.memoryUsage().heapUsed
  for (let person = 0; person < 50_000; person++) {
    const subject = `person ${person}`
    const theirs = { ...keys, subject, account: identityKey('', subject) }
    const sockets = [{ keys: theirs }, { keys: theirs }]
    for (const socket of sockets) registry.add(socket)
    for (const socket of sockets) registry.delete(socket)
  }
  collect()
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(2_000_000)
  expect(registry.size).toBe(0)
})

/** The keys of a socket, with a count of how often the tenant is read. */
class Counted implements SocketKeys {
  static looks = 0
  readonly subject = 'ada'
  readonly session = undefined
  readonly token = undefined
  readonly room = 'lobby'
  readonly account: string
  readonly #tenant: string

  constructor(tenant: string) {
    this.#tenant = tenant
    this.account = identityKey(tenant, 'ada')
  }

  get tenant(): string {
    Counted.looks++
    return this.#tenant
  }
}

test('sockets of a user are found without a look at the same name in 1,000 other tenants', () => {
  const registry = new Registry<{ keys: SocketKeys }>()
  const sockets = Array.from({ length: 1_000 }, (_, index) => ({ keys: new Counted(`tenant ${index}`) }))
  for (const socket of sockets) registry.add(socket)
  const [first] = sockets
  Counted.looks = 0
  const mine = { account: identityKey('tenant 0', 'ada') }
  expect([registry.of(mine), registry.countOf(mine)]).toEqual([[first], 1])
  expect(registry.find({ user: 'ada', tenant: 'tenant 0' })).toEqual([first])
  expect(Counted.looks).toBeLessThan(10)
})

test('without a tenant a user is found in every tenant and in none, until all sockets have ended', () => {
  const registry = new Registry<{ keys: SocketKeys }>()
  const sockets = ['', 'red', 'red', 'blue'].map((tenant) => ({ keys: keysIn(tenant) }))
  for (const socket of sockets) registry.add(socket)
  expect(registry.find({ user: 'ada' })).toEqual(sockets)
  expect(registry.find({ user: 'ada', tenant: 'red' })).toHaveLength(2)
  for (const socket of sockets.slice(0, 2)) registry.delete(socket)
  expect(registry.find({ user: 'ada' })).toEqual(sockets.slice(2))
  const [moved] = sockets.slice(2)
  if (moved !== undefined) registry.move(moved, keysIn('green'))
  expect(registry.find({ user: 'ada', tenant: 'green' })).toEqual([moved])
  expect(registry.find({ user: 'ada', tenant: 'red' })).toEqual([])
  for (const socket of sockets) registry.delete(socket)
  expect(registry.find({ user: 'ada' })).toEqual([])
})

test('a socket that moves to another session keeps its age among those of its account', () => {
  const registry = new Registry<{ keys: SocketKeys }>()
  const [oldest, other] = [{ keys }, { keys }]
  for (const socket of [oldest, other]) registry.add(socket)
  registry.move(oldest, { ...keys, session: 's2' })
  expect(registry.of(keys)).toEqual([oldest, other])
  expect([registry.find({ session: 's1' }), registry.find({ session: 's2' })]).toEqual([[other], [oldest]])
})

test('a guest is found by its name and by its network, beside a user of the same name', () => {
  const registry = new Registry<{ keys: SocketKeys }>()
  const payer = { tenant: '', subject: 'ada', network: '192.0.2.0' }
  const guest = { keys: { ...keys, ...payer, account: accountKey(payer) } }
  registry.add(guest)
  expect(registry.find({ user: 'ada' })).toEqual([guest])
  const user = { keys }
  registry.add(user)
  expect(registry.find({ user: 'ada' })).toEqual([user, guest])
  expect([registry.of(user.keys), registry.of(guest.keys)]).toEqual([[user], [guest]])
  registry.delete(guest)
  expect([registry.find({ user: 'ada' }), registry.countOf(guest.keys)]).toEqual([[user], 0])
})
