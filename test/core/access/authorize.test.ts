import { expect, test } from 'vitest'
import {
  type Authenticator,
  anyOf,
  anyone,
  consumer,
  contract,
  deny,
  endpoint,
  type Identity,
  optional,
  router,
  type SallyportEvent,
  sallyport,
  text,
} from '../../../src/index.ts'
import { testServer, visit } from '../../../src/testing.ts'
import { carrierProtocol } from '../../../src/wire/carrier.ts'
import { ada, byName, echo, room, type User } from '../support/members.ts'

const lines = contract('/ws/who', { client: text, server: text })
/** Knows the token 'good', and every other as bad. */
const byToken: Authenticator<User> = async ({ credentials }) => {
  const token = credentials.of('bearer')
  if (token === null) return null
  return token === 'good' ? { user: ada, token: 'good' } : deny(401, 'invalid-token')
}
const byCookie: Authenticator<User> = async ({ credentials }) =>
  credentials.cookie('who') === 'Ada' ? { user: ada } : null

function who<U>(auth: Authenticator<U>) {
  return consumer(lines, { auth }, (socket) => ({
    open: () => socket.send(socket.subject),
    message: () => {},
  }))
}

const page = { origin: 'http://localhost' }

test('an authenticator may answer without a promise, and so may its renewal', async () => {
  const inHeader: Authenticator<User> = ({ headers }) =>
    headers.get('x-test-user') === 'Ada'
      ? { user: ada, renew: () => ({ user: ada, scopes: ['renewed'] }) }
      : null
  const server = testServer()
  const scopes: string[] = []
  const renewed = consumer(
    contract('/ws/renewed', {}),
    { auth: anyOf(byToken, inHeader), authorize: (asked) => scopes.push(...asked.scopes) >= 0 },
    () => ({}),
  )
  const visitor = await visit(renewed, {}, { headers: { 'x-test-user': 'Ada' }, server })
  await server.recheck({ user: ada.id })
  expect(scopes).toEqual(['renewed'])
  visitor.leave()
  await expect(visit(renewed, {}, { headers: {}, server })).rejects.toMatchObject({ status: 401 })
})

test('an explicit credential beats a cookie', async () => {
  const headers = { ...page, authorization: 'Bearer bad', cookie: 'who=Ada' }
  await expect(visit(who(anyOf(byToken, byCookie)), {}, { headers })).rejects.toMatchObject({
    status: 401,
    code: 'invalid-token',
  })
})

// proves: fall-through
test('an explicit credential that no authenticator claims is 401, with or without a cookie', async () => {
  for (const auth of [byCookie, optional(byCookie), anyone] as Authenticator<User | null>[]) {
    const headers = { ...page, authorization: 'Digest abc', cookie: 'who=Ada' }
    await expect(visit(who(auth), {}, { headers })).rejects.toMatchObject({
      status: 401,
      code: 'unknown-credential',
    })
  }
})

test('a key that was sent in the place of a scheme is not told to operators', async () => {
  const events: SallyportEvent[] = []
  const server = testServer({ on: (event) => events.push(event) })
  const headers = { authorization: 'sk-a-secret-key Bearer' }
  await expect(visit(who(anyone), {}, { server, headers })).rejects.toMatchObject({ status: 401 })
  expect(events).toMatchObject([{ type: 'denied', detail: 'another scheme in authorization' }])
})

test('a stale cookie is no session: the next authenticator is asked, and a guest stays a guest', async () => {
  const headers = { ...page, cookie: 'who=Stranger' }
  const visitor = await visit(who(optional(anyOf(byToken, byCookie))), {}, { headers })
  expect(await visitor.next()).toMatch(/^guest:/)
})

// proves: foreign-page
test('a session cookie without an Origin is refused, unless something else says who it is', async () => {
  const cookie = 'who=Ada'
  await expect(visit(who(byCookie), {}, { headers: { cookie } })).rejects.toMatchObject({
    status: 403,
    code: 'origin-required',
    close: null,
  })
  await expect(
    visit(who(anyOf(byCookie, byToken)), {}, { headers: { cookie, authorization: 'Bearer good' } }),
  ).resolves.toBeDefined()
  await expect(
    visit(who(anyOf(byCookie, byName)), {}, { headers: { cookie: 'who=stale', 'x-test-user': 'Ada' } }),
  ).resolves.toBeDefined()
  await expect(
    visit(who(byName), {}, { headers: { cookie: 'theme=dark', 'x-test-user': 'Ada' } }),
  ).resolves.toBeDefined()
})

test('where guests may come in, someone who signed in is no guest', async () => {
  const auth = optional(anyOf(byToken, byCookie))
  for (const headers of [{ ...page, cookie: 'who=Ada' }, { authorization: 'Bearer good' }])
    expect(await (await visit(who(auth), {}, { headers })).next()).toBe('1')
})

test('a session cookie that comes from a page of this server is let in', async () => {
  const visitor = await visit(who(byCookie), {}, { headers: { ...page, cookie: 'who=Ada' } })
  expect(await visitor.next()).toBe('1')
})

