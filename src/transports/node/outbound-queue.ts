import type { Packet } from '../../core/api/connection.ts'
import { HeldFrames, sliceBytes } from './held-frames.ts'
import type { WriteBatch } from './write-batch.ts'
import { frameOf } from './frame.ts'
import type { OwnedSocket } from './socket-owner.ts'
import type { Flushable, TurnWriter } from './turn-writer.ts'

/** What the queues of all connections of a server share. */
export interface OutboundParts {
  readonly turnWriter: TurnWriter
  /** How many bytes may wait for one reader. */
  readonly outboundBytes: number
}

/**
 * Writes the frames of one connection. It holds what waits for the end of the turn and what waits for a slow reader. The
 * socket gets no more than it can take, so that the rest can still be discarded. The class of the connection extends it,
 * because an object of its own would take more memory.
 */
export class OutboundQueue<T extends OutboundParts = OutboundParts> implements Flushable {
  readonly #transport: T
  readonly #socket: OwnedSocket
  #batch: WriteBatch | null
  /** What is sent before the first frame, in the same write: the answer of the handshake. */
  #head: Uint8Array | null
  /** What waits for a slow reader. Made when its first frame has to wait. */
  #held: HeldFrames | null = null
  /** Whether the kernel has not taken the last write yet. */
  #isBehind = false
  #progress = 0
  #closed = false
  /** Called once when little waits. */
  #drained: (() => void) | null = null

  constructor(transport: T, socket: OwnedSocket, head: Uint8Array) {
    this.#transport = transport
    this.#socket = socket
    this.#head = head
    this.#batch = transport.turnWriter.begin(this)
  }

  /** Not a property of the object, like the socket: an application that prints a connection must not print the server. */
  protected get transport(): T {
    return this.#transport
  }

  protected get socket(): OwnedSocket {
    return this.#socket
  }

  /** Bytes that the kernel has not taken yet. */
  get queued(): number {
    const ofTurn = this.#batch?.bytes ?? 0
    // a reader that is not behind has taken all but the frames of this turn: in a large group its socket is not in the
    // cache of the processor, so it is not asked
    return this.#isBehind ? ofTurn + this.#socket.writableLength + (this.#held?.bytes ?? 0) : ofTurn
  }

  /** Whether the kernel has not taken the last write yet. */
  get isBehind(): boolean {
    return this.#isBehind
  }

  /** How often a reader that was behind has taken what the kernel was given. */
  get progress(): number {
    return this.#progress
  }

  /** Whether half of the bound or more waits, under `latest` too. */
  get isFull(): boolean {
    return this.#waiting >= this.#transport.outboundBytes / 2
  }

