import { once } from 'node:events'
import { expect, test } from 'vitest'
import WebSocket from 'ws'
import { z } from 'zod'
import {
  type Authenticator,
  consumer,
  contract,
  deny,
  type Identity,
  type Server,
  type SallyportEvent,
  text,
} from '../../../src/index.ts'
import { type Ask, testClock, testServer, visit } from '../../../src/testing.ts'
import { serverContext } from '../../../src/core/server-context.ts'
import { identityKey } from '../../../src/core/groups/address.ts'
import { ada, grace, type User } from '../support/members.ts'
import { closeAfterTest } from '../../support/close-after-test.ts'

const notes = contract('/ws/notes/:id', {
  client: { write: z.object({ text: z.string() }) },
  server: { wrote: z.object({ text: z.string() }) },
  grant: z.object({ canWrite: z.boolean() }),
})

/** For questions that take their time. */
const aDay = 86_400_000

type Token = Omit<Identity<User>, 'expires'> & { readonly minutes: number }

/** People with tokens that run out, in a place whose rights can change. */
function serverWithExpiringTokens(handshakeMs = 5_000) {
  const clock = testClock()
  const began = clock.now()
  const tokens = new Map<string, Token>()
  const state = { right: { canWrite: true } as { canWrite: boolean } | null, away: false, slow: false }
  const requests: { path: string; origin: string | null; url: string }[] = []
  const waiting = Promise.withResolvers<void>()
  const auth: Authenticator<User> = async ({ credentials, path, origin, url }) => {
    const name = credentials.of('bearer')
    if (name === null) return null
    if (state.away) throw new Error('the directory is away')
    if (state.slow) await waiting.promise
    requests.push({ path, origin, url: url.href })
    const { minutes, ...token } = tokens.get(name) ?? deny(401, 'invalid-token')
    const lives = minutes === Infinity ? {} : { expires: new Date(began + minutes * 60_000) }
    return { token: name, ...token, ...lives }
  }
  const asked: string[] = []
  const changes: unknown[] = []
  const editor = consumer(
    notes,
    {
      auth,
      authorize: ({ why }) => {
        asked.push(why)
        return state.right
      },
    },
    (socket) => ({
      on: { write: (note) => socket.group().send('wrote', note) },
      change: (now, before) => void changes.push([before, now]),
    }),
  )
  const events: SallyportEvent[] = []
  const faults: unknown[] = []
  const server = testServer({
    clock,
    on: (event) => events.push(event),
    report: (error) => faults.push(error),
    limits: { pingMs: 3_600_000, handshakeMs },
    tenant: ({ scopes = [''] }) => scopes[0] ?? '',
  })
  closeAfterTest(server)
  const asks: Ask[] = []
  /** Comes in with one token and answers questions with others, in order. */
  const visitWithTokens = (first: string, ...next: readonly string[]) => {
    const answers = [...next]
    const refresh = (ask: Ask): string | null => {
      asks.push(ask)
      return answers.shift() ?? null
    }
    return visit(editor, { id: 'doc' }, { headers: { authorization: `Bearer ${first}` }, refresh, server })
  }
  return {
    clock,
    auth,
    editor,
    tokens,
    state,
    requests,
    waiting,
    asked,
    changes,
    events,
    faults,
    server,
    asks,
    visitWithTokens,
  }
}

test('a new credential lets a socket live on, and is authenticated and authorized', async () => {
  const { clock, tokens, visitWithTokens, asks, asked, requests, events } = serverWithExpiringTokens()
  tokens.set('old', { user: ada, minutes: 10 }).set('new', { user: ada, minutes: 20 })
  const alice = await visitWithTokens('old', 'new')
  await clock.advance(10 * 60_000 - 30_001)
  expect(asks).toEqual([])
  await clock.advance(1)
  expect(asks).toEqual([{ nonce: expect.stringMatching(/^[\w-]{22}$/), withinMs: 30_000 }])
  expect(alice.refreshes).toEqual([{ op: 'auth', nonce: asks[0]?.nonce, expiresInMs: 630_000, dropped: [] }])
  expect(asked).toEqual(['open', 'refresh'])
  expect(requests[1]).toEqual({ path: '/ws/notes/doc', origin: null, url: 'ws://localhost/ws/notes/doc' })
  expect(events).toContainEqual(
    expect.objectContaining({ type: 'refreshed', subject: '1', expires: clock.now() + 630_000 }),
  )
  await clock.advance(10 * 60_000)
  await alice.send('write', { text: 'still here' })
  await clock.advance(30_000)
  expect((await alice.closed).code).toBe(4401)
})

