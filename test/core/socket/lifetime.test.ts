import { expect, test } from 'vitest'
import { z } from 'zod'
import {
  type Authenticator,
  consumer,
  contract,
  deny,
  endpoint,
  type Identity,
  memory,
  type Server,
  type SallyportEvent,
  text,
} from '../../../src/index.ts'
import { settled } from '../../../src/testing/clock.ts'
import { type TestClock, testClock, testServer, visit } from '../../../src/testing.ts'
import { ada, grace, type User } from '../support/members.ts'
import { changedLinks, linkOf } from '../../support/links.ts'

const notes = contract('/ws/notes/:id', {
  client: { write: z.object({ text: z.string() }) },
  server: { wrote: z.object({ text: z.string() }), secret: z.object({ text: z.string() }) },
  grant: z.object({ canWrite: z.boolean() }),
  audiences: ['insiders'],
})

type Right = { readonly canWrite: boolean } | null

/** People with sessions that can end, rights that can change, and a database that can be away. */
function appWithSessions() {
  const clock = testClock()
  const identities = new Map<string, Omit<Identity<User>, 'renew'>>()
  const state = { right: { canWrite: true } as Right, away: false, asked: [] as string[], renewed: 0 }
  const auth: Authenticator<User> = async ({ headers }) => {
    const key = headers.get('x-session')
    const found = key === null ? undefined : identities.get(key)
    if (key === null || found === undefined) return key === null ? null : deny(401, 'no-session')
    const renew = async (): Promise<Identity<User> | null> => {
      state.renewed++
      const now = identities.get(key)
      return now === undefined ? null : { ...now, renew }
    }
    return { ...found, renew }
  }
  const changes: unknown[] = []
  const left: { why: string; code: number }[] = []
  const editor = consumer(
    notes,
    {
      auth,
      authorize: ({ why, user }) => {
        state.asked.push(`${user.name} ${why}`)
        if (state.away) throw new Error('database away')
        return state.right
      },
      audience: ({ grant }) => (grant.canWrite ? ['insiders'] : []),
      lease: '60s',
    },
    (socket) => ({
      on: {
        write: async ({ text: line }) => {
          if (!socket.grant.canWrite) deny(403, 'read-only')
          await socket.group().send('wrote', { text: line })
        },
      },
      change: (now, before) => void changes.push([before, now]),
      close: ({ why, code }) => void left.push({ why, code }),
    }),
  )
  const signIn = (key: string, identity: Omit<Identity<User>, 'renew'>) => {
    identities.set(key, identity)
    return { headers: { 'x-session': key } }
  }
  return {
    clock,
    identities,
    state,
    auth,
    editor,
    changes,
    left,
    signIn,
    server: testServer({ clock, report: () => {} }),
  }
}

const at = { id: 'doc' }

// proves: token-end
test('a socket is closed at the expiry of its identity, and not before', async () => {
  const { clock, editor, signIn, server } = appWithSessions()
  const who = signIn('s1', { user: ada, session: 's1', expires: new Date(clock.now() + 600_000) })
  const alice = await visit(editor, at, { ...who, server })
  await clock.advance(599_999)
  await alice.send('write', { text: 'still here' })
  await clock.advance(1)
  expect(await alice.closed).toEqual({ code: 4401, reason: 'expired: your credential has expired' })
})

// proves: token-end
test('an end that the application moves back closes the socket at its next message', async () => {
  const { clock, editor, signIn, server } = appWithSessions()
  const expires = new Date(clock.now() + 600_000)
  const alice = await visit(editor, at, { ...signIn('s1', { user: ada, session: 's1', expires }), server })
  await alice.send('write', { text: 'still here' })
  expires.setTime(clock.now())
  alice.send('write', { text: 'too late' }).catch(() => {})
  expect(await alice.closed).toEqual({ code: 4401, reason: 'expired: your credential has expired' })
})

test('a session that slides is read again before it expires, and the socket lives on', async () => {
  const { clock, editor, signIn, server } = appWithSessions()
  const who = signIn('s1', { user: ada, session: 's1', expires: new Date(clock.now() + 100_000) })
  const asks: unknown[] = []
  const refresh = (ask: unknown) => (asks.push(ask), null)
  const alice = await visit(editor, at, { ...who, refresh, server })
  await clock.advance(60_000)
  signIn('s1', { user: ada, session: 's1', expires: new Date(clock.now() + 100_000) })
  await clock.advance(30_000)
  expect(asks).toEqual([])
  await clock.advance(60_000)
  await alice.send('write', { text: 'slid' })
  await clock.advance(100_000)
  expect((await alice.closed).code).toBe(4401)
})

test('a session that has no end any more lives on, also where no lease asks for it', async () => {
  const { clock, auth, signIn, server } = appWithSessions()
  const unleased = consumer(notes, { auth, authorize: () => ({ canWrite: true }) }, () => ({
    on: { write: () => {} },
  }))
  const who = signIn('s1', { user: ada, session: 's1', expires: new Date(clock.now() + 100_000) })
  const alice = await visit(unleased, at, { ...who, server })
  signIn('s1', { user: ada, session: 's1' })
  await clock.advance(1_000_000)
  await alice.send('write', { text: 'still here' })
})

