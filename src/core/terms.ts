import type { Contract } from '../wire/contract.ts'
import { type Duration, milliseconds } from '../wire/duration.ts'
import type { Authenticator } from './application.ts'
import { type Codec, plainCodec } from './codec.ts'
import type { Checks } from './doors.ts'
import type { Span } from './lifetime.ts'
import { isBound, type Rate, rateOf } from './limits.ts'
import type { Inside, Opening } from './opening.ts'
import type { Seating } from './places.ts'

/** An endpoint's demands as the engine takes them: `endpoint` and `consumer` have checked their types. */
export interface Terms extends Checks, Seating {
  readonly span: Span
  readonly limits: { readonly message: number | undefined; readonly rate: Rate | null | undefined }
  /** Reads and writes for those who speak the plain wire: one for all of them. */
  readonly plain: Codec
}

/** What is entered, and how: a contract, the terms, and what runs inside. */
export interface Entering {
  readonly contract: Contract
  readonly terms: Terms
  readonly run: (opening: Opening) => Inside
}

/** Demands as they arrive from `endpoint` and `consumer`, their types already checked there. */
export interface LooseDemands {
  readonly auth: Authenticator<unknown>
  readonly authorize?: unknown
  readonly presence?: unknown
  readonly audience?: unknown
  readonly limits?: { readonly message?: number; readonly rate?: Parameters<typeof rateOf>[0] | null }
  readonly refuse?: { readonly code: number }
  readonly lease?: Duration
  readonly idle?: Duration
  readonly absolute?: Duration
}

/**
 * Checks demands once, at definition, and takes them apart for the engine.
 *
 * @throws TypeError when `auth` is missing, a limit is senseless, or the refusal code cannot be sent
 */
export function termsOf(contract: Contract, demands: LooseDemands): Terms {
  const { auth, authorize, presence, audience, limits = {}, refuse, lease, idle, absolute } = demands
  if (typeof auth !== 'function')
    throw new TypeError(
      `the endpoint at '${contract.path}' needs an 'auth': write 'auth: anyone' to let everyone in`,
    )
  if (refuse !== undefined && !isRefusalCode(refuse.code)) {
    throw new TypeError(
      `the endpoint at '${contract.path}' cannot refuse with ${refuse.code}: choose 1008 or 3000 to 4999`,
    )
  }
  const { message, rate } = limits
  if (message !== undefined && !isBound(message))
    throw new TypeError("'limits.message' is a whole number of bytes, at least 1 and less than 2 GiB")
  return {
    auth,
    ...(typeof authorize === 'function' ? { authorize: callable(authorize) } : {}),
    ...(refuse === undefined ? {} : { refuse }),
    // the typed surfaces of `endpoint` and `consumer` let only these functions through
    presence: presence as Terms['presence'],
    audience: audience as Terms['audience'],
    span: {
      leaseMs: spanOf('lease', lease),
      idleMs: spanOf('idle', idle),
      absoluteMs: spanOf('absolute', absolute),
    },
    limits: { message, rate: rate === undefined || rate === null ? rate : rateOf(rate) },
    plain: plainCodec(contract.client, contract.server),
  }
}

function spanOf(name: string, duration: Duration | undefined): number | null {
  if (duration === undefined) return null
  const ms = milliseconds(duration)
  if (ms > 0) return ms
  throw new TypeError(`'${name}' is a time above zero`)
}

function callable(authorize: Function): (question: object) => unknown {
  // as above: the surface has checked what it takes and answers
  return (question) => (authorize as (question: object) => unknown)(question)
}

function isRefusalCode(code: number): boolean {
  return code === 1008 || (Number.isInteger(code) && code >= 3000 && code <= 4999)
}
