import type { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { type HttpRefusal, httpFace } from '../../core/access/denial-response.ts'
import { type HandshakeAnswer, peerGone } from '../../core/admission/build-handshake.ts'
import { newId } from '../../core/runtime/id.ts'
import { ListedTimer } from '../../core/runtime/timer-list.ts'
import type { Timer } from '../../wire/clock.ts'
import { Denial, deny } from '../../wire/errors.ts'
import { type TransportContext, NodeConnection } from './connection.ts'
import { httpAnswer, switchingProtocols } from './http-response.ts'
import { hangUpWhenFlushed, lastWordMs, type OwnedSocket, own, type SocketOwner } from './socket-owner.ts'
import { isAnswered, type Upgrade, written } from './upgrade-router.ts'

/** Why the signal of a handshake is aborted when its time is over. */
const tooLate: Denial = new Denial(408, 'timeout', 'the handshake took too long', { httpOnly: true })

/** The owner of a socket that belongs to another listener. */
const noOwner: SocketOwner = { received: () => {}, gone: () => {} }

/** The transport, as its pending upgrades see it. */
export interface UpgradeHost {
  readonly transport: TransportContext
  /** Called before an upgrade is answered with a denial. */
  denied(pending: PendingUpgrade, denial: Denial): void
  /** Called when an upgrade was answered or its peer has gone. It may be called more than once. */
  settled(pending: PendingUpgrade): void
  /** Called when another listener of the HTTP server has answered an upgrade. */
  answeredElsewhere(): void
}

/**
 * An upgrade between its request and the answer. Its socket has an owner from the first tick: a peer that
 * resets while an authenticator waits for a database leaves nothing behind and does not end the process. What
 * the peer sends too early waits in the socket.
 */
export class PendingUpgrade extends ListedTimer implements SocketOwner, HandshakeAnswer {
  readonly id: string = newId()
  readonly request: IncomingMessage
  /** The `Sec-WebSocket-Key` header, once it was read. */
  key = ''
  readonly #host: UpgradeHost
  readonly #socket: OwnedSocket
  readonly #before: number
  /** The end of a wait that is shorter than the time of a handshake, because the request came slowly. */
  #rest: Timer | null = null
  #abort: AbortController | null = null
  #why: Denial | null = null
  #state: 'waiting' | 'late' | 'answered' | 'gone' = 'waiting'

  constructor(host: UpgradeHost, { request, socket }: Upgrade) {
    super()
    this.request = request
    this.#host = host
    this.#socket = socket
    this.#before = written(socket)
  }

  /** Owns the socket, and waits for at most so long. */
  begin(ms: number): void {
    const { timers, limits } = this.#host.transport.context
    if (ms === limits.handshakeMs) this.startTimer(timers.list(ms))
    else this.#rest = timers.after(ms, () => this.timeIsUp())
    own(this.#socket, this)
    if (this.#socket.destroyed) this.gone()
  }

  /** Aborted when the peer has gone or the time is over, before it was answered. */
  get signal(): AbortSignal {
    if (this.#abort === null) {
      this.#abort = new AbortController()
      if (this.#why !== null) this.#abort.abort(this.#why)
    }
    return this.#abort.signal
  }

  get isOver(): boolean {
    return this.#why !== null
  }

  /** Whether it was neither accepted nor refused, and the peer is still there. */
  get isOpen(): boolean {
    return this.#state === 'waiting' || this.#state === 'late'
  }

  override timeIsUp(): void {
    if (!this.isOpen) return void this.#socket.destroy()
    this.#abortWait('late', tooLate)
    // an authenticator may answer the end of the wait itself: it is first
    setImmediate(() => this.refuse(tooLate))
  }

  /** Nothing is written before the end of the turn: the answer and the first frames leave in one write. */
  connect(protocol: string | null, messageBytes: number): NodeConnection {
    if (this.#state !== 'waiting' || this.#isAnsweredElsewhere())
      deny(499, 'gone', 'the peer has gone, or was answered before')
    this.#settle('answered')
    const socket = this.#socket
    // the server's timeout is for requests; and a message must not wait for the next one (Nagle)
    if (socket instanceof Socket) socket.setTimeout(0).setNoDelay(true)
    const head = switchingProtocols(this.key, protocol)
    return new NodeConnection(this.#host.transport, { protocol, socket, head, messageBytes })
  }

  /** Answers with a denial, and tells the transport of it; see {@link reject}. */
  refuse(denial: Denial): void {
    if (!this.isOpen) return
    this.#host.denied(this, denial)
    this.reject(httpFace(denial, this.id))
  }

  /** Answers with HTTP and hangs up; does nothing when the peer has gone, or was answered before. */
  reject(answer: HttpRefusal): void {
    if (!this.isOpen || this.#isAnsweredElsewhere()) return
    this.#settle('answered')
    const socket = this.#socket
    if (!socket.writable) return void socket.destroy()
    socket.write(httpAnswer(answer))
    hangUpWhenFlushed(socket)
    if (!socket.destroyed) this.startTimer(this.#host.transport.context.timers.list(lastWordMs))
  }

  gone(): void {
    this.#release()
    this.#socket.destroy()
  }

  /** Nothing is read before the answer. */
  received(): void {}

  /** Whether another listener has answered first. Then the socket is left to it unchanged. */
  #isAnsweredElsewhere(): boolean {
    if (!isAnswered(this.#socket, this.#before)) return false
    own(this.#socket, noOwner)
    this.#release()
    this.#host.answeredElsewhere()
    return true
  }

  #release(): void {
    this.#abortWait('gone', peerGone)
    this.#settle(this.#state)
  }

  #settle(state: 'waiting' | 'late' | 'answered' | 'gone'): void {
    this.#state = state
    this.stopTimer()
    this.#rest?.cancel()
    this.#host.settled(this)
  }

  #abortWait(state: 'late' | 'gone', why: Denial): void {
    if (!this.isOpen) return
    this.#state = state
    this.#why = why
    this.#abort?.abort(why)
  }
}
