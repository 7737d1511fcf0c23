import { newId } from '../../core/runtime/id.ts'
import { TransientMap } from '../../core/runtime/transient.ts'
import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ServerContext } from '../../core/server-context.ts'
import type { Limits } from '../../core/api/limits.ts'
import { httpFace } from '../../core/access/denial-response.ts'
import { Denial } from '../../wire/errors.ts'
import { connectionHeader, httpAnswer } from './http-response.ts'
import { hangUpWhenFlushed, lastWordMs } from './socket-owner.ts'

/** How often the connections are checked on which no request has been read yet. */
const checkMs = 500

/**
 * An HTTP server for WebSocket alone: any other request is answered 426. Its own timeouts are only a fallback to those of
 * {@link IdleConnections}, because they count from the connection on.
 */
export function webSocketServer({ headerBytes, handshakeMs, idleConnectionMs }: Limits): Server {
  const longest = Math.min(handshakeMs + idleConnectionMs + 4 * checkMs, 2 ** 31 - 1)
  return createServer(
    // an accepted WebSocket switches Nagle's algorithm off; an answer that is one write needs no call for it
    { maxHeaderSize: headerBytes, headersTimeout: longest, requestTimeout: longest, noDelay: false },
    (_request, response) => {
      const { status, headers, body } = httpFace(mustUpgrade, newId())
      response.writeHead(status, { ...headers, ...connectionHeader(headers) }).end(body)
    },
  )
}

const mustUpgrade = new Denial(426, 'upgrade-required', 'this address accepts WebSocket alone')
const tooLate = new Denial(408, 'timeout', 'the request took too long')

/**
 * The connections on which no request has been read yet. Balancers and browsers open some ahead, so the time of a handshake counts from
 * its first byte. A silent connection is closed without an answer after `idleConnectionMs`, because the peer would take an answer for that
 * to its next request. A connection whose request does not end is answered 408.
 */
export class IdleConnections {
  readonly #context: Pick<ServerContext, 'clock' | 'limits'>
  /** When each was opened, and when its first byte came. */
  readonly #open = new TransientMap<Duplex, { readonly since: number; firstByteAt: number | null }>()
  #isChecking = false

  constructor(context: Pick<ServerContext, 'clock' | 'limits'>) {
    this.#context = context
  }

  add(socket: Socket): void {
    this.#open.set(socket, { since: this.#context.clock.monotonic(), firstByteAt: null })
    if (!this.#isChecking) this.#checkLater()
  }

  /** How much of the time of its handshake is left to a socket whose request has been read. */
  timeFor(socket: Duplex): number {
    const { clock, limits } = this.#context
    const firstByteAt = this.#open.get(socket)?.firstByteAt ?? null
    this.#open.delete(socket)
    if (firstByteAt === null) return limits.handshakeMs
    return Math.max(1, limits.handshakeMs - (clock.monotonic() - firstByteAt))
  }

  #checkLater(): void {
    const { clock, limits } = this.#context
    this.#isChecking = true
    clock.after(Math.min(checkMs, limits.handshakeMs), () => this.#check())
  }

  #check(): void {
    const { clock, limits } = this.#context
    const now = clock.monotonic()
    const idleMs = this.#open.size > limits.handshakesWaiting ? limits.handshakeMs : limits.idleConnectionMs
    for (const [socket, times] of this.#open) {
      if (socket.destroyed) this.#open.delete(socket)
      else if (times.firstByteAt !== null) this.#cutLate(socket, now - times.firstByteAt)
      else if (bytesRead(socket) > 0) times.firstByteAt = now
      else if (now - times.since >= Math.min(idleMs, limits.idleConnectionMs)) socket.destroy()
    }
    this.#isChecking = this.#open.size > 0
    if (this.#isChecking) this.#checkLater()
  }

  #cutLate(socket: Duplex, ms: number): void {
    if (ms < this.#context.limits.handshakeMs) return
    this.#open.delete(socket)
    this.#context.clock.after(lastWordMs, () => socket.destroy())
    socket.write(httpAnswer(httpFace(tooLate, newId())))
    hangUpWhenFlushed(socket)
  }
}

function bytesRead({ bytesRead: read = 0 }: Duplex & { readonly bytesRead?: Socket['bytesRead'] }): number {
  return read
}

/** Listens. @throws what node:net throws, such as EADDRINUSE */
export function listening(
  server: Server,
  port: number,
  host: string,
): Promise<{ readonly port: number; readonly host: string }> {
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