test('a new credential may have no end', async () => {
  const { clock, tokens, visitWithTokens, asks, events } = serverWithExpiringTokens()
  tokens.set('old', { user: ada, minutes: 10 }).set('new', { user: ada, minutes: Infinity })
  const alice = await visitWithTokens('old', 'new')
  await clock.advance(60 * 60_000)
  expect(alice.refreshes).toEqual([{ op: 'auth', nonce: asks[0]?.nonce, dropped: [] }])
  expect(events).toContainEqual(expect.objectContaining({ type: 'refreshed', expires: null }))
  await alice.send('write', { text: 'still here' })
})

test('while an answer is looked at nothing else is asked', async () => {
  const { clock, tokens, visitWithTokens, asks, state, waiting } = serverWithExpiringTokens(aDay)
  tokens.set('old', { user: ada, minutes: 10 }).set('new', { user: ada, minutes: 20 })
  const alice = await visitWithTokens('old', 'new')
  state.slow = true
  await clock.advance(10 * 60_000 - 1)
  expect(asks).toHaveLength(1)
  waiting.resolve()
  await clock.advance(0)
  expect(alice.refreshes).toMatchObject([{ nonce: asks[0]?.nonce, expiresInMs: 600_001 }])
})

test('the question comes at half of a life that is shorter than a minute', async () => {
  const { clock, tokens, visitWithTokens, asks } = serverWithExpiringTokens()
  tokens.set('short', { user: ada, minutes: 0.5 })
  await visitWithTokens('short')
  await clock.advance(14_999)
  expect(asks).toEqual([])
  await clock.advance(1)
  expect(asks[0]?.withinMs).toBe(15_000)
})

test('a client that does not answer is asked again at half of the rest, and closed at the end', async () => {
  const { clock, tokens, visitWithTokens, asks } = serverWithExpiringTokens()
  tokens.set('old', { user: ada, minutes: 10 })
  const alice = await visitWithTokens('old')
  await clock.advance(10 * 60_000 - 1)
  expect(asks.map(({ withinMs }) => withinMs)).toEqual([30_000, 15_000, 7_500, 3_750, 1_875, 937])
  expect(new Set(asks.map(({ nonce }) => nonce)).size).toBe(asks.length)
  await clock.advance(1)
  expect((await alice.closed).code).toBe(4401)
})

// proves: refresh
test.each([
  ['an unknown one', 'unknown', 'invalid-token'],
  ['one of another user', 'foreign', 'other-subject'],
  ['one of another tenant', 'elsewhere', 'other-subject'],
  ['one that ends no later', 'same', 'not-later'],
  ['one that has expired', 'past', 'not-later'],
])('%s is refused, and changes nothing', async (_what, name, code) => {
  const { clock, tokens, visitWithTokens, asks, asked, events } = serverWithExpiringTokens()
  tokens
    .set('old', { user: ada, minutes: 10 })
    .set('foreign', { user: grace, minutes: 20 })
    .set('elsewhere', { user: ada, minutes: 20, scopes: ['another tenant'] })
    .set('same', { user: ada, minutes: 10 })
    .set('past', { user: ada, minutes: 5 })
  const alice = await visitWithTokens('old', name)
  await clock.advance(10 * 60_000 - 30_000)
  expect(alice.refreshes).toEqual([
    { op: 'auth', nonce: asks[0]?.nonce, refused: expect.objectContaining({ status: 401, code }) },
  ])
  expect(events).toContainEqual(expect.objectContaining({ type: 'refresh-refused', status: 401, code }))
  expect(asked).toEqual(['open'])
  await alice.send('write', { text: 'the old one is still good' })
  await clock.advance(30_000)
  expect((await alice.closed).code).toBe(4401)
})

