import { expect, test } from 'vitest'
import { z } from 'zod'
import {
  anyone,
  type Authenticator,
  consumer,
  contract,
  Denial,
  deny,
  endpoint,
  type Identity,
  memory,
  type ServerOptions,
  type SallyportEvent,
  text,
} from '../../../src/index.ts'
import { settled } from '../../../src/testing/clock.ts'
import { testClock, testServer, visit } from '../../../src/testing.ts'
import { ada, grace, type User } from '../support/members.ts'

const lines = contract('/ws/lines', { client: text, server: text })
const notes = contract('/ws/notes', { client: text, server: text })

/** A room whose handlers work for as long as they are told to, of people whose sessions and rights may end. */
function serverWithSlowHandlers(
  options: ServerOptions = {},
  demands: { readonly lease?: '60s'; readonly idle?: '5m' } = {},
) {
  const clock = testClock()
  const state = {
    identity: { user: ada, session: 's' } as Omit<Identity<User>, 'renew'> | null,
    right: true,
    away: false,
    asked: [] as string[],
  }
  const auth: Authenticator<User> = async ({ headers }) => {
    if (headers.get('x-test-user') === 'Grace') return { user: grace }
    const read = async (): Promise<Identity<User> | null> =>
      state.identity && { ...state.identity, renew: read }
    return read()
  }
  const at: string[] = []
  const refused: unknown[] = []
  const works: (() => void)[] = []
  const room = consumer(
    lines,
    {
      auth,
      authorize: ({ why }) => {
        state.asked.push(why)
        if (state.away) throw new Error('database away')
        return state.right
      },
      ...demands,
    },
    (socket) => ({
      message: async (line) => {
        at.push(line)
        await new Promise<void>((resolve) => works.push(resolve))
        await socket
          .group()
          .send(line)
          .catch((error: unknown) => refused.push(error))
      },
    }),
  )
  const events: SallyportEvent[] = []
  const faults: unknown[] = []
  const server = testServer({
    clock,
    report: (error) => faults.push(error),
    on: (event) => events.push(event),
    ...options,
  })
  const visitAs = (name = 'Ada') => visit(room, {}, { headers: { 'x-test-user': name }, server })
  /** The handler at work goes on, and so does each after it. */
  const workOff = async (): Promise<void> => {
    for (let more = works.shift(); more !== undefined; more = works.shift()) {
      more()
      await settled()
    }
  }
  /** Says three lines and leaves while the handler of the first is at work. */
  const sayAndLeave = async (): Promise<void> => {
    const tab = await visitAs()
    for (const line of ['one', 'two', 'three']) void tab.send(line)
    await settled()
    tab.leave()
    await tab.closed
    await settled()
  }
  const of = (type: SallyportEvent['type']) => events.filter((event) => event.type === type)
  return {
    clock,
    state,
    auth,
    at,
    refused,
    room,
    events,
    faults,
    server,
    visitAs,
    workOff,
    sayAndLeave,
    of,
  }
}

const ended = expect.objectContaining({ status: 403, reason: 'ended' })

// proves: heard-after-ban
test('what waits for a peer that has left is dropped by a revocation, and its receipt says so', async () => {
  const { at, refused, server, visitAs, workOff, sayAndLeave, of, faults } = serverWithSlowHandlers()
  const other = await visitAs('Grace')
  await sayAndLeave()
  expect(server.connections).toBe(1)
  expect(await server.revoke({ user: ada.id, reason: 'banned' })).toMatchObject({ closed: 1, dropped: 2 })
  await workOff()
  expect([at, refused]).toEqual([['one'], [ended]])
  await other.nothing()
  expect(of('left')).toEqual([expect.objectContaining({ why: 'peer' })])
  expect(of('dropped')).toEqual([expect.objectContaining({ why: 'revoked', messages: 2, subject: ada.id })])
  expect(of('revoked')).toEqual([expect.objectContaining({ closed: 1, dropped: 2 })])
  // it is found once
  expect(await server.revoke({ user: ada.id, reason: 'banned' })).toMatchObject({ closed: 0, dropped: 0 })
  expect(faults).toEqual([])
})

