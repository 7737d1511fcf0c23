import type { Duplex } from 'node:stream'
import { Receiver as FrameParser } from 'ws'
import type { Clock, Timer } from '../../core/clock.ts'
import type { Connection, Packet, Receiver } from '../../core/connection.ts'
import type { Limits } from '../../core/limits.ts'
import { closeFrame, pingFrame, pongFrame } from './frame.ts'
import { Outlet } from './outlet.ts'
import type { Writer } from './writer.ts'

/** What a connection is made of. */
export interface ConnectionParts {
  readonly id: string
  readonly protocol: string | null
  readonly socket: Duplex
  readonly writer: Writer
  readonly clock: Clock
  readonly limits: Limits
  readonly messageBytes: number
  /** The 101 answer. */
  readonly head: Uint8Array
  /** What the peer has sent already. */
  readonly early: readonly Uint8Array[]
  /** Called once the wire has ended. */
  readonly ended: (connection: NodeConnection) => void
}

/** The close codes of what ws's parser refuses; everything else breaks the protocol, 1002. */
const faults: Readonly<Record<string, number>> = {
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 1009,
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: 1009,
  WS_ERR_TOO_MANY_BUFFERED_PARTS: 1008,
  WS_ERR_INVALID_UTF8: 1007,
}

/** Chunks that may wait for the rest of a message: the bound of ws against tiny pieces (CVE-2026-48779), far lower. */
const maxBufferedChunks = 1_024
/** For how long a reader that was too slow may take to hear why it is cut. */
const slowCloseMs = 1_000

/** A WebSocket on a socket of node:http: ws's parser in, our joining writer out (RFC 6455). */
export class NodeConnection implements Connection {
  readonly id: string
  readonly protocol: string | null
  readonly #parts: ConnectionParts
  readonly #outlet: Outlet
  readonly #parser: FrameParser
  #receiver: Receiver | null = null
  #paused = false
  #sentClose = false
  #over = false
  #closing: Timer | null = null
  #pings = { count: 0, since: 0 }

  constructor(parts: ConnectionParts) {
    const { id, protocol, socket, limits, messageBytes } = parts
    this.id = id
    this.protocol = protocol
    this.#parts = parts
    this.#outlet = new Outlet(socket, parts.writer, parts.head, {
      bound: limits.outboundBytes,
      tooSlow: () => this.#tooSlow(),
    })
    this.#parser = new FrameParser({
      isServer: true,
      maxPayload: messageBytes,
      maxFragments: limits.fragments,
      maxBufferedChunks,
      allowSynchronousEvents: true,
    })
  }

  get queued(): number {
    return this.#outlet.queued
  }

  listen(receiver: Receiver): void {
    this.#receiver = receiver
    this.#hear()
    const { socket, early } = this.#parts
    for (const chunk of early) this.#parser.write(chunk)
    socket.on('data', (chunk: Uint8Array) => {
      if (!this.#parser.write(chunk)) socket.pause()
    })
    socket.on('end', () => this.#end(1006, ''))
    socket.on('close', () => this.#end(1006, ''))
    socket.on('error', () => this.#end(1006, ''))
    if (socket.destroyed) this.#end(1006, '')
    else if (!this.#paused) socket.resume()
  }

  send(packet: Packet): void {
    this.#outlet.send(packet)
  }

  ping(): void {
    this.#outlet.control(pingFrame)
  }

  pause(): void {
    this.#paused = true
    this.#parts.socket.pause()
  }

  resume(): void {
    this.#paused = false
    if (!this.#parser.writableNeedDrain) this.#parts.socket.resume()
  }

  close(code: number, reason: string): void {
    this.#startClose(code, reason, { discard: false, withinMs: this.#parts.limits.closeMs })
  }

  terminate(): void {
    this.#end(1006, '')
  }

  #hear(): void {
    const parser = this.#parser
    parser.on('message', (data, isBinary) => {
      // a copy of binary data: the buffer it lies in belongs to the socket's reads
      if (!this.#sentClose) this.#receiver?.message(isBinary ? new Uint8Array(data) : data.toString('utf8'))
    })
    parser.on('ping', (data) => this.#pinged(data))
    parser.on('pong', () => this.#receiver?.alive())
    parser.on('conclude', (code, reason) => this.#concluded(code, reason.toString('utf8')))
    parser.on('error', ({ code = '' }) => this.#broken(faults[code] ?? 1002))
    parser.on('drain', () => {
      if (!this.#paused) this.#parts.socket.resume()
    })
  }

  #pinged(data: Uint8Array): void {
    const { clock, limits } = this.#parts
    const now = clock.now()
    if (Math.abs(now - this.#pings.since) >= 1_000) this.#pings = { count: 0, since: now }
    if (++this.#pings.count > limits.pingsPerSecond) return this.#broken(1008)
    this.#receiver?.alive()
    this.#outlet.control(pongFrame(data))
  }

  /** The peer has sent its close frame: answer it, unless ours was first, and hang up. */
  #concluded(code: number, reason: string): void {
    if (!this.#sentClose) {
      this.#sentClose = true
      this.#outlet.last(closeFrame(code, ''), false)
    }
    this.#outlet.flush()
    this.#parts.socket.end()
    this.#tell(code, reason)
    this.#cutAfter(this.#parts.limits.closeMs)
  }

  /** The peer broke a rule: say which, read nothing more. */
  #broken(code: number): void {
    this.#startClose(code, '', { discard: false, withinMs: slowCloseMs })
    this.#parts.socket.removeAllListeners('data')
    this.#parts.socket.resume()
    this.#tell(code, '')
  }

  #tooSlow(): void {
    this.#startClose(4508, 'too-slow: you read more slowly than the endpoint speaks', {
      discard: true,
      withinMs: slowCloseMs,
    })
    this.#tell(4508, 'too-slow')
  }

  #startClose(
    code: number,
    reason: string,
    how: { readonly discard: boolean; readonly withinMs: number },
  ): void {
    if (this.#sentClose || this.#over) return
    this.#sentClose = true
    this.#outlet.last(closeFrame(code, reason), how.discard)
    // a paused reader would never see the peer's answer
    this.#parts.socket.resume()
    this.#cutAfter(how.withinMs)
  }

  #cutAfter(ms: number): void {
    this.#closing?.cancel()
    this.#closing = this.#parts.clock.after(ms, () => this.#end(1006, ''))
  }

  /** The wire is gone. */
  #end(code: number, reason: string): void {
    if (this.#over) return
    this.#over = true
    this.#closing?.cancel()
    this.#parts.socket.destroy()
    // the rest of a chunk that is being parsed may still be broken, and an error that nobody hears ends the process
    this.#parser.removeAllListeners().on('error', () => {})
    this.#tell(code, reason)
    this.#parts.ended(this)
  }

  #tell(code: number, reason: string): void {
    const receiver = this.#receiver
    this.#receiver = null
    receiver?.closed(code, reason)
  }
}
