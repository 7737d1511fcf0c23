import type { Denial } from '../../wire/errors.ts'
import { SingleFlight } from '../runtime/single-flight.ts'
import type { Identity } from '../api/identity.ts'

/** The identity and the grant of a socket that was authenticated and authorized again. */
export interface RevalidationResult {
  readonly identity: Identity<unknown>
  readonly grant: unknown
  /** How many access commands had arrived when authentication began. */
  readonly accessVersion: number
}

/** A result that several sockets may share. */
export interface SharedAnswer {
  /**
   * Whether the socket that asked had gone by then. Its signal was aborted, so the result says nothing about
   * other sockets.
   */
  readonly isLost: boolean
  readonly result: RevalidationResult | Denial
}

/** The default reason for a client whose identity is gone. */
export const signedOutReason = 'you are no longer signed in'

/** Rechecks under way. Sockets share one when they rest on the same credential and are in the same room. */
export class SharedRechecks extends SingleFlight<SharedAnswer> {
  readonly goneReason: string

  /** @param goneReason the reason for a client whose identity is gone */
  constructor(goneReason: string = signedOutReason) {
    super()
    this.goneReason = goneReason
  }
}

/** The effect of a recheck on a socket. */
export type RecheckOutcome = 'kept' | 'changed' | 'closed'
