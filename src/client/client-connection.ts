import { protocolName } from '../wire/carrier.ts'
import type { Payload } from '../wire/body.ts'
import { encodeFrame, type RawFrame, type Refusal } from '../wire/frame.ts'
import { isRecord } from '../wire/json.ts'
import type { Clock, Timer } from '../wire/clock.ts'
import { readFrame } from './read-frame.ts'
import { refusalOf } from './refusal.ts'
import type { WebSocketLike } from './web-socket.ts'

/** How a connection ended. */
export interface ConnectionEnd {
  /** The close code; 1006 when there was none. */
  readonly code: number
  readonly reason: string
  /** Whether a WebSocket was open: a server was there and did not refuse it with an HTTP status. */
  readonly reached: boolean
  /** The refusal that the server sent before it closed, or that this client has found itself. */
  readonly refusal: Refusal | null
  /** The server drains: reconnect after a random part of this many milliseconds. */
  readonly byeMs: number | null
}

/** What a connection calls. */
export interface ClientConnectionListener {
  /** A frame for the endpoint, not for the connection itself. */
  frame(frame: RawFrame): void
  /** The connection has ended; no other call follows. */
  ended(end: ConnectionEnd): void
  /** The server sent something that is no frame, which is a fault of the server. */
  garbled(): void
}

/** The time from the first attempt to `opened`. */
const openingMs = 10_000
/** How long beyond the server's ping interval no data may arrive. */
const graceMs = 10_000
/** How long an answer may take after the page or network is back. */
const probeMs = 5_000
/** The time to read what arrived while the page was asleep or busy. */
const lastLookMs = 50
/** The server's ping interval before its `hello`, and the longest that is accepted. */
const usualPingMs = 25_000
const longestPingMs = 600_000

/** A WebSocket does not show an HTTP status, a missing subprotocol, or that no server was there. */
const unreached =
  `no server that speaks ${protocolName} answered, or the server refused the origin of this page, the host name, ` +
  'the path or the request: a page cannot see the cause, the log of the server names it'

const ping: string = encodeFrame({ op: 'ping' })
const pong: string = encodeFrame({ op: 'pong' })

/**
 * One WebSocket that speaks `sallyport.v1`, from the first attempt to its end. It answers pings, and notices
 * when the server is gone.
 */
export class ClientConnection {
  readonly #socket: WebSocketLike
  readonly #clock: Clock
  readonly #listener: ClientConnectionListener
  #timer: Timer
  #over = false
  #connected = false
  #up = false
  #heard = 0
  #heardAt = 0
  #allowedMs: number = usualPingMs + graceMs
  #limit: number = Number.POSITIVE_INFINITY
  #refusal: Refusal | null = null
  #byeMs: number | null = null

  constructor(socket: WebSocketLike, clock: Clock, listener: ClientConnectionListener) {
    this.#socket = socket
    this.#clock = clock
    this.#listener = listener
    socket.binaryType = 'arraybuffer'
    socket.addEventListener('open', () => this.#greet())
    socket.addEventListener('message', ({ data }) => this.#message(data))
    socket.addEventListener('close', ({ code, reason }) => this.#end(code, reason))
    // `close` follows, but not in every runtime if it never opened; otherwise `close` brings the code
    socket.addEventListener('error', () => this.#connected || this.#end(1006, ''))
    this.#timer = clock.after(openingMs, () => this.#lost('nothing was opened in time'))
  }

  /** The largest frame that the server takes, in bytes. */
  get limit(): number {
    return this.#limit
  }

  /** The bytes that were written and not yet sent. */
  get waitingBytes(): number {
    return this.#socket.bufferedAmount
  }

  /** Writes a frame. After the end it does nothing. */
  write(payload: Payload): void {
    // frames that we encode are never backed by shared memory
    if (!this.#over) this.#socket.send(payload as string | Uint8Array<ArrayBuffer>)
  }

  /** Sends a ping before the silence would be noticed, because the machine may have slept. */
  probe(): void {
    if (!this.#up || this.#over) return
    this.write(ping)
    this.#suspect(probeMs)
  }

  /** Closes the connection from this side. The listener is called no more. */
  close(code = 1000, reason = ''): void {
    this.#over = true
    this.#timer.cancel()
    this.#socket.close(code, reason)
  }

  #greet(): void {
    this.#connected = true
    if (this.#over || this.#socket.protocol === protocolName) return
    const message = `the server does not speak ${protocolName} at this path`
    this.#refusal = { status: 426, code: 'no-protocol', message }
    this.#end(1002, message)
  }

  #message(data: unknown): void {
    if (this.#over) return
    this.#heard++
    this.#heardAt = this.#clock.monotonic()
    const frame = readFrame(data)
    if (frame === null) this.#listener.garbled()
    else this.#frame(frame)
  }

  #frame(frame: RawFrame): void {
    switch (frame.op) {
      case 'ping':
        return this.write(pong)
      case 'hello':
        return this.#hello(frame)
      case 'denied':
        this.#refusal = refusalOf(frame)
        return
      case 'bye':
        this.#byeMs = positive(frame['retryAfterMs'], 0)
        break
      case 'opened':
        this.#up = true
        this.#listen(this.#allowedMs)
    }
    this.#listener.frame(frame)
  }

  #hello({ pingMs, limits }: RawFrame): void {
    this.#allowedMs = Math.min(positive(pingMs, usualPingMs), longestPingMs) + graceMs
    if (isRecord(limits)) this.#limit = positive(limits['message'], this.#limit)
  }

  #listen(ms: number): void {
    this.#timer.cancel()
    this.#timer = this.#clock.after(ms, () => {
      const left = this.#heardAt + this.#allowedMs - this.#clock.monotonic()
      if (left > 0) this.#listen(left)
      else this.#suspect(lastLookMs)
    })
  }

  #suspect(ms: number): void {
    const heard = this.#heard
    this.#timer.cancel()
    this.#timer = this.#clock.after(ms, () => {
      if (this.#heard === heard) this.#lost('nothing was received in time')
      else this.#listen(this.#allowedMs)
    })
  }

  /**
   * Ends a lost connection at once: its closing handshake may never end. Later events of the socket are
   * ignored.
   */
  #lost(reason: string): void {
    this.#end(1006, reason, 4408)
  }

  #end(code: number, reason: string, closeCode?: number): void {
    if (this.#over) return
    this.close(closeCode, closeCode === undefined ? '' : reason)
    const reached = this.#connected
    const why = reached ? reason : unreached
    this.#listener.ended({ code, reason: why, reached, refusal: this.#refusal, byeMs: this.#byeMs })
  }
}

function positive(value: unknown, otherwise: number): number {
  return typeof value === 'number' && value > 0 ? value : otherwise
}
