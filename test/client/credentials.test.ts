import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test, vi } from 'vitest'
import { WebSocket as PackageWebSocket } from 'ws'
import {
  bearer,
  client,
  type ClientOptions,
  type CredentialSource,
  Denial,
  headers,
  query,
  ticket,
  type WebSocketClass,
} from '../../src/client/index.ts'
import { subprotocols } from '../../src/wire/carrier.ts'
import { chat } from './contracts.ts'
import { manualClock } from './manual-clock.ts'
import { type Peer, type ScriptedServer, scriptedServer } from './scripted-server.ts'
import { until } from './until.ts'

const path = '/ws/chat/lobby'
const secret = 'eyJh.b+/=é.c'

function open(
  server: ScriptedServer,
  credentials: CredentialSource | undefined,
  options: ClientOptions = {},
) {
  const clock = manualClock()
  const app = client({
    url: server.url,
    clock,
    backoff: { random: () => 1 },
    ...(credentials && { credentials }),
    ...options,
  })
  return { app, clock, lobby: app.open(chat, { room: 'lobby' }) }
}

/** What the server takes from the subprotocol list. */
const carried = (peer: Peer) => subprotocols(['sallyport.v1', ...peer.offered])

describe('credentials', () => {
  test('a bearer token rides in the subprotocol list, whatever it holds', async () => {
    await using server = await scriptedServer(path)
    const { app, lobby } = open(
      server,
      bearer(() => secret),
    )
    const peer = await server.next()
    expect(carried(peer)).toEqual({
      names: ['sallyport.v1'],
      credentials: [{ scheme: 'bearer', value: secret }],
    })
    expect(peer.request.url).toBe(path)
    expect(peer.socket.protocol).toBe('sallyport.v1')
    peer.open()
    await until(lobby, 'open')
    app.close()
  })

  test('without credentials only the name is offered', async () => {
    await using server = await scriptedServer(path)
    const { app } = open(server, undefined)
    const peer = await server.next()
    expect(peer.request.headers['sec-websocket-protocol']).toBe('sallyport.v1')
    expect(peer.request.url).toBe(path)
    app.close()
  })

  test('a token is in the query only where it was asked for', async () => {
    await using server = await scriptedServer(path)
    const { app } = open(
      server,
      query('token', () => secret),
    )
    const { searchParams, pathname } = new URL((await server.next()).request.url ?? '', server.url)
    expect(pathname).toBe(path)
    expect(searchParams.get('token')).toBe(secret)
    app.close()
  })

  test('headers travel with the WebSocket of Node', async () => {
    await using server = await scriptedServer(path)
    const { app, lobby } = open(
      server,
      headers(() => ({ 'x-api-key': 'k-1' })),
    )
    const peer = await server.next()
    expect(peer.request.headers['x-api-key']).toBe('k-1')
    expect(peer.request.headers['sec-websocket-protocol']).toBe('sallyport.v1')
    peer.open()
    await until(lobby, 'open')
    app.close()
  })

  test('headers travel with the class of the package ws, which takes a third argument', async () => {
    await using server = await scriptedServer(path)
    const { app, lobby } = open(
      server,
      headers(() => ({ 'x-api-key': 'k-1' })),
      // the types of its events are wider than those of the platform's class
      { WebSocket: PackageWebSocket as unknown as WebSocketClass },
    )
    const peer = await server.next()
    expect(peer.request.headers['x-api-key']).toBe('k-1')
    expect(peer.request.headers['sec-websocket-protocol']).toBe('sallyport.v1')
    peer.open()
    await until(lobby, 'open')
    app.close()
  })

  test('a class of React Native gets its headers in the third argument', async () => {
    const made: unknown[] = []
    const ReactNative = class extends EventTarget {
      binaryType = ''
      readonly protocol = ''
      readonly bufferedAmount = 0
      constructor(url: string, protocols: string[], options: { headers: object }) {
        super()
        made.push([url, protocols, options])
      }
      send(): void {}
      close(): void {}
    }
    const app = client({
      url: 'ws://127.0.0.1:1',
      clock: manualClock(),
      credentials: headers(() => ({ authorization: 'k-1' })),
      WebSocket: ReactNative as unknown as WebSocketClass,
    })
    app.open(chat, { room: 'lobby' })
    const third = { headers: { authorization: 'k-1' } }
    await vi.waitFor(() => expect(made).toEqual([[`ws://127.0.0.1:1${path}`, ['sallyport.v1'], third]]))
    app.close()
  })

  test('they are asked for before every attempt', async () => {
    await using server = await scriptedServer(path)
    let count = 0
    const asked: string[] = []
    const { app, clock, lobby } = open(
      server,
      bearer(async (asking) => {
        asked.push(asking.path)
        return `token-${++count}`
      }),
    )
    for (const expected of ['token-1', 'token-2', 'token-3']) {
      const peer = await server.next()
      expect(carried(peer)?.credentials[0]?.value).toBe(expected)
      peer.socket.terminate()
      const { retryAt } = await until(lobby, 'waiting')
      clock.advance((retryAt ?? 0) - clock.now())
    }
    await server.next()
    expect(asked).toEqual([path, path, path, path])
    app.close()
  })

  test('one that cannot be had counts as a failed attempt; its error goes to the reporter alone', async () => {
    await using server = await scriptedServer(path)
    const error = new RangeError(`could not refresh ${secret}`)
    const report = vi.fn()
    let fails = true
    const { app, clock, lobby } = open(
      server,
      bearer(() => {
        if (fails) throw error
        return secret
      }),
      { report },
    )
    const { failure, retryAt } = await until(lobby, 'waiting')
    expect(failure).toBe('asking for a credential failed: RangeError')
    expect(retryAt).toBe(clock.now() + 2000)
    expect(report).toHaveBeenCalledWith(error, failure)
    expect(server.count).toBe(0)
    clock.advance(2000)
    expect((await until(lobby, 'waiting')).retryAt).toBe(clock.now() + 4000)
    fails = false
    clock.advance(4000)
    ;(await server.next()).open()
    await until(lobby, 'open')
    app.close()
  })

  test('one that does not come within 10 s is a failed attempt, and is told so', async () => {
    await using server = await scriptedServer(path)
    let given: AbortSignal | undefined
    const { app, clock, lobby } = open(server, ({ signal }) => {
      given = signal
      return new Promise(() => {})
    })
    clock.advance(10_000)
    await until(lobby, 'waiting')
    expect(given?.aborted).toBe(true)
    app.close()
  })

  test.each<[string, CredentialSource]>([
    ['null', bearer(() => null)],
    ['an empty token', bearer(() => '')],
    ['no headers', headers(() => null)],
    ['an error with status 401', () => Promise.reject(Object.assign(new Error(secret), { status: 401 }))],
  ])('%s means signed out: denied, without an attempt', async (_what, credentials) => {
    await using server = await scriptedServer(path)
    const { clock, lobby } = open(server, credentials)
    const { denial } = await until(lobby, 'denied')
    expect(denial).toMatchObject({ status: 401, code: 'signed-out' })
    expect(JSON.stringify(lobby.snapshot())).not.toContain(secret)
    expect(clock.pending).toBe(0)
    expect(server.count).toBe(0)
  })

  test('a denial keeps its word', async () => {
    await using server = await scriptedServer(path)
    const { lobby } = open(server, () => {
      throw new Denial(403, 'banned', `no ${secret}`)
    })
    const { denial } = await until(lobby, 'denied')
    expect(denial).toEqual({ status: 403, code: 'banned', message: 'the credential was refused' })
  })

  test('no state, failure or error ever holds the credential', async () => {
    await using server = await scriptedServer(path)
    const seen: unknown[] = []
    const { app, clock, lobby } = open(
      server,
      bearer(() => secret),
      { report: (error) => seen.push(String(error)) },
    )
    lobby.subscribe(() => seen.push(lobby.snapshot()))
    const lost = lobby.send('say', { text: 'x' }).catch((error: unknown) => seen.push(String(error)))
    const peer = await server.next()
    peer.open()
    await peer.next()
    peer.socket.terminate()
    await until(lobby, 'waiting')
    clock.advance(2000)
    ;(await server.next()).socket.close(4403, 'forbidden')
    await until(lobby, 'denied')
    await lost
    const encoded = peer.offered[0] ?? ''
    expect(encoded).not.toBe('')
    for (const leak of [secret, encoded]) expect(JSON.stringify(seen)).not.toContain(leak)
    app.close()
  })
})