// proves: refresh
test('a question is good for one answer: a replayed or unasked answer is refused', async () => {
  const { clock, tokens, visitWithTokens, asks, requests } = serverWithExpiringTokens()
  tokens.set('old', { user: ada, minutes: 10 }).set('new', { user: ada, minutes: 20 })
  const alice = await visitWithTokens('old', 'new')
  alice.raw(JSON.stringify({ op: 'auth', nonce: 'guessed', token: 'new' }))
  await clock.advance(10 * 60_000 - 30_000)
  alice.raw(JSON.stringify({ op: 'auth', nonce: asks[0]?.nonce, token: 'new' }))
  await clock.advance(0)
  expect(alice.refreshes.map(({ refused }) => refused?.code)).toEqual(['not-asked', undefined, 'not-asked'])
  expect(requests).toHaveLength(2)
})

test('a flood of answers without a question is a flood of messages', async () => {
  const { clock, tokens, visitWithTokens } = serverWithExpiringTokens()
  tokens.set('old', { user: ada, minutes: 10 })
  const alice = await visitWithTokens('old')
  for (let second = 0; second < 11; second++) {
    for (let count = 0; count < 200; count++) alice.raw('{"op":"auth","nonce":"guessed","token":"new"}')
    await clock.advance(1_000)
  }
  expect((await alice.closed).code).toBe(4429)
})

test('answers that come while one is checked are refused at once: no answer waits', async () => {
  const { clock, tokens, state, visitWithTokens, asks, requests } = serverWithExpiringTokens()
  tokens.set('old', { user: ada, minutes: 10 }).set('slow', { user: ada, minutes: 20 })
  const alice = await visitWithTokens('old')
  await clock.advance(10 * 60_000 - 30_000)
  state.slow = true
  alice.raw(JSON.stringify({ op: 'auth', nonce: asks[0]?.nonce, token: 'slow' }))
  for (let count = 0; count < 20; count++)
    alice.raw(JSON.stringify({ op: 'auth', nonce: asks[0]?.nonce, token: 'x'.repeat(4_000) }))
  await clock.advance(0)
  expect(alice.refreshes.map(({ refused }) => refused?.code)).toEqual(Array(20).fill('not-asked'))
  expect(requests).toHaveLength(1)
})

test.each(['{"op":"auth"}', '{"op":"auth","nonce":"n"}', '{"op":"auth","nonce":7,"token":"new"}'])(
  'what is no answer is an invalid message: %s',
  async (payload) => {
    const { tokens, visitWithTokens } = serverWithExpiringTokens()
    tokens.set('old', { user: ada, minutes: 10 })
    const alice = await visitWithTokens('old')
    alice.raw(payload)
    await expect(alice.next('error' as never)).resolves.toMatchObject({ code: 'invalid-message' })
  },
)

test('a right that the new credential lacks is listed in the answer, and the socket closes', async () => {
  const { clock, tokens, visitWithTokens, asks, state } = serverWithExpiringTokens()
  tokens.set('old', { user: ada, minutes: 10 }).set('new', { user: ada, minutes: 20 })
  const alice = await visitWithTokens('old', 'new')
  state.right = null
  await clock.advance(10 * 60_000 - 30_000)
  expect(alice.refreshes).toEqual([
    {
      op: 'auth',
      nonce: asks[0]?.nonce,
      dropped: [expect.objectContaining({ in: '/ws/notes/doc', status: 403, code: 'forbidden' })],
    },
  ])
  expect((await alice.closed).code).toBe(4403)
})

