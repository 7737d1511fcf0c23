import { expect, test } from 'vitest'
import { z } from 'zod'
import { knock } from '../../src/core/admit.ts'
import { hub } from '../../src/core/application.ts'
import type { Layer } from '../../src/core/layer.ts'
import {
  anyone,
  type Authenticator,
  consumer,
  contract,
  deny,
  endpoint,
  memory,
  type SallyportEvent,
} from '../../src/index.ts'
import { settled, testClock } from '../../src/testing/clock.ts'
import { memoryHandshake } from '../../src/transports/memory.ts'
import { testPort, visit } from '../../src/testing.ts'
import { ada, byName, grace, room, type User } from './rooms.ts'
import { changedLinks } from '../support/links.ts'

test('a grant that cannot travel ends the socket with 1011 and leaves nothing behind', async () => {
  const faults: unknown[] = []
  const port = testPort({ report: (error) => faults.push(error) })
  const broken = consumer(
    contract('/ws/broken', { grant: z.any() }),
    { auth: anyone, authorize: () => ({ size: 10n }) },
    () => ({}),
  )
  void visit(broken, {}, { headers: {}, port }).catch(() => {})
  await settled()
  expect(faults).toHaveLength(1)
  expect(port.connections).toBe(0)
  expect(port[hub].groups.size).toBe(0)
})

test('a rule that answers a function lets nobody in: it makes rules, and was not called', async () => {
  const faults: unknown[] = []
  const port = testPort({ report: (error) => faults.push(error) })
  const ruleFor = () => async () => false
  for (const authorize of [ruleFor, async () => ruleFor()]) {
    const open = consumer(contract('/ws/open', {}), { auth: byName, authorize }, () => ({}))
    await expect(visit(open, {}, { user: ada, port })).rejects.toMatchObject({ status: 503 })
  }
  expect(faults).toEqual([expect.any(TypeError), expect.any(TypeError)])
})

test.each([
  ['an invalid date', new Date(Number.NaN)],
  ['a text', '2030-01-01'],
])('an identity whose expiry is %s is not let in: it would never expire', async (_, expires) => {
  const port = testPort({ report: () => {} })
  // what comes out of a cache that kept it as JSON, whatever the types say
  const auth: Authenticator<User> = async () => ({ user: ada, expires: expires as Date })
  const forever = consumer(contract('/ws/forever', {}), { auth }, () => ({}))
  await expect(visit(forever, {}, { headers: {}, port })).rejects.toMatchObject({ status: 503 })
})

test('a renewal whose expiry is malformed ends the socket when its lease is over, and not the process', async () => {
  const clock = testClock()
  const faults: unknown[] = []
  const port = testPort({ clock, report: (error) => faults.push(error) })
  const auth: Authenticator<User> = async () => ({
    user: ada,
    renew: async () => ({ user: ada, expires: '2030-01-01' as unknown as Date }),
  })
  const leased = consumer(contract('/ws/leased', {}), { auth, lease: '60s' }, () => ({}))
  const alice = await visit(leased, {}, { headers: {}, port })
  await clock.advance(61_000)
  expect(await alice.closed).toMatchObject({ code: 4503 })
  expect(faults).not.toEqual([])
})

test('a changed grant that cannot travel ends the socket, and not the process', async () => {
  const port = testPort({ report: () => {} })
  let size: number | bigint = 1
  const growing = consumer(
    contract('/ws/growing', { grant: z.any() }),
    { auth: byName, authorize: () => ({ size }) },
    () => ({}),
  )
  const alice = await visit(growing, {}, { user: ada, port })
  size = 10n
  await port.recheck({ user: ada.id })
  expect(await alice.closed).toMatchObject({ code: 1011 })
})

test('whoever comes while the server drains is told so, however far they have come', async () => {
  const { promise: layerAnswers, resolve: answer } = Promise.withResolvers<void>()
  const { promise: handled, resolve: finish } = Promise.withResolvers<void>()
  const port = testPort({ layer: slowLayer(layerAnswers, '/ws/chat') })
  const busy = consumer(contract('/ws/busy', {}), { auth: byName }, () => ({ open: () => handled }))
  await visit(busy, {}, { user: grace, port })
  const late = visit(room, { room: 'lobby' }, { user: ada, port })
  await settled()
  const closed = port.close({ drain: '5s' })
  answer()
  await expect(late).rejects.toMatchObject({ status: 503, code: 'restart' })
  expect(port.connections).toBe(1)
  finish()
  await closed
})

