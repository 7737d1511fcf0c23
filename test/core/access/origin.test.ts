import { expect, test } from 'vitest'
import {
  type Authenticator,
  consumer,
  contract,
  type OriginRule,
  type Origins,
  type SallyportEvent,
  sallyport,
  text,
} from '../../../src/index.ts'
import { testClock, testServer, visit } from '../../../src/testing.ts'
import { ada, byName, type User } from '../support/members.ts'

const lines = contract('/ws/who', { client: text, server: text })
const byCookie: Authenticator<User> = async ({ credentials }) =>
  credentials.cookie('who') === 'Ada' ? { user: ada } : null

function who<U>(auth: Authenticator<U>) {
  return consumer(lines, { auth }, (socket) => ({
    open: () => socket.send(socket.subject),
    message: () => {},
  }))
}

/** A page of this origin, with a credential that it says aloud, at a server with these origins. */
function visitFromPage(origins: Origins, origin: string, more: Record<string, string> = {}) {
  const server = testServer({ origins, report: () => {} })
  return visit(who(byName), {}, { server, headers: { 'x-test-user': 'Ada', origin, ...more } })
}

const apps = [
  'app://-',
  'app://.',
  'app://obsidian.md',
  'capacitor://localhost',
  'ionic://localhost',
  'tauri://localhost',
  'http://tauri.localhost',
  'chrome-extension://abcdefghijklmnopabcdefghijklmnop',
  'moz-extension://1b2c3d4e-0000-4000-8000-000000000000',
  'safari-web-extension://1B2C3D4E-0000-4000-8000-000000000000',
  'vscode-webview://0abc_1',
  'app://localhost:8100',
  'file://',
  'null',
]

test.each(apps)('the origin %s is let in where it is listed, and nowhere else', async (origin) => {
  await expect(visitFromPage([origin], origin)).resolves.toBeDefined()
  const other = ['https://app.example', ...apps.filter((one) => one !== origin)]
  await expect(visitFromPage(other, origin)).rejects.toMatchObject({
    code: 'origin-not-allowed',
    close: null,
  })
})

test.each([
  ['app://-', 'app://-/'],
  ['app://-', 'APP://-'],
  ['capacitor://localhost', 'capacitor://localhost.evil.example'],
  ['capacitor://localhost', 'capacitor://localhost:1'],
  ['app://a', 'app://A'],
  ['null', 'NULL'],
  ['file://', 'file:///'],
])('a listed %s is compared exactly: %s is refused', async (listed, origin) => {
  await expect(visitFromPage([listed], origin)).rejects.toMatchObject({ code: 'origin-not-allowed' })
})

test.each([
  '*',
  '',
  'app.example',
  'https://*.app.example',
  'app://*',
  'app://-/',
  'app://',
  'app:',
  'app:-',
  'App://-',
  'app://user@host',
  'app://host?x',
  'app://a b',
  'wss://app.example',
  'ws://app.example',
  'ftp://app.example',
  'file:///',
  'file://host',
  'data:text/html,x',
  'blob:https://app.example/x',
  'javascript://x/',
  'Null',
  'https://app.example:443',
])('a list that holds %j is a TypeError at start', (origin) => {
  expect(() => sallyport({ origins: [origin] })).toThrow(TypeError)
})

test('a list of apps alone asks for no Host, and one with a site does', async () => {
  const host = 'api.example'
  await expect(
    visitFromPage(['capacitor://localhost'], 'capacitor://localhost', { host }),
  ).resolves.toBeDefined()
  await expect(
    visitFromPage(['capacitor://localhost', 'https://app.example'], 'capacitor://localhost', { host }),
  ).rejects.toMatchObject({ code: 'host-not-allowed' })
})

// proves: shared-origin
test.each(['null', 'file://'])(
  'a cookie from the origin %s is refused, and its page told why',
  async (origin) => {
    for (const origins of [[origin], () => true] satisfies Origins[]) {
      const server = testServer({ origins })
      await expect(
        visit(who(byCookie), {}, { server, headers: { origin, cookie: 'who=Ada' } }),
      ).rejects.toMatchObject({ status: 403, code: 'origin-required', closeCode: 4403 })
      await expect(visit(who(byCookie), {}, { server, headers: { origin } })).rejects.toMatchObject({
        status: 401,
      })
    }
  },
)