test('an authenticator that throws is 503, whatever else could be asked', async () => {
  const server = testServer({ report: () => {} })
  const broken: Authenticator<User> = async () => Promise.reject(new Error('database away'))
  await expect(
    visit(who(anyOf(broken, byName)), {}, { server, headers: { 'x-test-user': 'Ada' } }),
  ).rejects.toMatchObject({ status: 503, closeCode: 4503 })
})

test('two credentials that disagree are 400 before the upgrade', async () => {
  const headers = { authorization: 'Bearer good', 'x-api-key': 'other' }
  await expect(visit(who(byToken), {}, { headers })).rejects.toMatchObject({
    status: 400,
    code: 'conflicting-credentials',
    close: null,
  })
})

test('the subprotocol carries a token, and a query parameter only where it is switched on', async () => {
  const list = { 'sec-websocket-protocol': carrierProtocol('bearer', 'good') }
  await expect(visit(who(byToken), {}, { headers: list })).resolves.toBeDefined()
  await expect(visit(who(byToken), {}, { headers: {}, query: 'token=good' })).rejects.toMatchObject({
    status: 400,
    code: 'bad-credential',
  })
  const server = testServer({ carriers: { query: { bearer: 'token' } } })
  await expect(
    visit(who(byToken), {}, { server, headers: {}, query: 'next=a=b&token=good' }),
  ).resolves.toBeDefined()
})

test('no credential is left in what application code sees', async () => {
  const server = testServer({ carriers: { query: { bearer: 'token' } } })
  const seen: string[] = []
  const open = endpoint(lines, { auth: byToken }, async () => {})
  const spying = Object.assign(
    async (handshake: Parameters<typeof open>[0]) => {
      seen.push(
        handshake.url.href,
        JSON.stringify([...handshake.headers]),
        JSON.stringify(handshake),
        ...handshake.protocols,
      )
      await open(handshake)
    },
    { contract: open.contract, auth: open.auth },
  ) as typeof open
  const secret = 'good'
  await visit(spying, {}, { server, headers: { cookie: `sid=${secret}`, 'x-api-key': secret } }).catch(
    () => {},
  )
  await visit(spying, {}, { server, headers: {}, query: `token=${secret}&page=2` })
  await visit(spying, {}, { server, headers: { authorization: `Bearer ${secret}` } })
  expect(seen.some((line) => line.includes('page=2'))).toBe(true)
  expect(seen.filter((line) => line.includes(secret))).toEqual([])
})

test.each([
  ['another origin', { origin: 'https://evil.example' }],
  ['the origin of a sandboxed frame', { origin: 'null' }],
  ['the same host on another port', { origin: 'http://localhost:81' }],
  ['a sibling subdomain', { host: 'app.example', origin: 'https://evil.app.example' }],
  ['a suffix', { host: 'app.example', origin: 'https://app.example.evil.example' }],
  ['an origin that is no origin', { origin: 'localhost' }],
])('%s is refused before anyone is asked', async (_, headers) => {
  const asked: string[] = []
  const auth: Authenticator<User> = async () => (asked.push('asked'), { user: ada })
  await expect(visit(who(auth), {}, { headers })).rejects.toMatchObject({
    status: 403,
    code: 'origin-not-allowed',
    close: null,
  })
  expect(asked).toEqual([])
})

// proves: dns-rebinding
test('a listed origin is let in exactly, a host that is neither listed nor loopback is refused', async () => {
  const server = testServer({ origins: ['https://app.example'] })
  const visitWith = (headers: Record<string, string>) =>
    visit(who(byName), {}, { server, headers: { 'x-test-user': 'Ada', ...headers } })
  await expect(visitWith({ host: 'app.example', origin: 'https://app.example' })).resolves.toBeDefined()
  await expect(visitWith({ host: 'app.example', origin: 'http://app.example' })).rejects.toMatchObject({
    status: 403,
  })
  await expect(visitWith({ host: 'rebound.example' })).rejects.toMatchObject({
    status: 403,
    code: 'host-not-allowed',
  })
  await expect(visitWith({ host: '127.0.0.1:8000' })).resolves.toBeDefined()
  await expect(visitWith({ host: 'a b' })).rejects.toMatchObject({ status: 400, code: 'bad-host' })
})

test('listed hosts are enough against a name that was rebound to this server', async () => {
  const server = testServer({ hosts: ['app.example'] })
  const visitHost = (host: string) =>
    visit(who(byName), {}, { server, headers: { 'x-test-user': 'Ada', host, origin: `http://${host}` } })
  await expect(visitHost('rebound.example')).rejects.toMatchObject({ status: 403, code: 'host-not-allowed' })
  for (const host of ['app.example', 'app.example:8000']) await expect(visitHost(host)).resolves.toBeDefined()
})

