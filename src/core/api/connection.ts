import type { Payload } from '../../wire/body.ts'
import type { SlowPolicy } from '../../wire/contract.ts'

/** One message, encoded once and handed to every connection that gets it. */
export class Packet {
  readonly payload: Payload
  readonly slow: SlowPolicy
  /** Under `latest`, what this message replaces while it waits for a slow reader. */
  readonly key: string
  /** A transport's own form of it (a WebSocket frame), made at the first send and shared by all. */
  encoded: Uint8Array | null = null

  constructor(payload: Payload, slow: SlowPolicy = 'close', key = '') {
    this.payload = payload
    this.slow = slow
    this.key = key
  }
}

/** What hears a connection. A transport calls `closed` exactly once, last. */
export interface Receiver {
  /** @param bytes the size of the payload on the wire: a text has more of them than characters */
  message(payload: Payload, bytes: number): void
  /** A protocol pong, or any other sign of life that is no message. */
  alive(): void
  /** The wire has ended: the close code that came or was sent, 1006 when it was cut. */
  closed(code: number, reason: string): void
}

/** The wire of someone who was let in. A transport makes it, core speaks to it; nothing here throws or waits. */
export interface Connection {
  readonly id: string
  /** The subprotocol that was answered. */
  readonly protocol: string | null
  /** Bytes accepted and not handed to the kernel yet. */
  readonly queued: number
  /** How often a slow reader has taken something of what waits. */
  readonly progress: number
  /** Whether the kernel has not taken yet what it was given last. */
  readonly isBehind: boolean
  /** Whether the sender should wait: half of the outbound bound or more waits for the reader. */
  readonly isFull: boolean
  /**
   * Sends in order. While less than half of the outbound bound waits, a packet of any size is taken. Beyond the bound the
   * packet's policy holds: `close` ends the connection with 4508, `drop` loses it, `latest` keeps one per key until the
   * reader has caught up. Nothing happens after `close`.
   */
  send(packet: Packet): void
  /**
   * Calls back once, later and never within this call, when less than a quarter of the outbound bound waits. A new callback takes the place
   * of the one before; a connection that has ended calls back no more.
   */
  whenDrained(run: () => void): void
  /** A protocol ping (RFC 6455 section 5.5.2). */
  ping(): void
  /** Bounds the size of messages from now on; 1009 above. */
  bound(messageBytes: number): void
  /**
   * Stops reading, so that a fast sender feels it. No message is handed over until `resume`, except when the peer leaves:
   * then what came before its end is handed over, all of it, and its end after that.
   */
  pause(): void
  resume(): void
  /** Sends what is queued, then a close frame; cuts the wire when the peer does not answer in time. */
  close(code: number, reason: string): void
  /** Cuts the wire. */
  terminate(): void
  /** Says who hears this connection; called once, right after it was made. */
  listen(receiver: Receiver): void
}
