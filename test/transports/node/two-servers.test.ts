import { once } from 'node:events'
import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { Server as SocketIo } from 'socket.io'
import { createServer as createVite } from 'vite'
import { afterEach, expect, test } from 'vitest'
import WebSocket, { WebSocketServer } from 'ws'
import {
  type AttachOptions,
  type Authenticator,
  consumer,
  contract,
  deny,
  type ServerOptions,
  type Server,
  sallyport,
  type SallyportEvent,
  text,
} from '../../../src/index.ts'
import { testClock } from '../../../src/testing.ts'
import { echo } from '../../core/support/members.ts'
import { answerTo, connectAndSend, statusOf, upgradeHead } from './upgrade-head.ts'

// An HTTP server has one answer for each upgrade, also when others listen to it.
const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

function httpServer(): HttpServer {
  const http = createServer((_request, response) => response.end('a page'))
  cleanups.push(() => {
    http.close()
    http.closeAllConnections()
  })
  return http
}

async function listening(http: HttpServer): Promise<number> {
  await once(http.listen(0, '127.0.0.1'), 'listening')
  // a server that listens on TCP has an address of this kind
  return (http.address() as AddressInfo).port
}

interface Echoing {
  readonly server: Server
  readonly faults: string[]
  readonly events: SallyportEvent[]
}

function echoing(options: ServerOptions = {}): Echoing {
  const faults: string[] = []
  const events: SallyportEvent[] = []
  const server = sallyport({
    report: (error) => faults.push(String(error)),
    on: (event) => events.push(event),
    ...options,
  })
  cleanups.push(() => server.close({ drain: 0 }))
  server.serve(echo)
  return { server, faults, events }
}

/** The first message of a socket, or what is wrong with it. */
async function firstOf(url: string, protocols: string[] = []): Promise<string> {
  const ws = new WebSocket(url, protocols, { headers: { 'x-test-user': 'Ada' } })
  cleanups.push(() => ws.terminate())
  ws.on('open', () => ws.send('hello'))
  return new Promise((resolve) => {
    ws.on('message', (data: Buffer) => resolve(data.toString()))
    ws.on('error', (error) => resolve(`error: ${error.message}`))
    ws.on('close', (code) => resolve(`closed: ${code}`))
  })
}

test('a second server on one HTTP server is refused when one of the two takes every path', () => {
  const some: AttachOptions = { accepts: (path) => path === '/ws/a' }
  for (const [first, second] of [
    [{}, {}],
    [{}, some],
    [some, {}],
  ] as const) {
    const http = httpServer()
    echoing().server.attach(http, first)
    expect(() => echoing().server.attach(http, second)).toThrow('one of the two takes every path')
    expect(http.listenerCount('upgrade')).toBe(1)
  }
})

test('two servers with paths of their own share an HTTP server', async () => {
  const http = httpServer()
  const [lines, others] = [echoing(), echoing()]
  lines.server.attach(http, { accepts: (path) => path === '/ws/lines' })
  others.server.attach(http, { accepts: (path) => path === '/ws/others' })
  const number = await listening(http)
  expect(await firstOf(`ws://127.0.0.1:${number}/ws/lines`)).toBe('hello')
  expect(statusOf(await answerTo(number, upgradeHead('/ws/others')))).toBe(404)
  expect(statusOf(await answerTo(number, upgradeHead('/ws/unknown')))).toBe(404)
  expect([lines.server.connections, others.server.connections]).toEqual([1, 0])
  expect([lines.faults, others.faults]).toEqual([[], []])
})

// proves: two-listeners
test('of two servers that accept the same path the first answers alone, and says so once', async () => {
  const http = httpServer()
  const [first, second] = [echoing(), echoing()]
  first.server.attach(http, { accepts: (path) => path.startsWith('/ws/') })
  second.server.attach(http, { accepts: (path) => path === '/ws/lines' })
  const url = `ws://127.0.0.1:${await listening(http)}/ws/lines`
  expect([await firstOf(url), await firstOf(url)]).toEqual(['hello', 'hello'])
  expect([first.server.connections, second.server.connections]).toEqual([2, 0])
  expect(first.faults).toEqual([expect.stringContaining("make sure that their 'accepts' do not overlap")])
})

test('a server that was closed makes way for another one', async () => {
  const http = httpServer()
  const old = echoing()
  old.server.attach(http)
  await old.server.close({ drain: 0 })
  expect(() => old.server.attach(http)).toThrow('this server is closed')
  echoing().server.attach(http)
  expect(await firstOf(`ws://127.0.0.1:${await listening(http)}/ws/lines`)).toBe('hello')
})

