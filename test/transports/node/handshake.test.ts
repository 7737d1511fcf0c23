import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { authRequest } from '../../../src/core/api/handshake.ts'
import {
  deny,
  type Handshake,
  type ServerOptions,
  type Server,
  type SallyportEvent,
  sallyport,
} from '../../../src/index.ts'
import { testClock } from '../../../src/testing.ts'
import type { Payload } from '../../../src/wire/body.ts'
import { carrierProtocol } from '../../../src/wire/carrier.ts'
import { say } from './raw-client.ts'
import { answerTo, connectAndSend, statusOf, upgradeHead } from './upgrade-head.ts'
import { closeAfterTest } from '../../support/close-after-test.ts'

interface Serving {
  readonly number: number
  readonly server: Server
  readonly faults: unknown[]
  readonly events: SallyportEvent[]
}

async function serving(
  application: (handshake: Handshake) => Promise<void>,
  options: ServerOptions = {},
): Promise<Serving> {
  const faults: unknown[] = []
  const events: SallyportEvent[] = []
  const server = sallyport({
    report: (error) => faults.push(error),
    on: (event) => events.push(event),
    ...options,
  })
  closeAfterTest(server)
  server.serve(application)
  const { port: number } = await server.listen(0)
  return { number, server, faults, events }
}

/** The handshake that a server makes of a request, which it then refuses. */
async function handshakeOf(head: string, options: ServerOptions = {}): Promise<Handshake> {
  const seen: Handshake[] = []
  const { number } = await serving(async (handshake) => {
    seen.push(handshake)
    deny(403, 'seen', 'that was all', { httpOnly: true })
  }, options)
  const answer = await answerTo(number, head)
  const [first] = seen
  if (first === undefined) throw new Error(answer)
  return first
}

const silent = { message: () => {}, alive: () => {}, closed: () => {} }

const secrets = upgradeHead(
  '/ws/a%20b?room=1&token=in-the-query',
  {
    Authorization: null,
    Cookie: 'sid=in-the-cookie',
    'Proxy-Authorization': 'Basic in-the-proxy',
    'X-Api-Key': null,
    'Sec-WebSocket-Protocol': 'chat',
    Origin: 'http://127.0.0.1',
    'X-Trace': 'kept',
  },
  [],
)

// proves: secrets-out
test('application code sees no credential of a handshake, wherever it rode', async () => {
  const handshake = await handshakeOf(secrets, { carriers: { query: { bearer: 'token' } } })
  expect(handshake.url.href).toBe('ws://127.0.0.1/ws/a%20b?room=1')
  expect(handshake.path).toBe('/ws/a%20b')
  expect(Object.fromEntries(handshake.headers)).toMatchObject({
    'x-trace': 'kept',
    'sec-websocket-protocol': 'chat',
    origin: 'http://127.0.0.1',
  })
  const shown = JSON.stringify([...handshake.headers, handshake.url, handshake.protocols, handshake])
  expect(shown).not.toMatch(/in-the-/)
  expect(handshake[authRequest].credentials.of('bearer')).toBe('in-the-query')
  expect([...handshake[authRequest].headers.keys()]).not.toContain('cookie')
  expect(JSON.stringify(handshake[authRequest])).not.toMatch(/in-the-/)
})

test('the subprotocols come from several lines in order, without the credential', async () => {
  const handshake = await handshakeOf(
    upgradeHead('/', { 'Sec-WebSocket-Protocol': 'chat' }, [
      `Sec-WebSocket-Protocol: ${carrierProtocol('bearer', 'a-secret')}, superchat`,
    ]),
  )
  expect(handshake.protocols).toEqual(['chat', 'superchat'])
  expect(handshake.headers.get('sec-websocket-protocol')).toBe('chat, superchat')
  expect(handshake[authRequest].credentials.of('bearer')).toBe('a-secret')
})

test('a list that held nothing but a name and a credential keeps the name alone', async () => {
  const handshake = await handshakeOf(
    upgradeHead('/', { 'Sec-WebSocket-Protocol': `sallyport.v1, ${carrierProtocol('ticket', 'once')}` }),
  )
  expect(handshake.headers.get('sec-websocket-protocol')).toBe('sallyport.v1')
  expect(handshake[authRequest].credentials.of('ticket')).toBe('once')
})

test('a handshake is accepted once', async () => {
  const { promise, resolve } = Promise.withResolvers<unknown>()
  const { number } = await serving(async (handshake) => {
    handshake.accept(null).listen(silent)
    try {
      handshake.accept(null)
    } catch (error) {
      resolve(error)
    }
  })
  const socket = await connectAndSend(number, upgradeHead())
  expect(await promise).toMatchObject({ status: 499, reason: 'gone' })
  socket.destroy()
})

test('an application that fails after it has accepted does not cut the connection', async () => {
  const { number, faults } = await serving(async (handshake) => {
    const connection = handshake.accept(null)
    connection.listen({ ...silent, message: () => connection.close(4000, 'still here') })
    throw new Error('a fault after the accept')
  })
  const socket = await connectAndSend(number, upgradeHead())
  const [head] = (await once(socket, 'data')) as [Buffer]
  expect(head.toString()).toMatch(/^HTTP\/1\.1 101 /)
  socket.write(Buffer.from([0x81, 0x80, 0, 0, 0, 0]))
  const [close] = (await once(socket, 'data')) as [Buffer]
  expect(close.subarray(4).toString()).toBe('still here')
  expect(faults.map(String)).toEqual(['Error: a fault after the accept'])
  socket.destroy()
})

