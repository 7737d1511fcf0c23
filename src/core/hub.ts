import type { Clock } from './clock.ts'
import type { Carriers } from './credentials.ts'
import type { Gate } from './gate.ts'
import type { Groups } from './groups.ts'
import type { Identity } from './identity.ts'
import type { Layer } from './layer.ts'
import type { Limits } from './limits.ts'
import type { OriginRules } from './origin.ts'
import type { Messenger } from './port.ts'
import type { Presence } from './presence.ts'
import type { EventSink, LeaveReason, Reporter } from './report.ts'

/** An open socket, as its server sees it. */
export interface OpenSocket {
  /** Ends it, once. */
  end(why: LeaveReason, code: number, reason: string): void
  /** Lets its running handler finish, tells the client when to come back, then ends it. */
  drain(retryAfterMs: number): Promise<void>
}

/** What a server is made of, as its endpoints reach it through the handshake. */
export interface Hub {
  /** The name of this process among its peers. */
  readonly node: string
  readonly clock: Clock
  readonly limits: Limits
  readonly carriers: Carriers
  readonly origins: OriginRules
  readonly gate: Gate
  readonly layer: Layer
  readonly groups: Groups
  readonly presence: Presence
  /** Every open socket of this process. */
  readonly openings: Set<OpenSocket>
  /** Set while the server drains: nobody is let in any more. */
  readonly draining: boolean
  /** Whether what the server sends is checked too: on in tests. */
  readonly checkOutgoing: boolean
  readonly tenant: (identity: Identity<unknown>) => string
  /** What handlers reach as `socket.port`. */
  readonly port: (tenant: string) => Messenger
  readonly emit: EventSink
  readonly report: Reporter
}
