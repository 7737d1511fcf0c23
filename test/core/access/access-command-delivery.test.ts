import { describe, expect, test } from 'vitest'
import { serverContext } from '../../../src/core/server-context.ts'
import type { Delivery, Layer, Link } from '../../../src/core/api/layer.ts'
import {
  consumer,
  contract,
  memory,
  type Messenger,
  type Server,
  type SallyportEvent,
  text,
} from '../../../src/index.ts'
import { testLayer } from '../../../src/testing/layer.ts'
import { settled, testClock, type TestClock } from '../../../src/testing/clock.ts'
import { testServer, visit } from '../../../src/testing.ts'
import { changedLinks, linkOf } from '../../support/links.ts'
import { ada, byName, grace, lines, waitingRoom } from '../support/members.ts'

const room = consumer(lines, { auth: byName }, () => ({ message: () => {} }))
const users = 'sallyport/revocations/users'
const recheck = {
  kind: 'recheck',
  who: { user: ada.id },
  reason: 'r',
  node: 'stranger',
  forMs: 60_000,
  at: 0,
}
const encoded = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
const idOf = (bytes: Uint8Array): string => {
  const { id } = JSON.parse(new TextDecoder().decode(bytes)) as { id: string }
  return id
}

/** A node, what it tells of revocations, and what it reports. */
function nodeOn(layer: Layer, clock: TestClock, node: string, whenBlind: 'ask' | 'stay' = 'ask') {
  const [told, faults]: [SallyportEvent[], unknown[]] = [[], []]
  const on = (event: SallyportEvent): void => {
    if (['revoked', 'kicked', 'rechecked'].includes(event.type)) told.push(event)
  }
  const server = testServer({ layer, clock, node, on, whenBlind, report: (fault) => void faults.push(fault) })
  return { server, told, faults }
}

test('a store that fails at start has 200 handshakes subscribe once, and a command is told once', async () => {
  const clock = testClock()
  const layer = memory({ clock })
  let [isAway, subscriptions] = [true, 0]
  const failing = changedLinks(layer, (link) => ({
    subscribe: (topic, hear) => {
      subscriptions++
      return link.subscribe(topic, hear)
    },
    range: (topic, rules, after) =>
      isAway ? Promise.reject(new Error('the store is away')) : link.range(topic, rules, after),
  }))
  const here = nodeOn(layer, clock, 'here')
  const there = nodeOn(failing, clock, 'there')
  for (let count = 0; count < 200; count++)
    await expect(visit(room, {}, { user: ada, server: there.server })).rejects.toMatchObject({ status: 503 })
  isAway = false
  await clock.advance(2_000)
  const alice = await visit(room, {}, { user: ada, server: there.server })
  const receipt = here.server.revoke({ user: ada.id, reason: 'banned' })
  expect(await receipt).toEqual({ closed: 1, changed: 0, dropped: 0, nodes: ['here', 'there'], silent: [] })
  expect((await alice.closed).code).toBe(4403)
  expect(there.told).toHaveLength(1)
  // answers, users, sessions, tokens, acts; and those of presence and groups
  expect(subscriptions).toBeLessThan(10)
})

// proves: layer-away
test('a node that cannot read commands for 30 s lets no user in, until it can again', async () => {
  const clock = testClock()
  const layer = testLayer({ clock })
  const here = nodeOn(layer, clock, 'here')
  const there = nodeOn(layer, clock, 'there', 'stay')
  // for a user with a socket already, a second socket asks nothing of the layer
  const first = await visit(room, {}, { user: ada, server: there.server })
  layer.cut('there')
  const receipt = here.server.revoke({ user: ada.id, reason: 'banned' })
  await clock.advance(35_000)
  expect(await receipt).toMatchObject({ closed: 0, silent: ['there'] })
  await expect(visit(room, {}, { user: ada, server: there.server })).rejects.toMatchObject({ status: 503 })
  layer.restore('there')
  await clock.advance(5_000)
  expect((await first.closed).code).toBe(4403)
  await expect(visit(room, {}, { user: ada, server: there.server })).rejects.toMatchObject({ status: 403 })
  await visit(room, {}, { user: grace, server: there.server })
})

