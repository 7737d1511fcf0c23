import type { Connection, Packet, Receiver } from '../../core/api/connection.ts'
import type { ServerContext } from '../../core/server-context.ts'
import { ListedTimer } from '../../core/runtime/timer-list.ts'
import type { TransientSet } from '../../core/runtime/transient.ts'
import type { Payload } from '../../wire/body.ts'
import { closeFrame, pingFrame, pongFrame } from './frame.ts'
import {
  hangUpWhenFlushed,
  lastWordMs,
  type OwnedSocket,
  own,
  type SocketOwner,
  startReading,
} from './socket-owner.ts'
import { type FrameListener, FrameReader } from './frame-reader.ts'
import { type OutboundParts, OutboundQueue } from './outbound-queue.ts'

/** What all connections of a server share. */
export interface TransportContext extends OutboundParts {
  readonly context: ServerContext
  /** The connections whose wire has not ended. */
  readonly connections: TransientSet<NodeConnection>
  /** Called when the last of them has gone. */
  emptied(): void
}

/** What one connection is made of. */
export interface ConnectionParts {
  readonly protocol: string | null
  readonly socket: OwnedSocket
  readonly messageBytes: number
  /** The 101 answer, which leaves with the first frames in one write. */
  readonly head: Uint8Array
}

/** A message that has not been delivered yet. */
interface IncomingFrame {
  readonly payload: Payload
  readonly bytes: number
}

/** How a connection ends, and the timer that cuts it when its peer does not hang up. */
class Ending extends ListedTimer {
  readonly code: number
  reason: string
  readonly #connection: SocketOwner

  constructor(connection: SocketOwner, code: number, reason: string) {
    super()
    this.#connection = connection
    this.code = code
    this.reason = reason
  }

  override timeIsUp(): void {
    this.#connection.gone()
  }
}

/**
 * A WebSocket on a socket of node:http (RFC 6455). It is open; or closing: our close frame is sent, and messages are not delivered any
 * more; or discarding: both close frames are sent, and all that still comes is discarded; or ended.
 */