test('a session that is gone before its end is no fault', async () => {
  const { clock, auth, identities, signIn } = appWithSessions()
  const faults: unknown[] = []
  const server = testServer({ clock, report: (error) => faults.push(error) })
  const open = consumer(contract('/ws/open', {}), { auth }, () => ({}))
  const who = signIn('s1', { user: ada, session: 's1', expires: new Date(clock.now() + 100_000) })
  const alice = await visit(open, {}, { ...who, server })
  identities.delete('s1')
  await clock.advance(100_000)
  expect((await alice.closed).code).toBe(4401)
  expect(faults).toEqual([])
})

test.each([
  ['has slid', 1_000_000],
  ['has not', 100_000],
])('a session that is read again as its socket leaves, and %s, causes no further question', async (_, ms) => {
  const clock = testClock()
  const { promise: waiting, resolve: answer } = Promise.withResolvers<void>()
  const asked: string[] = []
  const began = clock.now()
  const renew = async (): Promise<Identity<User>> => {
    asked.push('renew')
    await waiting
    return { user: ada, session: 's1', expires: new Date(began + ms), renew }
  }
  const sliding = consumer(
    contract('/ws/sliding', {}),
    {
      auth: async () => ({ user: ada, session: 's1', expires: new Date(began + 100_000), renew }),
      authorize: ({ why }) => asked.push(why) > 0,
    },
    () => ({}),
  )
  const alice = await visit(sliding, {}, { headers: {}, server: testServer({ clock }) })
  await clock.advance(70_000)
  expect(asked).toEqual(['open', 'renew'])
  alice.leave()
  await alice.closed
  answer()
  await clock.advance(100_000)
  expect(asked).toEqual(['open', 'renew'])
})

test('a session that slides within its last seconds lives on too', async () => {
  const { clock, auth, signIn, server } = appWithSessions()
  const open = consumer(notes, { auth, authorize: () => ({ canWrite: true }) }, () => ({
    on: { write: () => {} },
  }))
  const who = signIn('s1', { user: ada, session: 's1', expires: new Date(clock.now() + 100_000) })
  const alice = await visit(open, at, { ...who, server })
  await clock.advance(98_000)
  signIn('s1', { user: ada, session: 's1', expires: new Date(clock.now() + 100_000) })
  await clock.advance(99_999)
  expect(server.connections).toBe(1)
  await clock.advance(1)
  expect((await alice.closed).code).toBe(4401)
})

test('a session that does not slide is read a few times before it expires, and closed on time', async () => {
  const { clock, auth, signIn, server, state } = appWithSessions()
  const open = consumer(notes, { auth, authorize: () => ({ canWrite: true }) }, () => ({
    on: { write: () => {} },
  }))
  await visit(open, at, { ...signIn('s1', { user: ada, expires: new Date(clock.now() + 100_000) }), server })
  await clock.advance(99_999)
  expect([server.connections, state.renewed]).toEqual([1, 6])
  await clock.advance(1)
  expect(server.connections).toBe(0)
})

test('a lease is asked for again before it runs out, not all at the same moment', async () => {
  const { clock, editor, signIn, server, state } = appWithSessions()
  await visit(editor, at, { ...signIn('s1', { user: ada }), server })
  state.asked.length = 0
  await clock.advance(44_999)
  expect(state.asked).toEqual([])
  await clock.advance(9_002)
  expect(state.asked).toEqual(['Ada lease'])
  expect(state.renewed).toBe(1)
})

// proves: roles
test('a right that was taken away closes the socket when its lease is asked for', async () => {
  const { clock, editor, signIn, server, state, left } = appWithSessions()
  const alice = await visit(editor, at, { ...signIn('s1', { user: ada }), server })
  state.right = null
  await clock.advance(60_000)
  expect((await alice.closed).code).toBe(4403)
  expect(left).toEqual([{ why: 'denied', code: 4403 }])
})

test('a session that has ended closes the socket when its lease is asked for', async () => {
  const { clock, editor, signIn, server, identities } = appWithSessions()
  const alice = await visit(editor, at, { ...signIn('s1', { user: ada }), server })
  identities.delete('s1')
  await clock.advance(60_000)
  expect((await alice.closed).code).toBe(4401)
})

test('a session that belongs to another user now closes the socket', async () => {
  const { clock, editor, signIn, server } = appWithSessions()
  const alice = await visit(editor, at, { ...signIn('s1', { user: ada }), server })
  signIn('s1', { user: grace })
  await clock.advance(60_000)
  expect(await alice.closed).toMatchObject({ code: 4401, reason: expect.stringContaining('other-subject') })
})

// proves: database-away
test('while authorize cannot be asked the old grant holds, to the end of its lease', async () => {
  const { clock, editor, signIn, server, state } = appWithSessions()
  const alice = await visit(editor, at, { ...signIn('s1', { user: ada }), server })
  state.away = true
  await clock.advance(59_999)
  await alice.send('write', { text: 'still here' })
  await clock.advance(1)
  expect((await alice.closed).code).toBe(4503)
})

test('a database that comes back within the lease ends no socket', async () => {
  const { clock, editor, signIn, server, state } = appWithSessions()
  const alice = await visit(editor, at, { ...signIn('s1', { user: ada }), server })
  state.away = true
  await clock.advance(55_000)
  state.away = false
  await clock.advance(60_000)
  await alice.send('write', { text: 'still here' })
})