test.each(['localhost', 'app.localhost:8000', '127.0.0.1', '127.8.8.8:80', '[::1]:8000'])(
  'a server with a list answers its own machine: %s',
  async (host) => {
    const server = testServer({ hosts: ['app.example'] })
    const headers = { 'x-test-user': 'Ada', host }
    await expect(visit(who(byName), {}, { server, headers })).resolves.toBeDefined()
  },
)

test.each([
  'app.example@evil.example',
  'app.example/x',
  'app.example?x',
  'app.example#x',
  'app.example:',
  'app.example:123456',
  'app.example:99999',
  '[::1',
  'localhost\\x',
  '',
])('a malformed Host is 400 before anyone is asked: %j', async (host) => {
  const asked: string[] = []
  const auth: Authenticator<User> = async () => (asked.push('asked'), { user: ada })
  await expect(visit(who(auth), {}, { headers: { host } })).rejects.toMatchObject({
    status: 400,
    code: 'bad-host',
  })
  expect(asked).toEqual([])
})

test.each([
  'file:///x',
  'data:text/plain,x',
  'blob:http://localhost/x',
  'http://localhost/',
  'HTTP://localhost',
])('what is written in Origin as no browser writes it is refused: %s', async (origin) => {
  await expect(
    visit(who(byName), {}, { headers: { 'x-test-user': 'Ada', host: 'localhost', origin } }),
  ).rejects.toMatchObject({ status: 403, code: 'origin-not-allowed' })
})

test('an origin or host option that is none is a TypeError at start', () => {
  expect(() => sallyport({ origins: ['app.example'] })).toThrow(TypeError)
  expect(() => sallyport({ origins: ['https://app.example/'] })).toThrow(TypeError)
  expect(() => sallyport({ origins: ['file:///'] })).toThrow(TypeError)
  expect(() => sallyport({ hosts: ['https://app.example'] })).toThrow(TypeError)
  expect(() => sallyport({ hosts: ['*.app.example'] })).toThrow(TypeError)
})

test('an identity without an id and a subject is a fault, not a guest', async () => {
  const faults: unknown[] = []
  const server = testServer({ report: (error) => faults.push(error) })
  const nameless: Authenticator<{ name: string }> = async (): Promise<Identity<{ name: string }>> => ({
    user: { name: 'x' },
  })
  await expect(visit(who(nameless), {}, { server, headers: {} })).rejects.toMatchObject({ status: 503 })
  expect(faults).toHaveLength(1)
})

test('a user that is a mere name is a fault that says what it lacks', async () => {
  const faults: unknown[] = []
  const server = testServer({ report: (error) => faults.push(error) })
  const auth: Authenticator<string> = async () => ({ user: 'Ada' })
  await expect(visit(who(auth), {}, { server, headers: {} })).rejects.toMatchObject({ status: 503 })
  expect(String(faults[0])).toContain('an identity needs a subject')
})

test.each([
  ['by its subject, whatever its user is called', { user: { id: '1' }, subject: 'robot:7' }, 'robot:7'],
  ['by its subject, where its user has no id', { user: { name: 'x' }, subject: 'robot:7' }, 'robot:7'],
  ['by an id that is a number', { user: { id: 7 } }, '7'],
])('an identity is named %s', async (_, identity: Identity<object>, subject) => {
  const visitor = await visit(
    who(async () => identity),
    {},
    { headers: {} },
  )
  expect(await visitor.next()).toBe(subject)
})

test('a router finds the endpoint of a path, asks wrappers in between, and answers 404 otherwise', async () => {
  const calls: string[] = []
  const logged = Object.assign(
    async (handshake: Parameters<typeof echo>[0]) => (calls.push(handshake.path), echo(handshake)),
    {},
  )
  const all = Object.assign(router([room, logged]), {
    contract: echo.contract,
    auth: echo.auth,
  }) as typeof echo
  await expect(visit(all, {}, { user: ada })).resolves.toBeDefined()
  expect(calls).toEqual(['/ws/lines'])
  const nowhere = Object.assign(router([room]), { contract: echo.contract, auth: echo.auth }) as typeof echo
  await expect(visit(nowhere, {}, { user: ada })).rejects.toMatchObject({ status: 404, closeCode: 4404 })
  expect(() => router([room, room])).toThrow(TypeError)
})

test('every denial is told to operators with its detail, and with the id that the peer gets', async () => {
  const denied: unknown[] = []
  const server = testServer({ on: (event) => event.type === 'denied' && denied.push(event) })
  const detailed: Authenticator<User> = async () =>
    deny(401, 'invalid-token', 'bad token', { detail: 'signature mismatch' })
  const refused = await visit(who(detailed), {}, { server, headers: {} }).catch((error: unknown) => error)
  const { ref, ...problem } = JSON.parse((refused as { http: { body: string } }).http.body) as Record<
    string,
    unknown
  >
  expect(denied).toEqual([
    expect.objectContaining({ status: 401, code: 'invalid-token', detail: 'signature mismatch', id: ref }),
  ])
  expect(JSON.stringify(problem)).not.toContain('signature')
})