describe('tickets', () => {
  test('a ticket is asked for with the path, and rides in the subprotocol list', async () => {
    await using server = await scriptedServer(path)
    await using api = await tickets((_request, response) => response.end('{"ticket":"t-1"}'))
    const { app } = open(server, ticket(api.url))
    const peer = await server.next()
    expect(carried(peer)?.credentials).toEqual([{ scheme: 'ticket', value: 't-1' }])
    expect(api.asked).toEqual([{ method: 'POST', type: 'application/json', body: { path } }])
    app.close()
  })

  test('each attempt has a ticket of its own', async () => {
    await using server = await scriptedServer(path)
    let count = 0
    await using api = await tickets((_request, response) =>
      response.end(JSON.stringify({ ticket: `t-${++count}` })),
    )
    const { app, clock, lobby } = open(server, ticket(api.url))
    ;(await server.next()).socket.terminate()
    await until(lobby, 'waiting')
    clock.advance(2000)
    expect(carried(await server.next())?.credentials[0]?.value).toBe('t-2')
    app.close()
  })

  test.each([401, 403])('%i means signed out', async (status) => {
    await using server = await scriptedServer(path)
    await using api = await tickets((_request, response) => response.writeHead(status).end('{}'))
    const { lobby } = open(server, ticket(api.url))
    expect((await until(lobby, 'denied')).denial?.status).toBe(status)
    expect(server.count).toBe(0)
  })

  test('Retry-After is waited for', async () => {
    await using server = await scriptedServer(path)
    await using api = await tickets((_request, response) =>
      response.writeHead(429, { 'retry-after': '30' }).end(),
    )
    const { app, clock, lobby } = open(server, ticket(api.url))
    expect((await until(lobby, 'waiting')).retryAt).toBe(clock.now() + 32_000)
    app.close()
  })

  test.each<[string, (response: ServerResponse) => unknown]>([
    ['a fault', (response) => response.writeHead(500).end()],
    ['a redirect to a page', (response) => response.writeHead(302, { location: '/sign-in' }).end()],
    ['no JSON', (response) => response.end('<html>')],
    ['no ticket', (response) => response.end('{"ticket":""}')],
    ['no object', (response) => response.end('null')],
  ])('%s is a failed attempt', async (_what, answer) => {
    await using server = await scriptedServer(path)
    await using api = await tickets((_request, response) => answer(response))
    const { app, lobby } = open(server, ticket(api.url))
    const { failure } = await until(lobby, 'waiting')
    expect(failure).toMatch(/^asking for a credential failed: /)
    expect(server.count).toBe(0)
    app.close()
  })
})

interface Tickets extends AsyncDisposable {
  readonly url: string
  readonly asked: readonly object[]
}

/** A real HTTP server that makes tickets. */
async function tickets(
  answer: (request: IncomingMessage, response: ServerResponse) => unknown,
): Promise<Tickets> {
  const asked: object[] = []
  const http: Server = createServer((request, response) => {
    let text = ''
    request.on('data', (chunk: Buffer) => (text += chunk.toString()))
    request.on('end', () => {
      asked.push({ method: request.method, type: request.headers['content-type'], body: JSON.parse(text) })
      answer(request, response)
    })
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  // a server that listens on TCP has an address of this kind
  const { port } = http.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/api/ticket`,
    asked,
    async [Symbol.asyncDispose]() {
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
    },
  }
}
