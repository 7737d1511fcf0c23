import { once } from 'node:events'
import { createServer, type Server as HttpServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterEach, expect, test } from 'vitest'
import WebSocket, { WebSocketServer } from 'ws'
import { type Handshake, type ServerOptions, type Server, sallyport } from '../../../src/index.ts'
import { answerTo, connectAndSend, statusOf, upgradeHead } from './upgrade-head.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

function listenOn(
  server: HttpServer = createServer((_request, response) => response.end('a page')),
): Promise<number> {
  cleanups.push(() => new Promise((resolve) => server.close(resolve).closeAllConnections()))
  return new Promise((resolve) => {
    // a server that listens on TCP has an address of this kind
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

function closingServer(
  options: ServerOptions = {},
  welcome: (handshake: Handshake) => void = () => {},
): Server {
  const made = sallyport({ report: () => {}, ...options })
  cleanups.push(() => made.close({ drain: 0 }))
  made.serve(async (handshake) => {
    welcome(handshake)
    const connection = handshake.accept(null)
    connection.listen({ message: () => {}, alive: () => {}, closed: () => {} })
    connection.close(4000, 'ours')
  })
  return made
}

async function closeCode(url: string): Promise<number> {
  const [code] = (await once(new WebSocket(url), 'close')) as [number]
  return code
}

test('a server keeps its pages when it is attached', async () => {
  const server = createServer((_request, response) => response.end('a page'))
  closingServer().attach(server)
  const number = await listenOn(server)
  expect(await (await fetch(`http://127.0.0.1:${number}/`)).text()).toBe('a page')
  expect(await closeCode(`ws://127.0.0.1:${number}/any`)).toBe(4000)
})

test('paths that are turned down are left to the other listeners of the server', async () => {
  const server = createServer()
  const other = new WebSocketServer({ noServer: true })
  server.on('upgrade', (request, socket, head) => {
    if (request.url === '/hmr') other.handleUpgrade(request, socket, head, (ws) => ws.close(4999, 'theirs'))
  })
  const asked: string[] = []
  closingServer().attach(server, { accepts: (path) => (asked.push(path), path.startsWith('/ws/')) })
  const number = await listenOn(server)
  expect(await closeCode(`ws://127.0.0.1:${number}/hmr`)).toBe(4999)
  expect(await closeCode(`ws://127.0.0.1:${number}/ws/a?b=c`)).toBe(4000)
  // what the other one has taken is not asked about
  expect(asked).toEqual(['/ws/a'])
})

test('a path that is turned down and has no other listener is 404, not a socket that hangs', async () => {
  const server = createServer()
  closingServer().attach(server, { accepts: () => false })
  expect(statusOf(await answerTo(await listenOn(server), upgradeHead('/elsewhere')))).toBe(404)
})

test('a rule for paths that throws refuses the upgrade and ends nothing', async () => {
  const faults: unknown[] = []
  const server = createServer((_request, response) => response.end('alive'))
  closingServer({ report: (error) => faults.push(error) }).attach(server, {
    accepts: () => {
      throw new Error('a fault of the rule')
    },
  })
  const number = await listenOn(server)
  expect(statusOf(await answerTo(number, upgradeHead()))).toBe(404)
  expect(faults.map(String)).toEqual(['Error: a fault of the rule'])
  expect(await (await fetch(`http://127.0.0.1:${number}/`)).text()).toBe('alive')
})

test('a rule for paths that answers later accepts nothing', async () => {
  const server = createServer()
  // as a program without types writes it
  closingServer().attach(server, { accepts: (async () => true) as unknown as () => boolean })
  expect(statusOf(await answerTo(await listenOn(server), upgradeHead()))).toBe(404)
})

test('a server is attached once', () => {
  const server = createServer()
  const made = closingServer()
  made.attach(server)
  expect(() => made.attach(server)).toThrow(new TypeError('this server is attached already'))
})

test('a closed port keeps nothing of the server but its upgrades, which are 503', async () => {
  const server = createServer((_request, response) => response.end('a page'))
  const made = closingServer()
  made.attach(server)
  const number = await listenOn(server)
  await made.close({ drain: 0 })
  expect(server.listening).toBe(true)
  expect(statusOf(await answerTo(number, upgradeHead()))).toBe(503)
  expect(await (await fetch(`http://127.0.0.1:${number}/`)).text()).toBe('a page')
})

test('a second request on a connection that served a page may be an upgrade', async () => {
  const server = createServer((_request, response) => response.end('a page'))
  closingServer().attach(server)
  const number = await listenOn(server)
  const socket = await connectAndSend(number, 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
  let answer = ''
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')))
  await expect.poll(() => answer, { interval: 1 }).toContain('a page')
  socket.write(upgradeHead('/ws'))
  await expect.poll(() => answer, { interval: 1 }).toMatch(/a page.*HTTP\/1\.1 101 Switching Protocols/s)
  socket.destroy()
})

test('sockets over TLS are wss, and nothing is different for them', async () => {
  const psk = Buffer.alloc(32, 7)
  const ciphers = 'PSK'
  const server = createTlsServer({ pskCallback: () => psk, ciphers, maxVersion: 'TLSv1.2' })
  const urls: string[] = []
  closingServer({}, ({ url }) => urls.push(url.href)).attach(server)
  const number = await listenOn(server)
  const client = connectTls({
    port: number,
    host: '127.0.0.1',
    ciphers,
    maxVersion: 'TLSv1.2',
    pskCallback: () => ({ psk, identity: 'test' }),
    checkServerIdentity: () => undefined,
  })
  await once(client, 'secureConnect')
  client.write(upgradeHead('/ws', { Host: 'app.example' }))
  const chunks: Buffer[] = []
  client.on('data', (chunk) => chunks.push(chunk))
  await expect.poll(() => Buffer.concat(chunks).toString('latin1'), { interval: 1 }).toContain('ours')
  expect(urls).toEqual(['wss://app.example/ws'])
  client.destroy()
})
