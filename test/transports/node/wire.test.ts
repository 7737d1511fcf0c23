import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import WebSocket from 'ws'
import { router, sallyport, type Server, type ServerOptions } from '../../../src/index.ts'
import { byName, echo, room } from '../../core/support/members.ts'
import { closeAfterTest } from '../../support/close-after-test.ts'

async function serving(
  options: ServerOptions = {},
): Promise<{ url: string; number: number; server: Server }> {
  const server = sallyport({ report: () => {}, ...options })
  closeAfterTest(server)
  server.serve(router([room, echo]))
  const { port: number } = await server.listen(0)
  return { url: `ws://127.0.0.1:${number}`, number, server }
}

const asAda = { headers: { 'x-test-user': 'Ada' } }

async function opened(
  url: string,
  options: object = asAda,
  protocols: string[] = [],
): Promise<WebSocket & { got: string[] }> {
  const ws = Object.assign(new WebSocket(url, protocols, options), { got: [] as string[] })
  ws.on('message', (data: Buffer) => ws.got.push(data.toString()))
  await once(ws, 'open')
  return ws
}

async function message(ws: { got: string[] } & WebSocket): Promise<string> {
  while (ws.got.length === 0) await once(ws, 'message')
  return ws.got.shift() ?? ''
}

test('a plain client talks in bare messages', async () => {
  const { url } = await serving()
  const alice = await opened(`${url}/ws/chat/lobby`)
  const bob = await opened(`${url}/ws/chat/lobby`, { headers: { 'x-test-user': 'Grace' } })
  alice.send('{"type":"say","text":"hello"}')
  expect(JSON.parse(await message(alice))).toEqual({ type: 'said', from: 'Ada', text: 'hello' })
  expect(JSON.parse(await message(bob))).toEqual({ type: 'said', from: 'Ada', text: 'hello' })
  bob.send('{"type":"say","text":"may I"}')
  expect(JSON.parse(await message(bob))).toEqual({
    type: 'error',
    status: 403,
    code: 'read-only',
    message: 'you may only read here',
  })
  alice.send('{"type":"shout"}')
  expect(JSON.parse(await message(alice))).toMatchObject({
    type: 'error',
    status: 400,
    code: 'invalid-message',
  })
})

test('a tool is refused with a status and a problem body', async () => {
  const { url } = await serving()
  const ws = new WebSocket(`${url}/ws/chat/lobby`)
  const [, response] = (await once(ws, 'unexpected-response')) as [
    unknown,
    import('node:http').IncomingMessage,
  ]
  expect(response.statusCode).toBe(401)
  expect(response.headers['content-type']).toBe('application/problem+json')
  expect(response.headers['www-authenticate']).toBe('Bearer')
  const body = JSON.parse((await response.toArray()).join('')) as object
  expect(body).toMatchObject({ status: 401, code: 'unauthenticated', title: 'Unauthorized' })
})

test('a browser is refused with a code that it can read, and the plain name that it offered', async () => {
  const { url, number } = await serving()
  const ws = new WebSocket(`${url}/ws/chat/lobby`, ['chat'], {
    headers: { origin: `http://127.0.0.1:${number}`, 'x-test-user': 'Mallory' },
  })
  const [code, reason] = (await once(ws, 'close')) as [number, Buffer]
  expect([code, reason.toString(), ws.protocol]).toEqual([
    4403,
    'forbidden: you may not come in here',
    'chat',
  ])
})

// proves: echoed-secret
test('the subprotocol carrier is never answered with its secret', async () => {
  const { url } = await serving()
  const ws = new WebSocket(`${url}/ws/lines`, ['sallyport.v1', 'sallyport.bearer.c2VjcmV0'], {
    headers: { origin: 'x' },
  })
  const [, response] = (await once(ws, 'unexpected-response')) as [
    unknown,
    import('node:http').IncomingMessage,
  ]
  expect(response.statusCode).toBe(403)
  expect(JSON.stringify(response.rawHeaders)).not.toContain('c2VjcmV0')
})