test('a store that fails at start is asked again after a while, however many handshakes come', async () => {
  const clock = testClock()
  let reads = 0
  const layer = changedLinks(memory({ clock }), () => ({
    range: () => {
      reads++
      return Promise.reject(new Error('the store is away'))
    },
  }))
  const { server, faults } = nodeOn(layer, clock, 'one')
  for (let count = 0; count < 100; count++)
    await expect(visit(room, {}, { user: ada, server })).rejects.toMatchObject({ status: 503 })
  expect(reads).toBeLessThanOrEqual(4)
  expect(faults).toHaveLength(1)
  await clock.advance(60_000)
  expect(reads).toBeLessThanOrEqual(4 * 40)
})

test('a slow append makes no node silent that obeys at once', async () => {
  const clock = testClock()
  const layer = memory({ clock })
  const slow = changedLinks(layer, (link) => ({
    publish: async (topic, pack, keep) => {
      const placed = await link.publish(topic, pack, keep)
      if (keep !== undefined) await new Promise<void>((done) => clock.after(1_500, done))
      return placed
    },
  }))
  const [here, there] = [nodeOn(slow, clock, 'here'), nodeOn(layer, clock, 'there')]
  await visit(room, {}, { user: ada, server: there.server })
  const receipt = here.server.revoke({ user: ada.id, reason: 'banned' })
  await clock.advance(1_500)
  await clock.advance(1_000)
  expect(await receipt).toEqual({ closed: 1, changed: 0, dropped: 0, nodes: ['here', 'there'], silent: [] })
})

test.each([
  ['a slow append', 1_500, 900, ['here', 'two'], []],
  ['a slow append and a node that answers too late', 1_500, 1_100, ['here'], ['two']],
])('with %s a node has one second from the publication on', async (...row) => {
  const [, appendMs, answerMs, nodes, silent] = row
  const clock = testClock()
  const layer = memory({ clock })
  const slow = changedLinks(layer, (link) => ({
    publish: async (topic, pack, keep) => {
      if (keep !== undefined) await new Promise<void>((done) => clock.after(appendMs, done))
      return link.publish(topic, pack, keep)
    },
  }))
  const here = nodeOn(slow, clock, 'here')
  const two = await linkOf(layer, 'two')
  await two.subscribe(users, ({ bytes }) => {
    clock.after(answerMs, () => {
      const answer = encoded({ id: idOf(bytes), node: 'two', closed: 0, changed: 0 })
      void two.publish('sallyport/answers/here', () => answer)
    })
  })
  const receipt = here.server.revoke({ user: ada.id, reason: 'banned' })
  await clock.advance(appendMs)
  await clock.advance(1_200)
  expect(await receipt).toMatchObject({ nodes, silent })
})

// proves: lost-command
test.each([
  ['that comes twice', 'two', 2, { closed: 3, nodes: ['here', 'two'], silent: [] }],
  ['of a node that is not there', 'three', 1, { closed: 0, nodes: ['here'], silent: ['two'] }],
  ['in the name of the giver', 'here', 1, { closed: 0, nodes: ['here'], silent: ['two'] }],
  ['to another command', 'two', 0, { closed: 0, nodes: ['here'], silent: ['two'] }],
])('an answer %s does not count in a receipt, or not again', async (_, node, times, expected) => {
  const clock = testClock()
  const layer = memory({ clock })
  const { server } = nodeOn(layer, clock, 'here')
  const two = await linkOf(layer, 'two')
  await two.subscribe(users, ({ bytes }) => {
    const id = times === 0 ? 'another' : idOf(bytes)
    for (let count = 0; count < Math.max(1, times); count++)
      void two.publish('sallyport/answers/here', () => encoded({ id, node, closed: 3 + count, changed: 0 }))
  })
  const receipt = server.revoke({ user: ada.id, reason: 'banned' })
  await clock.advance(1_000)
  expect(await receipt).toMatchObject(expected)
})

