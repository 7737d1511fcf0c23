import { expect, test } from 'vitest'
import { serverContext } from '../../../src/core/server-context.ts'
import { consumer, memory, type Server, type SallyportEvent } from '../../../src/index.ts'
import { settled, testClock } from '../../../src/testing/clock.ts'
import { testServer, visit } from '../../../src/testing.ts'
import { ada, byName, grace, lines, waitingRoom } from '../support/members.ts'
import { changedLinks, linkOf } from '../../support/links.ts'

const room = consumer(lines, { auth: byName }, () => ({ message: () => {} }))
const encoded = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))

test('a kick and a change of rights are not kept for nodes that come later: a revocation is', async () => {
  const layer = memory()
  const server = testServer({ layer })
  const kept = async () => {
    const logs = ['users', 'sessions', 'tokens'].map((kind) => `sallyport/revocations/${kind}`)
    const link = await linkOf(layer, 'reader')
    const rules = { space: 'system', size: 100_000, forMs: 86_400_000 } as const
    const ranges = await Promise.all(logs.map(async (log) => link.range(log, rules, 'all')))
    await link.close()
    return ranges.reduce((sum, { entries }) => sum + entries.length, 0)
  }
  await server.recheck({ user: ada.id })
  await server.revoke({ user: ada.id, at: [lines], reason: 'kicked' })
  expect(await kept()).toBe(0)
  await server.revoke({ user: ada.id, reason: 'banned' })
  expect(await kept()).toBe(1)
})

test.each([
  ['about another user', (server: Server) => server.recheck({ user: grace.id }), 0],
  ['that was given before they came', (server: Server) => server.recheck({ user: ada.id }), 1],
])('a change of rights %s causes no second question', async (_, give, waitMs) => {
  const clock = testClock()
  const server = testServer({ clock })
  const { slow, asked, answer } = waitingRoom()
  if (waitMs > 0) await give(server)
  await clock.advance(waitMs)
  const coming = visit(slow, {}, { user: ada, server })
  await settled()
  if (waitMs === 0) await give(server)
  answer()
  await coming
  await settled()
  expect(asked).toEqual(['open'])
})

test('a change of rights is remembered for handshakes under way, however long they take', async () => {
  const clock = testClock()
  const server = testServer({ clock, limits: { handshakeMs: 600_000 } })
  const { slow, asked, answer } = waitingRoom()
  const coming = visit(slow, {}, { user: ada, server })
  await settled()
  await server.recheck({ user: ada.id })
  await clock.advance(599_000)
  answer()
  await coming
  await settled()
  expect(asked).toEqual(['open', 'recheck'])
})

test('a server that was closed while it read what was revoked does not read on', async () => {
  const clock = testClock()
  const { promise: waiting, reject: fail } = Promise.withResolvers<never>()
  let reads = 0
  const layer = changedLinks(memory({ clock }), (link) => ({
    range: async (log, rules, after) => {
      reads++
      // four logs are read at the start, and again after a while
      if (reads > 4) await waiting
      return link.range(log, rules, after)
    },
  }))
  const faults: unknown[] = []
  const server = testServer({ clock, layer, report: (fault) => faults.push(fault) })
  await server[serverContext].accessCommands.ready()
  await clock.advance(5_000)
  await server.close({ drain: 0 })
  fail(new Error('the link is closed'))
  await settled()
  await clock.advance(60_000)
  expect([reads, faults]).toEqual([8, []])
})

test('a server closed while it subscribes reports no fault, and does not subscribe again', async () => {
  const clock = testClock()
  const { promise: waiting, reject: fail } = Promise.withResolvers<never>()
  let subscriptions = 0
  const layer = changedLinks(memory({ clock }), () => ({
    subscribe: () => {
      subscriptions++
      return waiting
    },
  }))
  const faults: unknown[] = []
  const server = testServer({ clock, layer, report: (fault) => faults.push(fault) })
  const starting = server[serverContext].accessCommands.ready()
  await settled()
  const before = subscriptions
  await server.close({ drain: 0 })
  fail(new Error('the link is closed'))
  await expect(starting).rejects.toThrow('the link is closed')
  await clock.advance(60_000)
  expect([faults, subscriptions]).toEqual([[], before])
})

