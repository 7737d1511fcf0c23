import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { z } from 'zod'
import {
  type Authenticator,
  consumer,
  contract,
  deny,
  type Identity,
  memory,
  type ServerOptions,
  type SallyportEvent,
} from '../../../src/index.ts'
import { settled } from '../../../src/testing/clock.ts'
import { testClock, testServer, visit } from '../../../src/testing.ts'
import { ada, type User } from '../support/members.ts'

const notes = contract('/ws/notes/:id', {
  client: { write: z.object({ text: z.string() }) },
  server: { wrote: z.object({ text: z.string() }) },
  grant: z.object({ canWrite: z.boolean() }),
})

const hashed = (id: string): string => createHash('sha256').update(id).digest('hex').slice(0, 16)
const session = 'session-marked-4f1c'
const token = 'token-marked-9b2d'
const at = { id: 'plan' }
/** Where Ada is, as every event of her socket says it. */
const place = {
  contract: '/ws/notes/:id',
  path: '/ws/notes/plan',
  address: '192.0.2.7',
  origin: null,
  subject: '1',
  session: hashed(session),
  token: hashed(token),
  id: expect.any(String),
  node: 'west',
  at: Date.UTC(2026, 0, 1),
}

/** A server that keeps its events, and Ada, whose session, right and luck a test may change. */
function serverWithEvents(options: ServerOptions = {}, identity: Partial<Identity<User>> = {}) {
  const clock = testClock()
  const events: SallyportEvent[] = []
  const state = { grant: { canWrite: true, secret: 'grant-marked-77' } as object | null, away: false }
  const auth: Authenticator<User> = async ({ credentials }) => {
    const key = credentials.of('bearer')
    if (key === null) return null
    if (key !== 'key-marked-31') deny(401, 'unknown-key', 'this key opens nothing', { detail: 'no such row' })
    return { user: ada, session, token, issuedAt: new Date(clock.now()), ...identity }
  }
  const editor = consumer(
    notes,
    {
      auth,
      authorize: () => {
        if (state.away) throw new Error('database away')
        // what a test put there fits the contract
        return state.grant as { canWrite: boolean } | null
      },
      lease: '60s',
      idle: '5m',
    },
    (socket) => ({
      on: {
        write: ({ text }) => {
          if (text === 'refuse') deny(403, 'read-only')
          if (text === 'at work') return once(socket.signal, 'abort')
          return socket.group().send('wrote', { text })
        },
      },
    }),
  )
  const server = testServer({
    clock,
    node: 'west',
    on: (event) => events.push(event),
    report: () => {},
    ...options,
  })
  const visitWithKey = (key = 'key-marked-31') =>
    visit(editor, at, { headers: { authorization: `Bearer ${key}` }, address: '192.0.2.7', server })
  const of = (type: SallyportEvent['type']) => events.filter((event) => event.type === type)
  return { clock, events, state, editor, server, visitWithKey, of }
}

/**
 * One story for each event; the compiler asks for all. Those of a refresh are told with the refresh, what is misconfigured with the
 * peers that show it, and what was missed with the messages that are lost.
 */
