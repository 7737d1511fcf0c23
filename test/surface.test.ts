// Every export of the package, and every method of what the exports make: an option that is unknown or wrong, and an argument
// that is wrong, is a TypeError that changes nothing. The lists come from package.json and from the objects themselves, so
// that a new name without a row fails here.
import { createServer } from 'node:http'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { client, bearer, headers, query, ticket } from '../src/client/index.ts'
import * as root from '../src/index.ts'
import { otel } from '../src/otel.ts'
import { testClock, testLayer, testServer, visit } from '../src/testing.ts'
import { accessToken, revocations, sessionCookie, sessionToken } from '../src/auth/better-auth.ts'
import { apiKeys } from '../src/auth/api-keys.ts'
import { authjs } from '../src/auth/authjs.ts'
import { backchannelLogout, introspection, issuerScoped, oidc, provider } from '../src/auth/oidc.ts'
import { basic } from '../src/auth/basic.ts'
import { django } from '../src/auth/django.ts'
import { expressSession, fingerprint, followSessions } from '../src/auth/express-session.ts'
import { jwt } from '../src/auth/jwt.ts'
import { sessions } from '../src/auth/sessions.ts'
import { tickets } from '../src/auth/tickets.ts'

const { anyone, anyOf, consumer, contract, deny, Denial, endpoint, event, memory, optional, requireScopes } =
  root
const { router, sallyport } = root

// ── what is wrong for each kind of value ──
const promise = Promise.resolve(true)
const nonsense = {
  function: [null, 'x', 5, {}, [], promise],
  text: [null, 5, {}, [], promise, Symbol('x')],
  string: [null, '', 5, {}, [], promise, Symbol('x')],
  boolean: [null, 'true', 0, {}, promise],
  duration: [null, -1, Number.NaN, '5 min', '', {}, ['5s'], promise],
  whole: [null, -1, 1.5, Number.NaN, '5', {}, 5n, promise],
  object: [null, 'x', 5, [], () => {}],
  strings: [null, 'x', 5, {}, [5], ['']],
  names: [null, '', 5, {}, [], [''], [5]],
  choice: [null, 'other', 7, {}, []],
  date: [null, '2026-01-01', 0, {}],
  rate: ['x', 5, {}, [], true, promise],
  milliseconds: [null, -1, Number.NaN, '5', {}, promise],
  number: [null, Number.NaN, Number.POSITIVE_INFINITY, '5', {}, promise],
  flag: [null, 'x', 5, [], promise.then],
  voice: [null, 'x', 5, {}, []],
  list: [null, 'x', 5, {}, promise],
  material: [null, 5, true, () => {}],
} as const
type Kind = keyof typeof nonsense

/** What is written of an option: its kind, and a value that is right. */
type Option = readonly [kind: Kind, right: unknown]

interface Options {
  /** What must be there, all of it right. */
  readonly needed?: Readonly<Record<string, unknown>>
  readonly options: Readonly<Record<string, Option>>
  /** Options that decide nothing about access: `undefined` counts as left out. */
  readonly loose?: true
  /** `null` in place of the object switches something off. */
  readonly orNull?: true
  // each row calls one function with options of its own type: what goes in is wrong on purpose
  take(options: never): unknown
}

/** Every option of `T`, so that a new one without a row does not compile. */
// T stands in no type that could be inferred: it is given
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
const rows = <T>(options: { readonly [K in keyof T]-?: Option }): Options['options'] => options

const f: Option = ['function', () => null]
const never = (): never => {
  throw new Error('not to be called')
}
const clock: Option = ['object', testClock()]
const layer = memory()
const id = provider({ issuer: 'https://id.example' })
const silent = { report: () => {} }
const server = testServer(silent)
afterAll(() => server.close({ drain: 0 }))
const chat = contract('/ws/chat/:room', {
  client: { say: z.object({ text: z.string() }) },
  server: { said: z.object({ text: z.string() }) },
  calls: { double: { input: z.number(), output: z.number() } },
  audiences: ['loud'],
  history: { size: 10 },
})
const bare = contract('/ws/bare', {})
const plain = { auth: anyone }
const betterAuth = { $context: new Promise(() => {}), api: {}, $Infer: {} } as never
const store = { get: never, set: never, destroy: never }
const aSecret = 'a secret of more than thirty-two bytes'
const schema = z.object({})
type ConsumerOptions = root.EndpointOptions<typeof bare, null, true>
type Of<F extends (...args: never) => unknown, N extends number = 0> = NonNullable<Parameters<F>[N]>

