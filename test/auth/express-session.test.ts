import { createHmac } from 'node:crypto'
import { RedisStore } from 'connect-redis'
import session from 'express-session'
import { createClient } from 'redis'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { expressSession, fingerprint, followSessions } from '../../src/auth/express-session.ts'
import type { Clock } from '../../src/wire/clock.ts'
import { type Identity, type Receipt, sallyport } from '../../src/index.ts'
import { testClock } from '../../src/testing.ts'
import { authRequestOf } from '../support/auth-request.ts'
import { redisServer, type RedisServer } from '../support/redis.ts'
import { available } from '../support/require.ts'
import { expressSite, owner, secret } from './express-site.ts'

let running: Promise<RedisServer> | undefined
afterAll(async () => (await running)?.stop())
let count = 0
const nothingClosed: Receipt = { closed: 0, changed: 0, dropped: 0, nodes: [], silent: [] }

async function redisStore(at?: string): Promise<session.Store> {
  const url = at ?? (await (running ??= redisServer())).url
  const client = createClient({ url, disableOfflineQueue: true })
  client.on('error', () => {})
  await client.connect()
  onTestFinished(() => client.destroy())
  return new RedisStore({ client, prefix: `site${count++}:` })
}

/** What an authenticator makes of a good cookie with this session. */
async function identified(
  store: Pick<session.Store, 'get'>,
  options: { readonly expires?: () => Date; readonly clock?: Clock } = {},
): Promise<Identity<string> | null> {
  const auth = expressSession({ store, secret, user: ({ userId }) => userId, ...options })
  const headers = { cookie: `connect.sid=s:id.${sign('id')}`, origin: 'https://app.example' }
  return auth(authRequestOf({ headers }))
}

const sign = (id: string): string =>
  createHmac('sha256', secret).update(id).digest('base64').replace(/=+$/, '')

const memoryStore = async (): Promise<session.Store> => new session.MemoryStore()
const stores = [
  ['in memory', memoryStore, true],
  ['in Redis', () => redisStore(), available('redis') !== null],
] as const

/** The id in a cookie, a secret that nothing but the store may show. */
const idIn = (cookie: string): string => /^connect\.sid=s%3A([^.]+)\./.exec(cookie)?.[1] ?? ''