test('a grant may change with the credential: handler and client are told, nothing is closed', async () => {
  const { clock, tokens, visitWithTokens, changes, state } = serverWithExpiringTokens()
  tokens.set('old', { user: ada, minutes: 10 }).set('new', { user: ada, minutes: 20 })
  const alice = await visitWithTokens('old', 'new')
  state.right = { canWrite: false }
  await clock.advance(10 * 60_000 - 30_000)
  expect(alice.grant).toEqual({ canWrite: false })
  expect(changes).toEqual([[{ canWrite: true }, { canWrite: false }]])
  await alice.send('write', { text: 'open' })
})

test('a credential that cannot be looked at now is refused with 503, and asked for again', async () => {
  const { clock, tokens, visitWithTokens, state, faults } = serverWithExpiringTokens()
  tokens.set('old', { user: ada, minutes: 10 }).set('new', { user: ada, minutes: 20 })
  const alice = await visitWithTokens('old', 'new', 'new')
  state.away = true
  await clock.advance(10 * 60_000 - 30_000)
  state.away = false
  await clock.advance(15_000)
  expect(alice.refreshes.map(({ refused }) => refused?.status)).toEqual([503, undefined])
  expect(faults).toEqual([new Error('the directory is away')])
  await clock.advance(5 * 60_000)
  await alice.send('write', { text: 'still here' })
})

test('a refresh that is answered after the end is too late', async () => {
  const { clock, tokens, visitWithTokens, state, waiting } = serverWithExpiringTokens(aDay)
  tokens.set('old', { user: ada, minutes: 10 }).set('new', { user: ada, minutes: 20 })
  const alice = await visitWithTokens('old', 'new')
  state.slow = true
  await clock.advance(10 * 60_000)
  expect((await alice.closed).code).toBe(4401)
  waiting.resolve()
  await clock.advance(0)
  expect(alice.refreshes).toEqual([])
})

// proves: refresh
test('a revocation beats a refresh in flight, and is remembered against the new token', async () => {
  const { clock, tokens, visitWithTokens, state, waiting, server } = serverWithExpiringTokens()
  tokens.set('old', { user: ada, minutes: 10 }).set('new', { user: ada, minutes: 20 })
  const alice = await visitWithTokens('old', 'new')
  state.slow = true
  await clock.advance(10 * 60_000 - 30_000)
  await server.revoke({ token: 'new', reason: 'stolen' })
  waiting.resolve()
  await clock.advance(0)
  expect(alice.refreshes.map(({ refused }) => refused?.code)).toEqual(['revoked'])
  await alice.send('write', { text: 'the old one was not revoked' })
  await server.revoke({ token: 'old', reason: 'stolen' })
  expect((await alice.closed).code).toBe(4401)
})

test('after a refresh a socket is found by its new token, and by the old one no more', async () => {
  const { clock, tokens, visitWithTokens, server } = serverWithExpiringTokens()
  tokens.set('old', { user: ada, minutes: 10 }).set('new', { user: ada, minutes: 20 })
  const alice = await visitWithTokens('old', 'new')
  await clock.advance(10 * 60_000 - 30_000)
  expect((await server.revoke({ token: 'old', reason: 'rotated' })).closed).toBe(0)
  expect((await server.revoke({ token: 'new', reason: 'stolen' })).closed).toBe(1)
  expect(await alice.closed).toEqual({ code: 4401, reason: 'revoked: stolen' })
})

/** Comes in over a real socket, and keeps what it hears. */
async function connect(server: Server, protocols: readonly string[], token: string) {
  const { port: number } = await server.listen(0)
  const socket = new WebSocket(`ws://127.0.0.1:${number}/ws/notes/doc`, [...protocols], {
    headers: { authorization: `Bearer ${token}` },
  })
  const heard: string[] = []
  socket.on('message', (data) => heard.push(String(data)))
  const closed = once(socket, 'close')
  await once(socket, 'open')
  return { socket, heard, closed }
}