test('an application that denies after it has accepted sends no second answer', async () => {
  const { number, events } = await serving(async (handshake) => {
    handshake.accept(null).listen(silent)
    deny(403, 'too-late', 'this comes too late', { httpOnly: true })
  })
  const socket = await connectAndSend(number, upgradeHead())
  const [head] = (await once(socket, 'data')) as [Buffer]
  expect(head.toString()).toMatch(/^HTTP\/1\.1 101 .*\r\n\r\n$/s)
  await expect.poll(() => events.length, { interval: 1 }).toBe(1)
  socket.destroy()
})

test('an application that neither accepts nor denies is answered 503 for, and reported', async () => {
  const { number, faults } = await serving(async () => {})
  expect(statusOf(await answerTo(number, upgradeHead()))).toBe(503)
  expect(faults.map(String)).toEqual(['TypeError: an application neither accepted nor denied a handshake'])
})

test('a refusal is a whole HTTP answer that ends the connection', async () => {
  const { number } = await serving(async () => deny(403, 'no', 'Nö', { httpOnly: true }))
  const answer = await answerTo(number, upgradeHead())
  const [head = '', body = ''] = answer.split('\r\n\r\n')
  expect(head.split('\r\n')).toEqual(
    expect.arrayContaining([
      'HTTP/1.1 403 Forbidden',
      'Connection: close',
      'Content-Type: application/problem+json',
      'Cache-Control: no-store',
      `Content-Length: ${body.length}`,
    ]),
  )
  expect(JSON.parse(Buffer.from(body, 'latin1').toString())).toMatchObject({
    status: 403,
    code: 'no',
    detail: 'Nö',
  })
})

test('a challenge of the application’s own words cannot begin a header', async () => {
  const challenge = 'Bearer realm="a"\r\nSet-Cookie: stolen=1\r\n\r\nbody'
  const { number } = await serving(async () => deny(401, 'no', 'no', { challenge, httpOnly: true }))
  const [head = ''] = (await answerTo(number, upgradeHead())).split('\r\n\r\n')
  expect(head.split('\r\n').filter((line) => line.startsWith('Set-Cookie'))).toEqual([])
  expect(head).toContain('WWW-Authenticate: Bearer realm="a"  Set-Cookie: stolen=1    body')
})

test('a peer that leaves while it waits aborts the signal with a denial, not with a fault', async () => {
  const reasons: unknown[] = []
  const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>()
  const { number, faults, events } = await serving(async ({ signal }) => {
    arrive()
    await new Promise((_, reject) => {
      signal.addEventListener('abort', () => (reasons.push(signal.reason), reject(signal.reason as Error)))
    })
  })
  const socket = await connectAndSend(number, upgradeHead())
  await arrived
  socket.end()
  await expect.poll(() => events.length, { interval: 1 }).toBe(1)
  expect(reasons).toMatchObject([{ status: 499, reason: 'gone' }])
  expect(events).toMatchObject([{ type: 'denied', status: 499, code: 'gone' }])
  expect(faults).toEqual([])
})

test('a peer that leaves after it was refused calls nothing off', async () => {
  const signals: AbortSignal[] = []
  const { number } = await serving(async ({ signal }) => {
    signals.push(signal)
    deny(403, 'no', 'no', { httpOnly: true })
  })
  const socket = await connectAndSend(number, upgradeHead())
  await once(socket.resume(), 'close')
  await answerTo(number, upgradeHead())
  expect(signals.map(({ aborted }) => aborted)).toEqual([false, false])
})

test('a wait that runs out is one event, though its handler refuses too', async () => {
  const clock = testClock()
  const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>()
  const { number, events, faults } = await serving(
    async ({ signal }) => {
      arrive()
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
    },
    { clock },
  )
  const answer = answerTo(number, upgradeHead())
  await arrived
  await clock.advance(5_000)
  expect(statusOf(await answer)).toBe(408)
  expect(events).toMatchObject([{ type: 'denied', status: 408, code: 'timeout' }])
  expect(faults).toEqual([])
})

test('an application that returns when the time is over leaves the answer 408, and is no fault', async () => {
  const clock = testClock()
  const asked = Promise.withResolvers<void>()
  const { number, faults, events } = await serving(
    ({ signal }) => {
      asked.resolve()
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve()))
    },
    { clock },
  )
  const answer = answerTo(number, upgradeHead())
  await asked.promise
  await clock.advance(5_000)
  expect(statusOf(await answer)).toBe(408)
  expect(faults).toEqual([])
  expect(events).toMatchObject([{ type: 'denied', status: 408, code: 'timeout' }])
})

test('a frame in one piece with the request is heard as soon as a listener is there', async () => {
  const { promise, resolve } = Promise.withResolvers<Payload>()
  const { number } = await serving(async (handshake) => {
    handshake.accept(null).listen({ ...silent, message: resolve })
  })
  const socket = await connectAndSend(number, upgradeHead() + say('early').toString('latin1'))
  expect(await promise).toBe('early')
  socket.destroy()
})

test('a malformed request is an event of its own, without its query', async () => {
  const { number, events } = await serving(async () => {})
  await answerTo(number, upgradeHead('/ws?token=a-secret', { 'Sec-WebSocket-Key': 'short' }))
  expect(events).toMatchObject([
    { type: 'denied', status: 400, code: 'bad-request', path: '/ws', address: '127.0.0.1' },
  ])
  expect(JSON.stringify(events)).not.toContain('a-secret')
})

test('closing the server refuses open handshakes with 503 and does not wait for them', async () => {
  const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>()
  const { number, server } = await serving(async () => {
    arrive()
    await new Promise<never>(() => {})
  })
  const answer = answerTo(number, upgradeHead())
  await arrived
  const mute = connect(number, '127.0.0.1')
  mute.on('error', () => {})
  await once(mute, 'connect')
  await server.close({ drain: 0 })
  expect(statusOf(await answer)).toBe(503)
})
