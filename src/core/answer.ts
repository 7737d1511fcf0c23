import type { Denial } from '../wire/errors.ts'
import type { Flights } from './flights.ts'
import type { Identity } from './identity.ts'

/** What both doors said when they were asked again. */
export interface Said {
  readonly identity: Identity<unknown>
  readonly grant: unknown
  /** When the first door was asked, in wall time. */
  readonly askedAt: number
}

/** An answer of both doors, and who asked: one whose asker has gone may have been lost with it. */
export interface Answer {
  readonly asker: { readonly ended: boolean }
  readonly said: Said | Denial
}

/** Questions that sockets share which rest on the same credential and are in the same room. */
export type Questions = Flights<Answer>

/** What came of asking again. */
export type Outcome = 'kept' | 'changed' | 'closed'