const attachments: [string, AttachOptions][] = [
  ['without accepts', {}],
  ['with accepts', { accepts: () => true }],
]

test.each(attachments)('an upgrade that ws has taken is left alone: %s', async (_, how) => {
  for (const isFirst of [true, false]) {
    const http = httpServer()
    const { server, events } = echoing()
    const wss = (): void => {
      const other = new WebSocketServer({ server: http })
      other.on('connection', (ws) => ws.on('message', () => ws.send('from ws')))
      cleanups.push(() => other.close())
    }
    if (isFirst) wss()
    server.attach(http, how)
    if (!isFirst) wss()
    expect(await firstOf(`ws://127.0.0.1:${await listening(http)}/ws/lines`)).toBe('from ws')
    expect([server.connections, events]).toEqual([0, []])
  }
})

test.each(attachments)('an upgrade that Socket.IO has taken is left alone: %s', async (_, how) => {
  const http = httpServer()
  const { server } = echoing()
  server.attach(http, how)
  const io = new SocketIo(http, { destroyUpgrade: false })
  cleanups.push(() => io.close())
  const base = `ws://127.0.0.1:${await listening(http)}`
  expect(await firstOf(`${base}/socket.io/?EIO=4&transport=websocket`)).toMatch(/^0\{"sid":/)
  expect(await firstOf(`${base}/ws/lines`)).toBe('hello')
})

test.each(attachments)('an upgrade of the hot reloading of Vite is left alone: %s', async (_, how) => {
  const http = httpServer()
  const { server } = echoing()
  server.attach(http, how)
  const vite = await createVite({
    configFile: false,
    logLevel: 'silent',
    server: { middlewareMode: true, hmr: { server: http }, watch: null },
  })
  cleanups.push(() => vite.close())
  const base = `ws://127.0.0.1:${await listening(http)}`
  expect(await firstOf(`${base}/`, ['vite-hmr'])).toBe('{"type":"connected"}')
  expect(await firstOf(`${base}/ws/lines`)).toBe('hello')
})

test.each([
  ['reads its data', (socket: Duplex) => void socket.on('data', () => {})],
  ['waits for data to read', (socket: Duplex) => void socket.on('readable', () => {})],
  ['ends it without an answer', (socket: Duplex) => void socket.end()],
  ['destroys it', (socket: Duplex) => void socket.destroy()],
])('a socket whose listener %s is left to that listener', async (_, take) => {
  for (const path of ['/ws/lines', '/elsewhere']) {
    const http = httpServer()
    const { server, events, faults } = echoing()
    server.attach(http, { accepts: (asked) => asked === '/ws/lines' })
    const taken = new Promise<void>((resolve) => {
      http.on('upgrade', (_request, socket) => {
        take(socket.on('error', () => {}))
        resolve()
      })
    })
    const head = upgradeHead(path, { 'x-test-user': 'Ada' })
    const socket = await connectAndSend(await listening(http), head)
    await taken
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect([server.connections, events, faults]).toEqual([0, [], []])
    socket.destroy()
  }
})

test('an upgrade of a path that is not accepted waits for a listener that answers later', async () => {
  const http = httpServer()
  const { server, events } = echoing()
  server.attach(http, { accepts: (path) => path === '/ws/lines' })
  http.on('upgrade', (_request, socket) => {
    setImmediate(() => socket.end('HTTP/1.1 418 Teapot\r\nConnection: close\r\n\r\n'))
  })
  expect(statusOf(await answerTo(await listening(http), upgradeHead('/elsewhere')))).toBe(418)
  expect(events).toEqual([])
})

test('a listener that only looks on takes nothing', async () => {
  const http = httpServer()
  const seen: (string | undefined)[] = []
  const look = ({ url }: { readonly url?: string | undefined }, socket: Duplex): void => {
    seen.push(url)
    socket.on('error', () => {}).on('close', () => {})
  }
  http.on('upgrade', look)
  echoing().server.attach(http)
  http.on('upgrade', look)
  expect(await firstOf(`ws://127.0.0.1:${await listening(http)}/ws/lines`)).toBe('hello')
  expect(seen).toEqual(['/ws/lines', '/ws/lines'])
})

// proves: two-listeners
test('a listener that answers later is not written over, and that is said once', async () => {
  const http = httpServer()
  const { server, faults, events } = echoing()
  const asked = Promise.withResolvers<void>()
  const answered = Promise.withResolvers<void>()
  server.serve(async (handshake) => {
    asked.resolve()
    await answered.promise
    await echo(handshake)
  })
  server.attach(http)
  http.on('upgrade', (_request, socket) => {
    const answer = async (): Promise<void> => {
      await asked.promise
      socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\ntheirs')
      answered.resolve()
    }
    void answer()
  })
  const socket = await connectAndSend(
    await listening(http),
    upgradeHead('/ws/lines', { 'x-test-user': 'Ada' }),
  )
  let got = ''
  socket.on('data', (chunk: Buffer) => (got += chunk.toString('latin1')))
  await expect.poll(() => faults, { interval: 1 }).toHaveLength(1)
  await expect.poll(() => got, { interval: 1 }).toBe('HTTP/1.1 101 Switching Protocols\r\n\r\ntheirs')
  expect([socket.destroyed, server.connections]).toEqual([false, 0])
  expect(faults[0]).toContain("another 'upgrade' listener of the HTTP server has answered")
  expect(events.map((event) => event.type === 'denied' && event.status)).toEqual([499])
  socket.destroy()
})

test('after the drain an upgrade on an older connection is 503 with Retry-After, a page works', async () => {
  const http = httpServer()
  const { server } = echoing()
  server.attach(http)
  const number = await listening(http)
  const page = 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'
  const [kept, fresh] = [await connectAndSend(number, page), await connectAndSend(number, '')]
  await once(kept, 'data')
  await server.close({ drain: 0 })
  for (const socket of [kept, fresh]) {
    socket.write(upgradeHead('/ws/lines', { 'x-test-user': 'Ada' }))
    const [answer] = (await once(socket, 'data')) as [Buffer]
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 503 [^]*Retry-After: 1\r\n[^]*"code":"restart"/)
  }
  expect(await (await fetch(`http://127.0.0.1:${number}/`)).text()).toBe('a page')
})

