import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { afterEach, expect, test, vi } from 'vitest'
import {
  anyone,
  consumer,
  contract,
  deny,
  type ServerOptions,
  router,
  sallyport,
  text,
} from '../../../src/index.ts'
import { warnings } from '../../../src/core/admission/warnings.ts'
import { originRules } from '../../../src/core/access/origin.ts'
import { answerTo, upgradeHead } from '../../transports/node/upgrade-head.ts'
import { holdsCredential } from '../../support/credential-shapes.ts'
import { closeAfterTest } from '../../support/close-after-test.ts'

const servers: HttpServer[] = []
afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
  for (const httpServer of servers.splice(0)) httpServer.close().closeAllConnections()
})

const lines = consumer(contract('/ws/lines', { client: text }), { auth: anyone }, () => ({
  message: () => {},
}))
const full = consumer(
  contract('/ws/full/:seat', { client: text }),
  { auth: anyone, authorize: (): boolean => deny(404, 'not-found', 'no such seat') },
  () => ({ message: () => {} }),
)

async function serving(options: ServerOptions = {}) {
  const said: string[] = []
  const server = sallyport({ warn: (message) => said.push(message), report: () => {}, ...options })
  closeAfterTest(server)
  server.serve(router([lines, full]))
  // with a server of its own node:http refuses large headers before anybody hears of them
  const httpServer = createServer()
  server.attach(httpServer)
  await once(httpServer.listen(0, '127.0.0.1'), 'listening')
  servers.push(httpServer)
  // a server that listens on TCP has an address of this kind
  const { port: number } = httpServer.address() as AddressInfo
  const requestUpgrade = (path: string, headers: Record<string, string | null> = {}, more: string[] = []) =>
    answerTo(number, upgradeHead(path, headers, more))
  return { said, requestUpgrade, server, number }
}

const page = 'http://localhost:5173'

test('a page on another port is told once, with the line that would allow it', async () => {
  const { said, requestUpgrade } = await serving()
  for (let times = 0; times < 3; times++) await requestUpgrade('/ws/lines', { Origin: page })
  expect(said).toEqual([
    "sallyport: refused with 403 origin-not-allowed: a page of http://localhost:5173 may not open /ws/lines, because its host and port are not those of this server. To allow it: sallyport({ origins: ['http://localhost:5173'] }) (list this server's own origin too, where it has pages)",
  ])
})

test('the line that is told allows the page', async () => {
  const { said, requestUpgrade } = await serving({ origins: ['https://app.example'] })
  await requestUpgrade('/ws/lines', { Origin: page })
  expect(said[0]).toContain("sallyport({ origins: ['https://app.example', 'http://localhost:5173'] })")
  const then = await serving({ origins: ['https://app.example', page] })
  const { number } = then
  const ws = new WebSocket(`ws://127.0.0.1:${number}/ws/lines`, {
    headers: { origin: page },
  })
  await once(ws, 'open')
  ws.close()
  expect(then.said).toEqual([])
})

test.each<[string, ServerOptions, [string, Record<string, string | null>?, string[]?], string]>([
  [
    'a rule',
    { origins: () => false },
    ['/ws/lines', { Origin: page }],
    "the function 'origins' did not answer true",
  ],
  ['an origin that any page can have', {}, ['/ws/lines', { Origin: 'null' }], "origins: ['null'] }) (list"],
  ['a malformed origin', {}, ['/ws/lines', { Origin: 'http://a:b@c/' }], 'an Origin header is malformed'],
  ['a host', { hosts: ['app.example'] }, ['/ws/lines', { Host: 'dev.local:80' }], "hosts: ['dev.local']"],
  ['a path', {}, ['/ws/line'], 'at /ws/line (served: /ws/lines, /ws/full/:seat)'],
  ['a token in the query', {}, ['/ws/lines?token=s3cret'], "carriers: { query: { bearer: 'token' } }"],
  ['a ticket in the query', {}, ['/ws/lines?ticket=s3cret'], "carriers: { query: { ticket: 'ticket' } }"],
  ['no key', {}, ['/ws/lines', { 'Sec-WebSocket-Key': null }], 'Sec-WebSocket-Key is missing or malformed'],
  ['another version', {}, ['/ws/lines', { 'Sec-WebSocket-Version': '8' }], 'only version 13 is supported'],
  ['a header twice', {}, ['/ws/lines', {}, ['Host: a']], "the header 'host' appears twice"],
  [
    'large headers',
    { limits: { headerBytes: 300 } },
    ['/ws/lines', { 'X-A': 'a'.repeat(300) }],
    'limits: { headerBytes: 600 }',
  ],
  ['a parameter', {}, ['/ws/full/%00'], "the path parameter 'seat'"],
])('a refusal for %s says what it was', async (_, options, [path, headers, more], what) => {
  const { said, requestUpgrade } = await serving(options)
  await requestUpgrade(path, headers, more)
  await requestUpgrade(path, headers, more)
  expect(said).toEqual([expect.stringContaining(what)])
  expect(said.join()).not.toContain('s3cret')
})

