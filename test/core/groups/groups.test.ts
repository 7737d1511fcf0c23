import { expect, test } from 'vitest'
import { z } from 'zod'
import {
  anyone,
  binary,
  consumer,
  contract,
  type Link,
  memory,
  type Position,
  text,
} from '../../../src/index.ts'
import { testClock, testServer, visit } from '../../../src/testing.ts'
import { groupAddress, subjectAddress } from '../../../src/core/groups/address.ts'
import { ada, byName, chat, grace, mallory, room } from '../support/members.ts'
import { changedLinks } from '../../support/links.ts'

const said = (line: string) => ({ from: 'server', text: line })

test('a group is reached from outside, on every node of the layer', async () => {
  const layer = memory()
  const [one, two, worker] = ['one', 'two', 'worker'].map((node) => testServer({ layer, node }))
  if (one === undefined || two === undefined || worker === undefined) throw new Error('three servers')
  const alice = await visit(room, { room: 'lobby' }, { user: ada, server: one })
  const bob = await visit(room, { room: 'lobby' }, { user: grace, server: two })
  await worker.group(chat, { room: 'lobby' }).send('said', said('from a worker'))
  expect(await alice.next('said')).toEqual(said('from a worker'))
  expect(await bob.next('said')).toEqual(said('from a worker'))
  await alice.send('say', { text: 'across' })
  expect(await bob.next('said')).toEqual({ from: 'Ada', text: 'across' })
})

test('a subscription that begins after its time is not heard beside the one that took its place', async () => {
  const bell = contract('/ws/bell', { server: { rung: z.object({ n: z.number() }) } })
  const hearing = consumer(bell, { auth: anyone }, () => ({}))
  const clock = testClock()
  let slow = true
  const layer = changedLinks(memory({ clock }), (link, node) => ({
    subscribe: async (topic, hear) => {
      const end = await link.subscribe(topic, hear)
      // it is heard at once, and confirmed when no caller waits for it any more
      if (node === 'two' && slow && topic.includes('bell'))
        await new Promise<void>((resolve) => clock.after(10_000, resolve))
      return end
    },
  }))
  const worker = testServer({ layer, clock, node: 'worker' })
  const two = testServer({ layer, clock, node: 'two', report: () => {} })
  const early = visit(hearing, {}, { user: null, server: two })
  early.catch(() => {})
  await clock.advance(5_000)
  await expect(early).rejects.toMatchObject({ status: 503 })
  slow = false
  const bob = await visit(hearing, {}, { user: null, server: two })
  await worker.group(bell).send('rung', { n: 1 })
  expect(await bob.next('rung')).toEqual({ n: 1 })
  await bob.nothing()
})

test('a user is reached on every device, and no other user is', async () => {
  const layer = memory()
  const one = testServer({ layer })
  const two = testServer({ layer })
  const phone = await visit(room, { room: 'a' }, { user: ada, server: one })
  const laptop = await visit(room, { room: 'b' }, { user: ada, server: two })
  const other = await visit(room, { room: 'a' }, { user: grace, server: one })
  await one.user(chat, ada.id).send('said', said('for Ada'))
  expect(await phone.next('said')).toEqual(said('for Ada'))
  expect(await laptop.next('said')).toEqual(said('for Ada'))
  await other.nothing()
})

// proves: room-confusion
test('tenants never hear each other, though their rooms share a name', async () => {
  const server = testServer({ tenant: (identity) => (identity.user as { id: string }).id })
  const alice = await visit(room, { room: 'lobby' }, { user: ada, server })
  const bob = await visit(room, { room: 'lobby' }, { user: grace, server })
  await alice.send('say', { text: 'mine' })
  await bob.nothing()
  await server.tenant(grace.id).group(chat, { room: 'lobby' }).send('said', said('yours'))
  expect(await bob.next('said')).toEqual(said('yours'))
})

test('an audience hears what is for it, and only those whose grant names it are in it', async () => {
  const board = contract('/ws/board', {
    server: { health: z.object({ cpu: z.number() }), secret: z.object({ text: z.string() }) },
    audiences: ['health', 'secret'],
  })
  const panels = consumer(
    board,
    {
      auth: byName,
      authorize: ({ user }) => ({ all: user.id === ada.id }),
      audience: ({ grant }) => (grant.all ? ['health', 'secret'] : ['health']),
    },
    () => ({}),
  )
  const server = testServer()
  const admin = await visit(panels, {}, { user: ada, server })
  const user = await visit(panels, {}, { user: grace, server })
  await server.group(board, {}, 'secret').send('secret', { text: 'only admins' })
  await server.group(board, {}, 'health').send('health', { cpu: 1 })
  expect(await admin.next()).toEqual({ type: 'secret', text: 'only admins' })
  expect(await user.next()).toEqual({ type: 'health', cpu: 1 })
  await user.nothing()
  expect(() => server.group(board, {}, 'nonsense' as 'health')).toThrow(TypeError)
})

// proves: not-a-member
test('a new member gets no earlier message, and a member that has left gets no later one', async () => {
  const server = testServer()
  const early = await visit(room, { room: 'order' }, { user: ada, server })
  await early.send('say', { text: 'before' })
  const late = await visit(room, { room: 'order' }, { user: grace, server })
  await late.nothing()
  late.leave()
  await late.closed
  await early.send('say', { text: 'after' })
  await late.nothing()
  expect(server.connections).toBe(1)
})