test('the answer of a node that comes before the command has been published counts', async () => {
  const clock = testClock()
  const layer = memory({ clock })
  const slow = changedLinks(layer, (link) => ({
    publish: async (topic, pack, keep) => {
      await new Promise<void>((done) => clock.after(100, done))
      const placed = await link.publish(topic, pack, keep)
      await new Promise<void>((done) => clock.after(100, done))
      return placed
    },
  }))
  const { server } = nodeOn(slow, clock, 'here')
  const receipt = server.revoke({ user: ada.id, reason: 'banned' })
  await settled()
  const late = await linkOf(layer, 'late')
  await late.subscribe(users, ({ bytes }) => {
    const answer = encoded({ id: idOf(bytes), node: 'late', closed: 3, changed: 0 })
    void late.publish('sallyport/answers/here', () => answer)
  })
  await clock.advance(2_000)
  expect(await receipt).toMatchObject({ closed: 3, nodes: ['here', 'late'], silent: [] })
})

test('the answer of a node that leaves as it answers counts', async () => {
  const clock = testClock()
  const layer = memory({ clock })
  const held = changedLinks(layer, (link) => ({
    subscribe: (topic, hear) =>
      link.subscribe(topic, (delivery) => void clock.after(10, () => hear(delivery))),
  }))
  const { server } = nodeOn(held, clock, 'here')
  const two = await linkOf(layer, 'two')
  const answered = async (bytes: Uint8Array): Promise<void> => {
    const answer = encoded({ id: idOf(bytes), node: 'two', closed: 3, changed: 0 })
    await two.publish('sallyport/answers/here', () => answer)
    await two.close()
  }
  await two.subscribe(users, ({ bytes }) => void answered(bytes))
  const receipt = server.revoke({ user: ada.id, reason: 'banned' })
  await clock.advance(2_000)
  expect(await receipt).toMatchObject({ closed: 3, nodes: ['here', 'two'], silent: [] })
})

/** A link that hands on each message so many times. */
const repeating = (link: Link, times: number): Partial<Link> => ({
  subscribe: (topic, hear) =>
    link.subscribe(topic, (delivery: Delivery) => {
      for (let count = 0; count < times; count++) hear(delivery)
    }),
})

// proves: lost-command
test.each([
  ['revoke', (server: Server) => server.revoke({ user: ada.id, reason: 'banned' })],
  ['kick', (server: Server) => server.revoke({ user: ada.id, at: [lines], reason: 'kicked' })],
  ['recheck', (server: Server) => server.recheck({ user: ada.id })],
])('a command that is heard three times (%s) is carried out, counted and told once', async (_, give) => {
  const clock = testClock()
  const layer = memory({ clock })
  const ruled = consumer(lines, { auth: byName, authorize: ({ why }) => why === 'open' }, () => ({
    message: () => {},
  }))
  const here = nodeOn(layer, clock, 'here')
  const there = nodeOn(
    changedLinks(layer, (link) => repeating(link, 3)),
    clock,
    'there',
  )
  await visit(ruled, {}, { user: ada, server: there.server })
  expect(await give(here.server)).toEqual({
    closed: 1,
    changed: 0,
    dropped: 0,
    nodes: ['here', 'there'],
    silent: [],
  })
  await clock.advance(10_000)
  expect([here.told.length, there.told.length]).toEqual([1, 1])
  expect(there.server[serverContext].accessCommands.version).toBe(1)
})

test.each([
  ['a kick', (server: Server) => server.revoke({ user: ada.id, at: [lines], reason: 'kicked' })],
  ['a recheck', (server: Server) => server.recheck({ user: ada.id })],
])(
  'a node that has missed the message of %s reads of it within 5 s, and tells of it once',
  async (_, give) => {
    const clock = testClock()
    const layer = memory({ clock })
    let isDeaf = true
    const deaf = changedLinks(layer, (link) => ({
      subscribe: (topic, hear) => link.subscribe(topic, (delivery) => isDeaf || hear(delivery)),
    }))
    let right = true
    const ruled = consumer(lines, { auth: byName, authorize: () => right }, () => ({ message: () => {} }))
    const [here, there] = [nodeOn(layer, clock, 'here'), nodeOn(deaf, clock, 'there')]
    const alice = await visit(ruled, {}, { user: ada, server: there.server })
    right = false
    const receipt = give(here.server)
    await clock.advance(1_000)
    expect(await receipt).toMatchObject({ closed: 0, silent: ['there'] })
    isDeaf = false
    await clock.advance(5_000)
    expect((await alice.closed).code).toBe(4403)
    await clock.advance(20_000)
    expect(there.told).toHaveLength(1)
  },
)