test('a client that speaks the plain wire is not asked', async () => {
  const { clock, tokens, editor, server } = serverWithExpiringTokens()
  server.serve(editor)
  tokens.set('old', { user: ada, minutes: 10 })
  const { heard, closed } = await connect(server, [], 'old')
  await expect.poll(() => server.connections).toBe(1)
  await clock.advance(10 * 60_000)
  expect((await closed)[0]).toBe(4401)
  expect(heard).toEqual([])
})

test('a credential fits where messages are smaller than it, while it is asked for and no longer', async () => {
  const { clock, tokens, auth, server } = serverWithExpiringTokens()
  server.serve(consumer(contract('/ws/notes/:id', {}), { auth, limits: { message: 100 } }, () => ({})))
  const [long, longer] = ['n'.repeat(3_000), 'm'.repeat(3_000)]
  tokens.set('old', { user: ada, minutes: 10 }).set(long, { user: ada, minutes: 20 })
  tokens.set(longer, { user: ada, minutes: 30 })
  const { socket, heard, closed } = await connect(server, ['sallyport.v1'], 'old')
  await expect.poll(() => heard.length).toBe(2)
  await clock.advance(10 * 60_000 - 30_000)
  await expect.poll(() => heard.length).toBe(3)
  const { nonce } = JSON.parse(heard[2] ?? '') as { nonce: string }
  socket.send(JSON.stringify({ op: 'auth', nonce, token: long }))
  await expect.poll(() => heard[3]).toContain('"expiresInMs":630000')
  socket.send(JSON.stringify({ op: 'auth', nonce, token: longer }))
  expect((await closed)[0]).toBe(1009)
})

/** An endpoint whose `authorize` answers when it is told to. */
async function midRefresh() {
  const answers: { readonly why: string; readonly answer: PromiseWithResolvers<boolean> }[] = []
  const clock = testClock()
  const server = testServer({ clock, report: () => {}, limits: { pingMs: 3_600_000 } })
  closeAfterTest(server)
  const began = clock.now()
  const auth: Authenticator<User> = async ({ credentials }) => {
    const token = credentials.of('bearer')
    if (token === null) return null
    return { user: ada, token, expires: new Date(began + (token === 'old' ? 10 : 20) * 60_000) }
  }
  const slow = consumer(
    contract('/ws/slow', {}),
    {
      auth,
      authorize: ({ why }) => {
        if (why === 'open') return true
        const answer = Promise.withResolvers<boolean>()
        answers.push({ why, answer })
        return answer.promise
      },
    },
    () => ({}),
  )
  const alice = await visit(
    slow,
    {},
    { headers: { authorization: 'Bearer old' }, refresh: () => 'new', server },
  )
  return { alice, answers, clock, server }
}

test('a recheck outlives a refresh that fails while it waits for it', async () => {
  const { alice, answers, clock, server } = await midRefresh()
  await clock.advance(10 * 60_000 - 30_000)
  expect(answers.map(({ why }) => why)).toEqual(['refresh'])
  const receipt = server.recheck({ user: ada.id })
  await clock.advance(0)
  answers[0]?.answer.reject(new Error('the directory is away'))
  await expect.poll(() => answers.map(({ why }) => why)).toEqual(['refresh', 'recheck'])
  answers[1]?.answer.resolve(true)
  expect(await receipt).toMatchObject({ closed: 0, changed: 0 })
  expect(alice.refreshes.map(({ refused }) => refused?.status)).toEqual([503])
})

test('a refresh and a recheck of one question take turns, so that the new credential stays', async () => {
  const { alice, answers, clock, server } = await midRefresh()
  await clock.advance(10 * 60_000 - 30_001)
  const first = server.recheck({ user: ada.id })
  await clock.advance(1)
  const second = server.recheck({ user: ada.id })
  await clock.advance(0)
  expect(answers.map(({ why }) => why)).toEqual(['recheck'])
  answers[0]?.answer.resolve(true)
  await expect.poll(() => answers.length).toBe(2)
  await clock.advance(0)
  expect(answers.map(({ why }) => why)).toEqual(['recheck', 'refresh'])
  answers[1]?.answer.resolve(true)
  await expect.poll(() => answers.map(({ why }) => why)).toEqual(['recheck', 'refresh', 'recheck'])
  answers[2]?.answer.resolve(true)
  await Promise.all([first, second])
  expect(alice.refreshes.map(({ dropped }) => dropped)).toEqual([[]])
  expect((await server.revoke({ token: 'new', reason: 'stolen' })).closed).toBe(1)
})

