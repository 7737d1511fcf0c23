import type { Server as HttpServer } from 'node:http'
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
import { type AdmissionRequest, restarting } from '../../core/admission/admit.ts'
import { buildHandshake, peerGone } from '../../core/admission/build-handshake.ts'
import type { Transport, TransportParts } from '../../core/admission/transport.ts'
import { isThenable } from '../../core/runtime/awaitable.ts'
import type { ServerContext } from '../../core/server-context.ts'
import { deniedEvent } from '../../core/api/events.ts'
import { TransientSet } from '../../core/runtime/transient.ts'
import { Denial } from '../../wire/errors.ts'
import { whenToldToClose } from './close-together.ts'
import type { TransportContext, NodeConnection } from './connection.ts'
import { listening, IdleConnections, webSocketServer } from './http-server.ts'
import { PendingUpgrade, type UpgradeHost } from './pending-upgrade.ts'
import {
  hasVanished,
  nothingForwarded,
  type RemoteAddressOf,
  remoteAddressesBehind,
  type SharedAddress,
} from './remote-address.ts'
import { assertWhole, pathOf, readUpgrade, type UpgradeRules, upgradeRules } from './upgrade-request.ts'
import { type UpgradeListener, isAnswering, type Upgrade, upgradesOf } from './upgrade-router.ts'
import { TurnWriter } from './turn-writer.ts'

/** What can be wrong where several listeners answer the upgrades of one HTTP server. */
const attachFaults = {
  overlap:
    "two servers that are attached to one HTTP server accept the same path, and the server that was attached first has answered: make sure that their 'accepts' do not overlap",
  answered:
    "another 'upgrade' listener of the HTTP server has answered a socket that this server had begun to answer: give attach() an 'accepts' that refuses those paths",
} as const

/** How a server is attached to an HTTP server. */
export interface AttachOptions {
  /**
   * Whether a path is for this server; by default every path is. Other upgrades are left to the other
   * listeners of the HTTP server. They are cut when they have no answer within twice the time of a handshake.
   * Without other listeners they are 404.
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
export interface NodeTransport extends Transport {
  /** @throws TypeError when the paths of two overlap for certain, or this one is closed */
  attach(server: HttpServer | HttpsServer, options?: AttachOptions): void
  /** Listens with a server of its own. @throws what node:net throws, such as EADDRINUSE */
  listen(port: number, host?: string): Promise<{ readonly port: number; readonly host: string }>
}

const pipelined = new Denial(400, 'bad-request', 'an upgrade follows a request that is not answered yet')

const turnedDown = new Denial(404, 'not-found', 'there is no such endpoint', {
  detail: "'accepts' of attach() has refused the path",
})

/**
 * Makes the transport of a context; limits, clock, carriers and reporter are the context's.
 *
 * @throws TypeError when a proxy is no address and no range
 */
export function nodeTransport(parts: TransportParts): NodeTransport {
  return new HttpTransport(parts)
}

class HttpTransport implements NodeTransport, UpgradeHost {
  readonly #context: ServerContext
  readonly #admit: TransportParts['admit']
  readonly #remoteAddressOf: RemoteAddressOf
  readonly transport: TransportContext
  readonly #upgradeRules: UpgradeRules
  readonly #attached = new Set<HttpServer | HttpsServer>()
  /** Restores the methods that were replaced. */
  readonly #restores: (() => void)[] = []
  readonly #close: TransportParts['close']
  readonly #ownServers = new Set<HttpServer>()
  readonly #idleConnections: IdleConnections
  /** The upgrades that have no answer yet. */
  readonly #pending = new TransientSet<PendingUpgrade>()
  #emptied: () => void = () => {}
  #isClosed = false
  readonly #emittedShared = new Set<SharedAddress['kind']>()
  readonly #reportedFaults = new Set<keyof typeof attachFaults>()

