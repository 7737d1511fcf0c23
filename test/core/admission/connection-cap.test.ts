import { describe, expect, test } from 'vitest'
import {
  type Authenticator,
  consumer,
  contract,
  optional,
  type ServerOptions,
  sallyport,
} from '../../../src/index.ts'
import { settled } from '../../../src/testing/clock.ts'
import { testServer, visit } from '../../../src/testing.ts'
import { ada, byName, grace, type User } from '../support/members.ts'

const lobby = contract('/ws/lobby', {})
const application = consumer(lobby, { auth: byName }, () => ({}))
const guests = consumer(lobby, { auth: optional(byName) }, () => ({}))

const capped = (options: ServerOptions = {}) =>
  testServer({ limits: { connectionsPerIdentity: 2 }, ...options })

test('beyond the cap the oldest connection goes, and the newer ones stay', async () => {
  const server = capped()
  const [first, second] = [
    await visit(application, {}, { user: ada, server }),
    await visit(application, {}, { user: ada, server }),
  ]
  const left: string[] = []
  void second.closed.then(() => left.push('second'))
  const third = await visit(application, {}, { user: ada, server })
  void third.closed.then(() => left.push('third'))
  expect(await first.closed).toEqual({
    code: 4409,
    reason: 'replaced: you have opened too many connections since',
  })
  await settled()
  expect([left, server.connections]).toEqual([[], 2])
})

test('one that was asked for again is no younger for it, whatever session it has by then', async () => {
  const server = capped()
  let session = 0
  const renew = async () => ({ user: ada, session: `s${session++}` })
  const renewing = consumer(lobby, { auth: async () => ({ ...(await renew()), renew }) }, () => ({}))
  const first = await visit(renewing, {}, { headers: {}, server })
  const second = await visit(renewing, {}, { headers: {}, server })
  await server.recheck({ session: 's0' })
  await visit(renewing, {}, { headers: {}, server })
  expect((await first.closed).code).toBe(4409)
  await second.nothing()
})

test('a socket that leaves makes room: no other one is evicted for it', async () => {
  const server = capped()
  const first = await visit(application, {}, { user: ada, server })
  const second = await visit(application, {}, { user: ada, server })
  second.leave()
  await second.closed
  await settled()
  await visit(application, {}, { user: ada, server })
  await first.nothing()
  expect(server.connections).toBe(2)
})

test('the cap is that of each identity: other users, other tenants and guests have their own', async () => {
  const auth: Authenticator<User> = async ({ headers }) => {
    const org = headers.get('x-org')
    return org === null ? null : { user: ada, session: org }
  }
  const server = capped({ tenant: ({ session }) => session ?? '' })
  const tenanted = consumer(lobby, { auth }, () => ({}))
  for (const org of ['red', 'blue'])
    for (let count = 0; count < 2; count++) await visit(tenanted, {}, { headers: { 'x-org': org }, server })
  for (const user of [ada, grace])
    for (let count = 0; count < 2; count++) await visit(application, {}, { user, server })
  for (let count = 0; count < 5; count++) await visit(guests, {}, { headers: {}, server })
  await settled()
  expect(server.connections).toBe(13)
})

test('where new connections are refused, both forms of the refusal say when to come back', async () => {
  const server = capped({ whenFull: 'refuse' })
  await visit(application, {}, { user: ada, server })
  await visit(application, {}, { user: ada, server })
  await expect(visit(application, {}, { user: ada, server })).rejects.toMatchObject({
    status: 429,
    code: 'too-many-connections',
    close: {
      code: 4429,
      reason: 'too-many-connections: you have too many connections open: close one of them',
    },
    http: { status: 429, headers: { 'Retry-After': '35' } },
  })
  expect(server.connections).toBe(2)
})