const memoryRows = rows<Of<typeof memory>>({
  clock,
  valueBytes: ['whole', 5],
  groupBytes: ['whole', 5],
  historyBytes: ['whole', 5],
  systemBytes: ['whole', 5],
})

const optionObjects: Readonly<Record<string, Options>> = {
  'sallyport()': {
    take: sallyport,
    options: rows<root.ServerOptions>({
      layer: ['object', layer],
      origins: ['strings', ['https://app.example']],
      hosts: ['strings', ['app.example']],
      proxies: ['strings', ['10.0.0.1']],
      tenant: f,
      carriers: ['object', {}],
      limits: ['object', {}],
      whenFull: ['choice', 'refuse'],
      whenBlind: ['choice', 'stay'],
      clock,
      report: f,
      on: f,
      tracer: ['object', otel()],
      remember: ['duration', '1h'],
      node: ['string', 'west'],
      checkOutgoing: ['boolean', true],
      warn: ['voice', false],
    }),
  },
  'carriers of sallyport()': {
    take: (carriers) => sallyport({ carriers }),
    options: rows<root.Carriers>({
      query: ['object', {}],
      headers: ['strings', ['x-key']],
      message: ['boolean', true],
    }),
  },
  'carriers.query of sallyport()': {
    take: (named) => sallyport({ carriers: { query: named } }),
    options: rows<NonNullable<root.Carriers['query']>>({
      bearer: ['string', 'token'],
      ticket: ['string', 'ticket'],
      key: ['string', 'key'],
    }),
  },
  'limits of sallyport()': {
    take: (limits) => sallyport({ limits }),
    options: Object.fromEntries(
      Object.entries(root.defaultLimits).map(([name, value]: [string, unknown]) => [
        name,
        [typeof value === 'number' ? 'whole' : 'rate', value],
      ]),
    ),
  },
  'a rate of sallyport()': {
    take: (rate) => sallyport({ limits: { rate } }),
    orNull: true,
    needed: { most: 1, eachMs: 1, burst: 1 },
    options: rows<root.Rate>({ most: ['whole', 1], eachMs: ['whole', 1], burst: ['whole', 1] }),
  },
  'server.close()': {
    take: (options) => sallyport(silent).close(options),
    options: rows<Of<root.Server['close']>>({ drain: ['duration', 0] }),
  },
  'server.attach()': {
    take: (options) => sallyport().attach(createServer(), options),
    options: rows<Of<root.Server['attach'], 1>>({ accepts: f, closeWithHttpServer: ['flag', { drain: 5 }] }),
  },
  'closeWithHttpServer of server.attach()': {
    take: (closeWithHttpServer) => sallyport(silent).attach(createServer(), { closeWithHttpServer }),
    needed: { drain: 5 },
    options: { drain: ['duration', 5] },
  },
  'consumer()': {
    take: (demands) => consumer(bare, demands, () => ({})),
    needed: plain,
    options: rows<ConsumerOptions>({
      auth: ['function', anyone],
      authorize: f,
      presence: f,
      audience: f,
      limits: ['object', {}],
      lease: ['duration', '5m'],
      idle: ['duration', '5m'],
      absolute: ['duration', '5m'],
      refuse: ['object', { code: 1008 }],
    }),
  },
  'endpoint()': {
    take: (demands) => endpoint(bare, demands, async () => {}),
    needed: plain,
    options: { auth: ['function', anyone], authorize: f, lease: ['duration', '5m'] },
  },
  'limits of consumer()': {
    take: (limits) => consumer(bare, { auth: anyone, limits }, () => ({})),
    options: rows<NonNullable<ConsumerOptions['limits']>>({
      message: ['whole', 5],
      values: ['whole', 5],
      rate: ['rate', { each: '1s', most: 1 }],
      byteRate: ['rate', { each: '1s', most: 1 }],
      members: ['whole', 5],
    }),
  },
  'a rate of consumer()': {
    take: (rate) => consumer(bare, { auth: anyone, limits: { rate } }, () => ({})),
    orNull: true,
    needed: { each: '1s', most: 1 },
    options: { each: ['duration', '1s'], most: ['whole', 1], burst: ['whole', 1] },
  },
  'refuse of consumer()': {
    take: (refuse) => consumer(bare, { auth: anyone, refuse }, () => ({})),
    needed: { code: 4003 },
    options: rows<NonNullable<ConsumerOptions['refuse']>>({ code: ['whole', 1008] }),
  },
  'contract()': {
    take: (shapes) => contract('/ws/x', shapes),
    options: rows<Of<typeof contract, 1>>({
      client: ['object', {}],
      server: ['object', {}],
      calls: ['object', {}],
      audiences: ['strings', ['a']],
      grant: ['object', schema],
      presence: ['object', schema],
      history: ['object', {}],
    }),
  },
  'history of contract()': {
    take: (history) => contract('/ws/x', { history }),
    options: rows<root.HistoryRules>({ size: ['whole', 5], for: ['duration', '5m'] }),
  },
  'a call of contract()': {
    take: (call) => contract('/ws/x', { calls: { ask: call } }),
    needed: { input: schema, output: schema },
    options: rows<root.Calls[string]>({ input: ['object', schema], output: ['object', schema] }),
  },
  'event()': {
    take: (rules) => event(schema, rules),
    options: rows<root.EventRules>({ keep: ['boolean', true], slow: ['choice', 'drop'] }),
  },
  'deny()': {
    take: (options) => caught(() => deny(403, 'no', 'no', options)),
    loose: true,
    options: rows<root.DenialOptions>({
      retryAfterMs: ['milliseconds', 5],
      detail: ['text', 'why'],
      httpOnly: ['boolean', true],
      closeCode: ['whole', 4003],
      challenge: ['string', 'Bearer'],
      genuine: ['boolean', true],
      cause: ['function', () => {}],
    }),
  },
  'memory()': { take: memory, options: memoryRows },
  'testLayer()': { take: testLayer, options: memoryRows },
  'otel()': {
    take: otel,
    options: rows<Of<typeof otel>>({
      provider: ['object', { getTracer: never }],
      remote: ['choice', 'link'],
      tell: ['boolean', true],
    }),
  },
  'group.send()': {
    take: (options) => server.group(chat, { room: 'a' }).send('said', { text: 'x' }, options),
    loose: true,
    options: rows<root.GroupSendOptions>({
      except: ['object', { id: 'x' }],
      slow: ['choice', 'drop'],
      key: ['text', 'k'],
      keep: ['boolean', true],
    }),
  },
  'revoke()': {
    take: (whom) => server.revoke(whom),
    needed: { user: 'stranger', reason: 'test' },
    options: rows<Of<root.Server['revoke']>>({
      user: ['string', 'stranger'],
      session: ['string', 's'],
      token: ['string', 't'],
      at: ['list', [chat, { room: 'a' }]],
      reason: ['string', 'test'],
    }),
  },
  'recheck()': {
    take: (whom) => server.recheck(whom),
    needed: { user: 'stranger' },
    options: rows<Of<root.Server['recheck']>>({
      user: ['string', 'stranger'],
      session: ['string', 's'],
      token: ['string', 't'],
      at: ['list', [chat, { room: 'a' }]],
      reason: ['string', 'test'],
    }),
  },
  'visit()': {
    take: (who) =>
      visit(
        consumer(bare, plain, () => ({})),
        {},
        who,
      ),
    needed: { user: null },
    options: {
      server: ['object', server],
      query: ['text', 'a=b'],
      address: ['string', '127.0.0.1'],
      refresh: f,
      subject: ['string', 'a'],
      scopes: ['strings', ['a']],
    },
  },
  'client()': {
    take: client,
    loose: true,
    options: rows<Of<typeof client>>({
      url: ['text', 'http://localhost'],
      credentials: f,
      WebSocket: ['function', WebSocket],
      backoff: ['object', {}],
      clock,
      queue: ['whole', 5],
      queueBytes: ['whole', 5],
      timeout: ['duration', '5s'],
      report: f,
      debug: f,
    }),
  },
  'backoff of client()': {
    take: (backoff) => client({ backoff }),
    loose: true,
    options: rows<NonNullable<Of<typeof client>['backoff']>>({
      min: ['duration', '1s'],
      max: ['duration', '1s'],
      random: ['function', Math.random],
    }),
  },
  'ticket() of the client': {
    take: (options) => ticket('https://app.example', options),
    loose: true,
    options: rows<Of<typeof ticket, 1>>({ fetch: ['function', fetch], credentials: ['choice', 'include'] }),
  },
  'apiKeys()': {
    take: apiKeys,
    needed: { find: never },
    options: rows<Of<typeof apiKeys>>({
      find: f,
      prefix: ['string', 'sk_'],
      header: ['string', 'x-key'],
      clock,
    }),
  },
  'authjs()': {
    take: authjs,
    needed: { secret: aSecret, user: never },
    options: rows<Of<typeof authjs>>({
      secret: ['names', aSecret],
      cookie: ['string', 'sid'],
      version: ['choice', 4],
      user: f,
      issuedAt: f,
      clock,
    }),
  },
  'basic()': {
    take: basic,
    needed: { check: never, realm: 'devices' },
    options: rows<Of<typeof basic>>({ check: f, realm: ['text', 'devices'], atOnce: ['whole', 5] }),
  },
  'sessionCookie()': {
    take: (options) => sessionCookie(betterAuth, options),
    options: rows<Of<typeof sessionCookie, 1>>({ user: f, clock }),
  },
  'sessionToken()': {
    take: (options) => sessionToken(betterAuth, options),
    options: rows<Of<typeof sessionToken, 1>>({ user: f, clock }),
  },
  'accessToken()': {
    take: (options) => accessToken(betterAuth, options),
    needed: { issuer: 'https://app.example', audience: 'https://app.example' },
    options: rows<Of<typeof accessToken, 1>>({
      issuer: ['string', 'https://app.example'],
      audience: ['string', 'https://app.example'],
      algorithms: ['strings', ['RS256']],
      user: f,
      clock,
    }),
  },
  'revocations()': {
    take: revocations,
    needed: { server },
    options: rows<Of<typeof revocations>>({
      server: ['object', server],
      passwords: ['choice', 'leave-sessions'],
      clock,
    }),
  },
  'django()': {
    take: django,
    needed: { secretKey: aSecret, backend: 'signed_cookies', user: never },
    options: rows<Of<typeof django>>({
      secretKey: ['string', aSecret],
      secretKeyFallbacks: ['strings', [aSecret]],
      backend: ['choice', { load: never }],
      cookie: ['string', 'sessionid'],
      cookieAge: ['duration', '1d'],
      authenticationBackends: ['strings', ['a']],
      user: f,
      sessionAuthHash: f,
      clock,
    }),
  },
  'expressSession()': {
    take: expressSession,
    needed: { store, secret: aSecret, user: never },
    options: rows<Of<typeof expressSession>>({
      store: ['object', store],
      secret: ['names', aSecret],
      cookie: ['string', 'sid'],
      user: f,
      expires: f,
      issuedAt: f,
      clock,
    }),
  },
  'followSessions()': {
    take: (options) => followSessions({ ...store }, server, options),
    options: rows<Of<typeof followSessions, 2>>({ owner: f }),
  },
  'jwt()': {
    take: jwt,
    needed: { secret: aSecret, user: never },
    options: rows<Omit<Of<typeof jwt>, 'key' | 'jwks'>>({
      issuer: ['names', 'https://id.example'],
      audience: ['names', 'chat'],
      secret: ['material', aSecret],
      algorithms: ['strings', ['HS256']],
      typ: ['string', 'at+jwt'],
      clockTolerance: ['duration', '5s'],
      claims: ['object', schema],
      user: f,
      session: f,
      subject: f,
      clock,
      fetch: f,
    }),
  },
  'jwt() with a key set': {
    take: jwt,
    needed: { user: never, jwks: new URL('https://id.example/jwks') },
    options: { jwks: ['object', new URL('https://id.example/jwks')] },
  },
  'oidc()': {
    take: oidc,
    needed: { provider: id, audience: 'chat', user: never },
    options: rows<Of<typeof oidc>>({
      provider: ['object', id],
      audience: ['names', 'chat'],
      user: f,
      clockTolerance: ['duration', '5s'],
    }),
  },
  'provider()': {
    take: provider,
    needed: { issuer: 'https://id.example' },
    options: rows<Of<typeof provider>>({
      issuer: ['text', 'https://id.example'],
      subject: f,
      algorithms: ['strings', ['RS256']],
      hosts: ['strings', ['id.example']],
      wellKnown: ['choice', 'oauth-authorization-server'],
      clock,
      fetch: f,
    }),
  },
  'introspection()': {
    take: introspection,
    needed: { provider: id, client: { id: 'chat', secret: aSecret }, user: never },
    options: rows<Of<typeof introspection>>({
      provider: ['object', id],
      client: ['object', { id: 'chat', secret: aSecret }],
      audience: ['names', 'chat'],
      user: f,
      endpoint: ['object', new URL('https://id.example/introspect')],
      takes: ['choice', 'all'],
      untyped: ['boolean', true],
      keep: ['duration', '5s'],
      clockTolerance: ['duration', '5s'],
    }),
  },
  'client of introspection()': {
    take: (asking) => introspection({ provider: id, client: asking, user: never }),
    needed: { id: 'chat', secret: aSecret },
    options: rows<Of<typeof introspection>['client']>({
      id: ['string', 'chat'],
      secret: ['string', aSecret],
      method: ['choice', 'post'],
    }),
  },
  'backchannelLogout()': {
    take: backchannelLogout,
    needed: { provider: id, client: 'site', server, store: server.store, on: never },
    options: rows<Of<typeof backchannelLogout>>({
      provider: ['object', id],
      client: ['names', 'site'],
      server: ['object', server],
      store: ['object', server.store],
      ends: ['choice', 'session'],
      clockTolerance: ['duration', '5s'],
      on: f,
    }),
  },
  'sessions()': {
    take: sessions,
    needed: { cookie: 'sid', load: never, user: never },
    options: rows<Of<typeof sessions>>({
      cookie: ['string', 'sid'],
      load: f,
      user: f,
      expires: f,
      issuedAt: f,
      id: f,
      secret: ['names', aSecret],
      clock,
    }),
  },
  'tickets()': {
    take: tickets,
    needed: { store: server.store, user: never },
    options: rows<Of<typeof tickets>>({
      store: ['object', server.store],
      user: f,
      ttl: ['duration', '30s'],
      perSubject: ['whole', 5],
      random: ['function', (bytes: number) => new Uint8Array(bytes)],
      clock,
    }),
  },
  'tickets.mint()': {
    take: (request) => tickets({ store: server.store, user: never }).mint(request),
    needed: { subject: 'ada', issuedAt: new Date(0), origin: null, path: '/ws/chat/lobby' },
    loose: true,
    options: {
      subject: ['string', 'ada'],
      session: ['string', 's'],
      token: ['string', 't'],
      scopes: ['strings', ['a']],
      issuedAt: ['date', new Date()],
      expires: ['date', new Date(Date.now() + 60_000)],
    },
  },
}