// proves: roles
test('a downgrade is told to handler and client, leaves the audience first, and closes nothing', async () => {
  const { editor, signIn, server, state, changes } = appWithSessions()
  const alice = await visit(editor, at, { ...signIn('s1', { user: ada }), server })
  state.right = { canWrite: false }
  expect(await server.recheck({ user: ada.id })).toMatchObject({ closed: 0, changed: 1, silent: [] })
  expect(alice.grant).toEqual({ canWrite: false })
  expect(changes).toEqual([[{ canWrite: true }, { canWrite: false }]])
  await expect(alice.send('write', { text: 'no' })).rejects.toMatchObject({ status: 403 })
  await server.group(notes, at, 'insiders').send('secret', { text: 'not for readers' })
  await alice.nothing()
  state.right = { canWrite: true }
  await server.recheck({ at: [notes, at] })
  await server.group(notes, at, 'insiders').send('secret', { text: 'for writers' })
  expect(await alice.next('secret')).toEqual({ text: 'for writers' })
})

test('a recheck closes those who have lost the right, and keeps the others', async () => {
  const { editor, signIn, server, state } = appWithSessions()
  const alice = await visit(editor, at, { ...signIn('s1', { user: ada }), server })
  await visit(editor, at, { ...signIn('s2', { user: grace }), server })
  expect(await server.recheck({ at: [notes, at] })).toMatchObject({ closed: 0, changed: 0 })
  state.right = null
  expect(await server.recheck({ user: ada.id })).toMatchObject({ closed: 1, changed: 0 })
  expect((await alice.closed).code).toBe(4403)
  expect(server.connections).toBe(1)
})

// proves: revoked
test('revoking a user closes all sockets and refuses older credentials, but not a new sign-in', async () => {
  const { clock, editor, signIn, server } = appWithSessions()
  const old = signIn('old', { user: ada, session: 'old', issuedAt: new Date(clock.now() - 1_000) })
  const alice = await visit(editor, at, { ...old, server })
  const bob = await visit(editor, at, { ...signIn('bob', { user: grace }), server })
  const receipt = await server.revoke({ user: ada.id, reason: 'banned' })
  expect(receipt).toMatchObject({ closed: 1, changed: 0, silent: [] })
  expect(receipt.nodes).toHaveLength(1)
  expect(await alice.closed).toEqual({ code: 4403, reason: 'revoked: banned' })
  await bob.send('write', { text: 'untouched' })
  await expect(visit(editor, at, { ...old, server })).rejects.toMatchObject({ status: 403, code: 'revoked' })
  await clock.advance(1)
  const fresh = signIn('new', { user: ada, session: 'new', issuedAt: new Date(clock.now()) })
  await expect(visit(editor, at, { ...fresh, server })).resolves.toBeDefined()
})

test('a revoked session is refused for good, and only that one', async () => {
  const { editor, signIn, server } = appWithSessions()
  const [one, two] = [
    signIn('one', { user: ada, session: 'one' }),
    signIn('two', { user: ada, session: 'two' }),
  ]
  const phone = await visit(editor, at, { ...one, server })
  const laptop = await visit(editor, at, { ...two, server })
  expect(await server.revoke({ session: 'one', reason: 'signed out' })).toMatchObject({ closed: 1 })
  expect((await phone.closed).code).toBe(4401)
  await laptop.send('write', { text: 'still here' })
  await expect(visit(editor, at, { ...one, server })).rejects.toMatchObject({ status: 401, code: 'revoked' })
})

test('keys in one call are ANDed', async () => {
  const { editor, signIn, server } = appWithSessions()
  await visit(editor, at, { ...signIn('one', { user: ada, session: 'one', token: 't1' }), server })
  expect(await server.revoke({ user: grace.id, session: 'one', reason: 'x' })).toMatchObject({ closed: 0 })
  expect(await server.revoke({ user: ada.id, token: 't2', reason: 'x' })).toMatchObject({ closed: 0 })
  await expect(
    visit(editor, at, { ...signIn('one', { user: ada, session: 'one' }), server }),
  ).resolves.toBeDefined()
  expect(await server.revoke({ user: ada.id, session: 'one', token: 't1', reason: 'x' })).toMatchObject({
    closed: 1,
  })
})

test('a kick ends one room alone, and who may come back is for authorize to say', async () => {
  const { editor, signIn, server } = appWithSessions()
  const who = signIn('s1', { user: ada })
  const here = await visit(editor, at, { ...who, server })
  const there = await visit(editor, { id: 'other' }, { ...who, server })
  expect(await server.revoke({ user: ada.id, at: [notes, at], reason: 'be nice' })).toMatchObject({
    closed: 1,
  })
  expect(await here.closed).toEqual({ code: 4403, reason: 'revoked: be nice' })
  await there.send('write', { text: 'still here' })
  await expect(visit(editor, at, { ...who, server })).resolves.toBeDefined()
})

test('a kick from one room ends no other user there, and the same user in no other room', async () => {
  const { editor, signIn, server } = appWithSessions()
  const [one, other] = [signIn('s1', { user: ada }), signIn('s2', { user: grace })]
  for (const who of [one, other])
    for (const id of ['doc', 'other']) await visit(editor, { id }, { ...who, server })
  expect(await server.revoke({ user: ada.id, at: [notes, at], reason: 'be nice' })).toMatchObject({
    closed: 1,
  })
  expect(server.connections).toBe(3)
})

test('a revocation without a name is a TypeError, and closes no socket', async () => {
  const { editor, signIn, server } = appWithSessions()
  await visit(editor, at, { ...signIn('s1', { user: ada }), server })
  await expect(server.revoke({ reason: 'oops' })).rejects.toThrow(TypeError)
  await expect(server.revoke({ user: '', reason: 'oops' })).rejects.toThrow(TypeError)
  await expect(server.recheck({ session: undefined as unknown as string })).rejects.toThrow(TypeError)
  expect(server.connections).toBe(1)
})