test('whoever comes while the server drains costs the layer nothing', async () => {
  const { promise: handled, resolve: finish } = Promise.withResolvers<void>()
  const topics: string[] = []
  const port = testPort({ layer: changed(memory(), (topic) => (topics.push(topic), null)) })
  const busy = consumer(contract('/ws/busy', {}), { auth: byName }, () => ({ open: () => handled }))
  await visit(busy, {}, { user: grace, port })
  const closed = port.close({ drain: '5s' })
  const before = [...topics]
  await expect(visit(room, { room: 'lobby' }, { user: ada, port })).rejects.toMatchObject({ code: 'restart' })
  expect(topics).toEqual(before)
  finish()
  await closed
})

test('whoever has gone while the layer was asked is neither inside nor refused', async () => {
  const { promise: layerAnswers, resolve: answer } = Promise.withResolvers<void>()
  const events: SallyportEvent[] = []
  const port = testPort({ layer: slowLayer(layerAnswers), on: (event) => events.push(event) })
  const visitor = { path: '/ws/chat/lobby', query: '', headers: new Headers(), address: '192.0.2.1' }
  const silent = { message: () => {}, ended: () => {} }
  const { handshake, host, far } = memoryHandshake(port[hub], { ...visitor, known: { user: ada } }, silent)
  const coming = knock(room, { handshake, host })
  await settled()
  far.cut()
  answer()
  expect(await coming).toBeNull()
  expect([events, port.connections, port[hub].groups.size]).toEqual([[], 0, 0])
})

test('a layer that cannot subscribe lets nobody in, and nobody is half inside', async () => {
  const layer = memory()
  const faults: unknown[] = []
  let away = true
  const port = testPort({
    report: (error) => faults.push(error),
    layer: changed(layer, (topic) =>
      away && topic.startsWith('5:group') ? Promise.reject(new Error('away')) : null,
    ),
  })
  const both = [ada, grace].map((user) => visit(room, { room: 'lobby' }, { user, port }))
  for (const one of both) await expect(one).rejects.toMatchObject({ status: 503 })
  expect(port.connections).toBe(0)
  expect(port[hub].groups.size).toBe(0)
  away = false
  const alice = await visit(room, { room: 'lobby' }, { user: ada, port })
  await alice.send('say', { text: 'back again' })
  expect(await alice.next('said')).toMatchObject({ text: 'back again' })
})

test('a layer that hangs costs the handshake its time and holds nothing when it comes back', async () => {
  const { promise: layerAnswers, resolve: answer } = Promise.withResolvers<void>()
  const port = testPort({ layer: slowLayer(layerAnswers), report: () => {} })
  const gone = visit(room, { room: 'lobby' }, { user: ada, port })
  await settled()
  answer()
  const alice = await gone
  alice.leave()
  await settled()
  expect(port[hub].groups.size).toBe(0)
})

test('an endpoint that ends its socket at once leaves no open socket', async () => {
  const port = testPort()
  const events: string[] = []
  const short = consumer(contract('/ws/short', {}), { auth: anyone }, (socket) => {
    socket.close(4000, 'not today')
    return { open: () => events.push('open'), close: () => events.push('close') }
  })
  const alice = await visit(short, {}, { headers: {}, port })
  expect(await alice.closed).toEqual({ code: 4000, reason: 'not today' })
  await settled()
  expect(events).toEqual(['close'])
  expect(port.connections).toBe(0)
  const loop = endpoint(contract('/ws/loop', {}), { auth: anyone }, async (socket) => socket.close())
  expect(await (await visit(loop, {}, { headers: {}, port })).closed).toMatchObject({ code: 1000 })
  expect(port.connections).toBe(0)
})

test('whoever goes while the layer is asked for a new audience keeps no seat in it', async () => {
  const { promise: layerAnswers, resolve: answer } = Promise.withResolvers<void>()
  const port = testPort({ layer: slowLayer(layerAnswers, '6:admins') })
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
  const alice = await visit(panels, {}, { user: ada, port })
  isAdmin = true
  const receipt = port.recheck({ user: ada.id })
  await settled()
  alice.leave()
  await alice.closed
  expect(port[hub].groups.size).toBe(1)
  answer()
  await receipt
  expect(port[hub].groups.size).toBe(0)
})

test('an endpoint may refuse while it says where someone sits, in its own words', async () => {
  const full = consumer(
    contract('/ws/full', {}),
    { auth: anyone, presence: () => deny(409, 'full', 'all places are taken') },
    () => ({}),
  )
  const port = testPort()
  await expect(visit(full, {}, { headers: {}, port })).rejects.toMatchObject({ status: 409, code: 'full' })
  expect(port[hub].groups.size).toBe(0)
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