  constructor({ context, admit, close, proxies }: TransportParts) {
    this.#close = close
    this.#context = context
    this.#admit = admit
    this.#idleConnections = new IdleConnections(context)
    this.#remoteAddressOf = remoteAddressesBehind(proxies)
    this.#upgradeRules = upgradeRules(context.limits.headerBytes, context.carriers)
    this.transport = {
      context,
      turnWriter: new TurnWriter(),
      outboundBytes: context.limits.outboundBytes,
      connections: new TransientSet<NodeConnection>(),
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
    upgradesOf(server).add(this.#listenerFor(server, accepts))
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
    this.#restores.push(whenToldToClose(server, closing))
  }

  #listenerFor(server: HttpServer | HttpsServer, accepts?: (path: string) => boolean): UpgradeListener {
    const { clock, limits } = this.#context
    const isClosed = (): boolean => this.#isClosed
    return {
      acceptsEveryPath: accepts === undefined,
      get isClosed() {
        return isClosed()
      },
      leftToOthersMs: 2 * limits.handshakeMs,
      clock,
      accepts: (path) => accepts === undefined || this.#isAccepted(accepts, path),
      answer: (upgrade, isAccepted) =>
        this.#answer(upgrade, { isAccepted, headers: server.maxHeadersCount ?? 0 }),
      overlapped: () => this.#reportFault('overlap'),
    }
  }

  async listen(port: number, host = '127.0.0.1'): Promise<{ readonly port: number; readonly host: string }> {
    const server = webSocketServer(this.#context.limits)
    server.on('connection', (socket: Socket) => this.#idleConnections.add(socket))
    this.attach(server)
    const bound = await listening(server, port, host)
    this.#ownServers.add(server)
    return bound
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const restore of this.#restores.splice(0)) restore()
    const stopped = [...this.#ownServers].map((server) => new Promise((resolve) => server.close(resolve)))
    for (const pending of this.#pending) pending.refuse(restarting)
    await this.#allGone()
    for (const server of this.#ownServers) server.closeAllConnections()
    this.#ownServers.clear()
    await Promise.all(stopped)
  }

  /** Whether `accepts` takes a path. When it throws, the path is not taken, and the process goes on. */
  #isAccepted(accepts: (path: string) => boolean, path: string): boolean {
    try {
      // a promise is no answer
      const answer: unknown = accepts(path)
      return answer === true
    } catch (error) {
      this.#context.report(error, 'asking whether a path is accepted')
      return false
    }
  }

  #answer(
    upgrade: Upgrade,
    { isAccepted, headers }: { readonly isAccepted: boolean; readonly headers: number },
  ): void {
    const { request, socket, head } = upgrade
    const pending = new PendingUpgrade(this, upgrade)
    this.#pending.add(pending)
    pending.begin(this.#idleConnections.timeFor(socket))
    const hopeless = hasVanished(request.socket) ? peerGone : isAnswering(socket) ? pipelined : null
    if (hopeless !== null) {
      this.denied(pending, hopeless)
      return pending.gone()
    }
    if (head.length > 0) socket.unshift(head)
    if (this.#isClosed) return pending.refuse(restarting)
    if (!isAccepted) return pending.refuse(turnedDown)
    try {
      const admitted = this.#admit(this.#read(pending, headers))
      if (isThenable(admitted)) void this.#admitLater(pending, admitted)
      else assertAnswered(pending)
    } catch (error) {
      pending.refuse(this.#asDenial(error))
    }
  }

  async #admitLater(pending: PendingUpgrade, admitted: Promise<void>): Promise<void> {
    try {
      await admitted
      assertAnswered(pending)
    } catch (error) {
      pending.refuse(this.#asDenial(error))
    }
  }

  /** @throws Denial when the request is malformed */
  #read(pending: PendingUpgrade, headers: number): AdmissionRequest {
    const { request } = pending
    assertWhole(request, headers)
    const upgrade = readUpgrade(request, this.#upgradeRules)
    const remote = this.#remoteAddressOf(request.socket, upgrade)
    if (remote.shared !== null) this.#emitShared(remote.shared)
    upgrade.address = remote.address
    upgrade.secure = remote.secure
    pending.key = upgrade.key
    const handshake = buildHandshake(this.#context, upgrade, pending)
    return { handshake, host: upgrade.host, reject: (refusal) => pending.reject(refusal) }
  }

  #asDenial(error: unknown): Denial {
    if (error instanceof Denial) return error
    this.#context.report(error, 'admitting')
    return new Denial(503, 'unavailable', 'the server could not answer: come back later')
  }

  denied({ id, request }: PendingUpgrade, denial: Denial): void {
    const { address } = this.#remoteAddressOf(request.socket, nothingForwarded)
    this.#context.emit(deniedEvent(denial, { id, path: pathOf(request), address, origin: null }))
  }

  settled(pending: PendingUpgrade): void {
    this.#pending.delete(pending)
  }

  answeredElsewhere(): void {
    this.#reportFault('answered')
  }

  /** Reports once what is wrong with the way in which this server is attached. */
  #reportFault(fault: keyof typeof attachFaults): void {
    if (this.#reportedFaults.has(fault)) return
    this.#reportedFaults.add(fault)
    this.#context.report(new TypeError(attachFaults[fault]), 'answering an upgrade')
  }

  /** Emits once for each kind that several people come from one address. */
  #emitShared({ kind, cause, detail }: SharedAddress): void {
    if (this.#emittedShared.has(kind)) return
    this.#emittedShared.add(kind)
    this.#context.emit({ type: 'misconfigured', cause, detail })
  }

  /** Waits until every peer has answered the close, or has been cut. */
  #allGone(): Promise<void> {
    const { connections } = this.transport
    if (connections.size === 0) return Promise.resolve()
    for (const connection of connections) connection.close(1001, 'going away')
    return new Promise((resolve) => {
      this.#emptied = resolve
    })
  }
}

/** @throws TypeError when it is still open, but not in vain: one whose time is over is answered 408 a turn later */
function assertAnswered(pending: PendingUpgrade): void {
  if (pending.isOpen && !pending.isOver)
    throw new TypeError('an application neither accepted nor denied a handshake')
}