// proves: revoked
test('revoke beats a handshake in flight', async () => {
  const { clock, server } = appWithSessions()
  const { promise: waiting, resolve: answer } = Promise.withResolvers<void>()
  const lines = contract('/ws/lines', { client: text, server: text })
  const issuedAt = new Date(clock.now() - 1)
  const slow = endpoint(
    lines,
    {
      auth: async () => ({ user: ada, session: 's1', issuedAt }),
      authorize: async () => (await waiting, true),
    },
    async () => {},
  )
  const visiting = visit(slow, {}, { headers: {}, server })
  await Promise.resolve()
  await server.revoke({ user: ada.id, reason: 'banned' })
  answer()
  await expect(visiting).rejects.toMatchObject({ status: 403, code: 'revoked' })
  expect(server.connections).toBe(0)
})

test.each([
  ['a change of rights', (server: Server) => server.recheck({ user: ada.id })],
  ['a kick', (server: Server) => server.revoke({ user: ada.id, at: [slowLines], reason: 'kicked' })],
])('%s during a handshake has authentication and authorization asked again', async (_what, give) => {
  const { server } = appWithSessions()
  const { promise: waiting, resolve: answer } = Promise.withResolvers<void>()
  const asked: string[] = []
  const slow = endpoint(
    slowLines,
    {
      auth: async () => ({ user: ada }),
      authorize: async ({ why }) => {
        asked.push(why)
        if (why !== 'open') return null
        await waiting
        return true
      },
    },
    async (socket) => {
      for await (const line of socket) socket.send(line)
    },
  )
  const visiting = visit(slow, {}, { headers: {}, server })
  await expect.poll(() => asked).toEqual(['open'])
  await give(server)
  answer()
  const alice = await visiting
  expect((await alice.closed).code).toBe(4403)
  expect(asked).toEqual(['open', 'recheck'])
})

const slowLines = contract('/ws/lines', { client: text, server: text })

test('an access command reaches every node, and its receipt names those that did not answer', async () => {
  const clock = testClock()
  const layer = memory({ clock })
  const { editor, signIn } = appWithSessions()
  const [one, two] = [testServer({ layer, clock, node: 'one' }), testServer({ layer, clock, node: 'two' })]
  const alice = await visit(editor, at, { ...signIn('s1', { user: ada, session: 's1' }), server: one })
  const phone = await visit(editor, at, { ...signIn('s1', { user: ada, session: 's1' }), server: two })
  expect(await one.revoke({ session: 's1', reason: 'signed out' })).toEqual({
    closed: 2,
    changed: 0,
    dropped: 0,
    nodes: ['one', 'two'],
    silent: [],
  })
  expect([(await alice.closed).code, (await phone.closed).code]).toEqual([4401, 4401])
  await expect(
    visit(editor, at, { ...signIn('s1', { user: ada, session: 's1' }), server: two }),
  ).rejects.toMatchObject({ code: 'revoked' })
  await linkOf(layer, 'mute')
  const giving = one.revoke({ user: grace.id, reason: 'x' })
  await clock.advance(1_000)
  expect(await giving).toEqual({ closed: 0, changed: 0, dropped: 0, nodes: ['one', 'two'], silent: ['mute'] })
})

test('a node that starts later, or missed the message, reads what was revoked', async () => {
  const clock = testClock()
  const layer = memory({ clock })
  const { editor, signIn } = appWithSessions()
  const one = testServer({ layer, clock, node: 'one' })
  await one.revoke({ session: 's1', reason: 'signed out' })
  const late = testServer({ layer, clock, node: 'late' })
  await expect(
    visit(editor, at, { ...signIn('s1', { user: ada, session: 's1' }), server: late }),
  ).rejects.toMatchObject({ status: 401, code: 'revoked' })
})

test('without a message for too long a socket is idle, and however active it is it has an end', async () => {
  const { clock, auth, signIn, server } = appWithSessions()
  const lines = contract('/ws/lines', { client: text, server: text })
  const bounded = endpoint(lines, { auth, idle: '10m', absolute: '1h' }, async (socket) => {
    for await (const line of socket) socket.send(line)
  })
  const who = signIn('s1', { user: ada })
  const idle = await visit(bounded, {}, { ...who, server })
  await clock.advance(600_001)
  expect((await idle.closed).code).toBe(4408)
  const busy = await visit(bounded, {}, { ...who, server })
  for (let minute = 0; minute < 12; minute++) {
    await clock.advance(299_000)
    busy.send('here').catch(() => {})
  }
  await clock.advance(60_000)
  expect((await busy.closed).code).toBe(4401)
})

test('a loop can follow its grant', async () => {
  const { auth, signIn, server, state } = appWithSessions()
  const seen: unknown[] = []
  const following = endpoint(notes, { auth, authorize: () => state.right }, async (socket) => {
    for await (const grant of socket.grants()) seen.push(grant)
  })
  const alice = await visit(following, at, { ...signIn('s1', { user: ada }), server })
  state.right = { canWrite: false }
  await server.recheck({ user: ada.id })
  alice.leave()
  await alice.closed
  await expect.poll(() => seen).toEqual([{ canWrite: true }, { canWrite: false }])
})

