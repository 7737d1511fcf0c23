import type { Handshake } from './api/handshake.ts'
import type { SharedRechecks } from './access/revalidation-result.ts'
import type { Accounts } from './access/account.ts'
import type { TimerQueue } from './runtime/timer-queue.ts'
import type { HandlerBacklog } from './access/handler-backlog.ts'
import type { Clock } from '../wire/clock.ts'
import type { Carriers } from './api/credentials.ts'
import type { FailedAttempts } from './access/failed-attempts.ts'
import type { HandshakeQueue } from './access/handshake-queue.ts'
import type { Groups } from './groups/groups.ts'
import type { Identity } from './api/identity.ts'
import type { Limits } from './api/limits.ts'
import type { OriginRules } from './access/origin.ts'
import type { AccessCommands } from './access/access-commands.ts'
import type { Messenger } from './api/messenger.ts'
import type { Presence } from './groups/presence.ts'
import type { Registry } from './access/registry.ts'
import type { RepeatedFaults } from './runtime/repeated-faults.ts'
import type { Revocations } from './access/revocations.ts'
import type { DeniedPeerInfo, Reporter, ServerEvent } from './api/events.ts'
import type { Tracer } from './api/tracer.ts'

/** What all sockets of a server share. Endpoints reach it through the handshake. */
export interface ServerContext {
  /** The name of this process, which no other node has. */
  readonly node: string
  readonly clock: Clock
  readonly limits: Limits
  readonly carriers: Carriers
  readonly origins: OriginRules
  readonly handshakeQueue: HandshakeQueue
  /** What the sockets of an identity, or the guests of a network, have used up together. */
  readonly accounts: Accounts
  /** The bytes that wait for handlers, for each account. */
  readonly backlog: HandlerBacklog
  /** The message types whose slow validation was reported. */
  readonly toldSlow: Set<string>
  /** The bad credentials of each network. */
  readonly failedAttempts: FailedAttempts
  /**
   * What happens to a connection beyond `limits.connectionsPerIdentity`: it replaces the oldest, or is
   * refused.
   */
  readonly whenFull: 'evict' | 'refuse'
  readonly groups: Groups
  readonly presence: Presence
  /** Every open socket of this process. */
  readonly registry: Registry
  readonly timers: TimerQueue
  readonly revocations: Revocations
  readonly accessCommands: AccessCommands
  /** The rechecks under way, which sockets share. */
  readonly sharedRechecks: SharedRechecks
  /** For how long a revocation is remembered. */
  readonly rememberMs: number
  /** Set while the server drains: every handshake is denied. */
  readonly draining: boolean
  /** Whether messages of the server are validated too: on in tests. */
  readonly checkOutgoing: boolean
  readonly tenant: (identity: Identity<unknown>) => string
  /** The messenger that handlers reach as `socket.server`. */
  readonly messenger: (tenant: string) => Messenger
  /** Follows work in a trace; `null` when there is no tracer. */
  readonly tracer: Tracer | null
  readonly emit: (event: ServerEvent) => void
  /** Whether an event of this type reaches a sink or a warning; otherwise it need not be made. */
  readonly isHeard: (type: ServerEvent['type']) => boolean
  /**
   * A short name for the id of a session or token that does not reveal it: the first 16 hex digits of its
   * SHA-256.
   */
  readonly fingerprint: (id: string) => string
  readonly report: Reporter
  /** Reports errors that repeat at every handshake or lease. */
  readonly repeatedFaults: RepeatedFaults
}

/** The key under which a handshake, and a server in tests, holds its context. */
export const serverContext: unique symbol = Symbol('sallyport.context')

/** A handshake as transports make it. Applications see a {@link Handshake}. */
export interface ServerHandshake extends Handshake {
  readonly [serverContext]: ServerContext
  /** Whether the peer asks for `application/problem+json`: a true status in place of a close code. */
  readonly wantsProblem: boolean
  /** Whether the peer has gone or the time is over: `signal.aborted`, without making the signal. */
  readonly isOver: boolean
  /** The text of `url`, as it came: it is not parsed before it is needed. */
  readonly href: string
  /** What the event of a denial tells of the peer. The endpoint sets it before it refuses. */
  denied: DeniedPeerInfo
}

/**
 * A handshake as its transport has made it.
 *
 * @throws TypeError when the handshake was not made by a transport of this package
 */
export function serverHandshakeOf(handshake: Handshake): ServerHandshake {
  if (isOfServer(handshake)) return handshake
  throw new TypeError(
    'this is no handshake of a server: pass on the handshake that the application was called with',
  )
}

function isOfServer(handshake: Handshake): handshake is ServerHandshake {
  return serverContext in handshake
}