test('a cookie from an app with a name of its own lets in', async () => {
  const server = testServer({ origins: ['app://-'] })
  const visitor = await visit(
    who(byCookie),
    {},
    { server, headers: { origin: 'app://-', cookie: 'who=Ada' } },
  )
  expect(await visitor.next()).toBe('1')
})

test('a rule decides about each origin, and hears what was asked for', async () => {
  const asked: unknown[] = []
  const rule: OriginRule = async (origin, { host, path, address, signal }) => {
    asked.push([origin, host, path, address, signal.aborted])
    return origin === 'https://pr-7.example.app'
  }
  const host = 'api.example'
  await expect(visitFromPage(rule, 'https://pr-7.example.app', { host })).resolves.toBeDefined()
  await expect(visitFromPage(rule, 'https://api.example', { host })).rejects.toMatchObject({
    status: 403,
    code: 'origin-not-allowed',
    close: null,
  })
  expect(asked).toEqual([
    ['https://pr-7.example.app', host, '/ws/who', '127.0.0.1', false],
    ['https://api.example', host, '/ws/who', '127.0.0.1', false],
  ])
})

test.each([
  'x',
  'https://',
  'https://app.example/',
  'https://u@app.example',
  'https://app.example https://b.example',
])('a rule is not asked about %j, which is no origin', async (origin) => {
  const faults: unknown[] = []
  const rule: OriginRule = (asked) => new URL(asked).hostname === 'app.example'
  const server = testServer({ origins: rule, report: (error) => faults.push(error) })
  const headers = { 'x-test-user': 'Ada', origin }
  await expect(visit(who(byName), {}, { server, headers })).rejects.toMatchObject({
    code: 'origin-not-allowed',
  })
  expect(faults).toEqual([])
})

test('a rule is not asked without an Origin, which programs do not send', async () => {
  const server = testServer({ origins: () => false })
  await expect(visit(who(byName), {}, { server, headers: { 'x-test-user': 'Ada' } })).resolves.toBeDefined()
})

test.each([1, 'true', {}, null, undefined])('a rule that answers %j allows nothing', async (answer) => {
  // a rule that is written in JavaScript may answer anything
  const rule = (() => answer) as unknown as OriginRule
  await expect(visitFromPage(rule, 'https://app.example')).rejects.toMatchObject({
    code: 'origin-not-allowed',
  })
})

// proves: origin-rule
test('a rule that throws is 503 and reported, and allows nothing', async () => {
  for (const rule of [
    () => Promise.reject(new Error('database away')),
    () => {
      throw new Error('database away')
    },
  ] satisfies OriginRule[]) {
    const faults: unknown[] = []
    const server = testServer({
      origins: rule,
      report: (error, doing) => faults.push([String(error), doing]),
    })
    const headers = { 'x-test-user': 'Ada', origin: 'https://app.example' }
    await expect(visit(who(byName), {}, { server, headers })).rejects.toMatchObject({
      status: 503,
      code: 'unavailable',
      close: null,
    })
    expect(faults).toEqual([['Error: database away', "asking 'origins'"]])
  }
})

// proves: origin-rule
test('a rule that never answers is 503 when the time of a handshake is over', async () => {
  const clock = testClock()
  const signals: AbortSignal[] = []
  const events: SallyportEvent[] = []
  const rule: OriginRule = (_, { signal }) => (signals.push(signal), new Promise(() => {}))
  const server = testServer({ clock, origins: rule, report: () => {}, on: (event) => events.push(event) })
  const headers = { 'x-test-user': 'Ada', origin: 'https://app.example' }
  const refused = expect(visit(who(byName), {}, { server, headers })).rejects.toMatchObject({ status: 503 })
  await expect.poll(() => signals.length, { interval: 1 }).toBe(1)
  await clock.advance(5_000)
  await refused
  expect(signals.map(({ aborted }) => aborted)).toEqual([true])
})

test.each(['my_app', 'web_1:8000', '_', 'a_b.internal'])(
  'a Host may hold an underscore: %s',
  async (host) => {
    const origin = `http://${host}`
    for (const options of [{}, { hosts: [host] }, { origins: [origin] }]) {
      const server = testServer(options)
      const headers = { 'x-test-user': 'Ada', host, origin }
      await expect(visit(who(byName), {}, { server, headers })).resolves.toBeDefined()
    }
  },
)
