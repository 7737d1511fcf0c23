import { expect, test } from 'vitest'
import { z } from 'zod'
import { runAdmission } from '../../../src/core/admission/admit.ts'
import { serverContext } from '../../../src/core/server-context.ts'
import type { Layer } from '../../../src/core/api/layer.ts'
import {
  anyone,
  type Authenticator,
  consumer,
  contract,
  deny,
  endpoint,
  memory,
  type SallyportEvent,
} from '../../../src/index.ts'
import { settled, testClock } from '../../../src/testing/clock.ts'
import { memoryHandshake } from '../../../src/transports/memory.ts'
import { testServer, visit } from '../../../src/testing.ts'
import { ada, byName, grace, room, type User } from '../support/members.ts'
import { changedLinks } from '../../support/links.ts'

test('a grant that cannot travel ends the socket with 1011 and leaves nothing behind', async () => {
  const faults: unknown[] = []
  const server = testServer({ report: (error) => faults.push(error) })
  const broken = consumer(
    contract('/ws/broken', { grant: z.any() }),
    { auth: anyone, authorize: () => ({ size: 10n }) },
    () => ({}),
  )
  void visit(broken, {}, { headers: {}, server }).catch(() => {})
  await settled()
  expect(faults).toHaveLength(1)
  expect(server.connections).toBe(0)
  expect(server[serverContext].groups.size).toBe(0)
})

test('a rule that answers a function lets no user in: it makes rules, and was not called', async () => {
  const faults: unknown[] = []
  const server = testServer({ report: (error) => faults.push(error) })
  const ruleFor = () => async () => false
  for (const authorize of [ruleFor, async () => ruleFor()]) {
    const open = consumer(contract('/ws/open', {}), { auth: byName, authorize }, () => ({}))
    await expect(visit(open, {}, { user: ada, server })).rejects.toMatchObject({ status: 503 })
  }
  // the second one is like the first, and is counted
  expect(faults).toEqual([expect.any(TypeError)])
})

test.each([
  ['an invalid date', new Date(Number.NaN)],
  ['a text', '2030-01-01'],
])('an identity whose expiry is %s is not let in: it would never expire', async (_, expires) => {
  const server = testServer({ report: () => {} })
  // what comes out of a cache that kept it as JSON, whatever the types say
  const auth: Authenticator<User> = async () => ({ user: ada, expires: expires as Date })
  const forever = consumer(contract('/ws/forever', {}), { auth }, () => ({}))
  await expect(visit(forever, {}, { headers: {}, server })).rejects.toMatchObject({ status: 503 })
})

test('a renewal with a malformed expiry ends the socket at its lease, and not the process', async () => {
  const clock = testClock()
  const faults: unknown[] = []
  const server = testServer({ clock, report: (error) => faults.push(error) })
  const auth: Authenticator<User> = async () => ({
    user: ada,
    renew: async () => ({ user: ada, expires: '2030-01-01' as unknown as Date }),
  })
  const leased = consumer(contract('/ws/leased', {}), { auth, lease: '60s' }, () => ({}))
  const alice = await visit(leased, {}, { headers: {}, server })
  await clock.advance(61_000)
  expect(await alice.closed).toMatchObject({ code: 4503 })
  expect(faults).not.toEqual([])
})

test('a changed grant that cannot travel ends the socket, and not the process', async () => {
  const server = testServer({ report: () => {} })
  let size: number | bigint = 1
  const growing = consumer(
    contract('/ws/growing', { grant: z.any() }),
    { auth: byName, authorize: () => ({ size }) },
    () => ({}),
  )
  const alice = await visit(growing, {}, { user: ada, server })
  size = 10n
  await server.recheck({ user: ada.id })
  expect(await alice.closed).toMatchObject({ code: 1011 })
})

test('a handshake while the server drains is refused as draining, at every stage', async () => {
  const { promise: layerAnswers, resolve: answer } = Promise.withResolvers<void>()
  const { promise: handled, resolve: finish } = Promise.withResolvers<void>()
  const server = testServer({ layer: slowLayer(layerAnswers, '/ws/chat') })
  const busy = consumer(contract('/ws/busy', {}), { auth: byName }, () => ({ open: () => handled }))
  await visit(busy, {}, { user: grace, server })
  const late = visit(room, { room: 'lobby' }, { user: ada, server })
  await settled()
  const closed = server.close({ drain: '5s' })
  answer()
  await expect(late).rejects.toMatchObject({ status: 503, code: 'restart' })
  expect(server.connections).toBe(1)
  finish()
  await closed
})

test('a handshake while the server drains costs the layer nothing', async () => {
  const { promise: handled, resolve: finish } = Promise.withResolvers<void>()
  const topics: string[] = []
  const server = testServer({ layer: changed(memory(), (topic) => (topics.push(topic), null)) })
  const busy = consumer(contract('/ws/busy', {}), { auth: byName }, () => ({ open: () => handled }))
  await visit(busy, {}, { user: grace, server })
  const closed = server.close({ drain: '5s' })
  const before = [...topics]
  await expect(visit(room, { room: 'lobby' }, { user: ada, server })).rejects.toMatchObject({
    code: 'restart',
  })
  expect(topics).toEqual(before)
  finish()
  await closed
})

