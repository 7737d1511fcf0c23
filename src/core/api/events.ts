import type { Denial } from '../../wire/errors.ts'
import { isThenable } from '../runtime/awaitable.ts'
import type { Limits } from './limits.ts'

/**
 * Why a peer is authenticated or authorized: at the handshake, when a lease runs out, when an identity was
 * renewed, or after `recheck`.
 */
export type AskReason = 'open' | 'lease' | 'refresh' | 'recheck'

/**
 * Why a socket has ended.
 *
 * - `peer`: the peer has closed it
 * - `lost`: the connection broke, or nothing was received in time
 * - `expired`: the identity, `idle` or `absolute` has run out
 * - `revoked`: `revoke`, or a recheck of a revoked credential
 * - `evicted`: a newer connection of the identity took its place
 * - `drain`: the server is being closed
 * - `slow`: the peer read too slowly
 * - `abuse`: the peer broke the protocol or a limit
 * - `denied`: a denial of `authorize`, an authenticator or a handler
 * - `fault`: a handler threw an unexpected error
 * - `done`: the endpoint has finished, or has called `socket.close`
 */
export type LeaveReason =
  | 'peer'
  | 'lost'
  | 'expired'
  | 'revoked'
  | 'evicted'
  | 'drain'
  | 'slow'
  | 'abuse'
  | 'denied'
  | 'fault'
  | 'done'

/** What is known of a peer. It holds no credential. */
export interface PeerInfo {
  /** The id of the handshake. A refused peer gets it as `ref`. */
  readonly id: string
  readonly path: string
  readonly address: string
  readonly origin: string | null
  readonly subject?: string | undefined
  /** The session: the first 16 hex digits of the SHA-256 of its id, which may be the secret itself. */
  readonly session?: string | undefined
  /** The token, hashed likewise. */
  readonly token?: string | undefined
}

/** What is known of a socket: its peer, its contract and its path. */
interface SocketInfo extends PeerInfo {
  readonly contract: string
}

/** What the peer was told of a refusal (`status`, `code`), and what only operators are told (`detail`). */
interface RefusalInfo {
  /** An HTTP status, 400 to 599. */
  readonly status: number
  /** The short code of the denial. */
  readonly code: string
  readonly detail: string | undefined
}

/**
 * The target of an access command: all given fields had to match. Ids of sessions and tokens are hashed as in
 * {@link PeerInfo}.
 */
interface CommandInfo {
  readonly subject?: string
  /**
   * The tenant of the subject; there when a tenant's messenger gave the command, and not the server itself.
   */
  readonly tenant?: string
  readonly session?: string
  readonly token?: string
  /** The node on which the command was given. */
  readonly from: string
  /**
   * How many sockets of this node were ended: open sockets, and sockets that had ended while their handlers
   * still ran.
   */
  readonly closed: number
  /** How many of their messages were thrown away before a handler saw them. */
  readonly dropped: number
}

/** A handshake was accepted. */
interface AcceptedEvent extends SocketInfo {
  readonly type: 'accepted'
}

/** A handshake was denied. `contract` and `subject` are there if they were known by then. */
interface DeniedEvent extends PeerInfo, RefusalInfo {
  readonly type: 'denied'
  /** The text for people that the peer was told. */
  readonly message: string
  readonly contract?: string | undefined
}

/**
 * A socket has ended. Messages that arrived before a peer left are still handled; a `dropped` event follows
 * when they are not.
 */
interface LeftEvent extends SocketInfo {
  readonly type: 'left'
  readonly why: LeaveReason
  /** The close code that was sent or received. */
  readonly code: number
  /** For how long it was open. */
  readonly ms: number
}

/**
 * Messages were thrown away before a handler saw them, because access has ended or the server closed the
 * socket. When the peer had left before, `left` was emitted then; this event says that the rest of its
 * messages is handled no more.
 */
interface DroppedEvent extends SocketInfo {
  readonly type: 'dropped'
  readonly why: LeaveReason
  readonly messages: number
}

/**
 * A new credential was accepted on an open socket. `expires` is in milliseconds since 1970; `null` when it
 * has no end.
 */
interface RefreshedEvent extends SocketInfo {
  readonly type: 'refreshed'
  readonly expires: number | null
}

/** A new credential was refused on an open socket. */
interface RefreshRefusedEvent extends SocketInfo, RefusalInfo {
  readonly type: 'refresh-refused'
}

/**
 * The grant of an open socket has changed. The grant itself is not in the event, because it may be
 * confidential.
 */
interface ChangedEvent extends SocketInfo {
  readonly type: 'changed'
  readonly why: AskReason
  /** Whether the part of the grant that the client is told has changed. */
  readonly told: boolean
}