test('an answer to a socket that has ended meanwhile is neither told of nor reported', async () => {
  const { clock, tokens, visitWithTokens, state, waiting, events, faults } = serverWithExpiringTokens(aDay)
  tokens.set('old', { user: ada, minutes: 10 })
  const alice = await visitWithTokens('old', 'unknown')
  state.slow = true
  await clock.advance(10 * 60_000)
  await alice.closed
  waiting.resolve()
  await clock.advance(0)
  expect(events.at(-1)?.type).toBe('left')
  expect(faults).toEqual([])
})

test('a credential with an end is refused where the one in use has none by now', async () => {
  const { clock, server } = serverWithExpiringTokens()
  const began = clock.now()
  const state = { endless: false }
  const auth: Authenticator<User> = async ({ credentials }) => {
    const token = credentials.of('bearer') ?? deny(401, 'no-token')
    const expires = new Date(began + (token === 'old' ? 10 : 20) * 60_000)
    const identity = { user: ada, token, expires }
    return { ...identity, renew: async () => (state.endless ? { user: ada, token } : identity) }
  }
  const asks: Ask[] = []
  const open = consumer(contract('/ws/open', {}), { auth }, () => ({}))
  const alice = await visit(
    open,
    {},
    { headers: { authorization: 'Bearer old' }, refresh: (ask) => (asks.push(ask), null), server },
  )
  await clock.advance(10 * 60_000 - 30_000)
  state.endless = true
  await server.recheck({ user: ada.id })
  alice.raw(JSON.stringify({ op: 'auth', nonce: asks[0]?.nonce, token: 'new' }))
  await clock.advance(30 * 60_000)
  expect(alice.refreshes.map(({ refused }) => refused?.code)).toEqual(['not-later'])
  expect(server.connections).toBe(1)
})

test('a client that cannot be asked for a credential may not send larger messages for it', async () => {
  const { clock, tokens, auth, server, requests } = serverWithExpiringTokens()
  const lines = contract('/ws/notes/:id', { client: text, server: text })
  server.serve(consumer(lines, { auth, limits: { message: 100 } }, () => ({ message: () => {} })))
  tokens.set('old', { user: ada, minutes: 10 })
  const { socket, closed } = await connect(server, [], 'old')
  await expect.poll(() => requests.length).toBe(1)
  await clock.advance(10 * 60_000 - 30_000)
  socket.send('x'.repeat(101))
  expect((await closed)[0]).toBe(1009)
})

test('whose identity has got an end by being renewed is asked for a new credential before it', async () => {
  const { clock, server } = serverWithExpiringTokens()
  const began = clock.now()
  const auth: Authenticator<User> = async ({ credentials }) => {
    const token = credentials.of('bearer') ?? deny(401, 'no-token')
    const expires = new Date(began + (token === 'old' ? 10 : 20) * 60_000)
    return {
      user: ada,
      token,
      ...(token === 'old' ? {} : { expires }),
      renew: async () => ({ user: ada, token, expires }),
    }
  }
  const open = consumer(contract('/ws/open', {}), { auth }, () => ({}))
  const headers = { authorization: 'Bearer old' }
  const alice = await visit(open, {}, { headers, refresh: () => 'new', server })
  await server.recheck({ user: ada.id })
  await clock.advance(10 * 60_000 - 30_000)
  expect(alice.refreshes).toMatchObject([{ op: 'auth', expiresInMs: 630_000 }])
})