function caught(run: () => unknown): unknown {
  try {
    return run()
  } catch (error) {
    if (error instanceof Denial) return error
    throw error
  }
}

/** What comes of a call: `taken`, or the TypeError in words. Anything else that is thrown fails the test. */
async function outcome(run: () => unknown): Promise<string> {
  try {
    await run()
    return 'taken'
  } catch (error) {
    if (error instanceof TypeError) return `TypeError: ${error.message}`
    throw error
  }
}

describe.each(Object.entries(optionObjects))('the options of %s', (_, row) => {
  const take = (options: unknown) => outcome(() => row.take(options as never))
  const needed = row.needed ?? {}

  test.each(Object.entries(row.options))('take %s when it is right', async (name, [, right]) => {
    expect(await take({ ...needed, [name]: right })).toBe('taken')
  })

  test.each(Object.keys(row.options))('refuse a misspelt %s and name the right one', async (name) => {
    const misspelt = `${name.slice(0, -1)}_${name.slice(-1)}`
    expect(await take({ ...needed, [misspelt]: row.options[name]?.[1] })).toMatch(
      new RegExp(`^TypeError: .*'${misspelt}'`),
    )
  })

  test.each(Object.entries(row.options))('refuse a wrong %s and name it', async (name, [kind]) => {
    if (name === 'cause') return
    for (const wrong of [...nonsense[kind], ...(row.loose === true ? [] : [undefined])])
      expect(`${name} ${await take({ ...needed, [name]: wrong })}`).toMatch(
        new RegExp(`^${name} TypeError: .*${name}`),
      )
  })

  test('count undefined as left out where they decide nothing about access, and only there', async () => {
    for (const name of Object.keys(row.options).filter((one) => !(one in needed) && one !== 'cause'))
      expect(`${name} ${(await take({ ...needed, [name]: undefined })) === 'taken'}`).toBe(
        `${name} ${row.loose === true}`,
      )
  })

  test('are an object', async () => {
    for (const wrong of nonsense.object)
      if (wrong !== null || row.orNull !== true) expect(await take(wrong)).toContain('TypeError')
  })

  test('name what is missing', async () => {
    for (const name of Object.keys(needed)) {
      const { [name]: _missing, ...rest } = needed
      // that two options belong together, and what comes from a client, has errors of its own
      if (name !== 'user' || _missing !== null)
        await expect((async () => row.take(rest as never))()).rejects.toThrow(/\w/)
    }
  })
})

