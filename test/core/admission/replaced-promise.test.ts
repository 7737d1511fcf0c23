import { once } from 'node:events'
import { get } from 'node:http'
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { jwt } from '../../../src/auth/jwt.ts'
import { runAdmission } from '../../../src/core/admission/admit.ts'
import { serverContext } from '../../../src/core/server-context.ts'
import { consumer, contract, type Layer, memory, sallyport, text } from '../../../src/index.ts'
import { memoryHandshake } from '../../../src/transports/memory.ts'
import { testServer } from '../../../src/testing.ts'
import { closeAfterTest } from '../../support/close-after-test.ts'
import { handmade, secret } from '../../support/tokens.ts'

// zone.js, for one, replaces the global `Promise`; async functions still return the promises of the language

const lines = contract('/ws/lines', { client: text, server: text })
const handlers = () => ({ message: () => {} })
const known = consumer(lines, { auth: jwt({ secret, user: ({ sub }) => ({ id: sub }) }) }, handlers)
const lookedUp = consumer(lines, { auth: jwt({ secret, user: async ({ sub }) => ({ id: sub }) }) }, handlers)
const token = handmade({ alg: 'HS256' }, { sub: 'ada', exp: Math.ceil(Date.now() / 1000) + 600 })
const headers = { authorization: `Bearer ${token}` }

beforeEach(() => {
  const native = Promise
  vi.stubGlobal('Promise', class Replaced<T> extends native<T> {})
})

afterEach(() => {
  vi.unstubAllGlobals()
})

test('with a replaced Promise, a peer is refused while revocations are unknown', async () => {
  const away: Layer = {
    ...memory(),
    connect: async () => {
      throw new Error('the layer is away')
    },
  }
  const server = testServer({ layer: away, report: () => {} })
  const visit = {
    path: '/ws/lines',
    query: '',
    headers: new Headers(headers),
    address: '192.0.2.1',
    known: null,
  }
  const request = memoryHandshake(server[serverContext], visit, { message: () => {}, ended: () => {} })
  expect(await runAdmission(known, request)).toMatchObject({ status: 503, reason: 'unavailable' })
  expect(server.connections).toBe(0)
})

test('with a replaced Promise, peers whose user is looked up come in, also after a wait', async () => {
  const server = sallyport({ report: () => {}, limits: { handshakesAtOnce: 1 } })
  closeAfterTest(server)
  server.serve(lookedUp)
  const { port } = await server.listen(0)
  const upgrade = { ...headers, connection: 'Upgrade', upgrade: 'websocket' }
  const webSocket = { 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' }
  const arrive = async () => {
    const asking = get({ port, path: '/ws/lines', headers: { ...upgrade, ...webSocket } })
    asking.on('upgrade', (_response, socket) => onTestFinished(() => void socket.destroy()))
    asking.on('response', (response) => asking.emit('upgrade', response, response.socket))
    const [{ statusCode }] = await once(asking, 'upgrade')
    return statusCode
  }
  expect(await Promise.all([arrive(), arrive(), arrive()])).toEqual([101, 101, 101])
  expect(server.connections).toBe(3)
})
