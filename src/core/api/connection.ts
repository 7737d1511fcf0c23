import type { Payload } from '../../wire/body.ts'
import type { SlowPolicy } from '../../wire/contract.ts'

/** A message that is encoded once and sent to any number of connections. */
export class Packet {
  readonly payload: Payload
  readonly slow: SlowPolicy
  /** Under `latest`, names the waiting message that this one replaces. */
  readonly key: string
  /**
   * The encoding of the transport (a WebSocket frame), made at the first send and shared by all connections.
   */
  encoded: Uint8Array | null = null

  constructor(payload: Payload, slow: SlowPolicy = 'close', key = '') {
    this.payload = payload
    this.slow = slow
    this.key = key
  }
}

/** What a connection calls. It calls `closed` exactly once, and last. */
export interface Receiver {
  /** @param bytes the size of the payload on the wire, which for a text is more than its characters */
  message(payload: Payload, bytes: number): void
  /** Called for a protocol pong, or another sign of life that is no message. */
  alive(): void
  /**
   * Called when the connection has ended, with the close code that was received or sent; 1006 when it was
   * cut.
   */
  closed(code: number, reason: string): void
}

/**
 * The connection of an accepted peer. The transport implements it and core uses it. Its methods neither throw
 * nor wait.
 */
export interface Connection {
  /** The subprotocol that was accepted. */
  readonly protocol: string | null
  /** The bytes that were accepted and not yet handed to the kernel. */
  readonly queued: number
  /** How often a slow reader has taken something of its queue. */
  readonly progress: number
  /** Whether the kernel has not yet taken all that it was given last. */
  readonly isBehind: boolean
  /** Whether the sender should wait: half of the outbound bound or more waits for the reader. */
  readonly isFull: boolean
  /**
   * Sends in order. While less than half of the outbound bound waits, a packet of any size is taken. Beyond
   * the bound the policy of the packet holds: `close` ends the connection with 4508, `drop` loses the packet,
   * `latest` keeps one packet for each key until the reader has caught up. After `close` it does nothing.
   */
  send(packet: Packet): void
  /**
   * Calls `run` once when less than a quarter of the outbound bound waits: later, never within this call. A
   * new callback replaces the one before. A connection that has ended calls no callback.
   */
  whenDrained(run: () => void): void
  /** Sends a protocol ping (RFC 6455 section 5.5.2). */
  ping(): void
  /** Bounds the size of messages from now on. A larger message closes with 1009. */
  bound(messageBytes: number): void
  /**
   * Stops reading, so that a fast sender is slowed down. No message is delivered until `resume`, except when
   * the peer leaves: then all messages from before its end are delivered, and `closed` is called after them.
   */
  pause(): void
  resume(): void
  /** Sends the queue, then a close frame. Cuts the connection when the peer does not answer in time. */
  close(code: number, reason: string): void
  /** Cuts the connection. */
  terminate(): void
  /** Sets the receiver. Called once, right after the connection was made. */
  listen(receiver: Receiver): void
}