// ── arguments ──
interface Method {
  /** Arguments that are right. */
  readonly right: readonly unknown[]
  /** The kind of each; `data` is whatever its schema takes, and is checked there. */
  readonly kinds: readonly (Kind | 'data')[]
  /** How many may be left out, from the last. */
  readonly spare?: number
  /** It answers a promise, which rejects: it never throws. */
  readonly isAsync?: true
}

type Methods = Readonly<Record<string, Method | 'takes nothing'>>

/** All functions of an object: its own, and those of its class. */
function methodsOf(object: object): readonly string[] {
  const names = new Set<string>()
  for (
    let one: object | null = object;
    one !== null && one !== Object.prototype && one !== Function.prototype;
    one = Object.getPrototypeOf(one)
  )
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(one)))
      if (typeof value === 'function' && name !== 'constructor') names.add(name)
  return [...names].filter((name) => !['Symbol', 'AsyncFunction'].includes(name)).toSorted()
}

const events: unknown[] = []
const reports: unknown[] = []
const served = sallyport({ on: (told) => events.push(told), report: (error) => reports.push(error) })
let socket: object = {}
const room = consumer(chat, plain, (one) => {
  socket = one
  return { on: { say: ({ text }) => void one.send('said', { text }) }, calls: { double: (n) => 2 * n } }
})
const visitor = await visit(room, { room: 'lobby' }, { user: null, server: served })
const visits = visitor
afterAll(() => served.close({ drain: 0 }))
const app = client({ url: 'http://127.0.0.1:1' })
const opened = app.open(chat, { room: 'lobby' })
afterAll(() => app.close())
const params = { room: 'lobby' }
const someone = { user: 'stranger', reason: 'test' }
const text: readonly Kind[] = ['string']
const messenger: Methods = {
  group: { right: [chat, params, 'loud'], kinds: ['object', 'object', 'string'], spare: 1 },
  user: { right: [chat, 'ada'], kinds: ['object', 'string'] },
  revoke: { right: [someone], kinds: ['object'], isAsync: true },
  recheck: { right: [{ user: 'stranger' }], kinds: ['object'], isAsync: true },
}
const group: Methods = {
  send: { right: ['said', { text: 'x' }, {}], kinds: ['string', 'data', 'object'], spare: 1, isAsync: true },
  history: { right: [{ epoch: 'e', offset: 1 }], kinds: ['object'], spare: 1, isAsync: true },
  members: 'takes nothing',
}