describe.each(stores.filter(([, , isThere]) => isThere))('a session %s', (_where, makeStore) => {
  // proves: site-logout
  test('opens a socket, and logging out closes it on every node before the answer is there', async () => {
    const site = await expressSite(await makeStore())
    const cookie = await site.login('ada')
    const [here, there] = [await site.open(cookie), await site.open(cookie, 1)]
    const other = await site.open(await site.login('ada'))
    expect((await site.post('/logout', cookie)).status).toBe(204)
    expect(site.servers.map(({ connections }) => connections)).toEqual([1, 0])
    for (const { ended } of [here, there])
      expect(await ended).toEqual({ code: 4401, reason: 'revoked: signed out' })
    expect(await site.refused(cookie, 1)).toBe(4401)
    other.socket.send('still here')
    expect(await other.next()).toBe('still here')
  })

  test('that is regenerated closes its sockets, and the new one opens others', async () => {
    const site = await expressSite(await makeStore())
    const cookie = await site.login('ada')
    const { ended } = await site.open(cookie, 1)
    const { cookie: next } = await site.post('/login/ada', cookie)
    expect(next).not.toBe(cookie)
    expect((await ended).code).toBe(4401)
    await site.open(next)
  })

  test('that is unset is destroyed where the site says so, and closes its sockets', async () => {
    const site = await expressSite(await makeStore(), { unset: 'destroy' })
    const cookie = await site.login('ada')
    const { ended } = await site.open(cookie)
    await site.post('/unset', cookie)
    expect((await ended).code).toBe(4401)
  })

  // proves: changed-hands
  test('whose user is removed or replaced closes its sockets, and may open others for its new user', async () => {
    const site = await expressSite(await makeStore())
    const cookie = await site.login('ada')
    const first = await site.open(cookie, 1)
    await site.post('/forget', cookie)
    expect((await first.ended).code).toBe(4401)
    expect(await site.refused(cookie)).toBe(4401)
    await site.post('/become/ada', cookie)
    const second = await site.open(cookie)
    await site.post('/become/grace', cookie)
    expect(await second.ended).toMatchObject({ code: 4401, reason: expect.stringContaining('other-subject') })
    await site.open(cookie)
  })

  test('that is only written to or looked at keeps its sockets, and no question is asked again', async () => {
    const site = await expressSite(await makeStore())
    const cookie = await site.login('ada')
    const { socket, next } = await site.open(cookie, 1)
    for (const path of ['/write', '/look']) await site.post(path, cookie)
    socket.send('still here')
    expect(await next()).toBe('still here')
  })

  // proves: late-write
  test('that is written again by a request which a logout has overtaken opens no socket', async () => {
    const store = await makeStore()
    const site = await expressSite(store)
    const cookie = await site.login('ada')
    const id = idIn(cookie)
    const held = await new Promise<session.SessionData>((resolve, reject) =>
      store.get(id, (error, found) => (found ? resolve(found) : reject(error))),
    )
    await site.post('/logout', cookie)
    await new Promise<void>((resolve) => store.set(id, held, () => resolve()))
    expect(await site.refused(cookie)).toBe(4401)
    expect(await site.refused(cookie, 1)).toBe(4401)
  })

  test('that has no user, or keeps its user, is not announced to the other nodes', async () => {
    const store = await makeStore()
    const told: unknown[] = []
    const command = async (whom: object): Promise<Receipt> => (told.push(whom), nothingClosed)
    followSessions(store, { revoke: command, recheck: command }, { owner })
    const cookie = new session.Cookie()
    const set = (id: string, userId?: string): Promise<void> =>
      new Promise((done) =>
        store.set(id, { cookie, ...(userId === undefined ? {} : { userId }) }, () => done()),
      )
    const destroy = (id: string): Promise<void> => new Promise((done) => store.destroy(id, () => done()))
    await set('anonymous')
    await set('anonymous')
    await destroy('anonymous')
    await destroy('never there')
    await set('hers', 'ada')
    await set('hers', 'ada')
    expect(told).toEqual([])
    await set('hers', 'grace')
    await destroy('hers')
    const named = { session: fingerprint('hers') }
    expect(told).toEqual([named, { ...named, reason: 'signed out' }])
  })

  // proves: session-flood
  test('is followed after ten thousand others were saved: its user is then read from the store', async () => {
    const store = await makeStore()
    const told: unknown[] = []
    const command = async (whom: object): Promise<Receipt> => (told.push(whom), nothingClosed)
    followSessions(store, { revoke: command, recheck: command }, { owner })
    const cookie = new session.Cookie()
    const set = (id: string, userId: string | null): Promise<void> =>
      new Promise((done) => store.set(id, { cookie, userId }, () => done()))
    await set('hers', 'ada')
    await Promise.all(Array.from({ length: 10_000 }, (_, at) => set(`other ${at}`, 'grace')))
    await set('new', 'ada')
    await set('hers', 'ada')
    expect(told).toEqual([])
    await Promise.all(Array.from({ length: 10_000 }, (_, at) => set(`other ${at}`, 'grace')))
    await set('hers', null)
    expect(told).toEqual([{ session: fingerprint('hers') }])
  })

  test('costs no look-up when it is new, as long as none was forgotten, nor when it is known', async () => {
    const store = await makeStore()
    const get = store.get.bind(store)
    let reads = 0
    store.get = (id, done) => {
      reads++
      get(id, done)
    }
    const command = async (): Promise<Receipt> => nothingClosed
    followSessions(store, { revoke: command, recheck: command }, { owner })
    const cookie = new session.Cookie()
    const set = (id: string): Promise<void> =>
      new Promise((done) => store.set(id, { cookie, userId: 'ada' }, () => done()))
    await Promise.all(Array.from({ length: 10_001 }, (_, at) => set(`session ${at}`)))
    expect(reads).toBe(0)
    await set('session 10000')
    expect(reads).toBe(0)
    await set('session 0')
    expect(reads).toBe(1)
  })

  test('calls back when the other nodes have answered, and not before', async () => {
    const store = await makeStore()
    const answers: (() => void)[] = []
    const command = (): Promise<Receipt> =>
      new Promise((resolve) => answers.push(() => resolve(nothingClosed)))
    followSessions(store, { revoke: command, recheck: command }, { owner })
    const cookie = new session.Cookie()
    const done: string[] = []
    await new Promise<void>((resolve) => store.set('hers', { cookie, userId: 'ada' }, () => resolve()))
    store.set('hers', { cookie, userId: null }, () => done.push('saved'))
    await expect.poll(() => answers.length).toBe(1)
    store.set('hers', { cookie, userId: 'ada' })
    store.destroy('hers', () => done.push('destroyed'))
    await expect.poll(() => answers.length).toBe(3)
    // the store has done all of it by the time it answers this
    await new Promise((resolve) => store.get('hers', resolve))
    expect(done).toEqual([])
    for (const answer of answers) answer()
    await expect.poll(() => done).toEqual(['saved', 'destroyed'])
  })

  test('ends its sockets at its expiry, and not while requests keep it alive', async () => {
    const site = await expressSite(await makeStore(), { maxAge: 2_000 })
    const cookie = await site.login('ada')
    const { ended, socket, next } = await site.open(cookie)
    const began = Date.now()
    const busy = async (): Promise<boolean> => {
      await site.post('/look', cookie)
      return Date.now() - began > 3_000
    }
    await expect.poll(busy, { interval: 100 }).toBe(true)
    socket.send('still here')
    expect(await next()).toBe('still here')
    expect(await ended).toEqual({ code: 4401, reason: 'expired: your credential has expired' })
    expect(await site.refused(cookie)).toBe(4401)
  })

  // proves: site-logout
  test('is known to events, reasons and revocations by a fingerprint, never by its id', async () => {
    const site = await expressSite(await makeStore())
    const cookie = await site.login('ada')
    const { ended } = await site.open(cookie)
    const receipt = await site.servers[1].revoke({
      session: fingerprint(idIn(cookie)),
      reason: 'device removed',
    })
    expect(receipt.closed).toBe(1)
    const said = JSON.stringify([await ended, receipt, site.events, site.faults])
    expect(idIn(cookie)).toHaveLength(32)
    expect(said).not.toContain(idIn(cookie))
  })

  test('that ends while the other nodes are out of reach has ended, and the server reports it', async () => {
    const site = await expressSite(await makeStore())
    const cookie = await site.login('ada')
    await site.servers[0].close({ drain: 1 })
    expect((await site.post('/logout', cookie)).status).toBe(204)
    expect(site.faults).toEqual([expect.stringContaining('revoking: ')])
    expect(await site.refused(cookie, 1)).toBe(4401)
  })

  test('that is destroyed without a callback closes its sockets too', async () => {
    const store = await makeStore()
    const site = await expressSite(store)
    const cookie = await site.login('ada')
    const { ended } = await site.open(cookie, 1)
    store.destroy(idIn(cookie))
    expect((await ended).code).toBe(4401)
  })

  test('signed with a secret that is being replaced is valid, and with any other secret not', async () => {
    const store = await makeStore()
    const cookie = await (await expressSite(store, { secrets: ['an older secret'] })).login('ada')
    await (await expressSite(store, { secrets: ['a newer secret', 'an older secret'] })).open(cookie)
    expect(await (await expressSite(store, { secrets: ['a newer secret'] })).refused(cookie)).toBe(4401)
  })
})