test('two rechecks at once ask no more than once more, and the last answer counts', async () => {
  const { editor, signIn, server, state } = appWithSessions()
  await visit(editor, at, { ...signIn('s1', { user: ada }), server })
  state.asked.length = 0
  state.right = { canWrite: false }
  const receipts = await Promise.all([
    server.recheck({ user: ada.id }),
    server.recheck({ user: ada.id }),
    server.recheck({ user: ada.id }),
  ])
  expect(receipts.some(({ changed }) => changed === 1)).toBe(true)
  expect(state.asked.length).toBeLessThanOrEqual(3)
})

test('forty-eight tabs of one session cost one question, and another session its own', async () => {
  const { editor, signIn, server, state } = appWithSessions()
  const who = signIn('s1', { user: ada, session: 's1' })
  const tabs = await Promise.all(Array.from({ length: 48 }, () => visit(editor, at, { ...who, server })))
  const phone = await visit(editor, at, { ...signIn('s2', { user: ada, session: 's2' }), server })
  const elsewhere = await visit(editor, { id: 'other' }, { ...who, server })
  state.asked.length = 0
  state.renewed = 0
  state.right = { canWrite: false }
  expect(await server.recheck({ user: ada.id })).toMatchObject({ closed: 0, changed: 50 })
  expect(state.asked).toEqual(['Ada recheck', 'Ada recheck', 'Ada recheck'])
  expect(state.renewed).toBe(3)
  for (const one of [...tabs, phone, elsewhere]) expect(one.grant).toEqual({ canWrite: false })
})

test('tabs whose credentials differ in what they allow are asked about apart', async () => {
  const { editor, signIn, server, state } = appWithSessions()
  const full = signIn('k1', { user: ada, session: 's1', token: 't1', scopes: ['read', 'write'] })
  const less = signIn('k2', { user: ada, session: 's1', token: 't1', scopes: ['read'] })
  for (const who of [full, less]) await visit(editor, at, { ...who, server })
  state.asked.length = 0
  await server.recheck({ user: ada.id })
  expect(state.asked).toEqual(['Ada recheck', 'Ada recheck'])
})

/** An `authorize` that answers when it is told to, and whom it was asked by. */
function slowDoor() {
  const answers: PromiseWithResolvers<boolean>[] = []
  const asked: string[] = []
  const slow = endpoint(
    contract('/ws/lines', { client: text, server: text }),
    {
      auth: async () => ({ user: ada, token: 't1' }),
      authorize: ({ why, signal }) => {
        asked.push(why)
        if (why === 'open') return true
        const answer = Promise.withResolvers<boolean>()
        answers.push(answer)
        signal.addEventListener('abort', () => answer.reject(signal.reason as Error))
        return answer.promise
      },
    },
    async (socket) => {
      for await (const line of socket) socket.send(line)
    },
  )
  return { answers, asked, slow }
}

test('a question that its asker has taken along is asked again for those who stay', async () => {
  const { server } = appWithSessions()
  const { answers, asked, slow } = slowDoor()
  const [first, second] = [
    await visit(slow, {}, { headers: {}, server }),
    await visit(slow, {}, { headers: {}, server }),
  ]
  const receipt = server.recheck({ user: ada.id })
  await expect.poll(() => asked).toEqual(['open', 'open', 'recheck'])
  first.leave()
  await expect.poll(() => asked.length).toBe(4)
  answers[1]?.resolve(true)
  expect(await receipt).toMatchObject({ closed: 1, changed: 0 })
  second.raw('{"op":"ping"}')
  expect(server.connections).toBe(1)
})

test('a recheck is not answered by a question that was asked before it', async () => {
  const { server } = appWithSessions()
  const { answers, asked, slow } = slowDoor()
  const [alice, bob] = [
    await visit(slow, {}, { headers: {}, server }),
    await visit(slow, {}, { headers: {}, server }),
  ]
  const receipts = [server.recheck({ user: ada.id }), server.recheck({ user: ada.id })]
  await expect.poll(() => asked.length).toBe(3)
  answers[0]?.resolve(true)
  await expect.poll(() => asked.length).toBe(4)
  answers[1]?.resolve(false)
  await Promise.all(receipts)
  for (const one of [alice, bob]) expect((await one.closed).code).toBe(4403)
})

test('the result for a socket that has gone is no verdict on sockets that stay', async () => {
  const { server } = appWithSessions()
  const { answers, asked, slow } = slowDoor()
  const [first] = [
    await visit(slow, {}, { headers: {}, server }),
    await visit(slow, {}, { headers: {}, server }),
    await visit(slow, {}, { headers: {}, server }),
  ]
  const receipt = server.recheck({ user: ada.id })
  await expect.poll(() => asked.length).toBe(4)
  // as an authenticator does that answers null when its look-up was called off
  answers[0]?.resolve(false)
  first?.leave()
  await expect.poll(() => asked.length).toBe(5)
  answers[1]?.resolve(true)
  expect(await receipt).toMatchObject({ closed: 1, changed: 0 })
  expect([server.connections, asked.length]).toEqual([2, 5])
})

test('two tokens of one session without a renewal keep what each says', async () => {
  const { server } = appWithSessions()
  const seen: string[] = []
  const auth: Authenticator<User> = async ({ headers }) => ({
    user: { ...ada, name: headers.get('x-role') ?? '' },
    session: 's1',
  })
  const lines = consumer(
    contract('/ws/roles', {}),
    { auth, authorize: ({ user }) => user.name },
    (socket) => ({
      change: (now, before) => void seen.push(`${socket.user.name}: ${before} to ${now}`),
    }),
  )
  for (const role of ['admin', 'guest']) await visit(lines, {}, { headers: { 'x-role': role }, server })
  expect(await server.recheck({ user: ada.id })).toMatchObject({ closed: 0, changed: 0 })
  expect(seen).toEqual([])
})