const objects: Readonly<Record<string, readonly [object: object, methods: Methods]>> = {
  server: [
    sallyport(silent),
    {
      ...messenger,
      serve: { right: [room], kinds: ['function'] },
      attach: { right: [createServer(), {}], kinds: ['object', 'object'], spare: 1 },
      listen: { right: [0, '127.0.0.1'], kinds: ['whole', 'string'], spare: 1, isAsync: true },
      tenant: { right: ['acme'], kinds: ['text'] },
      close: { right: [{ drain: 0 }], kinds: ['object'], spare: 1, isAsync: true },
    },
  ],
  'server.store': [
    served.store,
    {
      put: { right: ['k', Uint8Array.of(1), 5], kinds: ['string', 'object', 'milliseconds'], isAsync: true },
      take: { right: ['k'], kinds: text, isAsync: true },
      claim: { right: ['k2', 'me', 5], kinds: ['string', 'string', 'milliseconds'], isAsync: true },
    },
  ],
  'server.tenant()': [served.tenant('acme'), messenger],
  'server.group()': [served.group(chat, params), group],
  'server.user()': [served.user(chat, 'ada'), group],
  'socket.group()': [Reflect.get(socket, 'group').call(socket) as object, group],
  socket: [
    socket,
    {
      send: { right: ['said', { text: 'x' }, {}], kinds: ['string', 'data', 'object'], spare: 1 },
      group: { right: ['loud'], kinds: text, spare: 1 },
      close: { right: [4000, 'done'], kinds: ['whole', 'text'], spare: 2 },
      grants: 'takes nothing',
      drained: 'takes nothing',
      assertAllowed: 'takes nothing',
    },
  ],
  visitor: [
    visits,
    {
      send: { right: ['say', { text: 'x' }], kinds: ['string', 'data'], isAsync: true },
      call: { right: ['double', 2, {}], kinds: ['string', 'data', 'object'], spare: 1, isAsync: true },
      next: { right: ['said'], kinds: text, spare: 1, isAsync: true },
      raw: { right: ['{}'], kinds: ['text'] },
      leave: { right: [1000], kinds: ['whole'], spare: 1 },
      nothing: 'takes nothing',
      cut: 'takes nothing',
      // the client's end of the wire in memory, which the kit itself calls
      message: 'takes nothing',
      ended: 'takes nothing',
    },
  ],
  client: [
    client({ url: 'http://127.0.0.1:1' }),
    { open: { right: [chat, params], kinds: ['object', 'object'] }, close: 'takes nothing' },
  ],
  'client.open()': [
    opened,
    {
      on: { right: ['said', () => {}], kinds: ['text', 'function'] },
      subscribe: { right: [() => {}], kinds: ['function'] },
      send: {
        right: ['say', { text: 'x' }, { timeout: 1 }],
        kinds: ['text', 'data', 'object'],
        spare: 1,
        isAsync: true,
      },
      call: {
        right: ['double', 2, { timeout: 1 }],
        kinds: ['text', 'data', 'object'],
        spare: 1,
        isAsync: true,
      },
      snapshot: 'takes nothing',
      close: 'takes nothing',
      // heard from its connection
      status: 'takes nothing',
      frame: 'takes nothing',
    },
  ],
  'tickets()': [
    tickets({ store: served.store, user: () => null }),
    {
      mint: {
        right: [{ subject: 'a', issuedAt: new Date(0), origin: null, path: '/a' }],
        kinds: ['object'],
        isAsync: true,
      },
    },
  ],
  'testLayer()': [
    testLayer(),
    {
      cut: { right: ['west'], kinds: text },
      restore: { right: ['west'], kinds: text },
      // what a server and its links call
      connect: 'takes nothing',
      isAway: 'takes nothing',
      deliver: 'takes nothing',
      tellRoster: 'takes nothing',
    },
  ],
  'testClock()': [
    testClock(),
    {
      now: 'takes nothing',
      monotonic: 'takes nothing',
      jump: { right: [5], kinds: ['number'] },
      advance: { right: [5], kinds: ['whole'], isAsync: true },
      // what a server calls
      after: 'takes nothing',
    },
  ],
}