// proves: many-tabs
test.each(['evict', 'refuse'] as const)(
  'however many come at once, no more are in than may be: %s',
  async (whenFull) => {
    const server = capped({ whenFull, limits: { connectionsPerIdentity: 3 } })
    const coming = Array.from({ length: 30 }, () => visit(application, {}, { user: ada, server }))
    const came = await Promise.allSettled(coming)
    await settled()
    expect(server.connections).toBe(3)
    expect(came.filter(({ status }) => status === 'fulfilled')).toHaveLength(whenFull === 'evict' ? 30 : 3)
  },
)

test('a connection that authorize refuses evicts no socket', async () => {
  const server = testServer({ limits: { connectionsPerIdentity: 1 } })
  const closed = consumer(lobby, { auth: byName, authorize: () => null }, () => ({}))
  const first = await visit(application, {}, { user: ada, server })
  await expect(visit(closed, {}, { user: ada, server })).rejects.toMatchObject({ status: 403 })
  await first.nothing()
  expect(server.connections).toBe(1)
})

test('the handler of an evicted socket is told why, and that it will not come back', async () => {
  const told: unknown[] = []
  const telling = consumer(lobby, { auth: byName }, () => ({ close: (leave) => void told.push(leave) }))
  const server = testServer({ limits: { connectionsPerIdentity: 1 } })
  const first = await visit(telling, {}, { user: ada, server })
  await visit(telling, {}, { user: ada, server })
  await first.closed
  await settled()
  expect(told).toEqual([{ why: 'evicted', code: 4409, mayReturn: false }])
})

test('a choice that is misspelt stops the start', () => {
  expect(() => sallyport({ whenFull: 'evcit' as never })).toThrow(TypeError)
})

describe('guests', () => {
  const open = (server: ReturnType<typeof testServer>, address: string) =>
    visit(guests, {}, { headers: {}, server, address })
  const full = {
    status: 429,
    code: 'too-many-connections',
    close: { code: 4429 },
    http: { headers: { 'Retry-After': '35' } },
  }

  // proves: guest-connections
  test('of one network have so many connections, and the newest beyond them is refused', async () => {
    const events: string[] = []
    const server = testServer({
      limits: { guestConnections: 3 },
      on: (event) => event.type === 'limited' && events.push(`${event.limit} of ${event.scope}`),
    })
    const first = await open(server, '2001:db8::1')
    for (const address of ['2001:db8::2', '2001:db8:0:0:1::1']) await open(server, address)
    await expect(open(server, '2001:db8::4')).rejects.toMatchObject(full)
    expect([events, server.connections]).toEqual([['guestConnections of address'], 3])
    await open(server, '2001:db8:0:1::1')
    first.leave()
    await first.closed
    await settled()
    await open(server, '2001:db8::4')
    await expect(open(server, '2001:db8::5')).rejects.toMatchObject(full)
  })

  test('are no more than may be, however many come at once', async () => {
    const server = testServer({ limits: { guestConnections: 3 } })
    const came = await Promise.allSettled(Array.from({ length: 30 }, () => open(server, '192.0.2.1')))
    expect(came.filter(({ status }) => status === 'fulfilled')).toHaveLength(3)
    expect(server.connections).toBe(3)
  })

  // proves: guest-connections
  test('keep out no user of their network, and no user counts with them', async () => {
    const server = testServer({ limits: { guestConnections: 2, connectionsPerIdentity: 3 } })
    const address = '192.0.2.1'
    for (let count = 0; count < 3; count++) await visit(guests, {}, { user: ada, server, address })
    for (let count = 0; count < 2; count++) await open(server, address)
    await visit(guests, {}, { user: grace, server, address })
    await expect(open(server, address)).rejects.toMatchObject(full)
  })

  test('are 500 of a network by default', async () => {
    const server = testServer()
    for (let count = 0; count < 500; count++) await open(server, '192.0.2.1')
    await expect(open(server, '192.0.2.1')).rejects.toMatchObject(full)
    await open(server, '192.0.2.2')
  })
})
