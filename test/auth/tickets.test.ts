import { createHash } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { TicketQuota } from '../../src/auth/ticket-quota.ts'
import { type Ticket, type TicketRequest, type Tickets, tickets } from '../../src/auth/tickets.ts'
import type { AuthRequest } from '../../src/core/api/handshake.ts'
import { authenticate } from '../../src/core/access/authenticate.ts'
import type { Store } from '../../src/core/api/layer.ts'
import { type TestClock, testClock } from '../../src/testing/clock.ts'
import { testServer } from '../../src/testing.ts'
import { carrierProtocol } from '../../src/wire/carrier.ts'
import { SallyportError } from '../../src/wire/errors.ts'
import { denialOf, authRequestOf, verdict } from '../support/auth-request.ts'

interface User {
  readonly id: string
}

const origin = 'https://app.example'
const path = '/ws/chat/lobby'
const signedIn = new Date(0)
const request: TicketRequest = { subject: '7', issuedAt: signedIn, origin, path }
let clock: TestClock
let store: Store
let one: Tickets<User>
let people: Map<string, User>

beforeEach(() => {
  clock = testClock()
  store = testServer({ clock }).store
  people = new Map([['7', { id: '7' }]])
  one = tickets({ store, clock, user: ({ subject }) => people.get(subject) })
})

function ticketRequest(
  ticket: string,
  at: { readonly origin?: string | null; readonly path?: string } = {},
): AuthRequest {
  const from = at.origin === undefined ? origin : at.origin
  return authRequestOf({
    path: at.path ?? path,
    headers: {
      'sec-websocket-protocol': `sallyport.v1, ${carrierProtocol('ticket', ticket)}`,
      ...(from === null ? {} : { origin: from }),
    },
  })
}

