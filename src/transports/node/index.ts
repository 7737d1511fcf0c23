import { newId } from '../../core/runtime/id.ts'
import type { IncomingMessage, Server as HttpServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Duration } from '../../wire/duration.ts'
import {
  aBoolean,
  aDuration,
  aFunction,
  anObject,
  checkedOptions,
  either,
  type OptionKinds,
  needed,
} from '../../wire/options.ts'
import type { AdmissionRequest } from '../../core/admission/admit.ts'
import type { ServerContext } from '../../core/server-context.ts'
import { httpFace } from '../../core/access/denial-response.ts'
import { deniedEvent } from '../../core/api/events.ts'
import { Denial } from '../../wire/errors.ts'
import { whenToldToClose } from './close-together.ts'
import type { TransportContext, NodeConnection } from './connection.ts'
import { handshakeOf } from './handshake.ts'
import { listening, IdleConnections, webSocketServer } from './http-server.ts'
import { PendingUpgrade } from './pending-upgrade.ts'
import {
  hasVanished,
  type RemoteAddressOf,
  remoteAddressesBehind,
  type SharedAddress,
} from './remote-address.ts'
import { assertWhole, pathOf, readUpgrade } from './upgrade-request.ts'
import { type UpgradeListener, isAnswering, type Upgrade, upgradesOf } from './upgrade-router.ts'
import { TurnWriter } from './turn-writer.ts'

/** What the transport is made of. */
export interface NodeTransportParts {
  readonly context: ServerContext
  /** Leads a handshake through the doors; it settles when that was answered. */
  readonly admit: (entrance: AdmissionRequest) => Promise<void>
  /** Closes the server that this is the transport of. */
  readonly close: (drain: Duration) => Promise<void>
  /** Addresses or CIDR ranges of proxies whose forwarded headers count. */
  readonly proxies?: readonly string[]
}

/** What can be wrong where several answer the upgrades of one HTTP server. */
const attachFaults = {
  overlap:
    "two servers that are attached to one HTTP server accept the same path, and the one that was attached first has answered: let their 'accepts' not overlap",
  answered:
    "another 'upgrade' listener of the HTTP server has answered a socket that this server had begun to answer: give attach() 'accepts' that leaves it those paths",
} as const

/** How a server is attached to an HTTP server. */
export interface AttachOptions {
  /**
   * Whether a path is for this server; every one is when it is left out. Other upgrades are left to the other listeners of the HTTP
   * server, and cut when none of them has answered within twice the time of a handshake; without other listeners they are 404.
   */
  readonly accepts?: (path: string) => boolean
  /**
   * Closes this server when the HTTP server is told to close: with the time of the drain, or `true` for 30 s. Without it
   * `httpServer.close()` waits for ever for sockets that are open. It replaces the method `close` of that one object.
   */
  readonly closeWithHttpServer?: boolean | { readonly drain: Duration }
}

const attachKinds: OptionKinds<AttachOptions> = {
  accepts: aFunction,
  closeWithHttpServer: either(aBoolean, anObject),
}

/** WebSockets on servers of node:http. */
export interface NodeTransport {
  /** @throws TypeError when the paths of two overlap for certain, or this one is closed */
  attach(server: HttpServer | HttpsServer, options?: AttachOptions): void
  /** Listens with a server of its own. @throws what node:net throws, such as EADDRINUSE */
  listen(port: number, host?: string): Promise<{ readonly port: number; readonly host: string }>
  /** Hangs up on everyone who is left and stops its own servers; on the others it answers 503 from now on. */
  close(): Promise<void>
}

const vanished = new Denial(499, 'gone', 'the peer has gone')
const pipelined = new Denial(400, 'bad-request', 'an upgrade follows a request that is not answered yet')

const turnedDown = new Denial(404, 'not-found', 'there is no such endpoint', {
  detail: "'accepts' of attach() has turned the path down",
})
const restart = new Denial(503, 'restart', 'the server is being restarted', { retryAfterMs: 1_000 })

/**
 * Makes the transport of a context; limits, clock, carriers and reporter are the context's.
 *
 * @throws TypeError when a proxy is no address and no range
 */
export function nodeTransport(parts: NodeTransportParts): NodeTransport {
  return new Transport(parts)
}

class Transport implements NodeTransport {
  readonly #context: ServerContext
  readonly #admit: NodeTransportParts['admit']
  readonly #peerOf: RemoteAddressOf
  readonly #house: TransportContext
  readonly #attached = new Set<HttpServer | HttpsServer>()
  /** How to put the methods back that were replaced. */
  readonly #restored: (() => void)[] = []
  readonly #close: NodeTransportParts['close']
  readonly #own = new Set<HttpServer>()
  readonly #ahead: IdleConnections
  /** How to refuse those who wait at the door. */
  readonly #knocking = new Map<string, (denial: Denial) => void>()
  #emptied: () => void = () => {}
  #isClosed = false
  readonly #unsureTold = new Set<SharedAddress['kind']>()
  readonly #said = new Set<keyof typeof attachFaults>()

