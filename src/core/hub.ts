import type { Questions } from './answer.ts'
import type { Accounts } from './account.ts'
import type { Alarms } from './alarms.ts'
import type { Backlog } from './backlog.ts'
import type { Clock } from './clock.ts'
import type { Carriers } from './credentials.ts'
import type { FailedAttempts } from './failed-attempts.ts'
import type { Gate } from './gate.ts'
import type { Groups } from './groups.ts'
import type { Identity } from './identity.ts'
import type { LayerConnection } from './layer-connection.ts'
import type { Limits } from './limits.ts'
import type { OriginRules } from './origin.ts'
import type { Orders } from './orders.ts'
import type { Messenger } from './port.ts'
import type { Presence } from './presence.ts'
import type { Registry } from './registry.ts'
import type { RepeatedFaults } from './repeated-faults.ts'
import type { Revocations } from './revocations.ts'
import type { Happening, Reporter } from './report.ts'
import type { Tracer } from './tracer.ts'

/** What a server is made of, as its endpoints reach it through the handshake. */
export interface Hub {
  /** The name of this process among its peers. */
  readonly node: string
  readonly clock: Clock
  readonly limits: Limits
  readonly carriers: Carriers
  readonly origins: OriginRules
  readonly gate: Gate
  /** What the sockets of an identity, or the guests of a network, have used up together. */
  readonly accounts: Accounts
  /** What waits for handlers, for each account. */
  readonly backlog: Backlog
  /** The message types of which it was told that their validation is slow. */
  readonly toldSlow: Set<string>
  /** How many bad credentials a network may bring. */
  readonly failures: FailedAttempts
  /** What becomes of a connection beyond `limits.connectionsPerIdentity`: it takes the place of the oldest, or is refused. */
  readonly whenFull: 'evict' | 'refuse'
  readonly layer: LayerConnection
  readonly groups: Groups
  readonly presence: Presence
  /** Every open socket of this process. */
  readonly registry: Registry
  readonly alarms: Alarms
  readonly revocations: Revocations
  readonly orders: Orders
  /** What is asked of the doors at this moment for those who are inside. */
  readonly questions: Questions
  /** For how long a revocation is remembered. */
  readonly rememberMs: number
  /** Set while the server drains: nobody is let in any more. */
  readonly draining: boolean
  /** Whether what the server sends is checked too: on in tests. */
  readonly checkOutgoing: boolean
  readonly tenant: (identity: Identity<unknown>) => string
  /** What handlers reach as `socket.port`. */
  readonly port: (tenant: string) => Messenger
  /** What follows work through a trace; `null` when nothing does. */
  readonly tracer: Tracer | null
  readonly emit: (happening: Happening) => void
  /** A short name for the id of a session or token that does not tell it: the first 16 hex digits of its SHA-256. */
  readonly fingerprint: (id: string) => string
  readonly report: Reporter
  /** Reports what fails at one handshake or lease after the other. */
  readonly repeatedFaults: RepeatedFaults
}