describe('a ticket', () => {
  test('is 32 random bytes, good for 30 seconds', async () => {
    const { ticket, expiresIn } = await one.mint(request)
    expect(ticket).toMatch(/^[A-Za-z0-9_-]{43}$/)
    expect(expiresIn).toBe(30)
    expect((await one.mint(request)).ticket).not.toBe(ticket)
  })

  test('opens as the identity that asked for it', async () => {
    const issuedAt = new Date(clock.now() - 1000)
    const expires = new Date(clock.now() + 3_600_000)
    const { ticket } = await one.mint({
      ...request,
      session: 's1',
      token: 't1',
      scopes: ['read'],
      issuedAt,
      expires,
    })
    expect(await verdict(one, ticketRequest(ticket))).toMatchObject({
      user: { id: '7' },
      subject: '7',
      session: 's1',
      token: 't1',
      scopes: ['read'],
      issuedAt,
      expires,
    })
  })

  test('is as old as what it rests on, however long that has waited', async () => {
    const issuedAt = new Date(clock.now() - 3_600_000)
    const { ticket } = await one.mint({ ...request, issuedAt })
    await clock.advance(1000)
    const identity = await one(ticketRequest(ticket))
    expect(identity?.issuedAt).toEqual(issuedAt)
    expect((await identity?.renew?.())?.issuedAt).toEqual(issuedAt)
  })

  test('is used up by its first use', async () => {
    const { ticket } = await one.mint(request)
    await one(ticketRequest(ticket))
    expect(await verdict(one, ticketRequest(ticket))).toBe('401 invalid-ticket')
  })

  test.each([
    ['another origin', { origin: 'https://evil.example' }],
    ['a port beside its origin', { origin: `${origin}:444` }],
    ['no origin', { origin: null }],
    ['another path', { path: '/ws/chat/board' }],
    ['a path with a slash more', { path: `${path}/` }],
    ['a path in other letters', { path: '/ws/chat/Lobby' }],
    ['a path spelled differently', { path: '/ws/chat/%6Cobby' }],
  ])('is refused from %s, and is used up by that', async (_what, at) => {
    const { ticket } = await one.mint(request)
    expect(await verdict(one, ticketRequest(ticket, at))).toBe('401 invalid-ticket')
    expect(await verdict(one, ticketRequest(ticket))).toBe('401 invalid-ticket')
  })

  test('for a client without an origin is refused from a page', async () => {
    const { ticket } = await one.mint({ ...request, origin: null })
    expect(await verdict(one, ticketRequest(ticket))).toBe('401 invalid-ticket')
    const again = await one.mint({ ...request, origin: null })
    expect(await verdict(one, ticketRequest(again.ticket, { origin: null }))).toMatchObject({
      user: { id: '7' },
    })
  })

  test('is refused when its time is over', async () => {
    const { ticket } = await one.mint(request)
    await clock.advance(30_000)
    expect(await verdict(one, ticketRequest(ticket))).toBe('401 invalid-ticket')
  })

  test('lives no longer than the identity that asks for it', async () => {
    const expires = new Date(clock.now() + 10_000)
    const { ticket, expiresIn } = await one.mint({ ...request, expires })
    expect(expiresIn).toBe(10)
    await clock.advance(10_000)
    expect(await verdict(one, ticketRequest(ticket))).toBe('401 invalid-ticket')
  })

  test('is refused when its time is over, also where the store keeps it longer', async () => {
    const slow = testServer({ clock }).store
    const keeping = tickets({
      store: {
        ...slow,
        put: (key, value) => slow.put(key, value, 3_600_000),
        take: (key) => slow.take(key),
      },
      clock,
      user: () => ({ id: '7' }),
    })
    const { ticket } = await keeping.mint(request)
    await clock.advance(30_000)
    expect(await verdict(keeping, ticketRequest(ticket))).toBe('401 invalid-ticket')
  })

  test('names its identity by a hash where that has no token', async () => {
    const { ticket } = await one.mint(request)
    const identity = await one(ticketRequest(ticket))
    expect(identity?.token).toMatch(/^[A-Za-z0-9_-]{22}$/)
    expect(ticket).not.toContain(identity?.token)
  })

  test('is refused when its user is gone', async () => {
    const { ticket } = await one.mint(request)
    people.clear()
    expect(await verdict(one, ticketRequest(ticket))).toBe('401 invalid-ticket')
  })

  test.each([null, undefined])('is refused when the site answers %s for its user', async (none) => {
    const without = tickets({ store, clock, user: () => none })
    const { ticket } = await without.mint(request)
    expect(await verdict(without, ticketRequest(ticket))).toBe('401 invalid-ticket')
  })

  test('has one text for every refusal, and the reason for operators', async () => {
    const used = await one.mint(request)
    await one(ticketRequest(used.ticket))
    const foreign = await one.mint(request)
    const denials = [
      await denialOf(() => one(ticketRequest(used.ticket))),
      await denialOf(() => one(ticketRequest(foreign.ticket, { origin: null }))),
      await denialOf(() => one(ticketRequest('invented'))),
    ]
    expect(new Set(denials.map(({ message }) => message)).size).toBe(1)
    expect(new Set(denials.map(({ detail }) => detail)).size).toBe(3)
    for (const { message, detail } of denials) expect(`${message} ${detail}`).not.toContain(used.ticket)
  })

  test('is renewed by loading its user again', async () => {
    const { ticket } = await one.mint(request)
    const identity = await one(ticketRequest(ticket))
    expect(await identity?.renew?.()).toMatchObject({ user: { id: '7' }, token: identity?.token })
    people.clear()
    expect(await identity?.renew?.()).toBeNull()
  })

  test('is not asked for by another credential', async () => {
    expect(await one(authRequestOf({ headers: { authorization: 'Bearer abc' } }))).toBeNull()
    expect(await one(authRequestOf({}))).toBeNull()
  })
})