/** What a wrong argument must not have changed. */
const state = (): unknown => [
  events.length,
  served.connections,
  opened.state,
  Reflect.get(socket, 'signal').aborted,
  visits.members.length,
]

/** Whether a call was refused as its kind of function refuses: by a rejection, or at once. */
async function refusal(method: Method, run: () => unknown): Promise<string> {
  let answer: unknown
  try {
    answer = run()
  } catch (error) {
    return `${method.isAsync === true ? 'threw, though it answers a promise: ' : ''}${String(error)}`
  }
  if (method.isAsync !== true) return 'taken'
  return outcome(() => answer)
}

describe.each(Object.entries(objects))('the methods of %s', (_, [object, methods]) => {
  test('have a row each', () => {
    expect(Object.keys(methods).toSorted()).toEqual(methodsOf(object))
  })

  const rowsWithArguments = Object.entries(methods).flatMap(([name, method]) =>
    method === 'takes nothing' ? [] : [[name, method] as const],
  )

  // proves: wrong-argument
  test.each(rowsWithArguments)('%s refuses each wrong argument and changes nothing', async (name, method) => {
    const before = state()
    for (const [index, kind] of method.kinds.entries()) {
      const isSpare = index >= method.kinds.length - (method.spare ?? 0)
      if (kind === 'data') continue
      for (const wrong of [...nonsense[kind], ...(isSpare ? [] : [undefined])]) {
        if (name === 'history' && wrong === null) continue
        const args = method.right.map((right, at) => (at === index ? wrong : right))
        const told = await refusal(method, () => Reflect.get(object, name).apply(object, args))
        expect(`${name} ${index} ${String(wrong)} ${told}`).toMatch(/^\S+ \d .* TypeError: /)
      }
    }
    expect(state()).toEqual(before)
  })
})

