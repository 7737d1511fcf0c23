import type { Timer } from '../../wire/clock.ts'
import type { Connection, Packet, Receiver } from '../../core/api/connection.ts'
import type { ServerContext } from '../../core/server-context.ts'
import type { Payload } from '../../wire/body.ts'
import { closeFrame, pingFrame, pongFrame } from './frame.ts'
import { hangUpWhenFlushed, type OwnedSocket, own, type SocketOwner, startReading } from './socket-owner.ts'
import { type FrameListener, FrameReader } from './frame-reader.ts'
import { FrameWriter } from './frame-writer.ts'
import type { TurnWriter } from './turn-writer.ts'

/** What all connections of a server share. */
export interface TransportContext {
  readonly context: ServerContext
  readonly writer: TurnWriter
  /** The connections whose wire has not ended. */
  readonly connections: Set<NodeConnection>
  /** Called when the last of them has gone. */
  emptied(): void
}

/** What is a connection's own. */
export interface ConnectionParts {
  readonly id: string
  readonly protocol: string | null
  readonly socket: OwnedSocket
  readonly messageBytes: number
  /** The 101 answer, which leaves with the first frames in one write. */
  readonly head: Uint8Array
}

/** A message that has not been handed over yet. */
interface IncomingFrame {
  readonly payload: Payload
  readonly bytes: number
}

/** For how long a peer that broke a rule, or was too slow, may take to hear why it is cut. */
const lastWordMs = 1_000

/**
 * A WebSocket on a socket of node:http (RFC 6455). It is open; or closing: our close frame is on its way,
 * messages are not heard any more; or deaf: the last word is said, whatever comes is thrown away; or over.
 */
export class NodeConnection implements Connection, SocketOwner, FrameListener {
  readonly id: string
  readonly protocol: string | null
  readonly #house: TransportContext
  readonly #socket: OwnedSocket
  #messageBytes: number
  readonly #outlet: FrameWriter
  /** Made when the first bytes come: most connections of a big room only listen. */
  #inlet: FrameReader | null = null
  #receiver: Receiver | null = null
  #phase: 'open' | 'closing' | 'deaf' | 'over' = 'open'
  #paused = false
  /** What came in one piece with the message at which the receiver paused: at most one chunk of the socket. */
  #held: IncomingFrame[] | null = null
  #timer: Timer | null = null
  #code = 1006
  #reason = ''
  #controls = 0
  #controlsSince = -1_000

  constructor(house: TransportContext, { id, protocol, socket, messageBytes, head }: ConnectionParts) {
    this.id = id
    this.protocol = protocol
    this.#house = house
    this.#socket = socket
    this.#messageBytes = messageBytes
    this.#outlet = new FrameWriter(socket, house.writer, head, house.context.limits.outboundBytes)
    own(socket, this)
    house.connections.add(this)
  }

  get queued(): number {
    return this.#outlet.queued
  }

  get progress(): number {
    return this.#outlet.progress
  }

  get isBehind(): boolean {
    return this.#outlet.isBehind
  }

  get isFull(): boolean {
    return this.#outlet.isFull
  }

  whenDrained(run: () => void): void {
    this.#outlet.whenDrained(run)
  }