  /** Calls `run` once, at the end of this turn or later, when less than a quarter of the bound waits. */
  whenDrained(run: () => void): void {
    if (this.#closed) return
    this.#drained = run
    // the end of the turn is where this is checked
    this.#batch ??= this.#transport.turnWriter.begin(this)
  }

  /**
   * Sends as the policy of the packet says. False when the reader is too slow for it, so that the connection
   * must be closed.
   */
  send(packet: Packet): boolean {
    if (this.#closed) return true
    const frame = frameOf(packet)
    if (packet.slow === 'latest' && (this.#isBehind || !this.#fits(frame)))
      return this.#replace(packet.key, frame)
    if (!this.#fits(frame)) return packet.slow === 'drop'
    this.#put(frame)
    return true
  }

  /** Sends a ping or a pong. A peer that reads nothing, not even those, misses them. */
  control(frame: Uint8Array): void {
    if (!this.#closed && this.#fits(frame)) this.#put(frame)
  }

  /** Sends the last frame. When the reader is too slow, what waits for it is thrown away first. */
  last(frame: Uint8Array, discard: boolean): void {
    if (this.#closed) return
    if (discard) this.#discard()
    else this.#release()
    this.#put(frame)
    this.#closed = true
  }

  /** The connection has ended: nothing is sent any more, and no drain is told. */
  stop(): void {
    this.#closed = true
    this.#drained = null
  }

  /** Writes all frames, then ends the socket. */
  end(): void {
    this.writeAll()
    if (this.#socket.writable) this.#socket.end()
  }

  /** Writes all frames, also those that wait for a slow reader: no other frame follows them. */
  writeAll(): void {
    this.flush()
    if (this.#held === null || !this.#socket.writable) return
    for (const bytes of this.#held.takeAll()) this.#socket.write(bytes)
  }

  flush(): void {
    const bytes = this.#take()
    if (bytes !== null) this.#write(bytes)
    // a sender that is told of room may fill it within that call: then frames wait though the reader is not behind
    if (!this.#isBehind) this.#release()
    this.#tellDrained()
  }

  /** The kernel has taken what it was given: writes what waited. */
  #caughtUp(): void {
    this.#isBehind = false
    this.#progress++
    if (this.#held !== null) this.#writeHeld(this.#held)
    if (!this.#isBehind) this.#release()
    this.#tellDrained()
  }

  #tellDrained(): void {
    const drained = this.#drained
    if (drained === null || this.#closed || this.#waiting >= this.#transport.outboundBytes / 4) return
    this.#drained = null
    drained()
  }

  get #waiting(): number {
    return this.queued + (this.#held?.latestBytes ?? 0)
  }

  /**
   * Whether a frame may wait. While less than half of the bound waits, a frame of any size may: a sender that
   * waits when half is reached is never refused, whatever the size of its messages. So a reader's queue holds
   * the bound, or half of it and one frame.
   */
  #fits(frame: Uint8Array): boolean {
    if (this.#hasRoom(frame)) return true
    // frames of this turn have not been offered to the kernel yet: a fast reader has room for them
    if (this.#batch !== null && !this.#isBehind) this.flush()
    return this.#hasRoom(frame)
  }

  #hasRoom(frame: Uint8Array): boolean {
    const { queued } = this
    return (
      queued < this.#transport.outboundBytes / 2 || queued + frame.length <= this.#transport.outboundBytes
    )
  }

  #put(frame: Uint8Array): void {
    this.#batch = (this.#batch ?? this.#transport.turnWriter.begin(this)).with(frame)
  }

  /**
   * Replaces the waiting frame of a key with a newer one. Many keys together have the same bound as the
   * queue.
   */
  #replace(key: string, frame: Uint8Array): boolean {
    const held = (this.#held ??= new HeldFrames())
    const keys = held.replace(key, frame)
    return held.latestBytes <= this.#transport.outboundBytes || keys === 1
  }

  #release(): void {
    const latest = this.#held?.takeLatest() ?? null
    if (latest !== null) for (const frame of latest) this.#put(frame)
  }

  #discard(): void {
    this.#held = null
    if (this.#batch !== null) this.#batch = this.#transport.turnWriter.begin(this)
  }

  #take(): Uint8Array | null {
    const batch = this.#batch
    const head = this.#head
    this.#batch = null
    this.#head = null
    if (batch === null || batch.bytes === 0) return head
    return head === null ? batch.joined() : Buffer.concat([head, batch.joined()])
  }

  #write(bytes: Uint8Array): void {
    if (!this.#isBehind && bytes.length <= sliceBytes) return this.#offer(bytes)
    this.#held ??= new HeldFrames()
    this.#held.hold(bytes)
    this.#writeHeld(this.#held)
  }

  #writeHeld(held: HeldFrames): void {
    while (held.bytes > 0 && !this.#isBehind) this.#offer(held.slice())
  }

  #offer(bytes: Uint8Array): void {
    if (!this.#socket.writable) return
    this.#socket.write(bytes)
    if (this.#socket.writableLength === 0) return
    // 'drain' comes only above 64 KiB; an empty write after this one tells when the kernel has taken it
    this.#isBehind = true
    this.#socket.write(nothing, () => this.#caughtUp())
  }
}

const nothing = new Uint8Array(0)