test('after all of that a socket still takes what is right', async () => {
  await visits.send('say', { text: 'still here' })
  expect(await visits.next('said')).toEqual({ text: 'still here' })
  expect(await visits.call('double', 21)).toBe(42)
})

// ── exports ──
/** Functions that take no object of options, with their arguments. */
const functions: Readonly<Record<string, readonly [function_: (...args: never) => unknown, method: Method]>> =
  {
    contract: [contract, { right: ['/a', {}], kinds: ['string', 'object'] }],
    event: [event, { right: [schema, {}], kinds: ['object', 'object'] }],
    consumer: [consumer, { right: [bare, plain, () => ({})], kinds: ['object', 'object', 'function'] }],
    endpoint: [endpoint, { right: [bare, plain, async () => {}], kinds: ['object', 'object', 'function'] }],
    anyOf: [anyOf, { right: [anyone, anyone], kinds: ['function', 'function'] }],
    optional: [optional, { right: [anyone], kinds: ['function'] }],
    requireScopes: [requireScopes, { right: ['a', 'b'], kinds: ['string', 'string'] }],
    router: [router, { right: [[room]], kinds: ['strings'] }],
    deny: [
      (...args: Parameters<typeof deny>) => caught(() => deny(...args)),
      { right: [403, 'no', 'No.', {}], kinds: ['whole', 'string', 'text', 'object'], spare: 2 },
    ],
    Denial: [
      (...args: ConstructorParameters<typeof Denial>) => new Denial(...args),
      { right: [403, 'no', 'No.', {}], kinds: ['whole', 'string', 'text', 'object'], spare: 2 },
    ],
    bearer: [bearer, { right: [() => null], kinds: ['function'] }],
    query: [query, { right: ['token', () => null], kinds: ['string', 'function'] }],
    headers: [headers, { right: [() => null], kinds: ['function'] }],
    ticket: [ticket, { right: ['/ticket', {}], kinds: ['string', 'object'], spare: 1 }],
    issuerScoped: [issuerScoped, { right: ['https://id.example', 'sid'], kinds: ['text', 'text'] }],
    limitLookup: [root.limitLookup, { right: [{ credentials: {} }], kinds: ['object'] }],
    fingerprint: [fingerprint, { right: ['secret'], kinds: ['text'] }],
    testClock: [testClock, { right: [5], kinds: ['number'], spare: 1 }],
    testServer: [testServer, { right: [{}], kinds: ['object'], spare: 1 }],
    visit: [
      visit,
      { right: [room, params, { user: null }], kinds: ['function', 'object', 'object'], isAsync: true },
    ],
    sessionCookie: [sessionCookie, { right: [betterAuth, {}], kinds: ['object', 'object'], spare: 1 }],
    sessionToken: [sessionToken, { right: [betterAuth, {}], kinds: ['object', 'object'], spare: 1 }],
    followSessions: [
      followSessions,
      { right: [{ ...store }, server, {}], kinds: ['object', 'object', 'object'], spare: 1 },
    ],
  }

