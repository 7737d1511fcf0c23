import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import WebSocket from 'ws'
import {
  anyone,
  consumer,
  contract,
  type Handshake,
  type Server,
  sallyport,
  text,
} from '../../../src/index.ts'
import type { Connection } from '../../../src/core/api/connection.ts'

const line = contract('/ws/line', { client: text, server: text })

interface ServerWithConnections {
  readonly server: Server
  readonly url: string
  readonly reports: readonly unknown[]
  /** The server's ends of the sockets, in the order of their arrival. */
  readonly sockets: readonly { close(code?: number, reason?: string): void }[]
  readonly connections: readonly Connection[]
}

/** @param broken how a connection is changed before the engine gets it */
async function serverWithConnections(
  broken: (connection: Connection, nth: number) => Connection,
): Promise<ServerWithConnections> {
  const [reports, sockets, connections]: [
    unknown[],
    ServerWithConnections['sockets'][number][],
    Connection[],
  ] = [[], [], []]
  const server = sallyport({ report: (error) => reports.push(error), limits: { closeMs: 500 } })
  onTestFinished(() => server.close({ drain: 0 }))
  const room = consumer(line, { auth: anyone }, (socket) => {
    sockets.push(socket)
    return { message: (said) => void socket.send(said) }
  })
  server.serve((handshake) => {
    const accept = (...args: Parameters<Handshake['accept']>): Connection => {
      const connection = handshake.accept(...args)
      connections.push(connection)
      return broken(connection, connections.length)
    }
    return room(instead(handshake, { accept }))
  })
  const { port: number } = await server.listen(0)
  return { server, url: `ws://127.0.0.1:${number}/ws/line`, reports, sockets, connections }
}

/** An object with other methods in place of some of its own. */
function instead<T extends object>(object: T, methods: Partial<T>): T {
  return new Proxy(object, {
    get: (target, name) => {
      if (Object.hasOwn(methods, name)) return Reflect.get(methods, name) as unknown
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

/** A connection whose `close` throws. */
function throwing(connection: Connection): Connection {
  const close = (): never => {
    throw new Error('the transport is broken')
  }
  return instead(connection, { close })
}

async function open(url: string): Promise<{ readonly ended: Promise<unknown>; readonly ws: WebSocket }> {
  const ws = new WebSocket(url)
  await once(ws, 'open')
  return { ended: once(ws, 'close').then(([code]: unknown[]) => code), ws }
}

test('a close with what is no text changes nothing, and the socket can be closed', async () => {
  const { server, url, sockets } = await serverWithConnections((connection) => connection)
  const { ended } = await open(url)
  for (const wrong of [null, 5, {}, Symbol('x')])
    expect(() => sockets[0]?.close(4000, wrong as never)).toThrow('the reason of socket.close() is a string')
  for (const wrong of [999, 1001, '4000', null, Number.NaN])
    expect(() => sockets[0]?.close(wrong as never, 'x')).toThrow('the code of socket.close() is 1000 or 3000')
  expect(server.connections).toBe(1)
  sockets[0]?.close(4000, 'done')
  expect(await ended).toBe(4000)
})

test('a connection that is given nonsense throws before its phase changes, and closes afterwards', async () => {
  const { url, connections } = await serverWithConnections((connection) => connection)
  const { ended } = await open(url)
  expect(() => connections[0]?.close(4000, null as never)).toThrow(TypeError)
  connections[0]?.close(4000, 'done')
  expect(await ended).toBe(4000)
})

// proves: wrong-argument
test('a transport that throws at a close keeps no socket open, and the next one closes too', async () => {
  const { server, url, reports } = await serverWithConnections((connection, nth) =>
    nth === 1 ? throwing(connection) : connection,
  )
  const [first, second] = [await open(url), await open(url)]
  const both = server.recheck({ at: [line] })
  expect(await both).toMatchObject({ closed: 0 })
  expect(await server.revoke({ at: [line], reason: 'closed' })).toMatchObject({ closed: 2 })
  expect(await first.ended).toBe(1006)
  expect(await second.ended).toBe(4403)
  expect(server.connections).toBe(0)
  expect(reports).toMatchObject([{ message: 'the transport is broken' }])
})

test('a server whose connections throw closes all the same', async () => {
  const { server, url } = await serverWithConnections(throwing)
  const { ended } = await open(url)
  await server.close({ drain: 0 })
  expect(await ended).toBe(1006)
  expect(server.connections).toBe(0)
})