describe('the store', () => {
  // proves: ticket-reuse
  test('gets the hash of a ticket and never the ticket', async () => {
    const kept: string[] = []
    const watched = tickets({
      store: {
        ...store,
        put: (key, value, ttlMs) => {
          kept.push(key, new TextDecoder().decode(value), String(ttlMs))
          return Promise.resolve()
        },
      },
      clock,
      user: () => null,
    })
    const { ticket } = await watched.mint(request)
    expect(kept[0]).toBe(`ticket/${createHash('sha256').update(ticket).digest('hex')}`)
    expect(kept.join('\n')).not.toContain(ticket)
    expect(kept[2]).toBe('30000')
  })

  test('that is away is no verdict on a ticket', async () => {
    const { ticket } = await one.mint(request)
    const away = tickets({
      store: { ...store, take: () => Promise.reject(new Error('store away')) },
      clock,
      user: () => ({ id: '7' }),
    })
    await expect(away(ticketRequest(ticket))).rejects.toThrow('store away')
    expect((await denialOf(() => authenticate(away, ticketRequest(ticket)))).status).toBe(503)
  })

  test.each(['', '{}', '[]', 'null', '{"subject":"7"}', 'nonsense'])(
    'that holds something else refuses: %s',
    async (text) => {
      const { ticket } = await one.mint(request)
      const key = `ticket/${createHash('sha256').update(ticket).digest('hex')}`
      await store.put(key, new TextEncoder().encode(text), 1000)
      expect(await verdict(one, ticketRequest(ticket))).toBe('401 invalid-ticket')
    },
  )

  test.each([
    { subject: 7 },
    { session: 7 },
    { token: 7 },
    { scopes: 'admin' },
    { scopes: [7] },
    { issuedAt: 7 },
    { issuedAt: 'no date' },
    { expires: 7 },
    { expires: 'no date' },
    { origin: 7 },
    { path: 7 },
    { until: 'never' },
  ])('that holds a record with a field of another kind refuses it: %j', async (field) => {
    const { ticket } = await one.mint(request)
    const key = `ticket/${createHash('sha256').update(ticket).digest('hex')}`
    const record = JSON.parse(new TextDecoder().decode((await store.take(key)) ?? new Uint8Array())) as object
    await store.put(key, new TextEncoder().encode(JSON.stringify({ ...record, ...field })), 1000)
    expect((await denialOf(() => one(ticketRequest(ticket)))).detail).toBe(
      'the ticket is unknown, used or expired',
    )
  })
})

const mint = (changed: object): Promise<Ticket> => one.mint({ ...request, ...changed })

describe('minting', () => {
  test.each([
    'app.example',
    'https://app.example/',
    'https://app.example/a',
    '',
    'javascript:alert(1)',
    'app:-',
    7,
    { toString: 7 },
  ])('refuses an origin that is none: %j', async (bad) => {
    expect((await denialOf(() => mint({ origin: bad }))).reason).toBe('bad-origin')
  })

  test.each(['app://-', 'capacitor://localhost', 'file://', 'null'])(
    'takes the origin of an app: %s',
    async (app) => {
      expect(await mint({ origin: app })).toMatchObject({ expiresIn: 30 })
    },
  )

  test.each([
    '',
    'ws/chat',
    '/ws/chat?a=b',
    '/ws/chat#a',
    '/ws/ chat',
    '/ws/\n',
    '/ws/caf\u00e9',
    `/${'x'.repeat(2048)}`,
    7,
  ])('refuses a path that is none: %.20s', async (bad) => {
    expect((await denialOf(() => mint({ path: bad }))).reason).toBe('bad-path')
  })

  test('refuses a path in a list, which reads like one', async () => {
    expect((await denialOf(() => mint({ path: [path] }))).reason).toBe('bad-path')
  })

  test('refuses an identity that has ended', async () => {
    expect((await denialOf(() => mint({ expires: new Date(clock.now()) }))).status).toBe(401)
    expect((await denialOf(() => mint({ expires: new Date(Number.NaN) }))).status).toBe(401)
  })

  test.each([undefined, null, 0, '2026-01-01', new Date(Number.NaN)])(
    'without the age of what it rests on is a mistake of the program: %s',
    async (issuedAt) => {
      await expect(mint({ issuedAt })).rejects.toThrow(TypeError)
    },
  )

  test('refuses an identity from the future, which would outlive a revocation', async () => {
    await mint({ issuedAt: new Date(clock.now() + 5_000) })
    expect((await denialOf(() => mint({ issuedAt: new Date(clock.now() + 5_001) }))).status).toBe(401)
  })

  test('without a subject is a mistake of the program', async () => {
    for (const subject of ['', 7, undefined]) await expect(mint({ subject })).rejects.toThrow(TypeError)
  })

  test.each(['6m', 0, '1d'] as const)('for %s is a wrong configuration', (ttl) => {
    expect(() => tickets({ store, user: () => null, ttl })).toThrow(SallyportError)
  })

  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
    'for %s of a subject is a mistake',
    (most) => {
      expect(() => tickets({ store, user: () => null, perSubject: most })).toThrow(TypeError)
    },
  )
})