/** What has nothing that could be wrong, or is called by the server alone. */
const others = {
  SallyportError: 'holds what it is given',
  VisitRefused: 'made by visit()',
  MemoryLayer: 'made by memory() and testLayer()',
  anyone: 'an authenticator, called by the server',
  retryAfterClose: 'answers any number',
  closeCodes: 'data',
  defaultLimits: 'data',
  binary: 'a schema',
  text: 'a schema',
  systemClock: 'a clock, called by the server',
}

test.each(Object.entries(functions))('%s() refuses each wrong argument', async (name, [run, method]) => {
  for (const [index, kind] of method.kinds.entries()) {
    const isSpare = index >= method.kinds.length - (method.spare ?? 0)
    if (kind === 'data') continue
    for (const wrong of [...nonsense[kind], ...(isSpare ? [] : [undefined])]) {
      const args = method.right.map((right, at) => (at === index ? wrong : right))
      const told = await refusal(method, () => run(...(args as never)))
      expect(`${name} ${index} ${String(wrong)} ${told}`).toMatch(/^\S+ \d .* TypeError/)
    }
  }
})

// proves: misspelt-rule
test('every export of the package has a row', async () => {
  const { exports } = JSON.parse(readFileSync(resolve(import.meta.dirname, '../package.json'), 'utf8')) as {
    exports: Readonly<Record<string, string | { 'sallyport-src': string }>>
  }
  const modules = Object.values(exports).flatMap((one) =>
    typeof one === 'string' ? [] : [one['sallyport-src']],
  )
  const names = new Set<string>()
  for (const module of modules) {
    const exported = (await import(resolve(import.meta.dirname, '..', module))) as object
    for (const name of Object.keys(exported)) names.add(name)
  }
  const withOptions = Object.keys(optionObjects).flatMap((one) => /^(\w+)\(\)$/.exec(one)?.[1] ?? [])
  const known = new Set([...withOptions, ...Object.keys(functions), ...Object.keys(others)])
  expect([...names].filter((name) => !known.has(name))).toEqual([])
})
