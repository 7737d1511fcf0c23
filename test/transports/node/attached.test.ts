import { once } from 'node:events'
import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import WebSocket from 'ws'
import { type ServerOptions, type Server, type SallyportEvent, sallyport } from '../../../src/index.ts'
import { testClock } from '../../../src/testing.ts'
import { echo } from '../../core/support/members.ts'
import { answerTo, connectAndSend, statusOf, upgradeHead } from './upgrade-head.ts'
import { closeAfterTest } from '../../support/close-after-test.ts'

const servers: HttpServer[] = []
afterEach(() => {
  for (const httpServer of servers.splice(0)) {
    httpServer.close()
    httpServer.closeAllConnections()
  }
})

function echoing(options: ServerOptions = {}): Server {
  const server = sallyport({ report: () => {}, ...options })
  closeAfterTest(server)
  server.serve(echo)
  return server
}

async function listening(httpServer: HttpServer): Promise<number> {
  servers.push(httpServer)
  httpServer.listen(0, '127.0.0.1')
  await once(httpServer, 'listening')
  return (httpServer.address() as AddressInfo).port
}

async function openEchoCheck(number: number): Promise<() => Promise<void>> {
  const ws = new WebSocket(`ws://127.0.0.1:${number}/ws/lines`, { headers: { 'x-test-user': 'Ada' } })
  await once(ws, 'open')
  return async () => {
    const answer = once(ws, 'message')
    ws.send('still here')
    expect(String((await answer)[0])).toBe('still here')
  }
}

test('a peer that resets an upgrade that no server accepts ends nothing', async () => {
  const httpServer = createServer()
  echoing().attach(httpServer, { accepts: (path) => path === '/ws/lines' })
  echoing().attach(httpServer, { accepts: (path) => path === '/ws/other' })
  const number = await listening(httpServer)
  const alive = await openEchoCheck(number)
  for (let count = 0; count < 10; count++) {
    const socket = await connectAndSend(number, upgradeHead('/ws/unknown'))
    await alive()
    socket.resetAndDestroy()
  }
  await alive()
})

test('an upgrade without an answer is cut, and one that another listener answers is not', async () => {
  const httpServer = createServer()
  echoing({ limits: { handshakeMs: 50 } }).attach(httpServer, { accepts: (path) => path === '/ws/lines' })
  httpServer.on('upgrade', (request, socket) => {
    if (request.url === '/other') socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n')
  })
  const number = await listening(httpServer)
  const other = await connectAndSend(number, upgradeHead('/other'))
  await once(other, 'data')
  const unknown = await connectAndSend(number, upgradeHead('/ws/unknown'))
  unknown.resume()
  await once(unknown, 'close')
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(other.destroyed).toBe(false)
  other.destroy()
})

test('an upgrade behind a request without an answer is cut: that answer would look like a frame', async () => {
  const events: SallyportEvent[] = []
  const httpServer = createServer((_, response) => void setTimeout(() => response.end('late'), 50))
  echoing({ on: (event) => events.push(event) }).attach(httpServer)
  const number = await listening(httpServer)
  const alive = await openEchoCheck(number)
  const plain = 'GET /plain HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'
  const answer = await answerTo(number, plain + upgradeHead('/ws/lines', {}, ['x-test-user: Ada']))
  expect(answer).not.toContain('101 Switching Protocols')
  expect(events.map(({ type }) => type)).toEqual(['accepted', 'denied'])
  await alive()
})

test('an upgrade behind a request that was answered is let in', async () => {
  const httpServer = createServer((_, response) => void response.end('plain'))
  echoing().attach(httpServer)
  const number = await listening(httpServer)
  const socket = await connectAndSend(number, 'GET /plain HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
  await once(socket, 'data')
  socket.write(upgradeHead('/ws/lines', {}, ['x-test-user: Ada']))
  expect(String((await once(socket, 'data'))[0])).toContain('101 Switching Protocols')
  socket.destroy()
})

test('as many headers as the server keeps are refused: there may have been more', async () => {
  const httpServer = createServer()
  httpServer.maxHeadersCount = 8
  echoing().attach(httpServer)
  const number = await listening(httpServer)
  const more = (count: number): string[] => Array.from({ length: count }, (_, index) => `X-${index}: a`)
  const status = async (count: number): Promise<number> =>
    statusOf(await answerTo(number, upgradeHead('/ws/nowhere', {}, more(count))))
  expect(await status(2)).toBe(404)
  expect(await status(3)).toBe(431)
})

test('a server that keeps all headers is asked for no fewer', async () => {
  const httpServer = createServer()
  httpServer.maxHeadersCount = 0
  echoing().attach(httpServer)
  await (
    await openEchoCheck(await listening(httpServer))
  )()
})

test('an upgrade that was handed on after its peer had gone ends at once, and its signal aborts', async () => {
  const reasons: unknown[] = []
  const server = sallyport({ clock: testClock() })
  closeAfterTest(server)
  server.serve(async ({ signal }) => void reasons.push(signal.reason))
  const [front, back] = [createServer(), createServer()]
  server.attach(back)
  const { promise: handed, resolve: hand } = Promise.withResolvers<void>()
  front.on('upgrade', (request, socket, head) => {
    hand()
    socket.on('error', () => {}).resume()
    socket.on('close', () => setImmediate(() => back.emit('upgrade', request, socket, head)))
  })
  const socket = await connectAndSend(await listening(front), upgradeHead('/ws/lines'))
  await handed
  socket.resetAndDestroy()
  await expect.poll(() => reasons, { interval: 1 }).toMatchObject([{ status: 499, reason: 'gone' }])
})

test('an upgrade that another listener has answered and ended is not written to', async () => {
  const faults: unknown[] = []
  const httpServer = createServer()
  httpServer.on('upgrade', (_request, socket) => {
    socket.on('error', (error) => faults.push(error))
    socket.end('HTTP/1.1 410 Gone\r\n\r\n')
  })
  echoing().attach(httpServer)
  const number = await listening(httpServer)
  expect(statusOf(await answerTo(number, upgradeHead('/ws/nowhere')))).toBe(410)
  expect(faults).toEqual([])
})

test('a timeout of the site for its requests does not apply to an accepted socket', async () => {
  const timeouts: (() => number | undefined)[] = []
  const httpServer = createServer()
  httpServer.on('connection', (socket) => {
    socket.setTimeout(60_000, () => socket.destroy())
    timeouts.push(() => socket.timeout)
  })
  echoing().attach(httpServer)
  await (
    await openEchoCheck(await listening(httpServer))
  )()
  expect(timeouts.map((timeout) => timeout())).toEqual([0])
})

test('a target with a password in it is refused, and the event does not repeat it', async () => {
  const events: SallyportEvent[] = []
  const httpServer = createServer()
  echoing({ on: (event) => events.push(event) }).attach(httpServer)
  const number = await listening(httpServer)
  const answer = await answerTo(number, upgradeHead('http://ada:hunter2@127.0.0.1/ws/lines'))
  expect(statusOf(answer)).toBe(400)
  expect(events).toHaveLength(1)
  expect(JSON.stringify(events) + answer).not.toContain('hunter2')
})

test('a port that is closed twice is closed once, for both', async () => {
  const server = echoing()
  const { port: number } = await server.listen(0)
  await openEchoCheck(number)
  await Promise.all([server.close({ drain: '1s' }), server.close({ drain: '1s' })])
  await server.close()
})