test('a recheck is not answered by an earlier question of a lease, through a socket being asked', async () => {
  const { server, clock } = appWithSessions()
  const answers: { readonly why: string; readonly answer: PromiseWithResolvers<boolean> }[] = []
  const slow = consumer(
    contract('/ws/leases', {}),
    {
      auth: async () => ({ user: ada, token: 't1' }),
      lease: '4s',
      authorize: ({ why }) => {
        if (why === 'open') return true
        const answer = Promise.withResolvers<boolean>()
        answers.push({ why, answer })
        return answer.promise
      },
    },
    () => ({}),
  )
  await visit(slow, {}, { headers: {}, server })
  const first = server.recheck({ user: ada.id })
  await expect.poll(() => answers.length).toBe(1)
  await clock.advance(1)
  // the lease of the first waits behind the command; that of the second tab is asked for now
  await visit(slow, {}, { headers: {}, server })
  await clock.advance(3_650)
  await expect.poll(() => answers.map(({ why }) => why)).toEqual(['recheck', 'lease'])
  const second = server.recheck({ user: ada.id })
  answers[0]?.answer.resolve(true)
  await expect.poll(() => answers.map(({ why }) => why)).toEqual(['recheck', 'lease', 'recheck'])
  answers[1]?.answer.resolve(true)
  await clock.advance(0)
  answers[2]?.answer.resolve(false)
  await Promise.all([first, second])
  expect(server.connections).toBe(0)
})

test('a grant of another make than JSON is compared too: what a set has lost is left', async () => {
  const { server, auth, signIn } = appWithSessions()
  const panels = { now: new Set(['insiders']) }
  const seen: unknown[] = []
  const board = consumer(
    contract('/ws/board', { server: { told: z.object({ text: z.string() }) }, audiences: ['insiders'] }),
    {
      auth,
      authorize: () => ({ panels: new Set(panels.now) }),
      audience: ({ grant }) => (grant.panels.has('insiders') ? ['insiders'] : []),
    },
    (socket) => {
      insiders = socket.group('insiders')
      return { change: ({ panels: now }) => void seen.push([...now]) }
    },
  )
  let insiders: { send(type: 'told', data: { text: string }): Promise<void> } | undefined
  const alice = await visit(board, {}, { ...signIn('s1', { user: ada, session: 's1' }), server })
  expect(await server.recheck({ user: ada.id })).toMatchObject({ changed: 0 })
  panels.now = new Set()
  expect(await server.recheck({ user: ada.id })).toMatchObject({ changed: 1 })
  await insiders?.send('told', { text: 'for insiders' })
  await alice.nothing()
  expect(seen).toEqual([[]])
})

test('a recheck during the renewal of an identity sets no second timer', async () => {
  const { clock, server } = appWithSessions()
  const expires = new Date(clock.now() + 100_000)
  const slow = Promise.withResolvers<void>()
  let renewed = 0
  const identity: Identity<User> = {
    user: ada,
    session: 's1',
    expires,
    renew: async () => {
      if (++renewed === 1) await slow.promise
      return identity
    },
  }
  const open = consumer(contract('/ws/open', {}), { auth: async () => identity }, () => ({}))
  const alice = await visit(open, {}, { headers: {}, server })
  await clock.advance(70_000)
  await server.recheck({ user: ada.id })
  slow.resolve()
  await clock.advance(0)
  expect(renewed).toBe(2)
  alice.leave()
  await alice.closed
  await clock.advance(60_000)
  expect(renewed).toBe(2)
})

test('a revocation that the store cannot keep reaches other nodes, and its caller gets the error', async () => {
  const clock = testClock()
  const layer = changedLinks(memory({ clock }), (link) => ({
    publish: (topic, pack, keep) =>
      keep === undefined ? link.publish(topic, pack) : Promise.reject(new Error('the store is away')),
  }))
  const { editor, signIn } = appWithSessions()
  const [one, two] = ['one', 'two'].map((node) => testServer({ layer, clock, node, report: () => {} }))
  const phone = await visit(editor, at, {
    ...signIn('s1', { user: ada, session: 's1' }),
    server: two as Server,
  })
  await expect(one?.revoke({ session: 's1', reason: 'signed out' })).rejects.toThrow('the store is away')
  expect((await phone.closed).code).toBe(4401)
})

test('a wall clock that jumps back before the renewal keeps no socket open beyond the end', async () => {
  const { clock, auth, signIn, server } = appWithSessions()
  const plain = consumer(contract('/ws/plain', {}), { auth }, () => ({}))
  const who = signIn('s1', { user: ada, session: 's1', expires: new Date(clock.now() + 50_000) })
  const alice = await visit(plain, {}, { ...who, server })
  await clock.advance(10_000)
  clock.jump(-3_600_000)
  await clock.advance(40_000)
  expect((await alice.closed).code).toBe(4401)
})

test('nor does one that jumps back before the identity is rechecked', async () => {
  const { clock, auth, signIn, server } = appWithSessions()
  const leased = consumer(contract('/ws/leased', {}), { auth, lease: '5s' }, () => ({}))
  const who = signIn('s1', { user: ada, session: 's1', expires: new Date(clock.now() + 50_000) })
  const alice = await visit(leased, {}, { ...who, server })
  clock.jump(-3_600_000)
  await clock.advance(50_000)
  expect((await alice.closed).code).toBe(4401)
})

