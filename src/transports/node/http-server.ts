import { newId } from '../../core/runtime/id.ts'
import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ServerContext } from '../../core/server-context.ts'
import type { Limits } from '../../core/api/limits.ts'
import { httpFace } from '../../core/access/denial-response.ts'
import { Denial } from '../../wire/errors.ts'
import { connectionHeader, httpAnswer } from './http-response.ts'
import { hangUpWhenFlushed } from './socket-owner.ts'

/** How often connections are looked at on which no request has been read yet. */
const lookMs = 500

/**
 * An HTTP server that speaks nothing but WebSocket: any other request is told to upgrade. Its own times only stand behind those of
 * {@link IdleConnections}, because they count from the connection on.
 */
export function webSocketServer({ headerBytes, handshakeMs, idleConnectionMs }: Limits): Server {
  const longest = Math.min(handshakeMs + idleConnectionMs + 4 * lookMs, 2 ** 31 - 1)
  return createServer(
    { maxHeaderSize: headerBytes, headersTimeout: longest, requestTimeout: longest },
    (_request, response) => {
      const { status, headers, body } = httpFace(mustUpgrade, newId())
      response.writeHead(status, { ...headers, ...connectionHeader(headers) }).end(body)
    },
  )
}

/** How long a peer that was refused may take to read why. */
const lastWordMs = 1_000
const mustUpgrade = new Denial(426, 'upgrade-required', 'this address speaks WebSocket')
const tooLate = new Denial(408, 'timeout', 'the request took too long')

/**
 * The connections on which no request has been read yet. Balancers and browsers open some ahead: a handshake takes its time from the
 * first byte on. One that says nothing is closed without a word after `idleConnectionMs`, because an answer would be taken for that to
 * the next request; one whose request does not end is 408.
 */
export class IdleConnections {
  readonly #context: Pick<ServerContext, 'clock' | 'limits'>
  /** When each came, and when its first byte was there. */
  readonly #open = new Map<Duplex, { readonly since: number; begun: number | null }>()
  #isLooking = false

  constructor(context: Pick<ServerContext, 'clock' | 'limits'>) {
    this.#context = context
  }

  add(socket: Socket): void {
    this.#open.set(socket, { since: this.#context.clock.monotonic(), begun: null })
    if (!this.#isLooking) this.#lookLater()
  }

  /** How much of the time of its handshake is left to a socket whose request has been read. */
  timeFor(socket: Duplex): number {
    const { clock, limits } = this.#context
    const begun = this.#open.get(socket)?.begun ?? clock.monotonic()
    this.#open.delete(socket)
    return Math.max(1, limits.handshakeMs - (clock.monotonic() - begun))
  }

  #lookLater(): void {
    const { clock, limits } = this.#context
    this.#isLooking = true
    clock.after(Math.min(lookMs, limits.handshakeMs), () => this.#look())
  }

  #look(): void {
    const { clock, limits } = this.#context
    const now = clock.monotonic()
    const idleMs = this.#open.size > limits.handshakesWaiting ? limits.handshakeMs : limits.idleConnectionMs
    for (const [socket, times] of this.#open) {
      if (socket.destroyed) this.#open.delete(socket)
      else if (times.begun !== null) this.#cutLate(socket, now - times.begun)
      else if (bytesRead(socket) > 0) times.begun = now
      else if (now - times.since >= Math.min(idleMs, limits.idleConnectionMs)) socket.destroy()
    }
    this.#isLooking = this.#open.size > 0
    if (this.#isLooking) this.#lookLater()
  }

  #cutLate(socket: Duplex, ms: number): void {
    if (ms < this.#context.limits.handshakeMs) return
    this.#open.delete(socket)
    this.#context.clock.after(lastWordMs, () => socket.destroy())
    hangUpWhenFlushed(socket)
    socket.end(httpAnswer(httpFace(tooLate, newId())))
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