test('a revocation that silences a handler and drops no message says so once', async () => {
  const { server, visitAs, of, workOff } = serverWithSlowHandlers()
  const tab = await visitAs()
  void tab.send('one')
  await settled()
  tab.leave()
  await tab.closed
  await settled()
  await server.revoke({ user: ada.id, reason: 'banned' })
  await server.revoke({ user: ada.id, reason: 'banned' })
  expect(of('dropped')).toEqual([expect.objectContaining({ why: 'revoked', messages: 0 })])
  await workOff()
})

test('what another node drops is in the receipt too', async () => {
  const layer = memory()
  const { at, workOff, sayAndLeave } = serverWithSlowHandlers({ layer, node: 'there' })
  await sayAndLeave()
  const here = testServer({ layer, node: 'here' })
  expect(await here.revoke({ user: ada.id, reason: 'banned' })).toEqual({
    closed: 1,
    changed: 0,
    dropped: 2,
    nodes: ['here', 'there'],
    silent: [],
  })
  await workOff()
  expect(at).toEqual(['one'])
})

// proves: heard-after-ban
test('what a handler has left running is not published once the access of its peer has ended', async () => {
  const ends: Readonly<Record<string, (made: ReturnType<typeof serverWithSlowHandlers>) => unknown>> = {
    nothing: () => undefined,
    revocation: ({ server }) => server.revoke({ user: ada.id, reason: 'banned' }),
    kick: ({ server }) => server.revoke({ user: ada.id, at: [notes], reason: 'out' }),
    recheck: ({ server }) => server.recheck({ user: ada.id }),
    expiry: ({ clock }) => clock.advance(60_000),
  }
  const heard: string[] = []
  for (const [name, end] of Object.entries(ends)) {
    const made = serverWithSlowHandlers()
    const { state, auth, clock, server } = made
    state.identity = { user: ada, issuedAt: new Date(clock.now()), expires: new Date(clock.now() + 30_000) }
    const later = Promise.withResolvers<undefined>()
    const said: unknown[] = []
    const detached = consumer(notes, { auth }, (socket) => ({
      message: (line) => {
        const say = () => socket.group().send(line)
        void later.promise.then(say).then(
          () => said.push(name),
          (error: unknown) => said.push(error),
        )
      },
    }))
    const tab = await visit(detached, {}, { headers: { 'x-test-user': 'Ada' }, server })
    await tab.send('late')
    tab.leave()
    await tab.closed
    await settled()
    await end(made)
    later.resolve(undefined)
    await settled()
    expect(said, name).toEqual([name === 'nothing' ? name : ended])
    heard.push(name)
  }
  expect(heard).toEqual(Object.keys(ends))
})

test('a peer whose access does not end is heard to the end, and is not found after that', async () => {
  const { at, server, visitAs, workOff, sayAndLeave, of } = serverWithSlowHandlers()
  const other = await visitAs('Grace')
  await sayAndLeave()
  await workOff()
  for (const line of ['one', 'two', 'three']) expect(await other.next()).toBe(line)
  expect(at).toEqual(['one', 'two', 'three'])
  expect(await server.revoke({ user: ada.id, reason: 'banned' })).toMatchObject({ closed: 0, dropped: 0 })
  expect(of('dropped')).toEqual([])
})

test('a peer whose wire was cut is found like one that has left', async () => {
  const { at, server, visitAs, workOff } = serverWithSlowHandlers()
  const tab = await visitAs()
  for (const line of ['one', 'two']) void tab.send(line)
  await settled()
  tab.cut()
  await settled()
  expect(await server.revoke({ session: 's', reason: 'signed out' })).toMatchObject({ closed: 1, dropped: 1 })
  await workOff()
  expect(at).toEqual(['one'])
})