test('a history keeps the last messages in order, without those that say keep: false', async () => {
  const server = testServer()
  const group = server.group(chat, { room: 'kept' })
  await Promise.all(['1', '2', '3', '4'].map((line) => group.send('said', said(line))))
  await group.send('typing', { from: 'x' })
  const { messages, complete } = await group.history()
  expect(messages.map(({ data }) => (data as { text: string }).text)).toEqual(['2', '3', '4'])
  expect(complete).toBe(false)
  const [first] = messages
  const rest = await group.history(first?.at)
  expect(rest.complete).toBe(true)
  expect(rest.messages.map(({ data }) => (data as { text: string }).text)).toEqual(['3', '4'])
  expect((await group.history({ epoch: 'another', offset: 1 })).complete).toBe(false)
})

test.each([0, '', false, 'x', 7, {}, []])('%j is no position of a history', async (after) => {
  const { history } = testServer().group(chat, { room: 'kept' })
  await expect(history(after as unknown as Position)).rejects.toThrow(TypeError)
})

test('a text that begins with U+FEFF keeps it on another node and in history', async () => {
  const layer = memory()
  const [one, two] = [testServer({ layer }), testServer({ layer })]
  const board = contract('/ws/board', { server: text, history: {} })
  const application = consumer(board, { auth: byName }, () => ({}))
  const reader = await visit(application, {}, { user: ada, server: two })
  await one.group(board).send('\uFEFFhello')
  expect(await reader.next()).toBe('\uFEFFhello')
  const { messages } = await one.group(board).history()
  expect(messages.map(({ data }) => data)).toEqual(['\uFEFFhello'])
})

test('bytes that an application changes after it got them out of a history are the same there', async () => {
  const server = testServer()
  const board = contract('/ws/board', { server: binary, history: {} })
  await server.group(board).send(Uint8Array.of(1, 2, 3))
  const read = async () =>
    (await server.group(board).history()).messages.map(({ data }) => data as Uint8Array)
  for (const bytes of await read()) bytes.fill(0)
  expect(await read()).toEqual([Uint8Array.of(1, 2, 3)])
})

test('presence merges the tabs of a user, tells of joins and leaves, and forgives a reload', async () => {
  const clock = testClock()
  const server = testServer({ clock })
  const alice = await visit(room, { room: 'p' }, { user: ada, server })
  expect(alice.members).toEqual([{ user: '1', info: { name: 'Ada' } }])
  const tab = await visit(room, { room: 'p' }, { user: grace, server })
  const secondTab = await visit(room, { room: 'p' }, { user: grace, server })
  expect(alice.members.map(({ user }) => user)).toEqual(['1', '2'])
  tab.leave()
  secondTab.leave()
  await clock.advance(4_000)
  const back = await visit(room, { room: 'p' }, { user: grace, server })
  await clock.advance(10_000)
  expect(alice.members.map(({ user }) => user)).toEqual(['1', '2'])
  back.cut()
  await clock.advance(5_001)
  expect(alice.members.map(({ user }) => user)).toEqual(['1'])
  expect(await server.group(chat, { room: 'p' }).members()).toEqual([{ user: '1', info: { name: 'Ada' } }])
})

test('presence reaches across nodes, and a node that is gone takes its members with it', async () => {
  const clock = testClock()
  const links = new Map<string, Link>()
  const layer = changedLinks(memory({ clock }), (link, node) => (links.set(node, link), {}))
  const one = testServer({ layer, clock, node: 'one' })
  const two = testServer({ layer, clock, node: 'two', report: () => {} })
  const worker = testServer({ layer, clock, node: 'worker' })
  const alice = await visit(room, { room: 'p' }, { user: ada, server: one })
  await visit(room, { room: 'p' }, { user: grace, server: two })
  await clock.advance(100)
  expect(alice.members.map(({ user }) => user).sort()).toEqual(['1', '2'])
  const asking = worker.group(chat, { room: 'p' }).members()
  await clock.advance(1_000)
  expect((await asking).map(({ user }) => user).sort()).toEqual(['1', '2'])
  await links.get('two')?.close()
  await clock.advance(21_000)
  expect(alice.members.map(({ user }) => user)).toEqual(['1'])
})

// proves: room-confusion
test('no two groups share a key, whatever their names hold', () => {
  const keys = [
    groupAddress(chat, '', { room: 'a' }).key,
    groupAddress(chat, 'a', { room: 'a' }).key,
    groupAddress(chat, '', { room: 'a/b' }).key,
    groupAddress(chat, '', { room: 'a%2Fb' }).key,
    groupAddress(chat, '1:a', { room: 'b' }).key,
    subjectAddress(chat, '', 'a').key,
    subjectAddress(chat, 'a', '').key,
  ]
  expect(new Set(keys).size).toBe(keys.length)
})

test('a group without members is forgotten', async () => {
  const server = testServer()
  const alice = await visit(room, { room: 'gone' }, { user: ada, server })
  alice.leave()
  await alice.closed
  expect(server.connections).toBe(0)
  const [symbol] = Object.getOwnPropertySymbols(server)
  const context = (server as unknown as Record<symbol, { groups: { size: number } }>)[
    symbol ?? Symbol('none')
  ]
  expect(context?.groups.size).toBe(0)
})

// proves: not-a-member
test('a refused visitor leaves no trace in groups or presence', async () => {
  const server = testServer()
  const alice = await visit(room, { room: 'clean' }, { user: ada, server })
  await expect(visit(room, { room: 'clean' }, { user: mallory, server })).rejects.toMatchObject({
    status: 403,
  })
  expect(alice.members.map(({ user }) => user)).toEqual(['1'])
  expect(server.connections).toBe(1)
})