const command = {
  id: 'o1',
  kind: 'revoke',
  who: { user: ada.id },
  reason: 'x',
  at: 0,
  forMs: 1,
  node: 'evil',
}
const users = 'sallyport/revocations/users'

test.each([
  ['no JSON', new TextEncoder().encode('{')],
  ['null', encoded(null)],
  ['of another kind', encoded({ ...command, kind: 'reward' })],
  ['without an id', encoded({ ...command, id: 7 })],
  ['without a reason', encoded({ ...command, reason: undefined })],
  ['given at no time', encoded({ ...command, at: '2030' })],
  ['of no end', encoded({ ...command, forMs: null })],
  ['of no length', encoded({ ...command, forMs: 0 })],
  ['with an empty reason', encoded({ ...command, reason: '' })],
  ['with a reason that is too long', encoded({ ...command, reason: 'x'.repeat(257) })],
  ['with a name that is too long', encoded({ ...command, who: { user: 'x'.repeat(4_097) } })],
  ['longer than any command', encoded({ ...command, more: 'x'.repeat(131_072) })],
  ['about a tenant alone', encoded({ ...command, who: { tenant: 'red' } })],
  ['from a node without a name', encoded({ ...command, node: 7 })],
  ['about no user', encoded({ ...command, who: null })],
  ['about what is no name', encoded({ ...command, who: { user: { $ne: '' } } })],
])('a command from the layer that is %s is reported, and closes no socket', async (_, bytes) => {
  const layer = memory()
  const faults: unknown[] = []
  const server = testServer({ layer, report: (error) => faults.push(error) })
  await visit(room, {}, { user: ada, server })
  await (await linkOf(layer, 'other')).publish(users, () => bytes)
  await settled()
  expect(faults.map(String)).toEqual(['TypeError: an access command from the layer is malformed'])
  expect(server.connections).toBe(1)
  await visit(room, {}, { user: ada, server })
})

test.each([
  ['no JSON', () => new TextEncoder().encode('{')],
  ['null', () => encoded(null)],
  ['an answer without its command', () => encoded({ node: 'two', closed: 1, changed: 0 })],
  ['an answer without a node', (id: string) => encoded({ id, closed: 1, changed: 0 })],
  ['an answer that counts nothing', (id: string) => encoded({ id, node: 'two', changed: 0 })],
  ['an answer that counts in words', (id: string) => encoded({ id, node: 'two', closed: 'all', changed: 0 })],
  [
    'an answer that drops in words',
    (id: string) => encoded({ id, node: 'two', closed: 0, changed: 0, dropped: 'all' }),
  ],
  ['an answer without changes', (id: string) => encoded({ id, node: 'two', closed: 1 })],
])('%s is not taken for what another node did', async (_, answer) => {
  const clock = testClock()
  const layer = memory({ clock })
  const faults: unknown[] = []
  const server = testServer({ layer, clock, node: 'one', report: (error) => faults.push(error) })
  const two = await linkOf(layer, 'two')
  await two.subscribe(users, ({ bytes }) => {
    const { id } = JSON.parse(new TextDecoder().decode(bytes)) as { id: string }
    void two.publish('sallyport/answers/one', () => answer(id))
  })
  const receipt = server.revoke({ user: ada.id, reason: 'x' })
  await clock.advance(1_000)
  expect(await receipt).toEqual({ closed: 0, changed: 0, dropped: 0, nodes: ['one'], silent: ['two'] })
  expect(faults).toEqual([])
})

test('a node that reads a command in the log, and has no socket to end, tells no event', async () => {
  const layer = memory()
  await testServer({ layer }).revoke({ user: ada.id, reason: 'banned' })
  const events: SallyportEvent[] = []
  const late = testServer({ layer, on: (event) => events.push(event) })
  await late[serverContext].accessCommands.ready()
  await settled()
  expect(events).toEqual([])
})