test('a kick reaches what waits in its room alone', async () => {
  const { at, auth, server, workOff, sayAndLeave } = serverWithSlowHandlers()
  const heard: string[] = []
  const elsewhere = consumer(notes, { auth }, () => ({ message: (line) => void heard.push(line) }))
  const tab = await visit(elsewhere, {}, { headers: {}, server })
  await sayAndLeave()
  expect(await server.revoke({ user: ada.id, at: [lines], reason: 'be nice' })).toMatchObject({
    closed: 1,
    dropped: 2,
  })
  await workOff()
  await tab.send('still here')
  expect([at, heard]).toEqual([['one'], ['still here']])
})

test('a right that a recheck finds lost drops what waits for a peer that has left', async () => {
  const { state, at, refused, server, workOff, sayAndLeave } = serverWithSlowHandlers()
  await sayAndLeave()
  state.right = false
  expect(await server.recheck({ user: ada.id })).toMatchObject({ closed: 1, changed: 0, dropped: 2 })
  await workOff()
  expect([at, refused]).toEqual([['one'], [ended]])
})

test('a recheck that finds nothing lost keeps what waits for a peer that has left', async () => {
  const { at, server, workOff, sayAndLeave } = serverWithSlowHandlers()
  await sayAndLeave()
  expect(await server.recheck({ user: ada.id })).toMatchObject({ closed: 0, changed: 0, dropped: 0 })
  await workOff()
  expect(at).toEqual(['one', 'two', 'three'])
})

test('a question that was under way when its peer left is asked again for what waits', async () => {
  const { auth } = serverWithSlowHandlers()
  const server = testServer()
  const asked: string[] = []
  const said: string[] = []
  const answers: ((right: boolean) => void)[] = []
  const works: (() => void)[] = []
  const slow = consumer(
    lines,
    {
      auth,
      authorize: async ({ why, signal }) => {
        asked.push(why)
        if (why === 'open') return true
        return new Promise<boolean>((resolve, reject) => {
          answers.push(resolve)
          signal.addEventListener('abort', () => reject(signal.reason as Error))
        })
      },
    },
    () => ({
      message: async (line) => {
        said.push(line)
        await new Promise<void>((resolve) => works.push(resolve))
      },
    }),
  )
  const tab = await visit(slow, {}, { headers: {}, server })
  for (const line of ['one', 'two']) void tab.send(line)
  await settled()
  const receipt = server.recheck({ user: ada.id })
  await settled()
  tab.leave()
  await settled()
  expect(asked).toEqual(['open', 'recheck', 'recheck'])
  answers[1]?.(false)
  expect(await receipt).toMatchObject({ closed: 1, dropped: 1 })
  works[0]?.()
  await settled()
  expect(said).toEqual(['one'])
})

// proves: heard-after-ban
test('an expiry drops what waits for a peer that has left', async () => {
  const { clock, state, at, refused, workOff, sayAndLeave, of } = serverWithSlowHandlers()
  state.identity = { user: ada, expires: new Date(clock.now() + 60_000) }
  await sayAndLeave()
  await clock.advance(59_999)
  expect(of('dropped')).toEqual([])
  await clock.advance(1)
  expect(of('dropped')).toEqual([expect.objectContaining({ why: 'expired', messages: 2 })])
  await workOff()
  expect([at, refused]).toEqual([['one'], [ended]])
})

test('a session that slides keeps what waits for a peer that has left', async () => {
  const { clock, state, at, workOff, sayAndLeave, of } = serverWithSlowHandlers()
  state.identity = { user: ada, expires: new Date(clock.now() + 60_000) }
  await sayAndLeave()
  state.identity = { user: ada, expires: new Date(clock.now() + 600_000) }
  await clock.advance(120_000)
  expect(of('dropped')).toEqual([])
  await workOff()
  expect(at).toEqual(['one', 'two', 'three'])
})