describe('the end of a session', () => {
  const clock = testClock()
  const at = (ms: number): Date => new Date(clock.now() + ms)
  const holding = (expires: unknown, more: object = {}) => {
    // as it comes out of JSON
    const found = { cookie: { expires }, userId: 'ada' } as unknown as session.SessionData
    return {
      get: (_id: string, done: (error: unknown, found: session.SessionData) => void) => done(null, found),
      ...more,
    }
  }

  test('is the date in it, as text or as a date', async () => {
    for (const date of [at(5_000), at(5_000).toISOString()])
      expect((await identified(holding(date), { clock }))?.expires).toEqual(at(5_000))
  })

  test.each([null, undefined, false])('is not known of one that ends with the browser: %s', async (none) => {
    const identity = await identified(holding(none), { clock })
    expect([identity?.user, identity?.expires]).toEqual(['ada', undefined])
  })

  test('is past when its date is past or none, for a store that cannot prolong it', async () => {
    for (const date of [at(0), at(-1).toISOString(), 'no date'])
      expect(await identified(holding(date), { clock })).toBeNull()
  })

  test('is asked of the store again within a minute, when that has prolonged it without a new date', async () => {
    const store = holding(at(-1).toISOString(), { touch: () => {} })
    expect((await identified(store, { clock }))?.expires).toEqual(at(60_000))
  })

  test('is its date where that is to come, though the store could prolong it', async () => {
    const store = holding(at(5_000), { touch: () => {} })
    expect((await identified(store, { clock }))?.expires).toEqual(at(5_000))
  })

  test('is what connect-redis says, which may be that there is none', async () => {
    const asked: unknown[] = []
    const redis = (answer: unknown): object => ({
      prefix: 'sess:',
      client: { pTTL: async (key: string) => (asked.push(key), answer) },
    })
    const ends = async (answer: unknown): Promise<Date | null | undefined> =>
      (await identified(holding(at(5_000), redis(answer)), { clock }))?.expires
    expect(await ends(9_000)).toEqual(at(9_000))
    expect(await ends(-1)).toEqual(at(5_000))
    expect(await ends(-2)).toBeUndefined()
    expect(asked).toEqual(['sess:id', 'sess:id', 'sess:id'])
  })

  test('is its date when the store only resembles connect-redis, or answers no time', async () => {
    const pTTL = async (): Promise<unknown> => 9_000
    for (const odd of [
      { client: { pTTL } },
      { client: { pTTL }, prefix: null },
      { client: null, prefix: 'sess:' },
      { client: 'redis://127.0.0.1', prefix: 'sess:' },
      { client: { pttl: pTTL }, prefix: 'sess:' },
      { client: { pTTL: async () => '9000' }, prefix: 'sess:' },
      { client: { pTTL: async () => null }, prefix: 'sess:' },
    ])
      expect((await identified(holding(at(5_000), odd), { clock }))?.expires).toEqual(at(5_000))
  })

  test('is what the site says where the site knows it better', async () => {
    const options = { clock, expires: () => at(7_000) }
    expect((await identified(holding(at(-1)), options))?.expires).toEqual(at(7_000))
  })
})

