import { expect, test } from 'vitest'
import { z } from 'zod'
import { serverContext } from '../../../src/core/server-context.ts'
import type { Layer } from '../../../src/core/api/layer.ts'
import { type Authenticator, consumer, contract, memory } from '../../../src/index.ts'
import { settled, testClock } from '../../../src/testing/clock.ts'
import { testServer, visit } from '../../../src/testing.ts'
import { ada, byName, grace, mallory, type User } from '../support/members.ts'
import { changedLinks } from '../../support/links.ts'

const presenceRoom = contract('/ws/hall', { presence: z.any() })
const entering = consumer(
  presenceRoom,
  { auth: byName, presence: ({ user }) => ({ name: user.name }) },
  () => ({}),
)
const names = (members: readonly { readonly user: string }[]): readonly string[] =>
  members.map(({ user }) => user)

test.each([
  ['is no JSON', { size: 10n }],
  ['refers to itself', circle()],
])('someone whose presence %s is refused, and the others are seen as before', async (_, bad) => {
  const server = testServer({ report: () => {} })
  const mixed = consumer(
    presenceRoom,
    { auth: byName, presence: ({ user }) => (user.id === mallory.id ? bad : { name: user.name }) },
    () => ({}),
  )
  const alice = await visit(mixed, {}, { user: ada, server })
  await expect(visit(mixed, {}, { user: mallory, server })).rejects.toMatchObject({ status: 503 })
  await visit(mixed, {}, { user: grace, server })
  await settled()
  expect(names(alice.members)).toEqual([ada.id, grace.id])
})

function circle(): object {
  const one: { self?: object } = {}
  one.self = one
  return one
}

test('a peer that goes while the layer is asked is never seen', async () => {
  const { promise: layerAnswers, resolve: answer } = Promise.withResolvers<void>()
  const server = testServer({ layer: slow(memory(), 'presence/', layerAnswers), report: () => {} })
  const { memoryHandshake } = await import('../../../src/transports/memory.ts')
  const { runAdmission } = await import('../../../src/core/admission/admit.ts')
  const { handshake, host, clientSide } = memoryHandshake(
    server[serverContext],
    {
      path: '/ws/hall',
      query: '',
      headers: new Headers({ 'x-test-user': 'Grace' }),
      address: '192.0.2.1',
      known: null,
    },
    { message: () => {}, ended: () => {} },
  )
  const admission = runAdmission(entering, { handshake, host })
  await settled()
  clientSide.cut()
  answer()
  await admission
  const alice = await visit(entering, {}, { user: ada, server })
  expect(names(alice.members)).toEqual([ada.id])
  expect(names(await server.group(presenceRoom).members())).toEqual([ada.id])
})

test('a socket that comes in just when a question about the room ends is shown', async () => {
  const clock = testClock()
  const layer = memory({ clock })
  const [here, there] = [
    testServer({ layer, clock, node: 'here' }),
    testServer({ layer, clock, node: 'there' }),
  ]
  const bob = await visit(entering, {}, { user: grace, server: there })
  const found = here.group(presenceRoom).members()
  await clock.advance(5)
  // the answer of the other node is there: the question ends at the next look
  const looking = clock.advance(10)
  const alice = await visit(entering, {}, { user: ada, server: here })
  await looking
  expect(names(await found)).toContain(grace.id)
  await settled()
  expect(names(await here.group(presenceRoom).members())).toContain(ada.id)
  expect(names(bob.members)).toContain(ada.id)
  expect(names(alice.members)).toContain(ada.id)
})

test('two who ask at once get the same answer', async () => {
  const layer = memory()
  const [here, there] = [testServer({ layer, node: 'here' }), testServer({ layer, node: 'there' })]
  await visit(entering, {}, { user: grace, server: there })
  const [one, other] = await Promise.all([
    here.group(presenceRoom).members(),
    here.group(presenceRoom).members(),
  ])
  expect(names(one)).toEqual([grace.id])
  expect(names(other)).toEqual([grace.id])
})

test('a room that everybody has left is forgotten once the grace is over', async () => {
  const clock = testClock()
  const topics = new Set<string>()
  const server = testServer({ clock, layer: watched(memory({ clock }), topics) })
  const alice = await visit(entering, {}, { user: ada, server })
  const again = await visit(entering, {}, { user: ada, server })
  alice.leave()
  again.leave()
  await clock.advance(4_999)
  expect(names(await server.group(presenceRoom).members())).toEqual([ada.id])
  await clock.advance(1)
  expect([...topics].filter((topic) => topic.startsWith('presence/'))).toEqual([])
})

test('a user who comes back within the grace is one member, who leaves once', async () => {
  const clock = testClock()
  const server = testServer({ clock })
  const bob = await visit(entering, {}, { user: grace, server })
  const first = await visit(entering, {}, { user: ada, server })
  first.cut()
  await clock.advance(4_000)
  const second = await visit(entering, {}, { user: ada, server })
  await clock.advance(10_000)
  expect(names(bob.members)).toEqual([grace.id, ada.id])
  second.cut()
  await clock.advance(5_000)
  expect(names(bob.members)).toEqual([grace.id])
})

test('a layer that cannot subscribe to presence lets no socket in, not even in part', async () => {
  const server = testServer({
    layer: slow(memory(), 'presence/', Promise.reject(new Error('the layer is away'))),
    report: () => {},
  })
  const auth: Authenticator<User> = byName
  await expect(
    visit(
      consumer(presenceRoom, { auth, presence: () => ({}) }, () => ({})),
      {},
      { user: ada, server },
    ),
  ).rejects.toMatchObject({ status: 503 })
  expect(server.connections).toBe(0)
  expect(server[serverContext].groups.size).toBe(0)
})

function slow(layer: Layer, of: string, answers: Promise<void>): Layer {
  answers.catch(() => {})
  return hooked(layer, async (topic) => {
    if (topic.startsWith(of)) await answers
  })
}

function watched(layer: Layer, topics: Set<string>): Layer {
  return hooked(
    layer,
    async (topic) => void topics.add(topic),
    (topic) => topics.delete(topic),
  )
}

function hooked(
  layer: Layer,
  before: (topic: string) => Promise<void>,
  after: (topic: string) => void = () => {},
): Layer {
  return changedLinks(layer, (link) => ({
    subscribe: async (topic, hear) => {
      await before(topic)
      const end = await link.subscribe(topic, hear)
      return () => {
        after(topic)
        end()
      }
    },
  }))
}

test('a socket with presence null is inside, hears the others and is not shown', async () => {
  const server = testServer()
  const discreet = consumer(
    presenceRoom,
    { auth: byName, presence: ({ user }) => (user.id === grace.id ? null : { name: user.name }) },
    () => ({}),
  )
  const alice = await visit(discreet, {}, { user: ada, server })
  const hidden = await visit(discreet, {}, { user: grace, server })
  await settled()
  expect(names(alice.members)).toEqual([ada.id])
  expect(names(hidden.members)).toEqual([ada.id])
  expect(server.connections).toBe(2)
})

test('an endpoint that shows no presence costs the layer nothing for it', async () => {
  const topics = new Set<string>()
  const server = testServer({ layer: watched(memory(), topics) })
  const plain = consumer(contract('/ws/plain', {}), { auth: byName }, () => ({}))
  await visit(plain, {}, { user: ada, server })
  expect([...topics].filter((topic) => topic.startsWith('presence/'))).toEqual([])
})
