import { expect, test } from 'vitest'
import { z } from 'zod'
import { type Authenticator, consumer, contract, deny, type Layer, memory } from '../../../src/index.ts'
import { settled, type TestClock } from '../../../src/testing/clock.ts'
import { testClock, testServer, visit } from '../../../src/testing.ts'
import { ada, byName, grace, type User } from '../support/members.ts'

const presenceContract = contract('/ws/hall', {
  server: { called: z.object({}) },
  audiences: ['staff'],
  grant: z.string(),
  presence: z.object({ name: z.string(), as: z.string() }),
})

/** What the people of a room are at the moment: their roles, and the names under which their users are found. */
interface People {
  readonly roles: Record<string, string>
  readonly names: Record<string, string>
}

/** A room whose people may change while they are inside. Ghosts are not shown; a broken one cannot be. */
function appWith({ roles, names }: People) {
  const found = (user: User): User => ({ ...user, name: names[user.id] ?? user.name })
  const auth: Authenticator<User> = async (request) => {
    const identity = await byName(request)
    return identity && { ...identity, renew: async () => ({ user: found(identity.user) }) }
  }
  return consumer(
    presenceContract,
    {
      auth,
      lease: '60s',
      authorize: ({ user }) => roles[user.id] ?? 'guest',
      audience: ({ user }) => (user.name.endsWith('of staff') ? ['staff'] : []),
      presence: ({ user, grant }) => {
        if (grant === 'broken') throw new Error('no presence')
        if (grant === 'banned') deny(403, 'banned')
        return grant === 'ghost' ? null : { name: user.name, as: grant }
      },
    },
    () => ({}),
  )
}

/** One node, or two that share a layer; people come by name and are asked about again together. */
function serversWithRoles(nodes = ['here']) {
  const people: People = { roles: {}, names: {} }
  const room = appWith(people)
  const clock: TestClock = testClock()
  const layer: Layer = memory({ clock })
  const faults: unknown[] = []
  const servers = nodes.map((node) =>
    testServer({ layer, clock, node, report: (error) => void faults.push(error) }),
  )
  const [here = testServer()] = servers
  const visitAs = (user: User, server = here) =>
    visit(room, {}, { headers: { 'x-test-user': user.name }, server }).finally(settled)
  const become = async (user: User, role: string) => {
    people.roles[user.id] = role
    const receipt = await here.recheck({ user: user.id })
    await settled()
    return receipt
  }
  return { ...people, clock, faults, here, there: servers[1] ?? here, visitAs, become }
}

const seen = ({ members }: { readonly members: readonly { readonly info: unknown }[] }): readonly unknown[] =>
  members.map(({ info }) => info)
const one = (name: string, as: string): object => ({ name, as })

test('a changed role is sent to all members, and its user keeps the place in the list', async () => {
  const { visitAs, become } = serversWithRoles()
  const alice = await visitAs(ada)
  const bob = await visitAs(grace)
  await become(ada, 'owner')
  for (const visitor of [alice, bob])
    expect(seen(visitor)).toEqual([one('Ada', 'owner'), one('Grace', 'guest')])
})

test('another name under the same grant is seen as soon as a lease finds it', async () => {
  const { names, clock, visitAs } = serversWithRoles()
  await visitAs(ada)
  const bob = await visitAs(grace)
  names[ada.id] = 'Ada King'
  await clock.advance(60_000)
  expect(seen(bob)).toContainEqual(one('Ada King', 'guest'))
})

test('a name that a new credential brings is seen', async () => {
  const clock = testClock()
  const began = clock.now()
  const server = testServer({ clock })
  const auth: Authenticator<User> = async ({ credentials }) => {
    const name = credentials.of('bearer') ?? deny(401, 'no-token')
    const minutes = name === 'Ada' ? 10 : 20
    return { user: { ...ada, name }, token: name, expires: new Date(began + minutes * 60_000) }
  }
  const room = consumer(
    presenceContract,
    { auth, authorize: () => 'guest', presence: ({ user, grant }) => ({ name: user.name, as: grant }) },
    () => ({}),
  )
  const headers = { authorization: 'Bearer Ada' }
  const alice = await visit(room, {}, { headers, refresh: () => 'Ada King', server })
  await clock.advance(9.5 * 60_000)
  await settled()
  expect(seen(alice)).toEqual([one('Ada King', 'guest')])
})

test('an answer with the same presence sends nothing', async () => {
  const { clock, visitAs } = serversWithRoles()
  await visitAs(ada)
  const bob = await visitAs(grace)
  const before = bob.members
  await clock.advance(120_000)
  expect(bob.members).toBe(before)
})

test('who is hidden, shown and hidden again is so at once, and sees the others all the while', async () => {
  const { visitAs, become } = serversWithRoles()
  const alice = await visitAs(ada)
  const bob = await visitAs(grace)
  await become(ada, 'ghost')
  expect(seen(bob)).toEqual([one('Grace', 'guest')])
  expect(alice.members).toEqual(bob.members)
  await become(ada, 'guest')
  expect(seen(bob)).toEqual([one('Grace', 'guest'), one('Ada', 'guest')])
  await become(ada, 'ghost')
  expect(seen(bob)).toEqual([one('Grace', 'guest')])
  expect(alice.members).toEqual(bob.members)
})