describe('the tickets of one subject', () => {
  const full = { status: 429, reason: 'too-many-tickets' }

  // proves: ticket-flood
  test('are a hundred that wait to be used, and those of others are not touched', async () => {
    for (let count = 0; count < 100; count++) await one.mint(request)
    expect(await denialOf(() => one.mint(request))).toMatchObject({ ...full, retryAfterMs: 30_000 })
    for (let count = 0; count < 100; count++) await one.mint({ ...request, subject: '8' })
  })

  test('make room as they are used, wherever they were meant to be used', async () => {
    const few = tickets({ store, clock, user: () => ({ id: '7' }), perSubject: 2 })
    const [first, second] = [await few.mint(request), await few.mint(request)]
    expect(await denialOf(() => few.mint(request))).toMatchObject(full)
    await few(ticketRequest(first.ticket))
    const third = await few.mint(request)
    expect(await denialOf(() => few.mint(request))).toMatchObject(full)
    await verdict(few, ticketRequest(second.ticket, { path: '/ws/elsewhere' }))
    await few(ticketRequest(third.ticket))
    await few.mint(request)
    await few.mint(request)
    expect(await denialOf(() => few.mint(request))).toMatchObject(full)
  })

  test('make room as they end, which a step of the wall clock does not change', async () => {
    const few = tickets({ store, clock, user: () => ({ id: '7' }), perSubject: 2 })
    await few.mint(request)
    await clock.advance(10_000)
    await few.mint(request)
    clock.jump(3_600_000)
    expect(await denialOf(() => few.mint(request))).toMatchObject({ ...full, retryAfterMs: 20_000 })
    await clock.advance(20_000)
    await few.mint(request)
    expect(await denialOf(() => few.mint(request))).toMatchObject({ ...full, retryAfterMs: 10_000 })
  })

  test('that could not be stored do not count', async () => {
    let isAway = true
    const flaky: typeof store = {
      ...store,
      put: (...put) => (isAway ? Promise.reject(new Error('store away')) : store.put(...put)),
    }
    const few = tickets({ store: flaky, clock, user: () => null, perSubject: 1 })
    await expect(few.mint(request)).rejects.toThrow('store away')
    isAway = false
    await few.mint(request)
    expect(await denialOf(() => few.mint(request))).toMatchObject(full)
  })
})

test('at most ten thousand subjects are counted, each with as many numbers as tickets', () => {
  const quota = new TicketQuota(100, clock)
  for (let subject = 0; subject < 20_000; subject++) quota.add(String(subject), 30_000)
  expect(quota.size).toBe(10_000)
  // the one that asked last is still counted, the first was forgotten
  for (let count = 1; count < 100; count++) quota.add('19999', 30_000)
  expect(() => quota.add('19999', 30_000)).toThrow('too many tickets')
})

test('subjects whose tickets are over are forgotten', async () => {
  const quota = new TicketQuota(100, clock)
  for (let subject = 0; subject < 1_000; subject++) quota.add(String(subject), 30_000)
  await clock.advance(30_000)
  quota.add('next', 30_000)
  expect(quota.size).toBe(1)
})

test('a subject whose last ticket was used is forgotten', () => {
  const quota = new TicketQuota(100, clock)
  for (const subject of ['ada', 'ada', 'grace']) quota.add(subject, 30_000)
  quota.remove('ada')
  expect(quota.size).toBe(2)
  quota.remove('ada')
  expect(quota.size).toBe(1)
})