  listen(receiver: Receiver): void {
    this.#receiver = receiver
    if (this.#phase === 'deaf' || this.#phase === 'over') queueMicrotask(() => this.#tell())
    else startReading(this.#socket)
  }

  send(packet: Packet): void {
    if (!this.#outlet.send(packet)) this.#tooSlow()
  }

  ping(): void {
    this.#outlet.control(pingFrame)
  }

  bound(messageBytes: number): void {
    this.#messageBytes = messageBytes
    this.#inlet?.bound(messageBytes)
  }

  pause(): void {
    if (this.#phase !== 'open') return
    this.#paused = true
    this.#socket.pause()
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#handOver(() => this.#paused)
    if (!this.#paused && this.#inlet?.writableNeedDrain !== true) this.#socket.resume()
  }

  close(code: number, reason: string): void {
    this.#lastFrame(code, reason, { discard: false, withinMs: this.#house.context.limits.closeMs })
  }

  terminate(): void {
    this.#end()
    queueMicrotask(() => this.#tell())
  }

  heard(chunk: Uint8Array): void {
    if (this.#phase === 'deaf' || this.#phase === 'over') return
    const { limits, report } = this.#house.context
    try {
      this.#inlet ??= new FrameReader(this, { messageBytes: this.#messageBytes, fragments: limits.fragments })
      if (!this.#inlet.write(chunk)) this.#socket.pause()
    } catch (error) {
      // one bad input ends one connection, never the process
      report(error, 'hearing a connection')
      this.broken(1011)
    }
  }

  ready(): void {
    if (!this.#paused) this.#socket.resume()
  }

  gone(): void {
    this.#handOver(() => false)
    this.#end()
    this.#tell()
  }

  message(payload: Payload, bytes: number): void {
    if (this.#phase !== 'open') return
    if (this.#paused) (this.#held ??= []).push({ payload, bytes })
    else this.#hand({ payload, bytes })
  }

  pinged(data: Uint8Array): void {
    if (this.#floods()) return this.broken(1008)
    this.#outlet.control(pongFrame(data))
    this.#receiver?.alive()
  }

  ponged(): void {
    if (this.#floods()) return this.broken(1008)
    this.#receiver?.alive()
  }

  /**
   * The peer has said its last word: answer it unless ours was first, and hang up (RFC 6455 section 7.1.1).
   */
  concluded(code: number, reason: string): void {
    const { closeMs } = this.#house.context.limits
    this.#handOver(() => false)
    this.#lastFrame(code, '', { discard: false, withinMs: closeMs })
    if (!this.#deafen(closeMs)) return
    if (this.#reason === '') this.#reason = reason
    hangUpWhenFlushed(this.#socket)
    this.#outlet.end()
    this.#tell()
  }

  /** The peer broke a rule: say which, and throw away what it still sends until it hangs up. */
  broken(code: number): void {
    this.#lastFrame(code, '', { discard: false, withinMs: lastWordMs })
    if (!this.#deafen(lastWordMs)) return
    this.#outlet.end()
    this.#tell()
  }

  /** Hands over what was held, in order, for as long as nothing stops it; after our own close nothing is heard. */
  #handOver(stops: () => boolean): void {
    while (this.#held !== null && this.#phase === 'open' && !stops()) {
      const heard = this.#held.shift()
      if (heard === undefined) this.#held = null
      else this.#hand(heard)
    }
  }

  #hand({ payload, bytes }: IncomingFrame): void {
    try {
      this.#receiver?.message(payload, bytes)
    } catch (error) {
      // one bad input ends one connection, never the process
      this.#house.context.report(error, 'hearing a connection')
      this.broken(1011)
    }
  }

  #tooSlow(): void {
    this.#lastFrame(4508, 'too-slow: you read more slowly than the endpoint speaks', {
      discard: true,
      withinMs: lastWordMs,
    })
    // whoever sends to a group is in the midst of it
    queueMicrotask(() => this.#tell())
  }

  /** Pings and pongs of one second together: neither costs the peer anything. */
  #floods(): boolean {
    const { clock, limits } = this.#house.context
    const now = clock.monotonic()
    if (now - this.#controlsSince >= 1_000) {
      this.#controlsSince = now
      this.#controls = 0
    }
    return ++this.#controls > limits.pingsPerSecond
  }

  #lastFrame(
    code: number,
    reason: string,
    how: { readonly discard: boolean; readonly withinMs: number },
  ): void {
    if (this.#phase !== 'open') return
    // made first: what cannot be sent must not leave a connection that is neither open nor closing
    const frame = closeFrame(code, reason)
    this.#phase = 'closing'
    this.#held = null
    this.#code = code
    this.#reason = reason
    this.#outlet.last(frame, how.discard)
    this.#readOn()
    this.#endAfter(how.withinMs)
  }

  /** False when it was deaf before. */
  #deafen(withinMs: number): boolean {
    if (this.#phase !== 'closing') return false
    this.#phase = 'deaf'
    this.#inlet = null
    this.#readOn()
    this.#endAfter(withinMs)
    return true
  }

  /** Whoever does not read never sees the peer's answer, nor that it has hung up. */
  #readOn(): void {
    this.#paused = false
    this.#socket.resume()
  }

  #endAfter(ms: number): void {
    this.#timer?.cancel()
    this.#timer = this.#house.context.clock.after(ms, () => this.gone())
  }

  #end(): void {
    if (this.#phase === 'over') return
    this.#phase = 'over'
    this.#inlet = null
    this.#held = null
    this.#timer?.cancel()
    this.#socket.destroy()
    const { connections } = this.#house
    connections.delete(this)
    if (connections.size === 0) this.#house.emptied()
  }

  /** Says once how it ended. */
  #tell(): void {
    const receiver = this.#receiver
    this.#receiver = null
    try {
      receiver?.closed(this.#code, this.#reason)
    } catch (error) {
      this.#house.context.report(error, 'ending a connection')
    }
  }
}
