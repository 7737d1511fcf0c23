import type { Denial } from '../wire/errors.ts'

/** Why a socket has ended. */
export type LeaveReason =
  'peer' | 'lost' | 'expired' | 'revoked' | 'drain' | 'slow' | 'abuse' | 'denied' | 'fault' | 'done'

/** Who and where, as far as it is known: no credential is in it. */
export interface Place {
  /** The id of the handshake, told to the peer of a refusal as `ref`. */
  readonly id: string
  readonly path: string
  readonly address: string
  readonly origin: string | null
  readonly subject?: string | undefined
}

/** What happens at the doors and inside, typed, without secrets: for logs, metrics and audit. */
export type SallyportEvent =
  | ({ readonly type: 'accepted'; readonly contract: string } & Place)
  | ({
      readonly type: 'denied'
      readonly status: number
      readonly code: string
      readonly detail: string | undefined
    } & Place)
  | ({
      readonly type: 'left'
      readonly contract: string
      readonly why: LeaveReason
      readonly code: number
      readonly ms: number
    } & Place)
  | ({
      readonly type: 'refused-message'
      readonly contract: string
      readonly status: number
      readonly code: string
    } & Place)
  | ({ readonly type: 'refreshed'; readonly contract: string; readonly expires: number | null } & Place)
  | ({
      readonly type: 'refresh-refused'
      readonly contract: string
      readonly status: number
      readonly code: string
      readonly detail: string | undefined
    } & Place)
  | { readonly type: 'sent'; readonly contract: string; readonly receivers: number }

/** Hears events. It must not throw; what it throws is reported. */
export type EventSink = (event: SallyportEvent) => void

/** The one place for unexpected errors: what was being done, and the error as it was thrown. */
export type Reporter = (error: unknown, doing: string) => void

/** The event of a denial. */
export function deniedEvent(denial: Denial, place: Place): SallyportEvent {
  const { status, reason: code, detail } = denial
  return { type: 'denied', status, code, detail, ...place }
}

/** A reporter that cannot throw: an operator's sink that fails must not take a socket with it. */
export function safely<A extends unknown[]>(
  sink: (...args: A) => void,
  failed: (error: unknown) => void,
): (...args: A) => void {
  return (...args) => {
    try {
      sink(...args)
    } catch (error) {
      failed(error)
    }
  }
}
