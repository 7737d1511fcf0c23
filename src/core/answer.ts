import type { Denial } from '../wire/errors.ts'
import type { Flights } from './flights.ts'
import type { Identity } from './identity.ts'

/** What both doors said when they were asked again. */
export interface Said {
  readonly identity: Identity<unknown>
  readonly grant: unknown
  /** How many orders had been heard when the first door was asked. */
  readonly asOf: number
}

/** An answer of both doors. */
export interface Answer {
  /** Whether its asker had gone by then: what the doors say to nobody, whose signal is aborted, is no verdict on others. */
  readonly isLost: boolean
  readonly said: Said | Denial
}

/** Questions that sockets share which rest on the same credential and are in the same room. */
export type Questions = Flights<Answer>

/** What came of asking again. */
export type Outcome = 'kept' | 'changed' | 'closed'
