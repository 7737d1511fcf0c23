import type { Denial } from '../../wire/errors.ts'
import type { Limits } from './limits.ts'

/** Why a door is asked: someone knocks, a lease runs out, an identity was renewed, or somebody said that rights have changed. */
export type AskReason = 'open' | 'lease' | 'refresh' | 'recheck'

/** Why a socket has ended. */
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

/** Who and where, as far as it is known: no credential is in it. */
export interface PeerInfo {
  /** The id of the handshake, told to the peer of a refusal as `ref`. */
  readonly id: string
  readonly path: string
  readonly address: string
  readonly origin: string | null
  readonly subject?: string | undefined
  /** The session it came in on: the first 16 hex digits of the SHA-256 of its id, which may be the secret itself. */
  readonly session?: string | undefined
  /** The token it came in on, hashed likewise. */
  readonly token?: string | undefined
}

/** A socket: where it is, and which contract it speaks. */
interface SocketInfo extends PeerInfo {
  readonly contract: string
}

/** What a peer was told of a refusal (`status`, `code`), and what only operators are (`detail`). */
interface RefusalInfo {
  readonly status: number
  readonly code: string
  readonly detail: string | undefined
}

/** Whom an order was about: all that is named was meant together. Ids of sessions and tokens are hashed as in {@link PeerInfo}. */
interface CommandInfo {
  readonly subject?: string
  /** Of which tenant; there for a subject that was named by somebody of a tenant, and not by the server itself. */
  readonly tenant?: string
  readonly session?: string
  readonly token?: string
  /** The node that was told to. */
  readonly from: string
  /** How many sockets of this node it ended: open ones, and those that had left while handlers were at work in their name. */
  readonly closed: number
  /** How many of their messages were thrown away before a handler has seen them. */
  readonly dropped: number
}

/** Someone came in. */
interface AcceptedEvent extends SocketInfo {
  readonly type: 'accepted'
}

/** A door stayed shut. `contract` and `subject` where it was known by then where they wanted to go, and who it was. */
interface DeniedEvent extends PeerInfo, RefusalInfo {
  readonly type: 'denied'
  /** What people were told. */
  readonly message: string
  readonly contract?: string | undefined
}

/** A socket has ended. What a peer has said before it left is still heard; `dropped` follows where it is not. */
interface LeftEvent extends SocketInfo {
  readonly type: 'left'
  readonly why: LeaveReason
  /** The close code that was sent, or came. */
  readonly code: number
  /** For how long it was open. */
  readonly ms: number
}

/**
 * Messages were thrown away that no handler has seen, because access has ended or the server closed the socket. Where the
 * peer had left before, `left` was told then, and this says that nothing is done in its name any more, of how many messages.
 */
interface DroppedEvent extends SocketInfo {
  readonly type: 'dropped'
  readonly why: LeaveReason
  readonly messages: number
}

/** A new credential was taken on an open socket; `expires` in milliseconds since 1970, `null` where it has no end. */
interface RefreshedEvent extends SocketInfo {
  readonly type: 'refreshed'
  readonly expires: number | null
}

/** A new credential was not taken. */
interface RefreshRefusedEvent extends SocketInfo, RefusalInfo {
  readonly type: 'refresh-refused'
}

/** Rights have changed on an open socket. The grant itself is not told: it may hold what nobody is to read. */
interface ChangedEvent extends SocketInfo {
  readonly type: 'changed'
  readonly why: AskReason
  /** Whether what the client is told of its grant has changed. */
  readonly told: boolean
}

/** Whether somebody may stay could not be found out; the old grant holds to the end of its lease. */
interface UnansweredEvent extends SocketInfo, RefusalInfo {
  readonly type: 'unanswered'
  readonly why: AskReason
}

/** Access ran out: the credential's, the silence that an endpoint allows, or the time. `left` follows. */
interface ExpiredEvent extends SocketInfo {
  readonly type: 'expired'
  readonly cause: 'credential' | 'idle' | 'absolute'
}

/** A newer connection of the same identity took its place; `by` is the id of that handshake. `left` follows. */
interface EvictedEvent extends SocketInfo {
  readonly type: 'evicted'
  readonly by: string
}

/** `revoke` without a place was carried out on this node. */
interface RevokedEvent extends CommandInfo {
  readonly type: 'revoked'
  readonly reason: string
}

/** `revoke` with a place was carried out on this node: out of there, and nowhere else. */
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

/** A limit was reached: told once for each lapse, not for each message. */
interface LimitedEvent extends PeerInfo {
  readonly type: 'limited'
  readonly limit: keyof Limits
  /** What is counted together. */
  readonly scope: 'socket' | 'identity' | 'address'
  readonly contract?: string
}

/** A message was answered with a denial. */
interface RefusedMessageEvent extends SocketInfo {
  readonly type: 'refused-message'
  readonly status: number
  readonly code: string
}

/** A message went to a group; `receivers` are those of this node. */
interface SentEvent {
  readonly type: 'sent'
  readonly contract: string
  readonly receivers: number
}

/**
 * What this server was started with does not fit what comes: told once for each cause (for each message type that takes more than
 * 50 ms to validate), with what to configure.
 */
interface MisconfiguredEvent {
  readonly type: 'misconfigured'
  readonly cause: 'unix-socket' | 'silent-proxy' | 'unlisted-proxy' | 'slow-validation'
  readonly detail: string
}

/** Messages of a group were lost on their way from other nodes, and its members here will not hear them. */
interface Missed {
  readonly type: 'missed'
  readonly contract: string
  /** Whether they were kept: then `history()` may still have them. */
  readonly kept: boolean
}

/** What happens to an open socket, without where it is. */
export type SocketEvent<H = ServerEvent> = H extends SocketInfo ? Omit<H, keyof SocketInfo> : never

/** What happens at the doors and inside, as those say it to whom it happens. */
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
 * What happens at the doors and inside, typed, without secrets: for logs, metrics and audit. `at` is the wall time in
 * milliseconds since 1970, `node` the name of the process.
 */
export type SallyportEvent = ServerEvent & { readonly at: number; readonly node: string }

/** Hears events. It must not throw; what it throws is reported, and so is why the promise of an async one was rejected. */
export type EventSink = (event: SallyportEvent) => void

/** The one place for unexpected errors: what was being done, and the error as it was thrown. */
export type Reporter = (error: unknown, doing: string) => void

/** What is known of someone who was denied, beside what the handshake says. */
export type DeniedPeerInfo = Pick<DeniedEvent, 'contract' | 'subject' | 'session' | 'token'>

/** The event of a denial. */
export function deniedEvent(denial: Denial, place: PeerInfo, suspect: DeniedPeerInfo = {}): DeniedEvent {
  const { status, reason: code, message, detail } = denial
  return { type: 'denied', status, code, message, detail, ...place, ...suspect }
}

/**
 * A sink that cannot throw: an operator's that fails must not take a socket with it, and the rejection of one that is an
 * async function not the process.
 */
export function safely<A extends unknown[]>(
  sink: (...args: A) => unknown,
  failed: (error: unknown) => void,
): (...args: A) => void {
  return (...args) => {
    try {
      const told = sink(...args)
      if (told instanceof Promise) told.catch(failed)
    } catch (error) {
      failed(error)
    }
  }
}