test('before serve the cure is named', async () => {
  const said: string[] = []
  const server = sallyport({ warn: (message) => said.push(message) })
  closeAfterTest(server)
  const { port: number } = await server.listen(0)
  await answerTo(number, upgradeHead('/ws/lines'))
  expect(said).toEqual([expect.stringContaining('server.serve(router([...]))')])
})

test('a path that attach turned down says so', async () => {
  const { said, server } = await serving()
  const httpServer = createServer()
  server.attach(httpServer, { accepts: (path) => path === '/ws/lines' })
  await once(httpServer.listen(0, '127.0.0.1'), 'listening')
  // a server that listens on TCP has an address of this kind
  await answerTo((httpServer.address() as AddressInfo).port, upgradeHead('/ws/other'))
  httpServer.close().closeAllConnections()
  expect(said).toEqual([expect.stringContaining("at /ws/other ('accepts' of attach() has refused the path)")])
})

test('an answer of an endpoint is no mistake of the configuration, and nothing is said of it', async () => {
  const { said, requestUpgrade } = await serving()
  await requestUpgrade('/ws/full/1')
  await requestUpgrade('/ws/lines', { Authorization: 'Bearer abc' })
  expect(said).toEqual([])
})

// proves: console
test('a scanner fills neither console nor memory: eight causes of a code are told', async () => {
  const { said, requestUpgrade } = await serving()
  for (let count = 0; count < 20; count++) await requestUpgrade(`/scan/${count}`)
  await requestUpgrade('/ws/lines', { Origin: page })
  expect(said).toHaveLength(9)
  expect(said[7]).toContain('Further causes of this are not printed.')
  expect(said[8]).toContain(page)
})

// proves: console
test('nothing that a terminal would obey, and no part of a path that may be a secret, is printed', () => {
  const said: string[] = []
  const hear = warnings({
    print: (message) => said.push(message),
    isDevelopment: true,
    origins: originRules(undefined, undefined),
  })
  const token = `eyJ${'h'.repeat(20)}.eyJ${'p'.repeat(20)}.${'s'.repeat(43)}`
  const place = { id: '1', address: '192.0.2.1', origin: null, status: 404, code: 'not-found', message: 'no' }
  hear({ type: 'denied', ...place, path: `/ws/${token}`, detail: 'a\x1b[31m\x9b\u202e\n' })
  hear({ type: 'denied', ...place, path: `/${'a/'.repeat(2_000)}`, detail: 'b'.repeat(5_000) })
  hear({ type: 'misconfigured', cause: 'unix-socket', detail: '\x1b]0;title\x07' })
  for (const line of said) {
    expect(line).toMatch(/^[\x20-\x7e]{1,1200}$/)
    expect(holdsCredential(line)).toBe(false)
  }
  expect(said).toHaveLength(3)
})

test('a slow validation is told in development alone', () => {
  for (const isDevelopment of [true, false]) {
    const said: string[] = []
    const print = (message: string): number => said.push(message)
    const hear = warnings({ print, isDevelopment, origins: originRules(undefined, undefined) })
    hear({ type: 'misconfigured', cause: 'slow-validation', detail: "'say' of /ws/lines took 80 ms" })
    expect(said).toEqual(isDevelopment ? ["sallyport: 'say' of /ws/lines took 80 ms"] : [])
  }
})

test.each<[string | undefined, ServerOptions['warn'], number]>([
  ['development', undefined, 2],
  [undefined, undefined, 2],
  ['test', undefined, 0],
  ['test', true, 2],
  ['production', undefined, 1],
  ['production', true, 1],
  ['development', false, 0],
])('with NODE_ENV %s and warn %s so many lines are on the console: %i', async (environment, warn, count) => {
  vi.stubEnv('NODE_ENV', environment)
  const print = vi.spyOn(console, 'warn').mockImplementation(() => {})
  const server = sallyport(warn === undefined ? {} : { warn })
  closeAfterTest(server)
  server.serve(lines)
  const { port: number } = await server.listen(0)
  await answerTo(number, upgradeHead('/ws/lines', { Origin: page, 'X-Forwarded-For': '192.0.2.7' }))
  expect(print).toHaveBeenCalledTimes(count)
})

test('a function for warnings that throws harms no handshake', async () => {
  const { requestUpgrade } = await serving({
    warn: () => {
      throw new Error('a fault of the logger')
    },
  })
  expect(await requestUpgrade('/ws/lines', { Origin: page })).toContain('origin-not-allowed')
})