async function raw(number: number, head: string): Promise<string> {
  const socket = connect(number, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(head, 'latin1')
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  await Promise.race([once(socket, 'close'), once(socket, 'end')])
  socket.destroy()
  return Buffer.concat(chunks).toString('latin1')
}

const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
const good = [
  'GET /ws/lines HTTP/1.1',
  'Host: 127.0.0.1',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  key,
]
const without = (name: string): string[] => good.filter((line) => !line.startsWith(name))

test.each([
  ['no host', without('Host'), 400],
  ['two hosts', [...good, 'Host: other.example'], 400],
  ['two keys', [...good, key], 400],
  ['no key', without('Sec-WebSocket-Key'), 400],
  ['a short key', [...without('Sec-WebSocket-Key'), 'Sec-WebSocket-Key: c2hvcnQ='], 400],
  ['two origins', [...good, 'Origin: http://127.0.0.1', 'Origin: http://evil.example'], 400],
  ['two credentials', [...good, 'Authorization: Bearer a', 'Authorization: Bearer b'], 400],
  ['another version', [...without('Sec-WebSocket-Version'), 'Sec-WebSocket-Version: 8'], 426],
  ['no version', without('Sec-WebSocket-Version'), 426],
  ['another protocol', [...without('Upgrade'), 'Upgrade: h2c'], 426],
  ['a body', [...good, 'Content-Length: 4'], 400],
  ['a vertical tab', [...good, 'Origin: http://127.0.0.1\x0bX-Evil: 1'], 400],
  ['bytes beyond ASCII', [...good, 'Sec-WebSocket-Protocol: caf\xe9'], 400],
  ['a next-line byte', [...good, 'Origin: http://a\x85b'], 400],
  ['an absolute target', ['GET http://127.0.0.1/ws/lines HTTP/1.1', ...good.slice(1)], 400],
  ['a double slash', ['GET //evil.example/ws/lines HTTP/1.1', ...good.slice(1)], 400],
  ['an unknown path', ['GET /ws/nowhere HTTP/1.1', ...good.slice(1)], 404],
  ['a malformed parameter', ['GET /ws/chat/%zz HTTP/1.1', ...good.slice(1), 'x-test-user: Ada'], 400],
  ['another method', ['POST /ws/lines HTTP/1.1', ...good.slice(1)], 400],
])('an upgrade with %s is answered %3$i before any user code', async (_, head, status) => {
  const { number } = await serving()
  expect(await raw(number, `${head.join('\r\n')}\r\n\r\n`)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
})

test('an ordinary request is told to upgrade', async () => {
  const { number } = await serving()
  const response = await fetch(`http://127.0.0.1:${number}/ws/lines`)
  expect(response.status).toBe(426)
  expect(response.headers.get('upgrade')).toBe('websocket')
})

test('headers beyond the limit are refused', async () => {
  const { number } = await serving()
  expect(await raw(number, `${[...good, `X-Long: ${'x'.repeat(20_000)}`].join('\r\n')}\r\n\r\n`)).toMatch(
    /^HTTP\/1\.1 431 /,
  )
})

test('a client that resets while its authenticator runs leaves nothing behind and ends nothing', async () => {
  const { promise: waiting, resolve: answer } = Promise.withResolvers<void>()
  const server = sallyport({ report: () => {} })
  closeAfterTest(server)
  const arrived: AbortSignal[] = []
  const { consumer, contract, text } = await import('../../../src/index.ts')
  const slow = consumer(
    contract('/ws/slow', { client: text, server: text }),
    {
      auth: async (request) => {
        arrived.push(request.signal)
        await waiting
        return byName(request)
      },
    },
    () => ({ message: () => {} }),
  )
  server.serve(router([slow, echo]))
  const { port: number } = await server.listen(0)
  const otherClient = await opened(`ws://127.0.0.1:${number}/ws/lines`)
  const sockets: Socket[] = []
  for (let count = 0; count < 50; count++) {
    const socket = connect(number, '127.0.0.1')
    await once(socket, 'connect')
    socket.write(`${['GET /ws/slow HTTP/1.1', ...good.slice(1), 'x-test-user: Ada'].join('\r\n')}\r\n\r\n`)
    sockets.push(socket)
  }
  await expect.poll(() => arrived.length).toBe(50)
  for (const socket of sockets) socket.resetAndDestroy()
  await expect.poll(() => arrived.every((signal) => signal.aborted)).toBe(true)
  answer()
  otherClient.send('still here')
  expect(await message(otherClient)).toBe('still here')
  expect(server.connections).toBe(1)
})

test('a handshake that takes too long is answered 408 and forgotten', async () => {
  const { consumer, contract, text } = await import('../../../src/index.ts')
  const server = sallyport({ limits: { handshakeMs: 100 } })
  closeAfterTest(server)
  server.serve(
    consumer(
      contract('/ws/lines', { client: text, server: text }),
      { auth: () => new Promise<null>(() => {}) },
      () => ({ message: () => {} }),
    ),
  )
  const { port: number } = await server.listen(0)
  expect(await raw(number, `${good.join('\r\n')}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 408 /)
})

test('the server answers a ping, and a flood of them closes with 1008', async () => {
  const { url } = await serving()
  const ws = await opened(`${url}/ws/lines`)
  const pong = once(ws, 'pong')
  ws.ping('data')
  expect((await pong)[0].toString()).toBe('data')
  for (let count = 0; count < 10; count++) ws.ping()
  expect((await once(ws, 'close'))[0]).toBe(1008)
})

// proves: slow-reader
test('a reader that never reads is closed with 4508 at its bound, and the others hear everything', async () => {
  const left: string[] = []
  const { url, server } = await serving({
    limits: { outboundBytes: 200_000, rate: null },
    on: (event) => event.type === 'left' && left.push(event.why),
  })
  const lazy = await opened(`${url}/ws/chat/lobby`)
  const eager = await opened(`${url}/ws/chat/lobby`, { headers: { 'x-test-user': 'Grace' } })
  lazy.pause()
  const { chat } = await import('../../core/support/members.ts')
  const text = 'x'.repeat(50_000)
  let sent = 0
  while (left.length === 0 && sent < 2_000) {
    await server.group(chat, { room: 'lobby' }).send('said', { from: 'server', text })
    sent++
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(left).toEqual(['slow'])
  await expect.poll(() => eager.got.length).toBe(sent)
})

test('draining tells 1012 and the port is free again', async () => {
  const { url, server } = await serving()
  const ws = await opened(`${url}/ws/lines`)
  const closed = once(ws, 'close')
  await server.close({ drain: '1s' })
  expect((await closed)[0]).toBe(1012)
  await expect(opened(`${url}/ws/lines`)).rejects.toThrow()
})