  constructor({ context, admit, close, proxies = [] }: NodeTransportParts) {
    this.#close = close
    this.#context = context
    this.#admit = admit
    this.#ahead = new IdleConnections(context)
    this.#peerOf = remoteAddressesBehind(proxies)
    this.#house = {
      context,
      writer: new TurnWriter(),
      connections: new Set<NodeConnection>(),
      emptied: () => this.#emptied(),
    }
  }

  attach(server: HttpServer | HttpsServer, options: AttachOptions = {}): void {
    const { accepts, closeWithHttpServer = false } = checkedOptions('attach()', options, attachKinds)
    const how =
      typeof closeWithHttpServer === 'object'
        ? checkedOptions("'closeWithHttpServer'", closeWithHttpServer, { drain: needed(aDuration) })
        : closeWithHttpServer
    if (this.#isClosed) throw new TypeError('this server is closed')
    if (this.#attached.has(server)) throw new TypeError('this server is attached already')
    upgradesOf(server).add(this.#claimantOf(server, accepts))
    this.#attached.add(server)
    this.#closeWith(server, how)
  }

  #closeWith(server: HttpServer | HttpsServer, how: boolean | { readonly drain: Duration }): void {
    if (how === false) return
    const drain = how === true ? '30s' : how.drain
    const closing = (): void => {
      this.#close(drain).catch((error: unknown) =>
        this.#context.report(error, 'closing with the HTTP server'),
      )
    }
    this.#restored.push(whenToldToClose(server, closing))
  }

  #claimantOf(server: HttpServer | HttpsServer, accepts?: (path: string) => boolean): UpgradeListener {
    const { clock, limits } = this.#context
    const isClosed = (): boolean => this.#isClosed
    return {
      isWhole: accepts === undefined,
      get isClosed() {
        return isClosed()
      },
      leftMs: 2 * limits.handshakeMs,
      clock,
      accepts: (path) => accepts === undefined || this.#asked(accepts, path),
      answer: (upgrade) => this.#knocked(upgrade, server.maxHeadersCount ?? 0),
      overlapped: () => this.#say('overlap'),
    }
  }

  async listen(port: number, host = '127.0.0.1'): Promise<{ readonly port: number; readonly host: string }> {
    const server = webSocketServer(this.#context.limits)
    server.on('connection', (socket: Socket) => this.#ahead.add(socket))
    this.attach(server)
    const bound = await listening(server, port, host)
    this.#own.add(server)
    return bound
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const restore of this.#restored.splice(0)) restore()
    const stopped = [...this.#own].map((server) => new Promise((resolve) => server.close(resolve)))
    for (const refuse of this.#knocking.values()) refuse(restart)
    await this.#allGone()
    for (const server of this.#own) server.closeAllConnections()
    this.#own.clear()
    await Promise.all(stopped)
  }

  /** Whether a path is ours; a rule that throws answers nobody's upgrades but ends no process. */
  #asked(accepts: (path: string) => boolean, path: string): boolean {
    try {
      // a promise is no answer
      const answer: unknown = accepts(path)
      return answer === true
    } catch (error) {
      this.#context.report(error, 'asking whether a path is accepted')
      return false
    }
  }

  #knocked({ request, socket, head, ours }: Upgrade, headers: number): void {
    const id = newId()
    const { clock } = this.#context
    const refuse = (denial: Denial): void => {
      if (!knocking.isOpen) return
      this.#tellOf(denial, request, id)
      knocking.reject(httpFace(denial, id))
    }
    // the doors may have an answer of their own to the end of the wait: they are asked first
    const late = (denial: Denial): void => void setImmediate(() => refuse(denial))
    const done = (): void => void this.#knocking.delete(id)
    this.#knocking.set(id, refuse)
    const ms = this.#ahead.timeFor(socket)
    const stolen = (): void => this.#say('answered')
    const knocking = new PendingUpgrade(socket, { clock, ms, late, done, stolen })
    const hopeless = hasVanished(request.socket) ? vanished : isAnswering(socket) ? pipelined : null
    if (hopeless !== null) {
      this.#tellOf(hopeless, request, id)
      return knocking.gone()
    }
    if (head.length > 0) socket.unshift(head)
    if (this.#isClosed) return refuse(restart)
    if (!ours) return refuse(turnedDown)
    this.#lead(id, { request, headers }, knocking).catch((error: unknown) => refuse(this.#asDenial(error)))
  }

  /** @throws Denial when the request is malformed, or when whoever admits has answered nothing */
  async #lead(
    id: string,
    { request, headers }: { readonly request: IncomingMessage; readonly headers: number },
    knocking: PendingUpgrade,
  ): Promise<void> {
    const { limits, carriers } = this.#context
    assertWhole(request, headers)
    const read = readUpgrade(request, limits.headerBytes, carriers)
    const peer = this.#peerOf(request.socket, (name) => read.headers.get(name)?.join(',') ?? null)
    if (peer.unsure !== null) this.#unsure(peer.unsure)
    const handshake = handshakeOf({ id, house: this.#house, request: read, peer, knocking })
    await this.#admit({ handshake, host: read.host, reject: (answer) => knocking.reject(answer) })
    if (knocking.isOpen) throw new TypeError('an application neither accepted nor denied a handshake')
  }

  #asDenial(error: unknown): Denial {
    if (error instanceof Denial) return error
    this.#context.report(error, 'admitting')
    return new Denial(503, 'unavailable', 'the server could not answer: come back later')
  }

  #tellOf(denial: Denial, request: IncomingMessage, id: string): void {
    const { address } = this.#peerOf(request.socket, () => null)
    this.#context.emit(deniedEvent(denial, { id, path: pathOf(request), address, origin: null }))
  }

  /** Tells once what is wrong with the way in which this server is attached. */
  #say(fault: keyof typeof attachFaults): void {
    if (this.#said.has(fault)) return
    this.#said.add(fault)
    this.#context.report(new TypeError(attachFaults[fault]), 'answering an upgrade')
  }

  /** Tells once of each kind that people cannot be told apart. */
  #unsure({ kind, cause, detail }: SharedAddress): void {
    if (this.#unsureTold.has(kind)) return
    this.#unsureTold.add(kind)
    this.#context.emit({ type: 'misconfigured', cause, detail })
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