test('who was hidden when they left is not shown for the grace of a reload', async () => {
  const { clock, here, visitAs, become } = serversWithRoles()
  const alice = await visitAs(ada)
  await become(ada, 'ghost')
  alice.leave()
  await alice.closed
  expect(await here.group(presenceContract).members()).toEqual([])
  await clock.advance(10_000)
  expect(await here.group(presenceContract).members()).toEqual([])
})

test('on another node a change, a hiding and a return are seen too', async () => {
  const { there, visitAs, become } = serversWithRoles(['here', 'there'])
  await visitAs(ada)
  const bob = await visitAs(grace, there)
  await become(ada, 'owner')
  expect(seen(bob)).toContainEqual(one('Ada', 'owner'))
  await become(ada, 'ghost')
  expect(seen(bob)).toEqual([one('Grace', 'guest')])
  await become(ada, 'guest')
  expect(seen(bob)).toContainEqual(one('Ada', 'guest'))
  await become(ada, 'ghost')
  expect(seen(bob)).toEqual([one('Grace', 'guest')])
})

test('a hidden visitor who is alone on their node sees who is on the others', async () => {
  const { roles, there, visitAs } = serversWithRoles(['here', 'there'])
  roles[ada.id] = 'ghost'
  await visitAs(grace, there)
  const alice = await visitAs(ada)
  expect(seen(alice)).toEqual([one('Grace', 'guest')])
})

test.each([['here'], ['there']])(
  'of two tabs the one that changed last is seen, and when it goes the other one, with it %s',
  async (where) => {
    const clock = testClock()
    const layer = memory({ clock })
    const [here, there] = [
      testServer({ layer, clock, node: 'here' }),
      testServer({ layer, clock, node: 'there' }),
    ]
    const other = where === 'here' ? here : there
    const names: Record<string, string> = {}
    const auth: Authenticator<User & { readonly tab: string }> = async ({ headers }) => {
      const tab = headers.get('x-tab') ?? ''
      return {
        user: { ...ada, tab },
        session: tab,
        renew: async () => ({ user: { ...ada, tab }, session: tab }),
      }
    }
    const room = consumer(
      presenceContract,
      {
        auth,
        authorize: ({ user }) => names[user.tab] ?? user.tab,
        presence: ({ user, grant }) => (grant === 'ghost' ? null : { name: user.name, as: grant }),
      },
      () => ({}),
    )
    const first = await visit(room, {}, { headers: { 'x-tab': 'first' }, server: here })
    await clock.advance(1)
    const second = await visit(room, {}, { headers: { 'x-tab': 'second' }, server: other })
    const bothSee = async (as: string) => {
      await settled()
      for (const tab of [first, second]) expect(seen(tab)).toEqual([one('Ada', as)])
    }
    await bothSee('second')
    names['first'] = 'changed'
    await here.recheck({ session: 'first' })
    await bothSee('changed')
    await here.recheck({ session: 'second' })
    await bothSee('changed')
    names['first'] = 'ghost'
    await here.recheck({ session: 'first' })
    await bothSee('second')
    names['first'] = 'back'
    await here.recheck({ session: 'first' })
    await bothSee('back')
    first.leave()
    await first.closed
    await clock.advance(5_000)
    await settled()
    expect(seen(second)).toEqual([one('Ada', 'second')])
  },
)

test.each([
  ['cannot be told', 'broken', 1011, 1],
  ['is denied', 'banned', 4403, 0],
])(
  'a socket whose presence %s is closed, and then is not shown any more',
  async (_, role, code, reported) => {
    const { clock, faults, visitAs, become } = serversWithRoles()
    const alice = await visitAs(ada)
    const bob = await visitAs(grace)
    expect(await become(ada, role)).toMatchObject({ closed: 1, changed: 0 })
    expect((await alice.closed).code).toBe(code)
    expect(faults).toHaveLength(reported)
    await clock.advance(5_000)
    expect(seen(bob)).toEqual([one('Grace', 'guest')])
  },
)

test('an audience follows the user too, under the same grant', async () => {
  const { names, here, visitAs, become } = serversWithRoles()
  const alice = await visitAs(ada)
  names[ada.id] = 'Ada of staff'
  expect(await become(ada, 'guest')).toMatchObject({ closed: 0, changed: 0 })
  await here.group(presenceContract, {}, 'staff').send('called', {})
  expect(await alice.next('called')).toEqual({})
})

test('a banned user is seen no more at once, without the grace of a reload', async () => {
  const { visitAs, here } = serversWithRoles()
  const [alice] = [await visitAs(ada), await visitAs(grace)]
  await here.revoke({ user: grace.id, reason: 'banned' })
  await settled()
  expect(alice.members.map(({ user }) => user)).toEqual([ada.id])
})
