import type { Contract } from '../../wire/contract.ts'
import type { Denial } from '../../wire/errors.ts'
import type { ServerFrame } from '../../wire/frame.ts'
import type { AuthorizedPeer } from '../access/authorize.ts'
import type { SocketKeys } from '../access/registry.ts'
import type { RecheckOutcome, SharedRechecks } from '../access/revalidation-result.ts'
import type { Connection, Packet } from '../api/connection.ts'
import type { AskReason, LeaveReason, PeerInfo, SocketEvent } from '../api/events.ts'
import type { Identity } from '../api/identity.ts'
import type { Limits } from '../api/limits.ts'
import type { Leave } from '../api/socket.ts'
import type { ServerContext } from '../server-context.ts'
import type { Codec, PeerCommand } from './codec.ts'
import type { Memberships } from './memberships.ts'
import type { MessageLimiter, Verdict } from './message-limiter.ts'
import type { ResolvedOptions } from './resolved-options.ts'

// The interfaces of `Peer` and `ServerChannel`, as the other files of this folder see them.

/** The facts about an accepted connection. */
export interface Registration {
  readonly authorized: AuthorizedPeer
  readonly memberships: Memberships
  readonly keys: SocketKeys
  readonly connection: Connection
}

/** A frame that is encoded already. */
export interface EncodedFrame {
  readonly encoded: string
}

/** A new credential that was authenticated. */
export interface NewIdentity {
  readonly identity: Identity<unknown>
  /** The nonce of the request that it answers. */
  readonly nonce: string
  /** How many access commands had arrived when authentication began. */
  readonly accessVersion: number
}

/** One connection and the identity behind it. */
export interface OpenPeer {
  readonly context: ServerContext
  readonly connection: Connection
  readonly codec: Codec
  /**
   * The endpoint of the handshake. Its contract names the peer in events; its options limit the peer and
   * authenticate it.
   */
  readonly contract: Contract
  readonly options: ResolvedOptions
  /** The id of the handshake. */
  readonly id: string
  readonly address: string
  /** The peer of the handshake, for events. */
  readonly info: PeerInfo
  /** The URL of the handshake without credentials; empty on the plain wire, which asks for no credential. */
  readonly href: string
  /** The account that is charged for this connection; see `accountKey`. */
  readonly account: string
  /** Limits what the peer sends. */
  readonly limiter: MessageLimiter
  /** The channels that are open, or whose handlers still run. */
  readonly channels: Iterable<OpenChannel>
  /** The identity, with the params and the grant of the first channel. */
  readonly authorized: AuthorizedPeer
  readonly identity: Identity<unknown>
  readonly hasExpired: boolean
  /** When the connection was accepted, on the monotonic clock. */
  readonly since: number
  /** The largest message that the peer may send, in bytes. */
  readonly messageBytes: number
  /** Whether the connection has ended: nothing is sent to the peer any more. */
  readonly ended: boolean
  /** Aborted when the connection has ended. */
  readonly signal: AbortSignal
  add(channel: OpenChannel): void
  /** Forgets a channel for which no handler runs any more. */
  delete(channel: OpenChannel): void
  /** Stops reading until each caller that has paused it has resumed it. */
  pause(): void
  resume(): void
  /** Takes over a renewed identity. */
  become(identity: Identity<unknown>): void
  /** Sets the timer that ends the identity, and the one that renews it before. */
  armExpiry(): void
  /** Tells operators what has happened to this connection. */
  tell(event: SocketEvent): void
  /** Tells operators that a limit was reached. */
  tellLimit(limit: keyof Limits): void
  /** Sends a frame to a peer that speaks `sallyport.v1`. A plain peer is sent nothing. */
  frame(frame: ServerFrame | EncodedFrame): void
  write(packet: Packet): void
  /** Ends the connection for all its channels. */
  close(code: number, reason: string): void
  /** Notes that the connection has ended: nothing more is read, written or pinged. */
  end(): void
}