test('a change of rights that overtakes a refresh while it is authenticated is not undone', async () => {
  const clock = testClock()
  const began = clock.now()
  const server = testServer({ clock, report: () => {}, limits: { pingMs: 3_600_000 } })
  closeAfterTest(server)
  const { promise: waiting, resolve: answer } = Promise.withResolvers<void>()
  let role = 'editor'
  const auth: Authenticator<User & { readonly role: string }> = async ({ credentials }) => {
    const token = credentials.of('bearer')
    if (token === null) return null
    const expires = new Date(began + (token === 'old' ? 10 : 20) * 60_000)
    const read = () => ({ user: { ...ada, role }, token, expires, renew: async () => read() })
    const found = read()
    if (token === 'new') await waiting
    return found
  }
  const editor = consumer(
    notes,
    { auth, authorize: ({ user }) => ({ canWrite: user.role === 'editor' }) },
    () => ({ on: { write: () => {} } }),
  )
  const headers = { authorization: 'Bearer old' }
  const alice = await visit(editor, { id: 'doc' }, { headers, refresh: () => 'new', server })
  await clock.advance(10 * 60_000 - 30_000)
  role = 'viewer'
  expect(await server.recheck({ user: ada.id })).toMatchObject({ changed: 1 })
  answer()
  await clock.advance(0)
  expect(alice.refreshes).toEqual([expect.objectContaining({ dropped: [] })])
  expect(alice.grant).toEqual({ canWrite: false })
})

test('an authenticator that never answers about a new credential gets the time of a handshake', async () => {
  const { clock, tokens, visitWithTokens, asks, state, faults } = serverWithExpiringTokens()
  tokens.set('old', { user: ada, minutes: 10 })
  const alice = await visitWithTokens('old', 'new')
  state.slow = true
  await clock.advance(10 * 60_000 - 30_000 + 5_000)
  expect(alice.refreshes.map(({ refused }) => refused?.status)).toEqual([503])
  expect(String(faults[0])).toContain('no answer within 5000 ms')
  await clock.advance(10_000)
  expect(asks).toHaveLength(2)
})

test('what waits while a new credential is checked is bounded, and a revocation drops it', async () => {
  const { clock, auth, tokens, state, server, events, waiting } = serverWithExpiringTokens(aDay)
  tokens.set('old', { user: ada, minutes: 10 }).set('new', { user: ada, minutes: 20 })
  const { promise: never } = Promise.withResolvers<void>()
  const authorize = () => ({ canWrite: true })
  const unrated = { rate: null, byteRate: null }
  const busy = consumer(notes, { auth, authorize, limits: unrated }, () => ({ on: { write: () => never } }))
  const who = { headers: { authorization: 'Bearer old' }, refresh: () => 'new', server }
  const tabs = await Promise.all(Array.from({ length: 5 }, () => visit(busy, { id: 'doc' }, who)))
  state.slow = true
  await clock.advance(10 * 60_000 - 30_000)
  for (const tab of tabs)
    for (let count = 0; count < 9; count++)
      tab.raw(
        JSON.stringify({ op: 'msg', in: '/ws/notes/doc', type: 'write', data: { text: 'x'.repeat(60_000) } }),
      )
  const account = identityKey('', ada.id)
  expect(server[serverContext].backlog.of(account)).toBeGreaterThan(1_900_000)
  expect(server[serverContext].backlog.of(account)).toBeLessThanOrEqual(2_097_152)
  expect(events).toContainEqual(
    expect.objectContaining({ type: 'refused-message', code: 'too-much-waiting' }),
  )
  const receipt = await server.revoke({ user: ada.id, reason: 'banned' })
  // of 2 MiB, each of 60,072 bytes
  expect(receipt).toMatchObject({ closed: 5, dropped: 34 })
  waiting.resolve()
  await clock.advance(0)
  expect([server.connections, server[serverContext].backlog.of(account)]).toEqual([0, 0])
  expect(events.filter(({ type }) => type === 'refreshed')).toEqual([])
})
