import { expect, test } from 'vitest'
import {
  anyone,
  type Authenticator,
  consumer,
  contract,
  type Identity,
  memory,
  type Server,
  type SallyportEvent,
} from '../../../src/index.ts'
import { settled } from '../../../src/testing/clock.ts'
import { testClock, testServer, visit } from '../../../src/testing.ts'
import type { User } from '../support/members.ts'
import { changedLinks } from '../../support/links.ts'

const desk = contract('/ws/desk', { client: {}, calls: {} })

/** Everybody is user 7 of the tenant that a header names; who is asked again has the right to stay or has not. */
function serversOfTenants({ remembered = 10_000 } = {}) {
  const clock = testClock()
  // so many entries in a log, instead of the thousands of a real one
  const layer = changedLinks(memory({ clock }), (link) => ({
    publish: (topic, pack, keep) =>
      link.publish(topic, pack, keep && { ...keep, size: Math.min(keep.size, remembered) }),
  }))
  const events: SallyportEvent[] = []
  const asked: string[] = []
  const signedIn = new Date(clock.now())
  const auth: Authenticator<User & { readonly org: string }> = async ({ headers }) => {
    const [org = '', session = `session of ${org}`] = (headers.get('x-org') ?? '').split('/')
    return { user: { id: '7', name: 'Ada', org }, session, issuedAt: signedIn }
  }
  const servers: Record<string, Pick<Server, 'revoke' | 'recheck'>> = {}
  const room = consumer(
    desk,
    {
      auth,
      authorize: ({ user, why }) => {
        asked.push(`${user.org} ${why}`)
        return true
      },
    },
    (socket) => {
      servers[socket.user.org] = socket.server
      return {}
    },
  )
  const makeServer = (node: string): Server =>
    testServer({
      clock,
      layer,
      node,
      on: (event) => events.push(event),
      report: () => {},
      // every identity is one of `auth`
      tenant: ({ user }: Identity<unknown>) => (user as { readonly org: string }).org,
    })
  const visitAsUserOf = (server: Server, org: string) =>
    visit(room, {}, { headers: { 'x-org': org }, server })
  return { clock, events, asked, servers, makeServer, visitAsUserOf }
}

test('a tenant revokes its own user on every node, not the user of that name in another tenant', async () => {
  const { makeServer, visitAsUserOf, events } = serversOfTenants()
  const [one, two] = [makeServer('one'), makeServer('two')]
  const visitors = [
    await visitAsUserOf(one, 'red'),
    await visitAsUserOf(two, 'red'),
    await visitAsUserOf(one, 'blue'),
    await visitAsUserOf(two, 'blue'),
  ]
  expect(await one.tenant('red').revoke({ user: '7', reason: 'banned' })).toMatchObject({ closed: 2 })
  expect((await visitors[1]?.closed)?.code).toBe(4403)
  for (const server of [one, two, makeServer('late')]) {
    await expect(visitAsUserOf(server, 'red')).rejects.toMatchObject({ status: 403, code: 'revoked' })
    await expect(visitAsUserOf(server, 'blue')).resolves.toBeDefined()
  }
  expect(events).toContainEqual(expect.objectContaining({ type: 'revoked', subject: '7', tenant: 'red' }))
})

test('a handler reaches users of its own tenant alone, and sessions wherever they are', async () => {
  const { makeServer, visitAsUserOf, servers } = serversOfTenants()
  const server = makeServer('one')
  await visitAsUserOf(server, 'red')
  const other = await visitAsUserOf(server, 'blue')
  expect(await servers['red']?.revoke({ user: '7', reason: 'left the company' })).toMatchObject({ closed: 1 })
  expect(server.connections).toBe(1)
  const session = { session: 'session of blue', reason: 'signed out' }
  expect(await servers['red']?.revoke(session)).toMatchObject({ closed: 1 })
  expect((await other.closed).code).toBe(4401)
})

