import { Socket } from 'node:net'
import type { Clock, Timer } from '../../wire/clock.ts'
import type { HttpRefusal } from '../../core/access/denial-response.ts'
import { type HandshakeAnswer, peerGone } from '../../core/admission/build-handshake.ts'
import { Denial, deny } from '../../wire/errors.ts'
import { type TransportContext, NodeConnection } from './connection.ts'
import { httpAnswer, switchingProtocols } from './http-response.ts'
import { hangUpWhenFlushed, lastWordMs, type OwnedSocket, own, type SocketOwner } from './socket-owner.ts'
import { isAnswered, written } from './upgrade-router.ts'

/** Why the signal of a handshake is aborted when its time is over. */
const tooLate: Denial = new Denial(408, 'timeout', 'the handshake took too long', { httpOnly: true })

/** The owner of a socket that belongs to another listener. */
const noOwner: SocketOwner = { received: () => {}, gone: () => {} }

/**
 * A socket between its upgrade request and the answer. It has an owner from the first tick: a peer that
 * resets while an authenticator waits for a database leaves nothing behind and does not end the process. What
 * the peer sends too early waits in the socket.
 */
export class PendingUpgrade implements SocketOwner {
  readonly #socket: OwnedSocket
  readonly #clock: Clock
  readonly #done: () => void
  readonly #answeredElsewhere: () => void
  readonly #before: number
  #timer: Timer
  #abort: AbortController | null = null
  #why: Denial | null = null
  #state: 'waiting' | 'late' | 'answered' | 'gone' = 'waiting'

  /**
   * Calls `late` with the denial to answer when the time is over. Calls `done` when the upgrade was answered
   * or the peer has gone. Calls `answeredElsewhere` when another listener of the HTTP server has answered it.
   */
  constructor(
    socket: OwnedSocket,
    wait: {
      clock: Clock
      ms: number
      late: (denial: Denial) => void
      done: () => void
      answeredElsewhere: () => void
    },
  ) {
    this.#socket = socket
    this.#clock = wait.clock
    this.#done = wait.done
    this.#answeredElsewhere = wait.answeredElsewhere
    this.#before = written(socket)
    this.#timer = wait.clock.after(wait.ms, () => {
      this.#abortWait('late', tooLate)
      wait.late(tooLate)
    })
    own(socket, this)
    if (socket.destroyed) this.gone()
  }

  /** Aborted when the peer has gone or the time is over, before it was answered. */
  get signal(): AbortSignal {
    if (this.#abort === null) {
      this.#abort = new AbortController()
      if (this.#why !== null) this.#abort.abort(this.#why)
    }
    return this.#abort.signal
  }

  /** Whether the peer has gone or the time is over, before it was answered. */
  get isOver(): boolean {
    return this.#why !== null
  }

  /** Whether it was neither accepted nor refused, and the peer is still there. */
  get isOpen(): boolean {
    return this.#state === 'waiting' || this.#state === 'late'
  }

  /** Hands the socket over, still owned. @throws Denial 499 when the peer has gone, or was answered before */
  take(): OwnedSocket {
    if (this.#state !== 'waiting' || this.#isAnsweredElsewhere())
      deny(499, 'gone', 'the peer has gone, or was answered before')
    this.#state = 'answered'
    this.#timer.cancel()
    this.#done()
    // the server's timeout is for requests; and a message must not wait for the next one (Nagle)
    if (this.#socket instanceof Socket) this.#socket.setTimeout(0).setNoDelay(true)
    return this.#socket
  }

  /** Answers with HTTP and hangs up; does nothing when the peer has gone, or was answered before. */
  reject(answer: HttpRefusal): void {
    if (!this.isOpen || this.#isAnsweredElsewhere()) return
    this.#state = 'answered'
    this.#timer.cancel()
    this.#done()
    if (!this.#socket.writable) return void this.#socket.destroy()
    this.#timer = this.#clock.after(lastWordMs, () => this.#socket.destroy())
    hangUpWhenFlushed(this.#socket)
    this.#socket.end(httpAnswer(answer))
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
    this.#answeredElsewhere()
    return true
  }

  #release(): void {
    this.#timer.cancel()
    this.#abortWait('gone', peerGone)
    this.#done()
  }

  #abortWait(state: 'late' | 'gone', why: Denial): void {
    if (!this.isOpen) return
    this.#state = state
    this.#why = why
    this.#abort?.abort(why)
  }
}

/** The answer to an upgrade of node:http. */
export class UpgradeAnswer implements HandshakeAnswer {
  readonly #transport: TransportContext
  readonly #pending: PendingUpgrade
  readonly #key: string

  /** @param key the `Sec-WebSocket-Key` header */
  constructor(transport: TransportContext, pending: PendingUpgrade, key: string) {
    this.#transport = transport
    this.#pending = pending
    this.#key = key
  }

  get signal(): AbortSignal {
    return this.#pending.signal
  }

  get isOver(): boolean {
    return this.#pending.isOver
  }

  /** Nothing is written before the end of the turn: the answer and the first frames leave in one write. */
  connect(protocol: string | null, messageBytes: number): NodeConnection {
    const socket = this.#pending.take()
    const head = switchingProtocols(this.#key, protocol)
    return new NodeConnection(this.#transport, { protocol, socket, head, messageBytes })
  }
}