// proves: lost-command
test('a message that was lost shows at the next one, and what was lost is read at once', async () => {
  const clock = testClock()
  const layer = memory({ clock })
  let lost = 1
  const lossy = changedLinks(layer, (link) => ({
    subscribe: (topic, hear) =>
      link.subscribe(topic, (delivery) => {
        if (topic === users && lost-- > 0) return
        hear(delivery)
      }),
  }))
  const [here, there] = [nodeOn(layer, clock, 'here'), nodeOn(lossy, clock, 'there')]
  const alice = await visit(room, {}, { user: ada, server: there.server })
  const first = here.server.revoke({ user: ada.id, reason: 'banned' })
  await settled()
  expect(there.server.connections).toBe(1)
  await here.server.revoke({ user: 'another user', reason: 'banned' })
  expect((await alice.closed).code).toBe(4403)
  expect(await first).toMatchObject({ closed: 1, nodes: ['here', 'there'], silent: [] })
})

test('a node that starts carries out no kick and no recheck from before', async () => {
  const clock = testClock()
  const layer = memory({ clock })
  const here = nodeOn(layer, clock, 'here')
  await here.server.revoke({ user: ada.id, at: [lines], reason: 'kicked' })
  await here.server.recheck({ user: ada.id })
  const late = nodeOn(layer, clock, 'late')
  await visit(room, {}, { user: ada, server: late.server })
  await clock.advance(20_000)
  expect(late.server.connections).toBe(1)
  expect(late.told).toEqual([])
})

test.each([
  ['a time to remember', { forMs: '1e999', at: '0' }],
  ['a time', { forMs: '1000', at: '1e999' }],
])('a command of another node with %s that is infinite is refused', async (_, { forMs, at }) => {
  const clock = testClock()
  const layer = memory({ clock })
  const here = nodeOn(layer, clock, 'here')
  const stranger = await linkOf(layer, 'stranger')
  const alice = await visit(room, {}, { user: ada, server: here.server })
  const command = `{"id":"1","kind":"revoke","who":{"user":"${ada.id}"},"reason":"r","node":"stranger","forMs":${forMs},"at":${at}}`
  await stranger.publish(users, () => new TextEncoder().encode(command), {
    id: '1',
    size: 10,
    forMs: 1_000,
    space: 'system',
  })
  await settled()
  expect(here.told).toEqual([])
  expect(here.faults.map(String)).toEqual(['TypeError: an access command from the layer is malformed'])
  alice.leave()
})

test('a command of another node is remembered no longer than this node was told to', async () => {
  const clock = testClock()
  const layer = memory({ clock })
  const here = nodeOn(layer, clock, 'here')
  const stranger = await linkOf(layer, 'stranger')
  await visit(room, {}, { user: grace, server: here.server })
  const command = {
    id: '1',
    kind: 'revoke',
    who: { user: ada.id },
    reason: 'r',
    node: 'stranger',
    forMs: 1e12,
    at: clock.now(),
  }
  await stranger.publish(users, () => encoded(command), { id: '1', size: 10, forMs: 1_000, space: 'system' })
  await settled()
  await expect(visit(room, {}, { user: ada, server: here.server })).rejects.toMatchObject({ status: 403 })
  await clock.advance(24 * 3_600_000)
  await visit(room, {}, { user: ada, server: here.server })
})

test('a flood of malformed commands is reported once a minute, with its number', async () => {
  const clock = testClock()
  const layer = memory({ clock })
  const { server, faults } = nodeOn(layer, clock, 'one')
  await server[serverContext].accessCommands.ready()
  const evil = await linkOf(layer, 'evil')
  for (let count = 0; count < 1_000; count++) await evil.publish(users, () => encoded({ evil: count }))
  await clock.advance(60_000)
  await evil.publish(users, () => encoded({ evil: true }))
  await settled()
  expect(faults.map(String)).toEqual([
    'TypeError: an access command from the layer is malformed',
    'TypeError: an access command from the layer is malformed, and 999 others since the last report',
  ])
})