test('a node that finds as many revocations as are ever kept says that older ones may be lost', async () => {
  const layer = memory()
  const faults: unknown[] = []
  const link = await linkOf(layer, 'writer')
  const rules = { space: 'system', size: 100_000, forMs: 86_400_000 } as const
  for (let count = 1; count <= 100_001; count++)
    await link.publish(
      'sallyport/revocations/tokens',
      () => encoded({ ...command, id: `${count}`, forMs: 60_000 }),
      {
        ...rules,
        id: `${count}`,
      },
    )
  const server = testServer({ layer, report: (error) => faults.push(error) })
  await server[serverContext].accessCommands.ready()
  expect(faults).toMatchObject([
    { code: 'ERR_LAYER', message: expect.stringMatching(/tokens' has lost entries .* keeps 100000/) },
  ])
})

test('a node that missed a command applies it from the log in time, and tells the event', async () => {
  const clock = testClock()
  const layer = memory({ clock })
  const deaf = changedLinks(layer, (link) => ({
    subscribe: async (topic, hear) => (topic === users ? () => {} : link.subscribe(topic, hear)),
  }))
  const events: SallyportEvent[] = []
  const [here, there] = [
    testServer({ layer, clock, node: 'here' }),
    testServer({ layer: deaf, clock, node: 'there', on: (event) => events.push(event) }),
  ]
  const alice = await visit(room, {}, { user: ada, server: there })
  const receipt = here.revoke({ user: ada.id, reason: 'banned' })
  await clock.advance(1_000)
  expect(await receipt).toMatchObject({ closed: 0, silent: ['there'] })
  await clock.advance(10_000)
  expect((await alice.closed).code).toBe(4403)
  expect(events.filter(({ type }) => type === 'revoked')).toEqual([
    expect.objectContaining({ closed: 1, from: 'here', node: 'there' }),
  ])
})

test('a change of rights reaches every node', async () => {
  const layer = memory()
  const [here, there] = [testServer({ layer, node: 'here' }), testServer({ layer, node: 'there' })]
  let right = true
  const ruled = consumer(lines, { auth: byName, authorize: () => right }, () => ({ message: () => {} }))
  const alice = await visit(ruled, {}, { user: ada, server: there })
  right = false
  expect(await here.recheck({ user: ada.id })).toEqual({
    closed: 1,
    changed: 0,
    dropped: 0,
    nodes: ['here', 'there'],
    silent: [],
  })
  expect((await alice.closed).code).toBe(4403)
})

test('a change of rights overtakes a handshake though the wall clock jumps back in between', async () => {
  const clock = testClock()
  const server = testServer({ clock })
  const { slow, asked, answer } = waitingRoom()
  const coming = visit(slow, {}, { user: ada, server })
  await settled()
  clock.jump(-1_000)
  await server.recheck({ user: ada.id })
  answer()
  await coming
  await settled()
  expect(asked).toEqual(['open', 'recheck'])
})

test('a full room is rechecked 64 at a time, each once; sockets that leave are not counted', async () => {
  const server = testServer({})
  const asked: string[] = []
  const waiting: (() => void)[] = []
  const fullRoom = consumer(
    lines,
    {
      auth: byName,
      authorize: async ({ why, user }) => {
        if (why === 'open') return true
        asked.push(user.id)
        await new Promise<void>((answer) => waiting.push(answer))
        return false
      },
    },
    () => ({ message: () => {} }),
  )
  const people = await Promise.all(
    Array.from({ length: 100 }, (_, id) => visit(fullRoom, {}, { user: { ...ada, id: `u${id}` }, server })),
  )
  const receipt = server.recheck({ at: [lines] })
  await settled()
  expect(waiting).toHaveLength(64)
  people.at(-1)?.leave()
  await settled()
  while (waiting.length > 0) {
    for (const answer of waiting.splice(0)) answer()
    await settled()
  }
  expect(await receipt).toMatchObject({ closed: 99 })
  expect(asked).toHaveLength(99)
})