test('a session whose file is gone is none, and any other fault of the store is no verdict', async () => {
  const failing = (error: Error) => ({ get: (_: string, done: (error: unknown) => void) => done(error) })
  expect(await identified(failing(Object.assign(new Error('gone'), { code: 'ENOENT' })))).toBeNull()
  await expect(identified(failing(new Error('disk full')))).rejects.toThrow('disk full')
})

test.each([null, undefined])('a store that answers %s for the fault has none to tell of', async (none) => {
  const answering = (found?: session.SessionData) => ({
    get: (_: string, done: (error: unknown, found?: session.SessionData) => void) => done(none, found),
  })
  const hers = { cookie: new session.Cookie(), userId: 'ada' }
  expect(await identified(answering(hers))).toMatchObject({ user: 'ada' })
  expect(await identified(answering())).toBeNull()
})

describe('followed sessions', () => {
  interface Person {
    readonly userId?: string
  }
  /** A store that answers at once, with its own word for nothing; what is changed in `rows` it does not hear of. */
  function followed(none: null | undefined) {
    const rows = new Map<string, Person>()
    const told: string[] = []
    const store = {
      get: (id: string, done: (error: unknown, found?: Person | null) => unknown) =>
        done(null, rows.get(id) ?? none),
      set: (id: string, person: Person, done?: (error?: unknown) => void) => {
        rows.set(id, person)
        done?.()
      },
      destroy: (id: string, done?: (error?: unknown) => void) => {
        rows.delete(id)
        done?.()
      },
    }
    const noting = (what: string) => async (): Promise<Receipt> => (told.push(what), nothingClosed)
    followSessions(
      store,
      { revoke: noting('revoke'), recheck: noting('recheck') },
      { owner: ({ userId }) => userId },
    )
    return { rows, told, store }
  }

  test.each([null, undefined])('that are unknown have no user, whether read or ended: %s', async (none) => {
    const { store, told } = followed(none)
    const found = await new Promise((done) => store.get('unknown', (_, row) => done(row)))
    await new Promise<void>((done) => store.destroy('unknown', () => done()))
    expect([found, told]).toEqual([none, []])
  })

  test('that other processes have written are rechecked when one is given to another user here', async () => {
    const { store, rows, told } = followed(null)
    rows.set('id', { userId: 'ada' })
    store.get('id', () => {})
    store.set('id', { userId: 'grace' })
    await expect.poll(() => told).toEqual(['recheck'])
  })

  test('that ended behind the back of the store are revoked when they are destroyed here', () => {
    const { store, rows, told } = followed(null)
    store.set('id', { userId: 'ada' })
    rows.clear()
    store.destroy('id')
    expect(told).toEqual(['revoke'])
  })
})

test('a secret that is missing or empty stops the start', () => {
  const store = new session.MemoryStore()
  for (const empty of ['', [], [''], undefined as unknown as string])
    expect(() => expressSession({ store, secret: empty, user: () => null })).toThrow(
      "the option 'secret' is the secret of",
    )
})

