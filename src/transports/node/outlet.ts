import type { Duplex } from 'node:stream'
import type { Packet } from '../../core/connection.ts'
import type { Batch } from './batch.ts'
import { frameOf } from './frame.ts'
import type { Flushed, Writer } from './writer.ts'

/** The way out of one connection: what waits for the end of the turn, and what the kernel has not taken yet. */
export class Outlet implements Flushed {
  readonly #socket: Duplex
  readonly #writer: Writer
  readonly #bound: number
  /** Called when a reader is too slow for a message that must not be lost. */
  readonly #tooSlow: () => void
  #batch: Batch | null = null
  /** What leaves before the first frame, in the same write: the answer of the handshake. */
  #head: Uint8Array | null
  /** Under `latest`: what waits for the reader to catch up, by key. */
  #latest: Map<string, Packet> | null = null
  #closed = false

  constructor(
    socket: Duplex,
    writer: Writer,
    head: Uint8Array,
    options: { readonly bound: number; readonly tooSlow: () => void },
  ) {
    this.#socket = socket
    this.#writer = writer
    this.#head = head
    this.#bound = options.bound
    this.#tooSlow = options.tooSlow
    this.#batch = writer.begin(this)
    socket.on('drain', () => this.#caughtUp())
  }

  /** Bytes that the kernel has not taken yet. */
  get queued(): number {
    return this.#socket.writableLength + (this.#batch?.bytes ?? 0)
  }

  send(packet: Packet): void {
    if (this.#closed) return
    if (packet.slow === 'latest' && this.#isBehind())
      return void (this.#latest ??= new Map()).set(packet.key, packet)
    const frame = frameOf(packet)
    if (this.queued + frame.length <= this.#bound) return this.#put(frame)
    if (packet.slow === 'close') this.#tooSlow()
  }

  /** Sends a control frame, which no policy holds back. */
  control(frame: Uint8Array): void {
    if (!this.#closed) this.#put(frame)
  }

  /** The last frame: nothing is sent after it. */
  last(frame: Uint8Array, discard: boolean): void {
    if (this.#closed) return
    if (discard && this.#batch !== null) this.#batch = this.#writer.begin(this)
    this.#put(frame)
    this.#closed = true
    this.#latest = null
  }

  flush(): void {
    const batch = this.#batch
    if (batch === null || this.#socket.destroyed || !this.#socket.writable) return
    this.#batch = null
    if (this.#head === null) {
      if (batch.bytes > 0) this.#socket.write(batch.joined())
      return
    }
    this.#socket.write(batch.bytes === 0 ? this.#head : Buffer.concat([this.#head, batch.joined()]))
    this.#head = null
  }

  #isBehind(): boolean {
    return this.#latest !== null || this.#socket.writableNeedDrain
  }

  #put(frame: Uint8Array): void {
    this.#batch = (this.#batch ?? this.#writer.begin(this)).with(frame)
  }

  #caughtUp(): void {
    const latest = this.#latest
    this.#latest = null
    if (latest !== null) for (const packet of latest.values()) this.send(packet)
  }
}