/** A recheck had no result; the old grant stays valid to the end of its lease. */
interface UnansweredEvent extends SocketInfo, RefusalInfo {
  readonly type: 'unanswered'
  readonly why: AskReason
}

/**
 * Access ran out: the end of the credential, the idle time or the absolute time of the endpoint. `left`
 * follows.
 */
interface ExpiredEvent extends SocketInfo {
  readonly type: 'expired'
  readonly cause: 'credential' | 'idle' | 'absolute'
}

/**
 * A newer connection of the same identity replaced this one; `by` is the id of that handshake. `left`
 * follows.
 */
interface EvictedEvent extends SocketInfo {
  readonly type: 'evicted'
  readonly by: string
}

/** `revoke` without `at` was carried out on this node. */
interface RevokedEvent extends CommandInfo {
  readonly type: 'revoked'
  readonly reason: string
}

/** `revoke` with `at` was carried out on this node, for that room alone. */
interface KickedEvent extends CommandInfo {
  readonly type: 'kicked'
  readonly path: string
  readonly reason: string
}

/** `recheck` was carried out on this node. */
interface RecheckedEvent extends CommandInfo {
  readonly type: 'rechecked'
  readonly path?: string
  /** How many sockets of this node have another grant now. */
  readonly changed: number
}

/** A limit was reached. Emitted once for each lapse, not for each message. */
interface LimitedEvent extends PeerInfo {
  readonly type: 'limited'
  readonly limit: keyof Limits
  /** What shares the count of the limit. */
  readonly scope: 'socket' | 'identity' | 'address'
  readonly contract?: string
}

/** A message was answered with a denial. */
interface RefusedMessageEvent extends SocketInfo {
  readonly type: 'refused-message'
  readonly status: number
  readonly code: string
}

/** A message was sent to a group; `receivers` counts those of this node. */
interface SentEvent {
  readonly type: 'sent'
  readonly contract: string
  readonly receivers: number
}

/**
 * The options of this server do not fit what arrives. Emitted once for each cause (for each message type that
 * takes more than 50 ms to validate), with what to configure.
 */
interface MisconfiguredEvent {
  readonly type: 'misconfigured'
  readonly cause: 'unix-socket' | 'silent-proxy' | 'unlisted-proxy' | 'slow-validation'
  readonly detail: string
}

/** Messages of a group were lost on their way from other nodes, and its members here do not get them. */
interface Missed {
  readonly type: 'missed'
  readonly contract: string
  /** Whether they were kept in the history; then `history()` may still have them. */
  readonly kept: boolean
}

/** An event of an open socket, without the fields that say which socket. */
export type SocketEvent<H = ServerEvent> = H extends SocketInfo ? Omit<H, keyof SocketInfo> : never

/** An event as the part that emits it describes it. */
export type ServerEvent =
  | AcceptedEvent
  | DeniedEvent
  | LeftEvent
  | DroppedEvent
  | RefreshedEvent
  | RefreshRefusedEvent
  | ChangedEvent
  | UnansweredEvent
  | ExpiredEvent
  | EvictedEvent
  | RevokedEvent
  | KickedEvent
  | RecheckedEvent
  | LimitedEvent
  | MisconfiguredEvent
  | Missed
  | RefusedMessageEvent
  | SentEvent

/**
 * What happens at handshakes and on sockets, typed and without secrets: for logs, metrics and audit. `at` is
 * the wall time in milliseconds since 1970, `node` the name of the process.
 */
export type SallyportEvent = ServerEvent & { readonly at: number; readonly node: string }

/**
 * Takes events. It must not throw. An error that it throws, or the rejection of an async one, is reported.
 */
export type EventSink = (event: SallyportEvent) => void

/** Takes unexpected errors: the error as it was thrown, and what was being done. */
export type Reporter = (error: unknown, doing: string) => void

/** What is known of a denied peer beside the handshake. */
export type DeniedPeerInfo = Pick<DeniedEvent, 'contract' | 'subject' | 'session' | 'token'>

/** The event of a denial. */
export function deniedEvent(denial: Denial, peer: PeerInfo, denied: DeniedPeerInfo = {}): DeniedEvent {
  const { status, reason: code, message, detail } = denial
  return { type: 'denied', status, code, message, detail, ...peer, ...denied }
}

/**
 * Wraps a sink of the operator so that it cannot throw: its failure must not end a socket, and its rejection
 * must not end the process.
 */
export function safely<A extends unknown[]>(
  sink: (...args: A) => unknown,
  failed: (error: unknown) => void,
): (...args: A) => void {
  return (...args) => {
    try {
      const told = sink(...args)
      if (isThenable(told)) void told.then(undefined, failed)
    } catch (error) {
      failed(error)
    }
  }
}