test('a lease that finds the right lost, or cannot be asked for, drops what waits', async () => {
  for (const change of [{ right: false }, { away: true }]) {
    const { clock, state, at, workOff, sayAndLeave, of } = serverWithSlowHandlers({}, { lease: '60s' })
    await sayAndLeave()
    Object.assign(state, change)
    await clock.advance(60_000)
    expect(of('dropped')).toEqual([expect.objectContaining({ why: 'denied', messages: 2 })])
    await workOff()
    expect(at).toEqual(['one'])
  }
})

test('a lease is asked for no more when nothing is done in the name of a peer that has left', async () => {
  const { clock, state, workOff, sayAndLeave } = serverWithSlowHandlers({}, { lease: '60s' })
  await sayAndLeave()
  await clock.advance(60_000)
  const asked = state.asked.length
  expect(asked).toBeGreaterThan(1)
  await workOff()
  await clock.advance(600_000)
  expect(state.asked).toHaveLength(asked)
})

test('a handler that never ends holds a peer that has left no longer than its idle limit', async () => {
  const { clock, server, sayAndLeave, of } = serverWithSlowHandlers({}, { idle: '5m' })
  await sayAndLeave()
  await clock.advance(300_000)
  expect(of('dropped')).toEqual([expect.objectContaining({ why: 'expired', messages: 2 })])
  expect(await server.revoke({ user: ada.id, reason: 'banned' })).toMatchObject({ closed: 0 })
})

test('a peer that has left goes before an open connection when the cap is reached', async () => {
  const { at, refused, visitAs, workOff, sayAndLeave, of, server } = serverWithSlowHandlers({
    limits: { connectionsPerIdentity: 2 },
  })
  const open = await visitAs()
  await sayAndLeave()
  await visitAs()
  expect(of('dropped')).toEqual([expect.objectContaining({ why: 'evicted', messages: 2 })])
  expect([of('evicted'), server.connections]).toEqual([[], 2])
  await workOff()
  expect([at, refused]).toEqual([['one'], [ended]])
  await open.nothing()
})

test('where new connections are refused, a peer that has left makes room', async () => {
  const { visitAs, sayAndLeave, of, server } = serverWithSlowHandlers({
    limits: { connectionsPerIdentity: 1 },
    whenFull: 'refuse',
  })
  await sayAndLeave()
  await visitAs()
  expect(of('dropped')).toEqual([expect.objectContaining({ why: 'evicted', messages: 2 })])
  await expect(visitAs()).rejects.toMatchObject({ status: 429 })
  expect(server.connections).toBe(1)
})

test('a guest that has left makes room for another one of its network, and an open one does not', async () => {
  const { promise: never } = Promise.withResolvers<void>()
  const open = consumer(lines, { auth: anyone }, () => ({ message: () => never }))
  const events: SallyportEvent[] = []
  const server = testServer({ limits: { guestConnections: 2 }, on: (event) => events.push(event) })
  const visitAsGuest = () => visit(open, {}, { user: null, server })
  const [first, second] = [await visitAsGuest(), await visitAsGuest()]
  for (const line of ['one', 'two']) void second.send(line)
  await settled()
  second.leave()
  await settled()
  const third = await visitAsGuest()
  expect(events.filter(({ type }) => type === 'dropped')).toEqual([
    expect.objectContaining({ why: 'evicted', messages: 1 }),
  ])
  await expect(visitAsGuest()).rejects.toMatchObject({ status: 429 })
  expect(server.connections).toBe(2)
  for (const tab of [first, third]) await tab.nothing()
})

// proves: heard-after-ban
test('a handler of an evicted connection is found by a revocation while it is at work', async () => {
  const { refused, visitAs, workOff, server } = serverWithSlowHandlers({
    limits: { connectionsPerIdentity: 1 },
  })
  const tab = await visitAs()
  for (const line of ['one', 'two']) void tab.send(line)
  await settled()
  await visitAs()
  expect((await tab.closed).code).toBe(4409)
  expect(await server.revoke({ user: ada.id, reason: 'banned' })).toMatchObject({ closed: 2, dropped: 0 })
  await workOff()
  expect(refused).toEqual([ended])
})