type StoryType = Exclude<SallyportEvent['type'], 'refreshed' | 'refresh-refused' | 'misconfigured' | 'missed'>
const stories: Record<StoryType, () => Promise<[told: SallyportEvent[], expected: object]>> = {
  async accepted() {
    const { visitWithKey, of } = serverWithEvents()
    await visitWithKey()
    return [of('accepted'), { type: 'accepted', ...place }]
  },
  async denied() {
    const { visitWithKey, of } = serverWithEvents()
    await visitWithKey('nonsense').catch(() => {})
    const { subject: _, session: __, token: ___, ...withoutUser } = place
    const told = {
      status: 401,
      code: 'unknown-key',
      message: 'this key opens nothing',
      detail: 'no such row',
    }
    return [of('denied'), { type: 'denied', ...told, ...withoutUser }]
  },
  async left() {
    const { clock, visitWithKey, of } = serverWithEvents()
    const tab = await visitWithKey()
    await clock.advance(1_000)
    tab.leave()
    await tab.closed
    await settled()
    return [of('left'), { type: 'left', why: 'peer', code: 1000, ms: 1_000, ...place, at: clock.now() }]
  },
  async dropped() {
    const { server, visitWithKey, of } = serverWithEvents()
    const tab = await visitWithKey()
    for (const text of ['at work', 'waits', 'waits too']) void tab.send('write', { text })
    await server.revoke({ user: '1', reason: 'banned' })
    return [of('dropped'), { type: 'dropped', why: 'revoked', messages: 2, ...place }]
  },
  async changed() {
    const { state, server, visitWithKey, of } = serverWithEvents()
    await visitWithKey()
    state.grant = { canWrite: false }
    await server.recheck({ user: '1' })
    return [of('changed'), { type: 'changed', why: 'recheck', told: true, ...place }]
  },
  async unanswered() {
    const { clock, state, visitWithKey, of } = serverWithEvents()
    await visitWithKey()
    state.away = true
    await clock.advance(55_000)
    const told = { status: 503, code: 'unavailable', detail: 'authorize threw' }
    const later = { ...place, at: expect.any(Number) }
    return [of('unanswered').slice(0, 1), { type: 'unanswered', why: 'lease', ...told, ...later }]
  },
  async expired() {
    const start = testClock().now()
    const { clock, visitWithKey, of } = serverWithEvents({}, { expires: new Date(start + 30_000) })
    await visitWithKey()
    await clock.advance(30_000)
    return [of('expired'), { type: 'expired', cause: 'credential', ...place, at: clock.now() }]
  },
  async evicted() {
    const { visitWithKey, of } = serverWithEvents({ limits: { connectionsPerIdentity: 1 } })
    await visitWithKey()
    await visitWithKey()
    const [, newest] = of('accepted')
    const by = newest?.type === 'accepted' ? newest.id : null
    return [of('evicted'), { type: 'evicted', by, ...place }]
  },
  async revoked() {
    const { clock, server, visitWithKey, of } = serverWithEvents()
    await visitWithKey()
    await server.revoke({ user: '1', session, reason: 'signed out' })
    const ordered = {
      subject: '1',
      session: hashed(session),
      closed: 1,
      dropped: 0,
      from: 'west',
      node: 'west',
    }
    return [of('revoked'), { type: 'revoked', reason: 'signed out', ...ordered, at: clock.now() }]
  },
  async kicked() {
    const { clock, server, visitWithKey, of } = serverWithEvents()
    await visitWithKey()
    await server.revoke({ user: '1', at: [notes, at], reason: 'be nice' })
    const ordered = {
      subject: '1',
      path: '/ws/notes/plan',
      closed: 1,
      dropped: 0,
      from: 'west',
      node: 'west',
    }
    return [of('kicked'), { type: 'kicked', reason: 'be nice', ...ordered, at: clock.now() }]
  },
  async rechecked() {
    const { clock, state, server, visitWithKey, of } = serverWithEvents()
    await visitWithKey()
    state.grant = { canWrite: false }
    await server.recheck({ token })
    const ordered = { token: hashed(token), closed: 0, changed: 1, dropped: 0, from: 'west', node: 'west' }
    return [of('rechecked'), { type: 'rechecked', ...ordered, at: clock.now() }]
  },
  async limited() {
    const { visitWithKey, of } = serverWithEvents({ limits: { rate: { most: 1, eachMs: 1_000, burst: 1 } } })
    const tab = await visitWithKey()
    for (let count = 0; count < 10; count++) void tab.send('write', { text: 'flood' })
    await settled()
    return [of('limited'), { type: 'limited', limit: 'rate', scope: 'socket', ...place }]
  },
  async 'refused-message'() {
    const { visitWithKey, of } = serverWithEvents()
    const tab = await visitWithKey()
    await tab.send('write', { text: 'refuse' }).catch(() => {})
    return [of('refused-message'), { type: 'refused-message', status: 403, code: 'read-only', ...place }]
  },
  async sent() {
    const { clock, visitWithKey, of } = serverWithEvents()
    const tab = await visitWithKey()
    await tab.send('write', { text: 'hello' })
    const where = { contract: '/ws/notes/:id', node: 'west', at: clock.now() }
    return [of('sent'), { type: 'sent', receivers: 1, ...where }]
  },
}

test.each(Object.entries(stories))(
  "'%s' is told once, with all that it carries and nothing else",
  async (_, story) => {
    const [told, expected] = await story()
    expect(told).toEqual([expected])
  },
)

test('a user whom authorize refuses is named, and the path', async () => {
  const { state, visitWithKey, of } = serverWithEvents()
  state.grant = null
  await visitWithKey().catch(() => {})
  expect(of('denied')).toEqual([expect.objectContaining({ ...place, status: 403, code: 'forbidden' })])
})

test('a change that the client is not told of says so', async () => {
  const { state, server, visitWithKey, of } = serverWithEvents()
  await visitWithKey()
  state.grant = { canWrite: true, secret: 'another' }
  await server.recheck({ user: '1' })
  expect(of('changed')).toEqual([expect.objectContaining({ told: false })])
})

test('a right that stays as it is is no news', async () => {
  const { clock, visitWithKey, events } = serverWithEvents()
  await visitWithKey()
  const before = events.length
  await clock.advance(180_000)
  expect(events.slice(before)).toEqual([])
})

test('silence and age end access with a cause of their own', async () => {
  const { clock, visitWithKey, of } = serverWithEvents()
  await visitWithKey()
  await clock.advance(300_000)
  expect(of('expired')).toEqual([expect.objectContaining({ cause: 'idle' })])
  expect(of('left')).toEqual([expect.objectContaining({ why: 'expired', code: 4408 })])
})

