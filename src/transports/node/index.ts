import { createServer, type IncomingMessage, type Server as HttpServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Duplex } from 'node:stream'
import type { Entrance } from '../../core/admit.ts'
import type { Hub } from '../../core/hub.ts'
import { httpFace } from '../../core/refusal.ts'
import { deniedEvent } from '../../core/report.ts'
import { Denial } from '../../wire/errors.ts'
import type { NodeConnection } from './connection.ts'
import { entranceOf, Knocking, tooLate } from './handshake.ts'
import { type Peer, peersBehind } from './peer.ts'
import { readUpgrade } from './request.ts'
import { Writer } from './writer.ts'

/** What the transport is made of. */
export interface NodeTransportParts {
  readonly hub: Hub
  readonly admit: (entrance: Entrance) => Promise<void>
  readonly proxies: readonly string[]
}

/** WebSockets on servers of node:http. */
export interface NodeTransport {
  /** Answers the upgrades of a server; those whose path `accepts` turns down are left to its other listeners. */
  attach(server: HttpServer | HttpsServer, options?: { readonly accepts?: (path: string) => boolean }): void
  /** Listens with a server of its own. @throws what node:net throws, such as EADDRINUSE */
  listen(port: number, host: string): Promise<{ readonly port: number; readonly host: string }>
  /** Hangs up on everyone who is left, stops its own server and lets go of the others. */
  close(): Promise<void>
}

/** More headers than this are cut off by Node without a word: there may be fewer of ours. */
const maxHeaders = 100

/**
 * Makes the transport of a hub.
 *
 * @throws TypeError when a proxy is no address and no range
 */
export function nodeTransport({ hub, admit, proxies }: NodeTransportParts): NodeTransport {
  const peerOf = peersBehind(proxies)
  const writer = new Writer()
  const connections = new Set<NodeConnection>()
  const attached = new Map<
    HttpServer | HttpsServer,
    (request: IncomingMessage, socket: Duplex, head: Buffer) => void
  >()
  const own: HttpServer[] = []
  const emptied: (() => void)[] = []

  const ended = (connection: NodeConnection): void => {
    connections.delete(connection)
    if (connections.size === 0) emptied.splice(0).forEach((tell) => tell())
  }

  const knocked = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const id = crypto.randomUUID()
    const reject = (denial: Denial): void => {
      if (knocking.isOver) return
      hub.emit(
        deniedEvent(denial, {
          id,
          path: pathOf(request),
          address: request.socket.remoteAddress ?? '',
          origin: null,
        }),
      )
      knocking.reject(httpFace(denial, id))
    }
    const knocking = new Knocking(socket, head, hub, () => reject(tooLate()))
    try {
      const read = readUpgrade(request, hub.limits.headerBytes)
      const peer: Peer = peerOf(request, (name) => read.headers.get(name)?.join(',') ?? null)
      const opened = (connection: NodeConnection): void => void connections.add(connection)
      const entrance = entranceOf({ id, hub, request: read, peer, knocking, writer, opened, ended })
      admit(entrance).catch((error: unknown) => hub.report(error, 'admitting'))
    } catch (error) {
      if (!(error instanceof Denial)) hub.report(error, 'reading an upgrade request')
      reject(
        error instanceof Denial
          ? error
          : new Denial(503, 'unavailable', 'come back later', { httpOnly: true }),
      )
    }
  }

  const attach: NodeTransport['attach'] = (server, { accepts = () => true } = {}) => {
    if (attached.has(server)) throw new TypeError('this server is attached already')
    const listener = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
      if (accepts(pathOf(request))) knocked(request, socket, head)
    }
    attached.set(server, listener)
    server.on('upgrade', listener)
  }

  return {
    attach,
    async listen(port, host) {
      const server = ownServer(hub)
      attach(server)
      const bound = await listening(server, port, host)
      own.push(server)
      return bound
    },
    async close() {
      for (const [server, listener] of attached) server.off('upgrade', listener)
      attached.clear()
      const closed = own.splice(0).map((server) => new Promise((resolve) => server.close(resolve)))
      await allGone(hub, connections, emptied)
      await Promise.all(closed)
    },
  }
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').replace(/\?.*$/s, '')
}

/** A server that speaks nothing but WebSocket, with the bounds of the hub. */
function ownServer({ limits }: Hub): HttpServer {
  const server = createServer(
    {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.handshakeMs,
      requestTimeout: limits.handshakeMs,
      connectionsCheckingInterval: 1_000,
      keepAlive: false,
    },
    (_request, response) => {
      const { headers, body } = httpFace(
        new Denial(426, 'upgrade-required', 'this address speaks WebSocket'),
        crypto.randomUUID(),
      )
      response.writeHead(426, { ...headers, Connection: 'close' }).end(body)
    },
  )
  server.maxHeadersCount = maxHeaders
  // a connection that says nothing at all is no request yet, and only this bound ends it
  server.setTimeout(limits.handshakeMs, (socket) => socket.destroy())
  return server
}

function listening(server: HttpServer, port: number, host: string): Promise<{ port: number; host: string }> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, host, backlog: 4_096 }, () => {
      server.off('error', reject)
      const address = server.address()
      // a TCP server that listens has an address with a port
      resolve({ port: typeof address === 'object' && address !== null ? address.port : port, host })
    })
  })
}

/** Waits until every peer has answered its close, or hangs up. */
function allGone(hub: Hub, connections: ReadonlySet<NodeConnection>, emptied: (() => void)[]): Promise<void> {
  if (connections.size === 0) return Promise.resolve()
  return new Promise((resolve) => {
    const late = hub.clock.after(hub.limits.closeMs, () =>
      connections.forEach((connection) => connection.terminate()),
    )
    emptied.push(() => {
      late.cancel()
      resolve()
    })
  })
}