export class NodeConnection
  extends OutboundQueue<TransportContext>
  implements Connection, SocketOwner, FrameListener
{
  readonly protocol: string | null
  messageBytes: number
  /** Kept while a message has come in part: most connections of a big room only listen. */
  #reader: FrameReader | null = null
  #receiver: Receiver | null = null
  #phase: 'open' | 'closing' | 'discarding' | 'ended' = 'open'
  #paused = false
  /**
   * What arrived in one piece with the message at which the receiver paused: at most one chunk of the socket.
   */
  #held: IncomingFrame[] | null = null
  /** Made when our close frame is sent. */
  #ending: Ending | null = null
  /** How many pings and pongs came within one second, and when that second began, on the monotonic clock. */
  #controls = 0
  #controlsSince = 0

  constructor(transport: TransportContext, { protocol, socket, messageBytes, head }: ConnectionParts) {
    super(transport, socket, head)
    this.protocol = protocol
    this.messageBytes = messageBytes
    own(socket, this)
    transport.connections.add(this)
  }

  get fragments(): number {
    return this.transport.context.limits.fragments
  }

  listen(receiver: Receiver): void {
    this.#receiver = receiver
    if (this.#phase === 'discarding' || this.#phase === 'ended') queueMicrotask(() => this.#notifyClosed())
    else startReading(this.socket)
  }

  override send(packet: Packet): boolean {
    const isSent = super.send(packet)
    if (!isSent) this.#closeSlow()
    return isSent
  }

  ping(): void {
    this.control(pingFrame)
  }

  bound(messageBytes: number): void {
    this.messageBytes = messageBytes
  }

  pause(): void {
    if (this.#phase !== 'open') return
    this.#paused = true
    this.socket.pause()
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#deliverHeld(() => this.#paused)
    if (!this.#paused) this.socket.resume()
  }

  close(code: number, reason: string): void {
    this.#sendClose(code, reason, { discard: false, withinMs: this.transport.context.limits.closeMs })
  }

  terminate(): void {
    this.#destroy()
    queueMicrotask(() => this.#notifyClosed())
  }

  received(chunk: Uint8Array): void {
    if (this.#phase === 'discarding' || this.#phase === 'ended') return
    try {
      const reader = (this.#reader ??= new FrameReader(this))
      reader.read(chunk)
      if (reader.isIdle) this.#reader = null
    } catch (error) {
      // one bad input ends one connection, never the process
      this.transport.context.report(error, 'reading a connection')
      this.broken(1011)
    }
  }

  gone(): void {
    this.#deliverHeld(() => false)
    this.#destroy()
    this.#notifyClosed()
  }

  message(payload: Payload, bytes: number): void {
    if (this.#phase !== 'open') return
    if (this.#paused) (this.#held ??= []).push({ payload, bytes })
    else this.#deliver(payload, bytes)
  }

  pinged(data: Uint8Array): void {
    if (this.#isFlooding()) return this.broken(1008)
    this.control(pongFrame(data))
    this.#receiver?.alive()
  }

  ponged(): void {
    if (this.#isFlooding()) return this.broken(1008)
    this.#receiver?.alive()
  }

  /**
   * The peer has sent its close frame: answer it unless ours was first, and hang up (RFC 6455 section 7.1.1).
   */
  concluded(code: number, reason: string): void {
    const { closeMs } = this.transport.context.limits
    this.#deliverHeld(() => false)
    this.#sendClose(code, '', { discard: false, withinMs: closeMs })
    const ending = this.#discardInput(closeMs)
    if (ending === null) return
    if (ending.reason === '') ending.reason = reason
    this.writeAll()
    hangUpWhenFlushed(this.socket)
    this.#notifyClosed()
  }

  /**
   * The peer broke a rule: closes with the code for it, and discards what the peer still sends until it hangs
   * up.
   */
  broken(code: number): void {
    this.#sendClose(code, '', { discard: false, withinMs: lastWordMs })
    if (this.#discardInput(lastWordMs) === null) return
    this.end()
    this.#notifyClosed()
  }

  /** Delivers what was held, in order, until `stops` says so; after our own close no message is delivered. */
  #deliverHeld(stops: () => boolean): void {
    while (this.#held !== null && this.#phase === 'open' && !stops()) {
      const frame = this.#held.shift()
      if (frame === undefined) this.#held = null
      else this.#deliver(frame.payload, frame.bytes)
    }
  }

  #deliver(payload: Payload, bytes: number): void {
    try {
      this.#receiver?.message(payload, bytes)
    } catch (error) {
      // one bad input ends one connection, never the process
      this.transport.context.report(error, 'delivering a message')
      this.broken(1011)
    }
  }

  #closeSlow(): void {
    this.#sendClose(4508, 'too-slow: you read more slowly than the endpoint sends', {
      discard: true,
      withinMs: lastWordMs,
    })
    // later: the caller may be in the middle of sending to a group
    queueMicrotask(() => this.#notifyClosed())
  }

  /** Counts the pings and pongs of one second together: neither costs the peer anything. */
  #isFlooding(): boolean {
    const { clock, limits } = this.transport.context
    const now = clock.monotonic()
    if (now - this.#controlsSince >= 1_000) {
      this.#controls = 0
      this.#controlsSince = Math.floor(now)
    }
    return ++this.#controls > limits.pingsPerSecond
  }

  #sendClose(
    code: number,
    reason: string,
    how: { readonly discard: boolean; readonly withinMs: number },
  ): void {
    if (this.#phase !== 'open') return
    // made first: a frame that cannot be made must not leave a connection that is neither open nor closing
    const frame = closeFrame(code, reason)
    this.#phase = 'closing'
    this.#held = null
    this.#ending = new Ending(this, code, reason)
    this.last(frame, how.discard)
    this.#resumeReading()
    this.#endAfter(how.withinMs)
  }

  /** Discards what still comes. @returns how the connection ends; `null` when input was discarded before */
  #discardInput(withinMs: number): Ending | null {
    if (this.#phase !== 'closing') return null
    this.#phase = 'discarding'
    this.#reader = null
    this.#resumeReading()
    this.#endAfter(withinMs)
    return this.#ending
  }

  /** Without reading, the peer's close frame and its end would never arrive. */
  #resumeReading(): void {
    this.#paused = false
    this.socket.resume()
  }

  #endAfter(ms: number): void {
    this.#ending?.startTimer(this.transport.context.timers.list(ms))
  }

  #destroy(): void {
    if (this.#phase === 'ended') return
    this.#phase = 'ended'
    this.#reader = null
    this.#held = null
    this.stop()
    this.#ending?.stopTimer()
    this.socket.destroy()
    const { connections } = this.transport
    connections.delete(this)
    if (connections.size === 0) this.transport.emptied()
  }

  /** Tells the receiver once how the connection ended. */
  #notifyClosed(): void {
    const receiver = this.#receiver
    this.#receiver = null
    try {
      receiver?.closed(this.#ending?.code ?? 1006, this.#ending?.reason ?? '')
    } catch (error) {
      this.transport.context.report(error, 'ending a connection')
    }
  }
}