const long = 'x'.repeat(4_097)
// proves: empty-target
test.each([
  ['a reason that is undefined', { user: ada.id, reason: undefined }],
  ['no reason', { user: ada.id }],
  ['an empty reason', { user: ada.id, reason: '' }],
  ['a reason that is no string', { user: ada.id, reason: 7 }],
  ['a reason of 257 characters', { user: ada.id, reason: 'x'.repeat(257) }],
  ['a name that is too long', { user: long, reason: 'x' }],
  ['a session that is undefined', { user: ada.id, session: undefined, reason: 'x' }],
  ['a place that is undefined', { user: ada.id, at: undefined, reason: 'x' }],
  ['a place that is no list', { user: ada.id, at: '/ws/lines', reason: 'x' }],
  ['no target', { reason: 'x' }],
  ['nothing at all', undefined],
  ['null', null],
])('revoke() with %s is a TypeError, and nothing has changed on any node', async (_, what) => {
  const clock = testClock()
  const layer = memory({ clock })
  const [here, there] = [nodeOn(layer, clock, 'here'), nodeOn(layer, clock, 'there')]
  const people = [
    await visit(room, {}, { user: ada, server: here.server }),
    await visit(room, {}, { user: ada, server: there.server }),
  ]
  // as a program without types calls it
  const revoke = here.server.revoke as (what: unknown) => ReturnType<Messenger['revoke']>
  await expect(revoke(what)).rejects.toBeInstanceOf(TypeError)
  await clock.advance(10_000)
  expect([here.server.connections, there.server.connections, people.length]).toEqual([1, 1, 2])
  expect([here.told, there.told, there.faults]).toEqual([[], [], []])
  await visit(room, {}, { user: ada, server: here.server })
})

test('the longest reason and the longest names reach every node', async () => {
  const clock = testClock()
  const layer = memory({ clock })
  const [here, there] = [nodeOn(layer, clock, 'here'), nodeOn(layer, clock, 'there')]
  const [wide, reason] = ['\u0001'.repeat(4_096), '"'.repeat(256)]
  const named = { user: wide, session: wide, token: wide }
  expect(await here.server.revoke({ ...named, reason })).toMatchObject({ nodes: ['here', 'there'] })
  expect([there.told, there.faults]).toEqual([[expect.objectContaining({ type: 'revoked', reason })], []])
})

test('20,000 rechecks during one handshake are not all kept, and it is asked again all the same', async () => {
  const clock = testClock()
  const { server } = nodeOn(memory({ clock }), clock, 'one')
  const { slow, asked, answer } = waitingRoom()
  const coming = visit(slow, {}, { user: ada, server })
  await settled()
  await server.recheck({ user: ada.id })
  for (let count = 0; count < 20_000; count++) await server.recheck({ user: `other-${count}` })
  answer()
  await coming
  await settled()
  expect(asked).toEqual(['open', 'recheck'])
})

test('a node that starts with many revocations to read lets others have their turn meanwhile', async () => {
  const layer = memory()
  const link = await linkOf(layer, 'writer')
  const rules = { space: 'system', size: 100_000, forMs: 86_400_000 } as const
  for (let count = 0; count < 10_000; count++) {
    const command = {
      id: `${count}`,
      kind: 'revoke',
      who: { user: `${count}` },
      reason: 'x',
      at: 0,
      forMs: 60_000,
    }
    await link.publish(users, () => encoded({ ...command, node: 'writer' }), { ...rules, id: command.id })
  }
  await link.close()
  const server = testServer({ layer })
  const { accessCommands: commands, revocations } = server[serverContext]
  const sizes = new Set<number>()
  const watch = setInterval(() => sizes.add(revocations.size), 0)
  await commands.ready()
  clearInterval(watch)
  expect(revocations.size).toBe(10_000)
  expect(sizes.size).toBeGreaterThan(3)
})

test('a room whose name is too long for the other nodes is refused before any access has changed', async () => {
  const clock = testClock()
  const { server, told } = nodeOn(memory({ clock }), clock, 'one')
  const rooms = contract(`/ws/${'x'.repeat(5_000)}`, { server: text })
  await expect(server.revoke({ user: ada.id, at: [rooms], reason: 'kicked' })).rejects.toThrow(
    'cannot be given',
  )
  expect(told).toEqual([])
})

