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
import type { Verdict } from './message-limiter.ts'
import type { ResolvedOptions } from './resolved-options.ts'

// The two objects of a socket as its other parts see them: `Peer` is the one, `ServerChannel` the other.

/** What is known when a connection was accepted. */
export interface Registration {
  /** The id of the socket. */
  readonly id: string
  readonly authorized: AuthorizedPeer
  readonly memberships: Memberships
  readonly keys: SocketKeys
  readonly connection: Connection
}

/** A frame that is encoded already. */
export interface EncodedFrame {
  readonly encoded: string
}

/** A new credential, as authentication knows it. */
export interface NewIdentity {
  readonly identity: Identity<unknown>
  /** The question that it answers. */
  readonly nonce: string
  /** How many access commands had been heard when authentication was asked. */
  readonly accessVersion: number
}

/** One connection and the identity behind it. */
export interface OpenPeer {
  readonly context: ServerContext
  readonly connection: Connection
  readonly codec: Codec
  /** The endpoint with which the peer came in: its contract names the peer in events, its options limit and authenticate it. */
  readonly contract: Contract
  readonly options: ResolvedOptions
  readonly info: PeerInfo
  /** What was asked for at the handshake, without credentials; `null` where the peer is never asked for a new credential. */
  readonly href: string | null
  /** The account that pays for what this connection costs; see `accountKey`. */
  readonly account: string
  /** The channels that are open, or whose handlers are still at work. */
  readonly channels: Iterable<OpenChannel>
  /** Who it is, with the params and the grant of the channel with which the peer came in. */
  readonly authorized: AuthorizedPeer
  readonly identity: Identity<unknown>
  readonly hasExpired: boolean
  /** When it came in, on the monotonic clock. */
  readonly since: number
  /** The largest message that the peer may send, in bytes. */
  readonly messageBytes: number
  /** Whether the connection has ended: the peer hears nothing any more. */
  readonly ended: boolean
  /** Aborted when the connection has ended. */
  readonly signal: AbortSignal
  add(channel: OpenChannel): void
  /** Nothing is done in the name of a channel any more. */
  delete(channel: OpenChannel): void
  /** Stops reading, until each who has paused it has resumed it. */
  pause(): void
  resume(): void
  /** Takes over a renewed identity. */
  become(identity: Identity<unknown>): void
  /** Arms the end of the identity, and its renewal before it. */
  armExpiry(): void
  /** Tells operators what has happened to this connection. */
  tell(event: SocketEvent): void
  /** Tells operators that a limit was reached. */
  tellLimit(limit: keyof Limits): void
  /** Sends a frame to a peer that speaks `sallyport.v1`; a plain one is not told. */
  frame(frame: ServerFrame | EncodedFrame): void
  write(packet: Packet): void
  /** Ends the connection for all its channels. */
  close(code: number, reason: string): void
  /** The connection has ended: nothing more is read, written or pinged. */
  end(): void
  /** Counts one more invalid message. */
  invalid(denial: Denial): Verdict
  /** Charges the account for the time since the message came, once. @returns how many milliseconds that were */
  charge(): number
}

/** One opened endpoint on a connection. */
export interface OpenChannel {
  readonly peer: OpenPeer
  readonly contract: Contract
  readonly options: ResolvedOptions
  readonly memberships: Memberships
  /** The canonical path. */
  readonly path: string
  /** Who is in it, and with which grant, as of now. */
  readonly authorized: AuthorizedPeer
  /** What runs in it; `null` until it has begun. */
  readonly handler: ChannelHandler | null
  /** The way of its messages to its handlers. */
  readonly dispatcher: MessageDispatcher
  /** Whether it has ended: its peer hears nothing any more. */
  readonly ended: boolean
  /** Whether nothing is done in its name any more, or nothing of it is heard: access has nothing left to end. */
  readonly over: boolean
  /** Aborted when it has ended. */
  readonly signal: AbortSignal
  /** Whether rights have changed since this peer was authenticated. */
  isOvertaken(authorized: AuthorizedPeer): boolean
  /** Tells operators what has happened to this socket. */
  tell(event: SocketEvent): void
  /** Takes over a renewed identity and grant, and can be found by them. */
  become(authorized: AuthorizedPeer): void
  /** Authentication and authorization have said yes: the end of the identity and the lease begin anew. */
  confirmed(): void
  /** An answer that could not be had is no refusal: the old grant holds to the end of its lease, then it is over. */
  unanswered(denial: Denial, why: AskReason): RecheckOutcome
  /** Tells handlers and client that the grant has changed. */
  changed(grant: unknown, before: unknown, told: unknown): void
  /** Asks again who it is and whether they may be here, with others that ask the same at this moment. */
  revalidate(why: AskReason, questions?: SharedRechecks): Promise<RecheckOutcome>
  /** Asks whether they may be here with a new credential. @throws Denial when the credential in use is kept */
  refresh(fresh: NewIdentity): Promise<RecheckOutcome>
  /** Access has run out. */
  expire(cause: 'credential' | 'idle' | 'absolute', code: number, reason: string): void
  /** Ends it for what was thrown: a denial closes with its code, anything else is reported and closes 1011. */
  fail(error: unknown): void
  /** Ends it, once; where it had ended, what is still done in its name ends. */
  end(why: LeaveReason, code: number, reason: string): void
  /** Its connection has ended. */
  leave(leave: Leave): void
}

/** Leads what a peer has sent to the handlers of a channel. */
export interface MessageDispatcher {
  /** Takes a message or a call, so many bytes that came at this moment of the monotonic clock. */
  take(
    command: PeerCommand & { readonly do: 'message' | 'call' },
    from: { readonly bytes: number; readonly at: number },
  ): void
  /** The peer does not want the answer of a call any more. */
  cancel(id: string): void
  /** Refuses a message that is over a limit, or ends the socket for it. */
  punish(verdict: Verdict, id: string | null): void
  /** Refuses what could not be read. */
  refuseInvalid(command: PeerCommand & { readonly do: 'invalid' }): void
}

/** What runs in a channel: the handler table of a consumer, or the loop of an endpoint. */
export interface ChannelHandler {
  open(): unknown
  message(type: string | null, data: unknown): unknown
  call(name: string, input: unknown, signal: AbortSignal): unknown
  change(grant: unknown, before: unknown): unknown
  /** Settles when the message that was taken last has been worked off. */
  rested(): Promise<void>
  /**
   * Access has ended: nothing more is to be taken. A peer that leaves by itself is still heard to the end.
   *
   * @returns how many messages were handed over and are thrown away now, before anything was done with them
   */
  stop(): number
  /** Whether it has been told that access has ended, and says its farewell: no longer, and not yet what was at work then. */
  readonly isParting: boolean
  /** Runs last, after every handler has settled. */
  close(leave: Leave): unknown
}