test('with a lease of any length, a failed question is asked again within half a minute', async () => {
  const { clock, auth, signIn, server, state } = appWithSessions()
  const daily = consumer(
    contract('/ws/daily', {}),
    {
      auth,
      lease: '24h',
      authorize: () => {
        if (state.away) throw new Error('database away')
        return state.right
      },
    },
    () => ({}),
  )
  const alice = await visit(daily, {}, { ...signIn('s1', { user: ada }), server })
  state.away = true
  expect(await server.recheck({ user: ada.id })).toMatchObject({ closed: 0 })
  state.away = false
  state.right = null
  await clock.advance(30_000)
  expect((await alice.closed).code).toBe(4403)
})

test('an identity whose renewal never answers still has its client asked for a new credential', async () => {
  const { clock, server } = appWithSessions()
  const expires = new Date(clock.now() + 600_000)
  const auth: Authenticator<User> = async () => ({ user: ada, expires, renew: () => new Promise(() => {}) })
  const bell = consumer(contract('/ws/bell', {}), { auth }, () => ({}))
  const asked: number[] = []
  const refresh = ({ withinMs }: { readonly withinMs: number }): null => {
    asked.push(withinMs)
    return null
  }
  await visit(bell, {}, { headers: {}, refresh, server })
  await clock.advance(600_000 - 20_000)
  expect(asked).toEqual([25_000])
})

test('no socket joins a question of a lease from before a change of rights, however late', async () => {
  const clock = testClock()
  const server = testServer({ clock, limits: { handshakeMs: 60_000 } })
  const { promise: late, resolve: answer } = Promise.withResolvers<void>()
  const state = { canWrite: true, ends: undefined as Date | undefined }
  const renew = async (): Promise<Identity<User>> => ({
    user: ada,
    session: 's1',
    renew,
    ...(state.ends && { expires: state.ends }),
  })
  const asked: string[] = []
  const editor = consumer(
    notes,
    {
      auth: () => renew(),
      lease: '60s',
      authorize: async ({ why }) => {
        const { canWrite } = state
        if (asked.push(why) === 2) await late
        return { canWrite }
      },
    },
    () => ({ on: { write: () => {} } }),
  )
  const one = await visit(editor, at, { headers: {}, server })
  await clock.advance(54_000)
  expect(asked).toEqual(['open', 'lease'])
  state.ends = new Date(clock.now() + 2_000)
  const other = await visit(editor, at, { headers: {}, server })
  state.canWrite = false
  const receipt = server.recheck({ user: ada.id })
  await clock.advance(0)
  expect(other.grant).toEqual({ canWrite: false })
  state.ends = undefined
  // the session of the other has slid: it is rechecked, while the questions of the first have not answered yet
  await clock.advance(1_000)
  answer()
  expect(await receipt).toMatchObject({ changed: 2 })
  expect([one.grant, other.grant]).toEqual([{ canWrite: false }, { canWrite: false }])
})

// proves: published-after-ban
test.each([
  ['is revoked', (server: Server) => server.revoke({ user: ada.id, reason: 'banned' })],
  ['is kicked', (server: Server) => server.revoke({ user: ada.id, at: [notes, at], reason: 'be nice' })],
  ['expires', (_: Server, { advance }: TestClock) => advance(10_000)],
])('a handler that is at work publishes nothing for a user who %s meanwhile', async (_what, end) => {
  const { clock, auth, signIn } = appWithSessions()
  const faults: unknown[] = []
  const refused: SallyportEvent[] = []
  const server = testServer({
    clock,
    report: (error) => faults.push(error),
    on: (event) => void (event.type === 'refused-message' && refused.push(event)),
  })
  const { promise: saved, resolve: save } = Promise.withResolvers<void>()
  const editor = consumer(notes, { auth, authorize: () => ({ canWrite: true }) }, (socket) => ({
    on: {
      write: async ({ text: line }) => {
        await saved
        await socket.group().send('wrote', { text: line })
      },
    },
  }))
  const expires = new Date(clock.now() + 10_000)
  const alice = await visit(editor, at, { ...signIn('s1', { user: ada, session: 's1', expires }), server })
  const bob = await visit(editor, at, { user: grace, server })
  alice.send('write', { text: 'too late' }).catch(() => {})
  await settled()
  await end(server, clock)
  save()
  await settled()
  await bob.nothing()
  expect(faults).toEqual([])
  expect(refused).toEqual([expect.objectContaining({ status: 403, code: 'ended', subject: ada.id })])
})

// proves: published-after-ban
test('the close handler of a revoked socket may publish, and nothing after it may', async () => {
  const server = testServer({})
  const auth: Authenticator<User> = async () => null
  let late: () => Promise<unknown> = async () => {}
  const editor = consumer(notes, { auth, authorize: () => ({ canWrite: true }) }, (socket) => {
    late = () => socket.group().send('wrote', { text: 'after all' })
    return {
      on: { write: () => {} },
      close: () => socket.group().send('wrote', { text: `${socket.user.name} has left` }),
    }
  })
  const bob = await visit(editor, at, { user: grace, server })
  await visit(editor, at, { user: ada, server })
  await server.revoke({ user: ada.id, reason: 'banned' })
  expect(await bob.next()).toMatchObject({ type: 'wrote', text: `${ada.name} has left` })
  await settled()
  await expect(late()).rejects.toMatchObject({ status: 403, reason: 'ended' })
  await bob.nothing()
})