test('a session that moves to another tenant is no less revoked there', async () => {
  const { makeServer, visitAsUserOf } = serversOfTenants()
  const server = makeServer('one')
  await visitAsUserOf(server, 'red/s1')
  await server.tenant('red').revoke({ user: '7', session: 's1', reason: 'signed out' })
  await expect(visitAsUserOf(server, 'blue/s1')).rejects.toMatchObject({ status: 401, code: 'revoked' })
})

test('a ban by the server itself holds everywhere, also after a later one of one tenant', async () => {
  const { makeServer, visitAsUserOf, clock } = serversOfTenants()
  const server = makeServer('one')
  await visitAsUserOf(server, 'red')
  await visitAsUserOf(server, 'blue')
  expect(await server.revoke({ user: '7', reason: 'banned' })).toMatchObject({ closed: 2 })
  await clock.advance(1)
  await server.tenant('red').revoke({ user: '7', reason: 'banned here too' })
  for (const org of ['red', 'blue'])
    await expect(visitAsUserOf(server, org)).rejects.toMatchObject({ status: 403, code: 'revoked' })
})

test('a word about one user of a session takes the place of no word about all of it', async () => {
  const { makeServer, visitAsUserOf, clock } = serversOfTenants()
  const server = makeServer('one')
  await server.revoke({ session: 's1', reason: 'signed out' })
  await clock.advance(1)
  await server.revoke({ session: 's1', user: 'another user', reason: 'signed out' })
  await expect(visitAsUserOf(server, 'red/s1')).rejects.toMatchObject({ status: 401, code: 'revoked' })
})

test('a recheck of a tenant asks about its own user, also when it overtakes a handshake', async () => {
  const { makeServer, visitAsUserOf, asked } = serversOfTenants()
  const server = makeServer('one')
  await visitAsUserOf(server, 'red')
  await visitAsUserOf(server, 'blue')
  asked.length = 0
  await server.tenant('red').recheck({ user: '7' })
  expect(asked).toEqual(['red recheck'])
  asked.length = 0
  // as `why` is noted in the same millisecond, a user who comes in now was overtaken
  await visitAsUserOf(server, 'blue')
  await settled()
  expect(asked).toEqual(['blue open'])
})

test('a tenant alone names no user, and a misspelt name matches no user', async () => {
  const { makeServer } = serversOfTenants()
  const red = makeServer('one').tenant('red')
  const empty = {} as { user: string }
  const misspelt = { usre: '7' } as unknown as { user: string }
  await expect(red.revoke({ ...empty, reason: 'x' })).rejects.toThrow('needs a user')
  await expect(red.recheck(misspelt)).rejects.toThrow("recheck() has no option 'usre': did you mean 'user'?")
  const foreign = { user: '7', tenant: 'blue' }
  await expect(red.recheck(foreign)).rejects.toThrow("recheck() has no option 'tenant'")
})

test('sign-outs push no ban out of what a later node reads', async () => {
  const { makeServer, visitAsUserOf } = serversOfTenants({ remembered: 10 })
  const server = makeServer('one')
  await server.revoke({ user: '7', reason: 'banned' })
  for (let count = 0; count < 11; count++)
    await server.revoke({ session: `session ${count}`, reason: 'signed out' })
  await expect(visitAsUserOf(makeServer('late'), 'red')).rejects.toMatchObject({
    status: 403,
    code: 'revoked',
  })
})

// proves: tenant-name
test.each([
  ['a promise', async () => 'red'],
  ['undefined', () => undefined],
  ['null', () => null],
  ['a number', () => 5],
  ['an object', () => ({ org: 'red' })],
])('a tenant that is %s lets no user in, into no tenant', async (_, tenant) => {
  const reports: unknown[] = []
  // what a program without types could write
  const server = testServer({ tenant: tenant as never, report: (error) => reports.push(error) })
  const open = consumer(desk, { auth: anyone }, () => ({}))
  await expect(visit(open, {}, { user: null, server })).rejects.toMatchObject({ status: 503 })
  expect(server.connections).toBe(0)
  expect(JSON.stringify(reports.map(String))).toContain("the answer of 'tenant' is a string")
})