test('evicted connections whose handlers never end are not held beside the cap', async () => {
  const { visitAs, server } = serverWithSlowHandlers({ limits: { connectionsPerIdentity: 2 } })
  for (let count = 0; count < 10; count++) {
    const tab = await visitAs()
    void tab.send('never ends')
    await settled()
  }
  expect(server.connections).toBe(2)
  // two that are open, and at most as many again at work
  expect((await server.revoke({ user: ada.id, reason: 'banned' })).closed).toBeLessThanOrEqual(4)
})

test('draining waits for what a peer has said before it left', async () => {
  const { at, server, workOff, sayAndLeave } = serverWithSlowHandlers()
  await sayAndLeave()
  let isClosed = false
  const closing = server.close({ drain: '30s' }).then(() => (isClosed = true))
  await settled()
  expect(isClosed).toBe(false)
  await workOff()
  await closing
  expect(at).toEqual(['one', 'two', 'three'])
})

test('what still waits for a peer that has left is dropped when the time to drain is over', async () => {
  const { clock, at, server, workOff, sayAndLeave, of } = serverWithSlowHandlers()
  await sayAndLeave()
  const closing = server.close({ drain: '30s' })
  await clock.advance(30_000)
  await closing
  expect(of('dropped')).toEqual([expect.objectContaining({ why: 'drain', messages: 2 })])
  await workOff()
  expect(at).toEqual(['one'])
})

test('a peer that leaves while open is at work is found, and what waits for that is dropped', async () => {
  const { auth, server, of } = serverWithSlowHandlers()
  const heard: string[] = []
  const { promise: opening, resolve: opened } = Promise.withResolvers<void>()
  const slow = consumer(lines, { auth }, () => ({
    open: () => opening,
    message: (line) => void heard.push(line),
  }))
  const tab = await visit(slow, {}, { headers: {}, server })
  for (const line of ['one', 'two']) void tab.send(line)
  tab.leave()
  await settled()
  expect(await server.revoke({ user: ada.id, reason: 'banned' })).toMatchObject({ closed: 1, dropped: 2 })
  opened()
  await settled()
  expect([heard, of('dropped').length]).toEqual([[], 1])
})

test('what waits for an open that its peer has cancelled is dropped, and the peer is not found', async () => {
  const { auth, server, of, faults } = serverWithSlowHandlers()
  const heard: string[] = []
  const slow = consumer(lines, { auth }, (socket) => ({
    open: () =>
      new Promise<void>((_, reject) =>
        socket.signal.addEventListener('abort', () => reject(socket.signal.reason as Error)),
      ),
    message: (line) => void heard.push(line),
  }))
  const tab = await visit(slow, {}, { headers: {}, server })
  void tab.send('one')
  tab.leave()
  await settled()
  expect(of('dropped')).toEqual([expect.objectContaining({ why: 'peer', messages: 1 })])
  expect(await server.revoke({ user: ada.id, reason: 'banned' })).toMatchObject({ closed: 0 })
  expect([heard, faults]).toEqual([[], []])
})

test('a loop at work on what a peer said before it left is found and silenced', async () => {
  const { auth, refused, server } = serverWithSlowHandlers()
  const { promise: waiting, resolve: go } = Promise.withResolvers<void>()
  const read: string[] = []
  const loop = endpoint(lines, { auth }, async (socket) => {
    for await (const line of socket) {
      read.push(line)
      await waiting
      await socket
        .group()
        .send(line)
        .catch((error: unknown) => refused.push(error))
    }
  })
  const tab = await visit(loop, {}, { headers: {}, server })
  for (const line of ['one', 'two', 'three']) void tab.send(line)
  await settled()
  tab.leave()
  await settled()
  // one was handed over and not taken, one waits behind it
  expect(await server.revoke({ user: ada.id, reason: 'banned' })).toMatchObject({ closed: 1, dropped: 2 })
  go()
  await settled()
  expect([read, refused]).toEqual([['one'], [ended]])
})