test('while the server drains no authenticator is asked, and the answer of one is not acted on', async () => {
  const { promise: handled, resolve: finish } = Promise.withResolvers<void>()
  const { promise: found, resolve: answer } = Promise.withResolvers<void>()
  const topics: string[] = []
  let asked = 0
  const server = testServer({ layer: changed(memory(), (topic) => (topics.push(topic), null)) })
  const busy = consumer(contract('/ws/busy', {}), { auth: byName }, () => ({ open: () => handled }))
  const slow = consumer(
    contract('/ws/slow', {}),
    {
      auth: async () => {
        asked++
        await found
        return { user: ada }
      },
    },
    () => ({}),
  )
  await visit(busy, {}, { user: grace, server })
  const late = visit(slow, {}, { headers: {}, server })
  await settled()
  const closed = server.close({ drain: '5s' })
  const before = [...topics]
  answer()
  for (const coming of [late, visit(slow, {}, { headers: {}, server })])
    await expect(coming).rejects.toMatchObject({ status: 503, code: 'restart' })
  expect([asked, topics]).toEqual([1, before])
  finish()
  await closed
})

test('a socket that ends while the layer is asked is neither inside nor refused', async () => {
  const { promise: layerAnswers, resolve: answer } = Promise.withResolvers<void>()
  const events: SallyportEvent[] = []
  const server = testServer({ layer: slowLayer(layerAnswers), on: (event) => events.push(event) })
  const visitor = { path: '/ws/chat/lobby', query: '', headers: new Headers(), address: '192.0.2.1' }
  const silent = { message: () => {}, ended: () => {} }
  const { handshake, host, clientSide } = memoryHandshake(
    server[serverContext],
    { ...visitor, known: { user: ada } },
    silent,
  )
  const coming = runAdmission(room, { handshake, host })
  await settled()
  clientSide.cut()
  answer()
  expect(await coming).toBeNull()
  expect([events, server.connections, server[serverContext].groups.size]).toEqual([[], 0, 0])
})

test('a layer that cannot subscribe lets no socket in, not even in part', async () => {
  const layer = memory()
  const faults: unknown[] = []
  let away = true
  const server = testServer({
    report: (error) => faults.push(error),
    layer: changed(layer, (topic) =>
      away && topic.startsWith('5:group') ? Promise.reject(new Error('away')) : null,
    ),
  })
  const both = [ada, grace].map((user) => visit(room, { room: 'lobby' }, { user, server }))
  for (const one of both) await expect(one).rejects.toMatchObject({ status: 503 })
  expect(server.connections).toBe(0)
  expect(server[serverContext].groups.size).toBe(0)
  away = false
  const alice = await visit(room, { room: 'lobby' }, { user: ada, server })
  await alice.send('say', { text: 'back again' })
  expect(await alice.next('said')).toMatchObject({ text: 'back again' })
})

test('a layer that hangs costs the handshake its time and holds nothing when it comes back', async () => {
  const { promise: layerAnswers, resolve: answer } = Promise.withResolvers<void>()
  const server = testServer({ layer: slowLayer(layerAnswers), report: () => {} })
  const gone = visit(room, { room: 'lobby' }, { user: ada, server })
  await settled()
  answer()
  const alice = await gone
  alice.leave()
  await settled()
  expect(server[serverContext].groups.size).toBe(0)
})

test('an endpoint that ends its socket at once leaves no open socket', async () => {
  const server = testServer()
  const events: string[] = []
  const short = consumer(contract('/ws/short', {}), { auth: anyone }, (socket) => {
    socket.close(4000, 'not today')
    return { open: () => events.push('open'), close: () => events.push('close') }
  })
  const alice = await visit(short, {}, { headers: {}, server })
  expect(await alice.closed).toEqual({ code: 4000, reason: 'not today' })
  await settled()
  expect(events).toEqual(['close'])
  expect(server.connections).toBe(0)
  const loop = endpoint(contract('/ws/loop', {}), { auth: anyone }, async (socket) => socket.close())
  expect(await (await visit(loop, {}, { headers: {}, server })).closed).toMatchObject({ code: 1000 })
  expect(server.connections).toBe(0)
})

test('a socket that ends while the layer is asked for a new audience keeps no membership in it', async () => {
  const { promise: layerAnswers, resolve: answer } = Promise.withResolvers<void>()
  const server = testServer({ layer: slowLayer(layerAnswers, '6:admins') })
  let isAdmin = false
  const panels = consumer(
    contract('/ws/panels', { audiences: ['admins'] }),
    {
      auth: byName,
      authorize: () => ({ isAdmin }),
      audience: ({ grant }) => (grant.isAdmin ? ['admins'] : []),
    },
    () => ({}),
  )
  const alice = await visit(panels, {}, { user: ada, server })
  isAdmin = true
  const receipt = server.recheck({ user: ada.id })
  await settled()
  alice.leave()
  await alice.closed
  expect(server[serverContext].groups.size).toBe(1)
  answer()
  await receipt
  expect(server[serverContext].groups.size).toBe(0)
})

test('an endpoint may refuse while it says where someone sits, in its own words', async () => {
  const full = consumer(
    contract('/ws/full', {}),
    { auth: anyone, presence: () => deny(409, 'full', 'all places are taken') },
    () => ({}),
  )
  const server = testServer()
  await expect(visit(full, {}, { headers: {}, server })).rejects.toMatchObject({ status: 409, code: 'full' })
  expect(server[serverContext].groups.size).toBe(0)
})

/** A layer whose groups are subscribed to only when it is told. */
function slowLayer(answers: Promise<void>, of = '5:group'): Layer {
  return changed(memory(), (topic) => (topic.includes(of) ? answers : null))
}

function changed(layer: Layer, meanwhile: (topic: string) => Promise<void> | null): Layer {
  return changedLinks(layer, (link) => ({
    subscribe: async (topic, hear) => {
      await meanwhile(topic)
      return link.subscribe(topic, hear)
    },
  }))
}
