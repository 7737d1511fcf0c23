import { newId } from '../../core/new-id.ts'
import type { IncomingMessage, Server as HttpServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Duplex } from 'node:stream'
import type { Entrance } from '../../core/admit.ts'
import type { Hub } from '../../core/hub.ts'
import { httpFace } from '../../core/refusal.ts'
import { deniedEvent } from '../../core/report.ts'
import { Denial } from '../../wire/errors.ts'
import type { House, NodeConnection } from './connection.ts'
import { isAnswering, leaveToOthers } from './declined.ts'
import { handshakeOf } from './handshake.ts'
import { listening, webSocketServer } from './http-server.ts'
import { Knocking } from './knocking.ts'
import { hasVanished, type PeerOf, peersBehind } from './peer.ts'
import { assertWhole, pathOf, readUpgrade } from './request.ts'
import { Writer } from './writer.ts'

/** What the transport is made of. */
export interface NodeTransportParts {
  readonly hub: Hub
  /** Leads a handshake through the doors; it settles when that was answered. */
  readonly admit: (entrance: Entrance) => Promise<void>
  /** Addresses or CIDR ranges of proxies whose forwarded headers count. */
  readonly proxies?: readonly string[]
}

/** WebSockets on servers of node:http. */
export interface NodeTransport {
  /**
   * Answers the upgrades of a server; those whose path `accepts` turns down are left to its other listeners, and cut when
   * none of them has answered within twice the time of a handshake.
   *
   * @throws TypeError when the server is attached already
   */
  attach(server: HttpServer | HttpsServer, options?: { readonly accepts?: (path: string) => boolean }): void
  /** Listens with a server of its own. @throws what node:net throws, such as EADDRINUSE */
  listen(port: number, host?: string): Promise<{ readonly port: number; readonly host: string }>
  /** Hangs up on everyone who is left, stops its own servers and lets go of the others. */
  close(): Promise<void>
}

/** What else is known of an upgrade. */
interface Knock {
  readonly head: Buffer
  /** Whether its path is one of ours. */
  readonly ours: boolean
  /** How many headers the server keeps; 0 when it has no bound of its own. */
  readonly headers: number
}

const vanished = new Denial(499, 'gone', 'the peer has gone')
const pipelined = new Denial(400, 'bad-request', 'an upgrade follows a request that is not answered yet')

type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

/**
 * Makes the transport of a hub; limits, clock, carriers and reporter are the hub's.
 *
 * @throws TypeError when a proxy is no address and no range
 */
export function nodeTransport(parts: NodeTransportParts): NodeTransport {
  return new Transport(parts)
}

class Transport implements NodeTransport {
  readonly #hub: Hub
  readonly #admit: NodeTransportParts['admit']
  readonly #peerOf: PeerOf
  readonly #house: House
  readonly #attached = new Map<HttpServer | HttpsServer, UpgradeListener>()
  readonly #own = new Set<HttpServer>()
  /** When the sockets of our own servers came: there the time of a handshake runs from the first moment. */
  readonly #arrivals = new WeakMap<Duplex, number>()
  /** How to refuse those who wait at the door. */
  readonly #knocking = new Map<string, (denial: Denial) => void>()
  #emptied: () => void = () => {}