test('a handler that closes after its peer has left drops what waits, as for an open socket', async () => {
  const { auth, server, of } = serverWithSlowHandlers()
  const { promise: waiting, resolve: go } = Promise.withResolvers<void>()
  const heard: string[] = []
  const closing = consumer(lines, { auth }, (socket) => ({
    message: async (line) => {
      heard.push(line)
      await waiting
      socket.close(4000)
    },
  }))
  const tab = await visit(closing, {}, { headers: {}, server })
  for (const line of ['one', 'two']) void tab.send(line)
  await settled()
  tab.leave()
  await settled()
  go()
  await settled()
  expect(heard).toEqual(['one'])
  expect(of('dropped')).toEqual([expect.objectContaining({ why: 'done', messages: 1 })])
})

test('an endpoint that throws before it runs leaves nothing to be found', async () => {
  const { auth } = serverWithSlowHandlers()
  const server = testServer({ report: () => {} })
  const broken = consumer(lines, { auth }, (): { message: () => void } => {
    throw new Error('a fault of the endpoint')
  })
  const tab = await visit(broken, {}, { headers: {}, server })
  expect((await tab.closed).code).toBe(1011)
  expect(await server.revoke({ user: ada.id, reason: 'banned' })).toMatchObject({ closed: 0 })
})

test('calls that wait when their peer leaves are neither run nor told as refused', async () => {
  const { auth, server, of } = serverWithSlowHandlers()
  const desk = contract('/ws/desk', { calls: { ask: { input: z.string(), output: z.string() } } })
  const works: (() => void)[] = []
  const asked: string[] = []
  const asking = consumer(desk, { auth }, () => ({
    calls: {
      ask: async (question) => {
        asked.push(question)
        await new Promise<void>((resolve) => works.push(resolve))
        return deny(409, 'too-late')
      },
    },
  }))
  const tab = await visit(asking, {}, { headers: {}, server })
  for (const question of ['one', 'two', 'three']) void tab.call('ask', question).catch(() => {})
  await settled()
  tab.leave()
  await settled()
  works[0]?.()
  await settled()
  expect(asked).toEqual(['one'])
  expect(await server.revoke({ user: ada.id, reason: 'banned' })).toMatchObject({ closed: 0 })
  expect(of('refused-message')).toHaveLength(1)
})

test('a handler may go on for a peer that has left, and may not once access has ended', async () => {
  const clock = testClock()
  const works: (() => void)[] = []
  const came: string[] = []
  const room = consumer(lines, { auth: anyone }, (socket) => ({
    message: async (line) => {
      await new Promise<void>((resolve) => works.push(resolve))
      try {
        socket.assertAllowed()
        came.push(line)
      } catch (error) {
        came.push(error instanceof Denial ? error.reason : 'another error')
      }
    },
  }))
  const server = testServer({ clock })
  const visitor = await visit(room, {}, { headers: {}, server })
  void visitor.send('one')
  void visitor.send('two')
  await settled()
  visitor.leave()
  await visitor.closed
  works.shift()?.()
  await settled()
  await server.revoke({ at: [lines], reason: 'closed' })
  works.shift()?.()
  await settled()
  expect(came).toEqual(['one', 'ended'])
})

test('access ends for a socket that its open has closed and goes on after', async () => {
  const { clock, state, auth, refused, server } = serverWithSlowHandlers()
  const { promise: waiting, resolve: go } = Promise.withResolvers<void>()
  state.identity = { user: ada, expires: new Date(clock.now() + 60_000) }
  const closing = consumer(lines, { auth }, (socket) => ({
    open: async () => {
      socket.close(4000)
      await waiting
      await socket
        .group()
        .send('late')
        .catch((error: unknown) => refused.push(error))
    },
    message: () => {},
  }))
  const tab = await visit(closing, {}, { headers: {}, server })
  expect((await tab.closed).code).toBe(4000)
  await clock.advance(60_000)
  go()
  await settled()
  expect(refused).toEqual([ended])
})
