import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import WebSocket from 'ws'
import { type Options, type Port, type SallyportEvent, sallyport } from '../../src/index.ts'
import { testClock } from '../../src/testing.ts'
import { echo } from '../core/rooms.ts'
import { answerTo, knock, statusOf, upgradeHead } from './upgrade-head.ts'

const ports: Port[] = []
const servers: Server[] = []
afterEach(async () => {
  await Promise.all(ports.splice(0).map((port) => port.close({ drain: 0 })))
  for (const server of servers.splice(0)) {
    server.close()
    server.closeAllConnections()
  }
})

function echoing(options: Options = {}): Port {
  const port = sallyport({ report: () => {}, ...options })
  ports.push(port)
  port.serve(echo)
  return port
}

async function listening(server: Server): Promise<number> {
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function canary(number: number): Promise<() => Promise<void>> {
  const ws = new WebSocket(`ws://127.0.0.1:${number}/ws/lines`, { headers: { 'x-test-user': 'Ada' } })
  await once(ws, 'open')
  return async () => {
    const answer = once(ws, 'message')
    ws.send('still here')
    expect(String((await answer)[0])).toBe('still here')
  }
}

test('a peer that resets an upgrade that nobody wants ends nothing', async () => {
  const server = createServer()
  echoing().attach(server, { accepts: (path) => path === '/ws/lines' })
  echoing().attach(server, { accepts: (path) => path === '/ws/other' })
  const number = await listening(server)
  const alive = await canary(number)
  for (let count = 0; count < 10; count++) {
    const socket = await knock(number, upgradeHead('/ws/nobody'))
    await alive()
    socket.resetAndDestroy()
  }
  await alive()
})

test('an upgrade that nobody answers is cut, and one that somebody else answers is not', async () => {
  const server = createServer()
  echoing({ limits: { handshakeMs: 50 } }).attach(server, { accepts: (path) => path === '/ws/lines' })
  server.on('upgrade', (request, socket) => {
    if (request.url === '/other') socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n')
  })
  const number = await listening(server)
  const other = await knock(number, upgradeHead('/other'))
  await once(other, 'data')
  const nobody = await knock(number, upgradeHead('/ws/nobody'))
  nobody.resume()
  await once(nobody, 'close')
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(other.destroyed).toBe(false)
  other.destroy()
})

test('an upgrade behind a request that is not answered yet is cut: its answer would be taken for a frame', async () => {
  const events: SallyportEvent[] = []
  const server = createServer((_, response) => void setTimeout(() => response.end('late'), 50))
  echoing({ on: (event) => events.push(event) }).attach(server)
  const number = await listening(server)
  const alive = await canary(number)
  const plain = 'GET /plain HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'
  const answer = await answerTo(number, plain + upgradeHead('/ws/lines', {}, ['x-test-user: Ada']))
  expect(answer).not.toContain('101 Switching Protocols')
  expect(events.map(({ type }) => type)).toEqual(['accepted', 'denied'])
  await alive()
})

test('an upgrade behind a request that was answered is let in', async () => {
  const server = createServer((_, response) => void response.end('plain'))
  echoing().attach(server)
  const number = await listening(server)
  const socket = await knock(number, 'GET /plain HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
  await once(socket, 'data')
  socket.write(upgradeHead('/ws/lines', {}, ['x-test-user: Ada']))
  expect(String((await once(socket, 'data'))[0])).toContain('101 Switching Protocols')
  socket.destroy()
})

test('as many headers as the server keeps are refused: there may have been more', async () => {
  const server = createServer()
  server.maxHeadersCount = 8
  echoing().attach(server)
  const number = await listening(server)
  const more = (count: number): string[] => Array.from({ length: count }, (_, index) => `X-${index}: a`)
  const status = async (count: number): Promise<number> =>
    statusOf(await answerTo(number, upgradeHead('/ws/nowhere', {}, more(count))))
  expect(await status(2)).toBe(404)
  expect(await status(3)).toBe(431)
})

test('a server that keeps all headers is asked for no fewer', async () => {
  const server = createServer()
  server.maxHeadersCount = 0
  echoing().attach(server)
  await (
    await canary(await listening(server))
  )()
})

test('an upgrade that was handed on when its peer had gone is over at once, and its signal says so', async () => {
  const reasons: unknown[] = []
  const port = sallyport({ clock: testClock() })
  ports.push(port)
  port.serve(async ({ signal }) => void reasons.push(signal.reason))
  const [front, back] = [createServer(), createServer()]
  port.attach(back)
  const { promise: handed, resolve: hand } = Promise.withResolvers<void>()
  front.on('upgrade', (request, socket, head) => {
    hand()
    socket.on('error', () => {}).resume()
    socket.on('close', () => setImmediate(() => back.emit('upgrade', request, socket, head)))
  })
  const socket = await knock(await listening(front), upgradeHead('/ws/lines'))
  await handed
  socket.resetAndDestroy()
  await expect.poll(() => reasons, { interval: 1 }).toMatchObject([{ status: 499, reason: 'gone' }])
})

test('an upgrade that another listener has answered and ended is not written to', async () => {
  const faults: unknown[] = []
  const server = createServer()
  server.on('upgrade', (_request, socket) => {
    socket.on('error', (error) => faults.push(error))
    socket.end('HTTP/1.1 410 Gone\r\n\r\n')
  })
  echoing().attach(server)
  const number = await listening(server)
  expect(statusOf(await answerTo(number, upgradeHead('/ws/nowhere')))).toBe(410)
  expect(faults).toEqual([])
})

test('a timeout that the site has set for its requests does not hold for a socket that was let in', async () => {
  const timeouts: (() => number | undefined)[] = []
  const server = createServer()
  server.on('connection', (socket) => {
    socket.setTimeout(60_000, () => socket.destroy())
    timeouts.push(() => socket.timeout)
  })
  echoing().attach(server)
  await (
    await canary(await listening(server))
  )()
  expect(timeouts.map((timeout) => timeout())).toEqual([0])
})

test('a target with a password in it is refused, and the event does not repeat it', async () => {
  const events: SallyportEvent[] = []
  const server = createServer()
  echoing({ on: (event) => events.push(event) }).attach(server)
  const number = await listening(server)
  const answer = await answerTo(number, upgradeHead('http://ada:hunter2@127.0.0.1/ws/lines'))
  expect(statusOf(answer)).toBe(400)
  expect(events).toHaveLength(1)
  expect(JSON.stringify(events) + answer).not.toContain('hunter2')
})

test('a port that is closed twice is closed once, for both', async () => {
  const port = echoing()
  const { port: number } = await port.listen(0)
  await canary(number)
  await Promise.all([port.close({ drain: '1s' }), port.close({ drain: '1s' })])
  await port.close()
})