  constructor({ hub, admit, proxies = [] }: NodeTransportParts) {
    this.#hub = hub
    this.#admit = admit
    this.#peerOf = peersBehind(proxies)
    this.#house = {
      hub,
      writer: new Writer(),
      connections: new Set<NodeConnection>(),
      emptied: () => this.#emptied(),
    }
  }

  attach(
    server: HttpServer | HttpsServer,
    { accepts = () => true }: { readonly accepts?: (path: string) => boolean } = {},
  ): void {
    if (this.#attached.has(server)) throw new TypeError('this server is attached already')
    const listener: UpgradeListener = (request, socket, head) => {
      const ours = this.#asked(accepts, pathOf(request))
      const { clock, limits } = this.#hub
      // with nobody else there to answer, it is for us to say so
      if (!ours && server.listenerCount('upgrade') > 1) leaveToOthers(socket, clock, 2 * limits.handshakeMs)
      else this.#knocked(request, socket, { head, ours, headers: server.maxHeadersCount ?? 0 })
    }
    this.#attached.set(server, listener)
    server.on('upgrade', listener)
  }

  async listen(port: number, host = '127.0.0.1'): Promise<{ readonly port: number; readonly host: string }> {
    const server = webSocketServer(this.#hub.limits)
    server.on('connection', (socket: Duplex) => this.#arrivals.set(socket, this.#hub.clock.monotonic()))
    this.attach(server)
    const bound = await listening(server, port, host)
    this.#own.add(server)
    return bound
  }

  async close(): Promise<void> {
    for (const [server, listener] of this.#attached) server.off('upgrade', listener)
    this.#attached.clear()
    const stopped = [...this.#own].map((server) => new Promise((resolve) => server.close(resolve)))
    const denial = new Denial(503, 'restart', 'the server is being restarted', { retryAfterMs: 1_000 })
    for (const refuse of this.#knocking.values()) refuse(denial)
    await this.#allGone()
    for (const server of this.#own) server.closeAllConnections()
    this.#own.clear()
    await Promise.all(stopped)
  }

  /** Whether a path is ours; a rule that throws answers nobody's upgrades but ends no process. */
  #asked(accepts: (path: string) => boolean, path: string): boolean {
    try {
      return accepts(path)
    } catch (error) {
      this.#hub.report(error, 'asking whether a path is accepted')
      return false
    }
  }

  #knocked(request: IncomingMessage, socket: Duplex, { head, ours, headers }: Knock): void {
    const id = newId()
    const { clock } = this.#hub
    const refuse = (denial: Denial): void => {
      if (!knocking.isOpen) return
      this.#tellOf(denial, request, id)
      knocking.reject(httpFace(denial, id))
    }
    // the doors may have an answer of their own to the end of the wait: they are asked first
    const late = (denial: Denial): void => void setImmediate(() => refuse(denial))
    const done = (): void => void this.#knocking.delete(id)
    this.#knocking.set(id, refuse)
    const knocking = new Knocking(socket, { clock, ms: this.#timeFor(socket), late, done })
    const hopeless = hasVanished(request.socket) ? vanished : isAnswering(socket) ? pipelined : null
    if (hopeless !== null) {
      this.#tellOf(hopeless, request, id)
      return knocking.gone()
    }
    if (head.length > 0) socket.unshift(head)
    if (!ours) return refuse(new Denial(404, 'not-found', 'there is no such endpoint'))
    this.#lead(id, { request, headers }, knocking).catch((error: unknown) => refuse(this.#asDenial(error)))
  }

  /** @throws Denial when the request is malformed, or when whoever admits has answered nothing */
  async #lead(
    id: string,
    { request, headers }: { readonly request: IncomingMessage; readonly headers: number },
    knocking: Knocking,
  ): Promise<void> {
    const { limits, carriers } = this.#hub
    assertWhole(request, headers)
    const read = readUpgrade(request, limits.headerBytes, carriers)
    const peer = this.#peerOf(request.socket, (name) => read.headers.get(name)?.join(',') ?? null)
    const handshake = handshakeOf({ id, house: this.#house, request: read, peer, knocking })
    await this.#admit({ handshake, host: read.host, reject: (answer) => knocking.reject(answer) })
    if (knocking.isOpen) throw new TypeError('an application neither accepted nor denied a handshake')
  }

  #asDenial(error: unknown): Denial {
    if (error instanceof Denial) return error
    this.#hub.report(error, 'admitting')
    return new Denial(503, 'unavailable', 'the server could not answer: come back later')
  }

  #tellOf(denial: Denial, request: IncomingMessage, id: string): void {
    const { address } = this.#peerOf(request.socket, () => null)
    this.#hub.emit(deniedEvent(denial, { id, path: pathOf(request), address, origin: null }))
  }

  #timeFor(socket: Duplex): number {
    const { clock, limits } = this.#hub
    const arrived = this.#arrivals.get(socket)
    return Math.max(1, limits.handshakeMs - (arrived === undefined ? 0 : clock.monotonic() - arrived))
  }

  /** Waits until everyone has answered the close, or has been cut. */
  #allGone(): Promise<void> {
    const { connections } = this.#house
    if (connections.size === 0) return Promise.resolve()
    for (const connection of connections) connection.close(1001, 'going away')
    return new Promise((resolve) => {
      this.#emptied = resolve
    })
  }
}