test('a node knows the last 10,000 commands again, and none from before the last 20,000', async () => {
  const clock = testClock()
  const layer = memory({ clock })
  const { server, told } = nodeOn(layer, clock, 'here')
  await server[serverContext].accessCommands.ready()
  const stranger = await linkOf(layer, 'stranger')
  const give = async (from: number, to: number): Promise<void> => {
    for (let id = from; id < to; id++)
      await stranger.publish('sallyport/acts', () => encoded({ ...recheck, id: `command ${id}` }))
    await settled()
  }
  await give(0, 10_000)
  await give(0, 1)
  expect(told).toHaveLength(10_000)
  await give(10_000, 20_000)
  await give(0, 1)
  expect(told).toHaveLength(20_001)
})

test('a command in the log whose time is over has no effect', async () => {
  const clock = testClock()
  const layer = changedLinks(memory({ clock }), (link) => ({
    range: async (topic, rules, after) => {
      const range = await link.range(topic, rules, after)
      // as a layer that keeps entries for longer than it was asked to
      return { ...range, entries: range.entries.map((entry) => ({ ...entry, ageMs: entry.ageMs + 1_000 })) }
    },
  }))
  const stranger = await linkOf(layer, 'stranger')
  for (const [user, forMs] of [
    [ada.id, 1_000],
    [grace.id, 1_001],
  ] as const)
    await stranger.publish(
      users,
      () => encoded({ ...recheck, kind: 'revoke', id: user, who: { user }, forMs }),
      {
        id: user,
        size: 10,
        forMs: 60_000,
        space: 'system',
      },
    )
  const { server } = nodeOn(layer, clock, 'here')
  await visit(room, {}, { user: ada, server })
  await expect(visit(room, {}, { user: grace, server })).rejects.toMatchObject({ status: 403 })
})

describe('of a user whose credential is dated after the command', () => {
  /** A room for credentials that were issued a minute from now. */
  function ahead(token: string | undefined) {
    const clock = testClock()
    const layer = memory({ clock })
    const [here, there] = [nodeOn(layer, clock, 'here'), nodeOn(layer, clock, 'there')]
    const issuedAt = new Date(clock.now() + 60_000)
    const named = token === undefined ? {} : { token }
    const dated = consumer(lines, { auth: async () => ({ user: ada, issuedAt, ...named }) }, () => ({
      message: () => {},
    }))
    return { here, there, visitHere: () => visit(dated, {}, { headers: {}, server: here.server }) }
  }

  test('a kick refuses no token elsewhere', async () => {
    const { here, visitHere } = ahead('t1')
    const alice = await visitHere()
    await here.server.revoke({ user: ada.id, at: [lines], reason: 'kicked' })
    expect((await alice.closed).code).toBe(4403)
    await visitHere()
  })

  test('a revocation is one command, when the credential has no token', async () => {
    const { here, there, visitHere } = ahead(undefined)
    const alice = await visitHere()
    await here.server.revoke({ user: ada.id, reason: 'banned' })
    await settled()
    expect((await alice.closed).code).toBe(4403)
    expect([here.told.length, there.told.length]).toEqual([1, 1])
  })
})

test('a kick that a node reads later than it is remembered closes no socket', async () => {
  const clock = testClock()
  const layer = memory({ clock })
  const deaf = changedLinks(layer, (link) => ({ subscribe: (topic) => link.subscribe(topic, () => {}) }))
  const here = testServer({ layer, clock, node: 'here', remember: '2s' })
  const there = nodeOn(deaf, clock, 'there')
  const alice = await visit(room, {}, { user: ada, server: there.server })
  // between two reads of the log
  await clock.advance(5_500)
  const receipt = here.revoke({ user: ada.id, at: [lines], reason: 'kicked' })
  await clock.advance(20_000)
  expect(await receipt).toMatchObject({ closed: 0, silent: ['there'] })
  expect([there.server.connections, there.told]).toEqual([1, []])
  alice.leave()
})
