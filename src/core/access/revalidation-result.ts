import type { Denial } from '../../wire/errors.ts'
import type { SingleFlight } from '../runtime/single-flight.ts'
import type { Identity } from '../api/identity.ts'

/** What both doors said when they were asked again. */
export interface RevalidationResult {
  readonly identity: Identity<unknown>
  readonly grant: unknown
  /** How many orders had been heard when the first door was asked. */
  readonly accessVersion: number
}

/** An answer of both doors. */
export interface SharedAnswer {
  /** Whether its asker had gone by then: what the doors say to nobody, whose signal is aborted, is no verdict on others. */
  readonly isLost: boolean
  readonly result: RevalidationResult | Denial
}

/** Questions that sockets share which rest on the same credential and are in the same room. */
export type SharedRechecks = SingleFlight<SharedAnswer>

/** What came of asking again. */
export type RecheckOutcome = 'kept' | 'changed' | 'closed'