test('a socket that leaves by itself is heard to the end', async () => {
  const server = testServer({})
  const { promise: saved, resolve: save } = Promise.withResolvers<void>()
  const auth: Authenticator<User> = async () => null
  const editor = consumer(notes, { auth, authorize: () => ({ canWrite: true }) }, (socket) => ({
    on: {
      write: async ({ text: line }) => {
        await saved
        await socket.group().send('wrote', { text: line })
      },
    },
  }))
  const bob = await visit(editor, at, { user: grace, server })
  const alice = await visit(editor, at, { user: ada, server })
  alice.send('write', { text: 'goodbye' }).catch(() => {})
  await settled()
  alice.leave()
  save()
  expect(await bob.next()).toMatchObject({ text: 'goodbye' })
})

test.each([
  ['before it reads', 'early'],
  ['at a message', 'late'],
])('a loop that is at work %s when its right ends says nothing, but its farewell', async (_where, when) => {
  const server = testServer({})
  const waits = { early: Promise.withResolvers<void>(), late: Promise.withResolvers<void>() }
  waits[when === 'early' ? 'late' : 'early'].resolve()
  const refusals: unknown[] = []
  const auth: Authenticator<User> = async () => null
  const room = endpoint(contract('/ws/hall', { client: text, server: text }), { auth }, async (socket) => {
    const say = (line: string) =>
      socket
        .group()
        .send(line)
        .catch((error: unknown) => refusals.push(error))
    if (socket.user.id === ada.id) await waits.early.promise
    if (when === 'early' && socket.user.id === ada.id) await say('hello')
    for await (const line of socket) {
      await waits.late.promise
      await say(line)
    }
    await say(`${socket.user.name} has left`)
  })
  const bob = await visit(room, {}, { user: grace, server })
  const alice = await visit(room, {}, { user: ada, server })
  if (when === 'late') alice.send('too late').catch(() => {})
  await settled()
  await server.revoke({ user: ada.id, reason: 'banned' })
  waits.early.resolve()
  waits.late.resolve()
  expect(await bob.next()).toBe(`${ada.name} has left`)
  expect(refusals).toMatchObject([{ status: 403, reason: 'ended' }])
})

test('a loop that has left another one before says no more than any when its right ends', async () => {
  const server = testServer({})
  const auth: Authenticator<User> = async () => null
  const { promise: saved, resolve: save } = Promise.withResolvers<void>()
  const room = endpoint(contract('/ws/hall', { client: text, server: text }), { auth }, async (socket) => {
    for await (const introduction of socket) if (introduction !== '') break
    for await (const line of socket) {
      await saved
      await socket.group().send(line)
    }
  })
  const bob = await visit(room, {}, { user: grace, server })
  const alice = await visit(room, {}, { user: ada, server })
  for (const line of ['hello', 'too late']) alice.send(line).catch(() => {})
  await settled()
  await server.revoke({ user: ada.id, reason: 'banned' })
  save()
  await settled()
  await bob.nothing()
})

test('a loop that waits when its right ends may publish its last words, and nothing later', async () => {
  const server = testServer({})
  const auth: Authenticator<User> = async () => null
  let late: () => Promise<unknown> = async () => {}
  const room = endpoint(contract('/ws/hall', { client: text, server: text }), { auth }, async (socket) => {
    late = () => socket.group().send('after all')
    for await (const line of socket) await socket.group().send(line)
    await socket.group().send(`${socket.user.name} has left`)
  })
  const bob = await visit(room, {}, { user: grace, server })
  await visit(room, {}, { user: ada, server })
  await server.revoke({ user: ada.id, reason: 'banned' })
  expect(await bob.next()).toBe(`${ada.name} has left`)
  await settled()
  await expect(late()).rejects.toMatchObject({ status: 403, reason: 'ended' })
  await bob.nothing()
})

test('a loop that ends its socket by denying what it reads says nothing more either', async () => {
  const server = testServer({})
  const auth: Authenticator<User> = async () => null
  const { promise: refused, resolve: tell } = Promise.withResolvers<unknown>()
  const room = endpoint(contract('/ws/hall', { client: text, server: text }), { auth }, async (socket) => {
    try {
      for await (const line of socket) deny(403, 'rude', line)
    } finally {
      setImmediate(() => socket.group().send('after all').then(tell, tell))
    }
  })
  const alice = await visit(room, {}, { user: ada, server })
  alice.send('a rude word').catch(() => {})
  expect((await alice.closed).code).toBe(4403)
  expect(await refused).toMatchObject({ status: 403, reason: 'ended' })
})

test('no message is heard after the end of a credential, also before a late timer', async () => {
  const { clock, auth, signIn } = appWithSessions()
  const events: SallyportEvent[] = []
  const server = testServer({ clock, on: (event) => events.push(event) })
  const heard: string[] = []
  const editor = consumer(notes, { auth, authorize: () => ({ canWrite: true }) }, () => ({
    on: { write: ({ text: line }) => void heard.push(line) },
  }))
  const identity = { user: ada, expires: new Date(clock.now() + 600_000) }
  const alice = await visit(editor, at, { ...signIn('s1', identity), server })
  clock.jump(599_999)
  await alice.send('write', { text: 'in time' })
  clock.jump(1)
  alice.send('write', { text: 'too late' }).catch(() => {})
  expect((await alice.closed).code).toBe(4401)
  expect(heard).toEqual(['in time'])
  expect(events).toContainEqual(expect.objectContaining({ type: 'expired', cause: 'credential' }))
})