test('each node tells what an access command did on it, and which node gave it', async () => {
  const layer = memory()
  const [west, east] = [serverWithEvents({ layer }), serverWithEvents({ layer, node: 'east' })]
  await east.visitWithKey()
  await west.server.revoke({ user: '1', reason: 'banned' })
  expect(west.of('revoked')).toEqual([expect.objectContaining({ node: 'west', from: 'west', closed: 0 })])
  expect(east.of('revoked')).toEqual([expect.objectContaining({ node: 'east', from: 'west', closed: 1 })])
  await east.clock.advance(60_000)
  expect(east.of('revoked')).toHaveLength(1)
})

test.each([
  [
    'messages of an identity',
    { identityRate: { most: 1, eachMs: 1_000, burst: 1 } },
    'identityRate',
    'identity',
  ],
  ['invalid messages', { invalidMessages: 1 }, 'invalidMessages', 'identity'],
  ['a message too large', { messageBytes: 300 }, 'messageBytes', 'socket'],
] as const)(
  'a limit on %s says which it is, and what is counted together',
  async (_, limits, limit, scope) => {
    const { visitWithKey, of } = serverWithEvents({ limits })
    const tab = await visitWithKey()
    for (const text of ['one', 'two', 'x'.repeat(400)])
      tab.raw(`{"op":"msg","in":"/ws/notes/plan","type":"write","data":{"text":"${text}"}}`)
    tab.raw('nonsense')
    await settled()
    expect(of('limited')).toEqual([expect.objectContaining({ limit, scope, subject: '1' })])
  },
)

test('a limit on an address, and on the connections of a user, comes beside the denial', async () => {
  const { visitWithKey, of } = serverWithEvents({
    whenFull: 'refuse',
    limits: { connectionsPerIdentity: 1, failedHandshakes: { most: 1, eachMs: 60_000, burst: 1 } },
  })
  await visitWithKey()
  await visitWithKey().catch(() => {})
  await visitWithKey('nonsense').catch(() => {})
  await visitWithKey('nonsense').catch(() => {})
  expect(of('limited')).toEqual([
    expect.objectContaining({ limit: 'connectionsPerIdentity', scope: 'identity', subject: '1' }),
    expect.objectContaining({ limit: 'failedHandshakes', scope: 'address' }),
  ])
  expect(of('denied').map((event) => event.type === 'denied' && event.status)).toEqual([429, 401, 429])
})

test('a line that is full is told of, and a wait that was given up is not', async () => {
  const { editor, server, of } = serverWithEvents({ limits: { handshakesAtOnce: 1, handshakesWaiting: 1 } })
  const hangs = consumer(notes, { auth: () => new Promise<null>(() => {}), authorize: () => null }, () => ({
    on: { write: () => {} },
  }))
  void visit(hangs, at, { headers: {}, server }).catch(() => {})
  void visit(editor, at, { headers: {}, server }).catch(() => {})
  await settled()
  await visit(editor, at, { headers: {}, server }).catch(() => {})
  expect(of('limited')).toEqual([expect.objectContaining({ limit: 'handshakesWaiting', scope: 'address' })])
})

// proves: secrets-in-events
test('no event holds a credential, the id of a session or token, or a grant', async () => {
  const told: unknown[] = []
  for (const story of Object.values(stories)) told.push(await story())
  const { state, server, visitWithKey, events } = serverWithEvents()
  state.grant = null
  await visitWithKey().catch(() => {})
  await visitWithKey('key-marked-wrong').catch(() => {})
  await server.revoke({ session, reason: 'over' })
  expect(JSON.stringify([told, events])).not.toContain('marked')
})

test('a sink that throws is reported and takes no socket with it', async () => {
  const faults: unknown[] = []
  const { visitWithKey } = serverWithEvents({
    on: () => {
      throw new Error('the sink is full')
    },
    report: (_, doing) => faults.push(doing),
  })
  const tab = await visitWithKey()
  await tab.send('write', { text: 'hello' })
  expect(new Set(faults)).toEqual(new Set(['handling an event']))
})

test('a sink whose promise fails is reported, and ends no process', async () => {
  const faults: unknown[] = []
  const gone = new Error('the audit is away')
  // an async sink, which the type does not ask for and nothing forbids
  const on = (async () => Promise.reject(gone)) as () => void
  const server = testServer({ on, report: (error) => faults.push(error) })
  await server.revoke({ user: '1', reason: 'banned' })
  await expect.poll(() => faults).toEqual([gone])
})

test('how long a socket was open is told right, though the wall clock has jumped back meanwhile', async () => {
  const { clock, visitWithKey, of } = serverWithEvents()
  const alice = await visitWithKey()
  clock.jump(-3_600_000)
  await clock.advance(1_500)
  alice.leave()
  await alice.closed
  expect(of('left')).toEqual([expect.objectContaining({ ms: 1_500 })])
})
