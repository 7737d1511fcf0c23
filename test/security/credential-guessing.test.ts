import { createHash, generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { exportJWK, SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { apiKeys } from '../../src/auth/api-keys.ts'
import { basic } from '../../src/auth/basic.ts'
import { jwt } from '../../src/auth/jwt.ts'
import { tickets } from '../../src/auth/tickets.ts'
import { TimerQueue } from '../../src/core/runtime/timer-queue.ts'
import { KeyedRateLimiter } from '../../src/core/runtime/keyed-rate-limiter.ts'
import { serverContext } from '../../src/core/server-context.ts'
import { FailedAttempts } from '../../src/core/access/failed-attempts.ts'
import {
  anyOf,
  anyone,
  type Authenticator,
  consumer,
  contract,
  deny,
  limitLookup,
  type ServerOptions,
  sallyport,
  text,
} from '../../src/index.ts'
import { testClock, testServer, visit } from '../../src/testing.ts'
import { carrierProtocol } from '../../src/wire/carrier.ts'
import { ada, byName } from '../core/support/members.ts'
import { handmade, seconds, secret } from '../support/tokens.ts'
import { closeAfterTest } from '../support/close-after-test.ts'

const lines = contract('/ws/lines', { client: text, server: text })
const limits = { failedHandshakes: { most: 1, eachMs: 1_000, burst: 3 } }

function serverWithPasswords(options: ServerOptions = {}) {
  const clock = testClock()
  const checked: string[] = []
  const check = (user: string, password: string) => {
    checked.push(password)
    return user === 'ada' && password === 'right' ? ada : null
  }
  const devices = consumer(lines, { auth: anyOf(basic({ realm: 'devices', check }), byName) }, () => ({
    message: () => {},
  }))
  const server = testServer({ clock, limits, ...options })
  const tryPassword = (password: string, address = '192.0.2.1') =>
    visit(devices, {}, { headers: { authorization: `Basic ${btoa(`ada:${password}`)}` }, address, server })
  const visitWith = (headers: Record<string, string>) =>
    visit(devices, {}, { headers, address: '192.0.2.1', server })
  return { clock, checked, server, tryPassword, visitWith }
}

// proves: guessing
test('a guessing network is 429 before any look-up, and is told when it may try again', async () => {
  const { clock, checked, tryPassword } = serverWithPasswords()
  for (const guess of ['one', 'two', 'three'])
    await expect(tryPassword(guess)).rejects.toMatchObject({ status: 401 })
  await expect(tryPassword('right')).rejects.toMatchObject({
    status: 429,
    code: 'too-many-failures',
    closeCode: 4429,
    http: { headers: { 'Retry-After': '1' } },
  })
  expect(checked).toEqual(['one', 'two', 'three'])
  await clock.advance(1_000)
  await tryPassword('right')
})

test('the next guess costs a second, so that ten minutes of guessing are six hundred guesses', async () => {
  const { clock, checked, tryPassword } = serverWithPasswords()
  for (let tenth = 0; tenth < 6_000; tenth++) {
    await tryPassword(String(tenth)).catch(() => {})
    if (tenth % 10 === 9) await clock.advance(1_000)
  }
  expect(checked.length).toBeLessThanOrEqual(603)
})

// proves: budget-by-neighbour
test('people behind the same address who bring no such credential come in as ever', async () => {
  const { tryPassword, visitWith } = serverWithPasswords()
  for (let count = 0; count < 10; count++) await tryPassword(`wrong ${count}`).catch(() => {})
  await expect(tryPassword('right')).rejects.toMatchObject({ status: 429 })
  await visitWith({ cookie: 'who=Ada', origin: 'http://localhost', host: 'localhost' })
})

test('neither having no credential nor a stale cookie is a guess', async () => {
  const { tryPassword, visitWith } = serverWithPasswords()
  for (let count = 0; count < 10; count++) {
    await expect(visitWith({})).rejects.toMatchObject({ status: 401 })
    await expect(
      visitWith({ cookie: 'who=Stranger', origin: 'http://localhost', host: 'localhost' }),
    ).rejects.toMatchObject({
      status: 401,
    })
  }
  await tryPassword('right')
})

// proves: address-spelling
test('IPv6 is counted by network, however its addresses are written, and IPv4 as itself', async () => {
  const { tryPassword, server } = serverWithPasswords()
  for (const address of ['2001:db8::1', '2001:DB8:0:0:ffff::9', '2001:0db8::2%eth0', '2001:db8::3'])
    await tryPassword(`wrong ${address}`, address).catch(() => {})
  await expect(tryPassword('right', '2001:db8::4')).rejects.toMatchObject({ status: 429 })
  await tryPassword('right', '2001:db8:0:1::1')
  for (const address of ['192.0.2.9', '::ffff:192.0.2.9', '::FFFF:C000:209'])
    await tryPassword(`wrong ${address}`, address).catch(() => {})
  await expect(tryPassword('right', '192.0.2.9')).rejects.toMatchObject({ status: 429 })
  expect(server[serverContext].failedAttempts.size.networks).toBe(2)
})

test.each([
  ['a store that does not answer', 503, () => Promise.reject(new Error('the store is away'))],
  ['a refusal of one who is known', 403, () => deny(403, 'suspended')],
])('%s is no guess, however often it comes', async (_, status, check) => {
  const devices = consumer(lines, { auth: basic({ realm: 'devices', check }) }, () => ({ message: () => {} }))
  const { server, tryPassword } = serverWithPasswords({ report: () => {} })
  for (let count = 0; count < 10; count++) {
    const headers = { authorization: `Basic ${btoa(`ada:${count}`)}` }
    await expect(visit(devices, {}, { headers, address: '192.0.2.1', server })).rejects.toMatchObject({
      status,
    })
  }
  await tryPassword('right')
})

test.each([[null], ['x'], [{}], [{ credentials: null }], [{ credentials: 'x' }]])(
  'limitLookup() takes the request of an authenticator, and not %j',
  (value) => {
    expect(() => Reflect.apply(limitLookup, undefined, [value])).toThrow(
      /^the argument of limitLookup\(\) is/,
    )
  },
)

test('it may be switched off', async () => {
  const { tryPassword } = serverWithPasswords({ limits: { failedHandshakes: null } })
  for (let count = 0; count < 200; count++)
    await expect(tryPassword(`wrong ${count}`)).rejects.toMatchObject({ status: 401 })
})

describe('what is no guess', () => {
  // proves: budget-by-neighbour
  test('the same bad credential counts once, for each network', async () => {
    const { tryPassword } = serverWithPasswords()
    for (let count = 0; count < 50; count++)
      await expect(tryPassword('wrong')).rejects.toMatchObject({ status: 401 })
    for (let count = 0; count < 50; count++)
      await expect(tryPassword('wrong', '192.0.2.2')).rejects.toMatchObject({ status: 401 })
    await tryPassword('right')
    for (const guess of ['two', 'three'])
      await expect(tryPassword(guess)).rejects.toMatchObject({ status: 401 })
    await expect(tryPassword('right')).rejects.toMatchObject({ status: 429 })
    await tryPassword('right', '192.0.2.2')
  })

  test('of bad credentials ten thousand are recognised, by salted hashes', () => {
    const names: string[] = []
    const clock = testClock()
    const budget = new KeyedRateLimiter(
      { most: 1, eachMs: 1_000, burst: 1_000_000 },
      clock,
      new TimerQueue(clock),
    )
    const attempts = new FailedAttempts(budget, (name) => (names.push(name), name))
    const guess = (value: string) => ({ scheme: 'basic', value, carrier: 'authorization' }) as const
    for (let count = 0; count < 20_000; count++) attempts.count('192.0.2.1', guess(String(count)))
    expect(attempts.size).toEqual({ networks: 1, credentials: 10_000 })
    new FailedAttempts(budget, (name) => (names.push(name), name)).count('192.0.2.1', guess('19999'))
    expect(names.at(-1)).not.toBe(names.at(-2))
  })

  test.each([
    ['has expired', { exp: -60 }],
    ['is not valid yet', { nbf: 60 }],
    ['is for another audience', { aud: 'other' }],
    ['is of a user who is gone', { sub: 'gone' }],
  ])(
    'a genuine token that %s is 401 as often as it comes, and counts for nothing',
    async (_what, changed) => {
      const { tryToken, good, server } = locally()
      for (let count = 0; count < 10; count++)
        await expect(tryToken(good({ ...changed, n: count }))).rejects.toMatchObject({
          code: 'invalid-token',
        })
      expect(server[serverContext].failedAttempts.size.credentials).toBe(0)
      await tryToken(good())
    },
  )

  test('a token that was revoked is refused by that, and counts for nothing', async () => {
    const { tryToken, good, server } = locally()
    await server.revoke({ user: '7', reason: 'banned' })
    for (let count = 0; count < 10; count++)
      await expect(tryToken(good())).rejects.toMatchObject({ status: 403, code: 'revoked' })
    await server.revoke({ token: 't', reason: 'signed out' })
    for (let count = 0; count < 10; count++)
      await expect(tryToken(good({ jti: 't', n: count, sub: '8' }))).rejects.toMatchObject({ status: 401 })
    await tryToken(good({ sub: '8' }))
    await expect(tryToken('key-1')).rejects.toMatchObject({ status: 401 })
  })

  test('a key that has ended, and a ticket that is used in the wrong place, were genuine', async () => {
    const { tryToken, server, ticketRoom } = locally()
    for (let count = 0; count < 10; count++)
      await expect(tryToken('key-over')).rejects.toMatchObject({ status: 401, code: 'invalid-key' })
    for (let count = 0; count < 10; count++) {
      const { ticket } = await ticketRoom.mint({
        subject: '7',
        issuedAt: new Date(0),
        origin: null,
        path: '/ws/other',
      })
      const headers = { 'sec-websocket-protocol': carrierProtocol('ticket', ticket) }
      await expect(
        visit(ticketRoom.endpoint, {}, { headers, address: '192.0.2.1', server }),
      ).rejects.toMatchObject({
        status: 401,
      })
    }
    expect(server[serverContext].failedAttempts.size).toEqual({ networks: 0, credentials: 0 })
  })
})

describe('when the budget of a network is used up', () => {
  const spent = async () => {
    const place = locally()
    for (let count = 0; count < 3; count++) await place.tryToken(`key-${count}`).catch(() => {})
    await expect(place.tryToken('key-9')).rejects.toMatchObject({ status: 429 })
    return place
  }

  // proves: budget-by-neighbour
  test('a token that is verified here is let in, and a forged one is 401', async () => {
    const { tryToken, good, signed } = await spent()
    for (let count = 0; count < 10; count++) await tryToken(good({ n: count }))
    for (let count = 0; count < 10; count++)
      await expect(tryToken(signed({ exp: 60, n: count }, 'x'.repeat(64)))).rejects.toMatchObject({
        status: 401,
      })
    await tryToken(good())
  })

  // proves: guessing
  test('keys, passwords and tickets are 429, and no authenticator looks them up', async () => {
    const { tryToken, asked, server, ticketRoom } = await spent()
    asked.length = 0
    const { ticket } = await ticketRoom.mint({
      subject: '7',
      issuedAt: new Date(0),
      origin: null,
      path: '/ws/lines',
    })
    for (const headers of [
      { authorization: `Basic ${btoa('ada:right')}` },
      { authorization: 'Bearer key-good' },
      { 'sec-websocket-protocol': carrierProtocol('ticket', ticket) },
    ])
      await expect(
        visit(ticketRoom.endpoint, {}, { headers, address: '192.0.2.1', server }),
      ).rejects.toMatchObject({
        status: 429,
        code: 'too-many-failures',
      })
    expect(asked).toEqual([])
    // the ticket was not taken: it opens from elsewhere
    const headers = { 'sec-websocket-protocol': carrierProtocol('ticket', ticket) }
    await visit(ticketRoom.endpoint, {}, { headers, address: '192.0.2.9', server })
    await expect(tryToken('key-good')).rejects.toMatchObject({ status: 429 })
  })

  test('an authenticator that does not limit its look-ups is not asked at all', async () => {
    const { server } = await spent()
    let asked = 0
    const own: Authenticator<{ id: string }> = async ({ headers }) => {
      asked++
      return headers.get('authorization') === null ? null : { user: { id: '7' } }
    }
    const headers = { authorization: 'Bearer anything' }
    const at = { headers, address: '192.0.2.1', server }
    const room = (auth: Authenticator<unknown>) => consumer(lines, { auth }, () => ({ message: () => {} }))
    await expect(visit(room(own), {}, at)).rejects.toMatchObject({ status: 429 })
    await expect(visit(room(anyOf(own, anyone)), {}, at)).rejects.toMatchObject({ status: 429 })
    expect(asked).toBe(0)
    const limiting = Object.assign(own, { limitsLookups: true } as const)
    await visit(room(limiting), {}, at)
    expect(asked).toBe(1)
  })

  test('it may say itself when it looks something up', async () => {
    const { server } = await spent()
    const looked: string[] = []
    const own: Authenticator<{ id: string }> = async (request) => {
      const value = request.credentials.of('bearer')
      if (value === null) return null
      if (value !== 'known') {
        limitLookup(request)
        looked.push(value)
      }
      return { user: { id: '7' } }
    }
    const auth = Object.assign(own, { limitsLookups: true } as const)
    const room = consumer(lines, { auth }, () => ({ message: () => {} }))
    const at = (value: string) => ({
      headers: { authorization: `Bearer ${value}` },
      address: '192.0.2.1',
      server,
    })
    await visit(room, {}, at('known'))
    await expect(visit(room, {}, at('unknown'))).rejects.toMatchObject({ status: 429 })
    expect(looked).toEqual([])
  })

  test('no key set is fetched for a key that a token invents', async () => {
    const { server, clock } = await spent()
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const keys = [{ ...(await exportJWK(pair.publicKey)), kid: 'real' }]
    let fetches = 0
    const auth = jwt({
      jwks: new URL('https://id.example/jwks'),
      clock,
      fetch: async () => (fetches++, Response.json({ keys })),
      user: ({ sub }) => ({ id: sub }),
    })
    const room = consumer(lines, { auth }, () => ({ message: () => {} }))
    const signed = (kid: string): Promise<string> =>
      new SignJWT({ sub: '7' })
        .setProtectedHeader({ alg: 'ES256', kid })
        .setExpirationTime(seconds(clock) + 60)
        .sign(pair.privateKey)
    const at = async (kid: string) => ({
      headers: { authorization: `Bearer ${await signed(kid)}` },
      address: '192.0.2.1',
      server,
    })
    await visit(room, {}, await at('real'))
    await expect(visit(room, {}, await at('invented'))).rejects.toMatchObject({ status: 429 })
    expect(fetches).toBe(1)
    await visit(room, {}, await at('real'))
  })
})

/** An endpoint for every kind of credential that is verified here, or has to be looked up. */
function locally() {
  const clock = testClock()
  const server = testServer({ clock, limits })
  const asked: string[] = []
  const tokens = jwt({ secret, clock, user: ({ sub }) => (sub === 'gone' ? null : { id: sub }) })
  const keys = apiKeys<{ id: string }>({
    prefix: 'key-',
    clock,
    find: (hash) => {
      asked.push(hash)
      const over = createHash('sha256').update('key-over').digest('hex')
      return hash === over ? { user: { id: '7' }, expires: new Date(clock.now() - 1) } : null
    },
  })
  const office = tickets({ store: server.store, clock, user: ({ subject }) => ({ id: subject }) })
  const pairs = basic({ realm: 'devices', check: (name) => (asked.push(name), null) })
  const room = consumer(lines, { auth: anyOf(keys, office, pairs, tokens) }, () => ({ message: () => {} }))
  const signed = ({ exp, nbf, ...claims }: Record<string, unknown>, key: string = secret): string => {
    const at = (offset: unknown): number => seconds(clock) + Number(offset)
    const times = { exp: at(exp), ...(nbf === undefined ? {} : { nbf: at(nbf) }) }
    return handmade({ alg: 'HS256' }, { sub: '7', ...claims, ...times }, key)
  }
  return {
    clock,
    server,
    asked,
    signed,
    good: (claims: object = {}) => signed({ exp: 60, ...claims }),
    tryToken: (token: string) =>
      visit(room, {}, { headers: { authorization: `Bearer ${token}` }, address: '192.0.2.1', server }),
    ticketRoom: { endpoint: room, mint: office.mint },
  }
}

test('first messages are counted like any other credential', async () => {
  const server = sallyport({ carriers: { message: true }, limits, on: () => {} })
  closeAfterTest(server)
  let asked = 0
  const member = consumer(
    lines,
    {
      auth: async ({ credentials }) => {
        if (credentials.of('bearer') === null) return null
        asked++
        return null
      },
    },
    () => ({ message: () => {} }),
  )
  server.serve(member)
  const { port: number } = await server.listen(0)
  const codes: unknown[] = []
  for (let count = 0; count < 5; count++) {
    const ws = new WebSocket(`ws://127.0.0.1:${number}/ws/lines`)
    await once(ws, 'open')
    ws.send(`{"type":"auth","token":"guess ${count}"}`)
    const [code] = await once(ws, 'close')
    codes.push(code)
  }
  expect(codes).toEqual([4401, 4401, 4401, 4429, 4429])
  expect(asked).toBe(3)
})