test('after the drain a path that is not accepted is left to the others', async () => {
  const http = httpServer()
  const { server } = echoing()
  server.attach(http, { accepts: (path) => path === '/ws/lines' })
  http.on('upgrade', ({ url }, socket) => {
    if (url === '/other') socket.end('HTTP/1.1 410 Gone\r\n\r\n')
  })
  const number = await listening(http)
  await server.close({ drain: 0 })
  expect(statusOf(await answerTo(number, upgradeHead('/other')))).toBe(410)
  expect(statusOf(await answerTo(number, upgradeHead('/ws/lines')))).toBe(503)
})

test('while a server of its own closes, an upgrade on a connection from before is 503', async () => {
  const clock = testClock()
  const { server } = echoing({ clock })
  const { port: number } = await server.listen(0)
  const accepted = await connectAndSend(number, upgradeHead('/ws/lines', { 'x-test-user': 'Ada' }))
  await once(accepted, 'data')
  const [idle, half] = [
    await connectAndSend(number, ''),
    await connectAndSend(number, upgradeHead('/ws/lines').slice(0, 20)),
  ]
  // it does not answer the close, so that the server waits for it
  accepted.pause()
  // a connection after them is answered after them: both are known to the server by then
  expect(statusOf(await answerTo(number, upgradeHead('/ws/nowhere')))).toBe(404)
  const closed = server.close({ drain: 0 })
  await clock.advance(1)
  idle.write(upgradeHead('/ws/lines'))
  half.write(upgradeHead('/ws/lines').slice(20))
  for (const socket of [idle, half]) {
    const [answer] = (await once(socket, 'data')) as [Buffer]
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 503 [^]*Retry-After: 1\r\n/)
  }
  accepted.destroy()
  await closed
})

test('while the server drains no client is asked for a credential', async () => {
  const { server, events } = echoing()
  const [at, done] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const asked: string[] = []
  const auth: Authenticator<{ id: string }> = async ({ id, credentials }) => {
    asked.push(id)
    return credentials.of('bearer') === 'good' ? { user: { id: '1' } } : deny(401, 'invalid-token')
  }
  const open = (): Promise<void> => (at.resolve(), done.promise)
  server.serve(
    consumer(contract('/ws/busy', { client: text }), { auth }, () => ({ open, message: () => {} })),
  )
  const { port: number } = await server.listen(0)
  const busy = await connectAndSend(number, upgradeHead('/ws/busy', { Authorization: 'Bearer good' }))
  await at.promise
  const closed = server.close({ drain: '60s' })
  const answer = await answerTo(number, upgradeHead('/ws/busy', { Authorization: 'Bearer bad' }))
  expect(answer).toMatch(/^HTTP\/1\.1 503 [^]*Retry-After: 1\r\n/)
  done.resolve()
  await closed
  busy.destroy()
  expect(asked).toHaveLength(1)
  expect(events.flatMap((event) => (event.type === 'denied' ? event.code : []))).toEqual(['restart'])
})