test('a session whose end could not be saved is followed when it is saved again', async () => {
  const told: unknown[] = []
  const command = async (whom: object): Promise<Receipt> => (told.push(whom), nothingClosed)
  const store = new session.MemoryStore()
  const save = store.set.bind(store)
  let fault: Error | null = null
  store.set = (id, held, done) => (fault === null ? save(id, held, done) : done?.(fault))
  followSessions(store, { revoke: command, recheck: command }, { owner })
  const set = (userId: string | null): Promise<unknown> =>
    new Promise((done) => store.set('hers', { cookie: new session.Cookie(), userId }, done))
  await set('ada')
  fault = new Error('away')
  expect(await set(null)).toBe(fault)
  fault = null
  told.length = 0
  await set(null)
  expect(told).toEqual([{ session: fingerprint('hers') }])
})

test('a forgotten session whose store cannot say whose it was is asked again when it is saved', async () => {
  const told: unknown[] = []
  const command = async (whom: object): Promise<Receipt> => (told.push(whom), nothingClosed)
  const store = new session.MemoryStore()
  const read = store.get.bind(store)
  let isAway = false
  store.get = (id, done) => (isAway ? done(new Error('away')) : read(id, done))
  followSessions(store, { revoke: command, recheck: command }, { owner })
  const set = (id: string, userId: string | null): Promise<unknown> =>
    new Promise((done) => store.set(id, { cookie: new session.Cookie(), userId }, done))
  await set('hers', 'ada')
  await Promise.all(Array.from({ length: 10_000 }, (_, at) => set(`other ${at}`, 'grace')))
  isAway = true
  await set('hers', null)
  expect(told).toEqual([{ session: fingerprint('hers') }])
})

test('what is no store is said at once', () => {
  const server = sallyport()
  expect(() => followSessions({} as session.Store, server)).toThrow(
    'the store of followSessions() is an object with get()',
  )
})

describe.skipIf(available('redis') === null)('sessions in Redis', () => {
  test('end when Redis forgets them, though they carry no date', async () => {
    const store = await redisStore()
    const cookie = await (await expressSite(store)).login('ada')
    const auth = expressSession({ store, secret, user: ({ userId }) => userId })
    const identity = await auth(authRequestOf({ headers: { cookie, origin: 'https://app.example' } }))
    const left = (identity?.expires?.getTime() ?? 0) - Date.now()
    expect(left / 1_000).toBeCloseTo(86_400, -1)
  })

  test('that are deleted behind the back of the store close their sockets at the next lease', async () => {
    const { url } = await (running ??= redisServer())
    const site = await expressSite(await redisStore(), { lease: '1s' })
    const cookie = await site.login('ada')
    const { ended } = await site.open(cookie, 1)
    const operator = createClient({ url })
    await operator.connect()
    for (const key of await operator.keys(`*${idIn(cookie)}`)) await operator.del(key)
    operator.destroy()
    expect(await ended).toMatchObject({ code: 4401, reason: expect.stringContaining('no longer signed in') })
  })

  test('let no user in while Redis is away, and close sockets at the lease, never as signed out', async () => {
    const redis = await redisServer()
    onTestFinished(() => redis.stop())
    const site = await expressSite(await redisStore(redis.url), { lease: '1s' })
    const cookie = await site.login('ada')
    const { ended } = await site.open(cookie)
    await redis.stop()
    expect(await site.refused(cookie)).toBe(4503)
    expect((await ended).code).toBe(4503)
  })

  test('that cannot be destroyed are revoked all the same, and the caller hears of the fault', async () => {
    const redis = await redisServer()
    onTestFinished(() => redis.stop())
    const store = await redisStore(redis.url)
    const told: unknown[] = []
    const command = async (whom: object): Promise<Receipt> => (told.push(whom), nothingClosed)
    followSessions(store, { revoke: command, recheck: command })
    await redis.stop()
    // connect-redis answers with a promise, which its type leaves out
    await expect(store.destroy('promised') as unknown as Promise<void>).rejects.toThrow()
    const fault = await new Promise((resolve) => store.destroy('called back', resolve))
    expect(fault).toBeInstanceOf(Error)
    const named = ['promised', 'called back'].map((id) => ({
      session: fingerprint(id),
      reason: 'signed out',
    }))
    expect(told).toEqual(named)
  })
})