/** One opened endpoint on a connection. */
export interface OpenChannel {
  readonly peer: OpenPeer
  readonly contract: Contract
  readonly options: ResolvedOptions
  readonly memberships: Memberships
  /** The canonical path. */
  readonly path: string
  /** The identity, the params and the grant as they are now. */
  readonly authorized: AuthorizedPeer
  /** Leads the messages of the channel to its handlers. */
  readonly dispatcher: MessageDispatcher
  /** Whether the channel has ended: nothing is sent to the peer any more. */
  readonly ended: boolean
  /**
   * Whether no handler runs for the channel any more, or the handlers that run have no effect. Then a loss of
   * access has nothing left to end.
   */
  readonly over: boolean
  /** Aborted when the channel has ended. */
  readonly signal: AbortSignal
  /** Whether an access command about this peer has arrived since it was authenticated. */
  isOvertaken(authorized: AuthorizedPeer): boolean
  /** Tells operators what has happened to this socket. */
  tell(event: SocketEvent): void
  /** Takes over a renewed identity and grant, and moves the socket to their keys in the registry. */
  become(authorized: AuthorizedPeer): void
  /**
   * Authentication and authorization have succeeded again: restarts the timers of the identity and of the
   * lease.
   */
  confirmed(): void
  /**
   * Authentication or authorization could not be reached. This is no denial: the old grant stays valid to the
   * end of its lease.
   */
  unanswered(denial: Denial, why: AskReason): RecheckOutcome
  /** Tells the handlers and the client that the grant has changed. */
  changed(grant: unknown, before: unknown, told: unknown): void
  /**
   * Authenticates and authorizes again. Sockets that would get the same result at this moment share one call.
   */
  revalidate(why: AskReason, rechecks?: SharedRechecks): Promise<RecheckOutcome>
  /**
   * Authorizes with a new credential.
   *
   * @throws Denial when the credential in use is kept
   */
  refresh(fresh: NewIdentity): Promise<RecheckOutcome>
  /** Ends the channel because access has run out. */
  expire(cause: 'credential' | 'idle' | 'absolute', code: number, reason: string): void
  /**
   * Ends the channel because of an error. A denial closes with its own code; any other error is reported and
   * closes with 1011.
   */
  fail(error: unknown): void
  /** Ends the channel, once. When it had ended already, this stops the handlers that still run for it. */
  end(why: LeaveReason, code: number, reason: string): void
  /** Notes that the connection has ended. */
  leave(leave: Leave): void
}

/** Leads the messages of a peer to the handlers of a channel. */
export interface MessageDispatcher {
  /** Takes a message or a call, so many bytes that came at this moment of the monotonic clock. */
  take(command: PeerCommand & { readonly do: 'message' | 'call' }, bytes: number, at: number): void
  /** Cancels a call whose answer the peer does not want any more. */
  cancel(id: string): void
  /** Refuses a message that is over a limit, or ends the socket because of it. */
  punish(verdict: Verdict, id: string | null): void
  /** Refuses a payload that could not be decoded. */
  refuseInvalid(command: PeerCommand & { readonly do: 'invalid' }): void
}

/** What runs in a channel: the handler table of a consumer, or the loop of an endpoint. */
export interface ChannelHandler {
  open(): unknown
  message(type: string | null, data: unknown): unknown
  call(name: string, input: unknown, signal: AbortSignal): unknown
  change(grant: unknown, before: unknown): unknown
  /** Settles when the last message that was taken has been handled. */
  rested(): Promise<void>
  /**
   * Takes no more messages, because access has ended. After a peer has left by itself, its waiting messages
   * are still handled.
   *
   * @returns how many messages were handed over and are thrown away before the handler saw them
   */
  stop(): number
  /**
   * Whether the `close` handler runs after access has ended. It may still send its last messages; handlers
   * that ran before may not.
   */
  readonly isParting: boolean
  /** Runs last, after every other handler has settled. */
  close(leave: Leave): unknown
}
