import type { Contract } from '../../wire/contract.ts'
import { type Duration, milliseconds } from '../../wire/duration.ts'
import {
  aDuration,
  aFunction,
  anObject,
  checkedOptions,
  either,
  type OptionKinds,
  needed,
  oneOf,
} from '../../wire/options.ts'
import type { Authenticator } from '../api/handshake.ts'
import { type Codec, plainCodec } from './codec.ts'
import type { AccessOptions } from '../access/authorize.ts'
import { aBound, type EndpointLimits, rateOf, type RateOption } from '../api/limits.ts'
import { type Rate } from '../runtime/token-bucket.ts'
import type { MembershipOptions } from './memberships.ts'

/** For how long access lasts without a recheck; `null` is no bound. */
export interface AccessDurations {
  readonly leaseMs: number | null
  /** Without a message of the client. */
  readonly idleMs: number | null
  /** Also for an active client. */
  readonly absoluteMs: number | null
}

/**
 * The options of an endpoint as the engine reads them. `endpoint` and `consumer` have checked their types.
 */
export interface ResolvedOptions extends AccessOptions, MembershipOptions {
  readonly span: AccessDurations
  readonly limits: EndpointLimits
  /** Encodes and decodes for peers on the plain wire. All of them share this codec. */
  readonly plainCodec: Codec
}

/** The options as they arrive from `endpoint` and `consumer`, their types already checked there. */
export interface UncheckedOptions {
  readonly auth: Authenticator<unknown>
  readonly authorize?: unknown
  readonly presence?: unknown
  readonly audience?: unknown
  readonly limits?: {
    readonly message?: number
    readonly values?: number
    readonly rate?: RateOption | null
    readonly byteRate?: RateOption | null
    readonly members?: number
  }
  readonly refuse?: { readonly code: number }
  readonly lease?: Duration
  readonly idle?: Duration
  readonly absolute?: Duration
}

const optionKinds: OptionKinds<UncheckedOptions> = {
  auth: needed({ wanted: "an authenticator ('auth: anyone' lets everyone in)", is: aFunction.is }),
  authorize: aFunction,
  presence: aFunction,
  audience: aFunction,
  limits: anObject,
  refuse: anObject,
  lease: aDuration,
  idle: aDuration,
  absolute: aDuration,
}
const limitKinds: OptionKinds<UncheckedOptions['limits'] & {}> = {
  message: aBound,
  values: aBound,
  members: aBound,
  rate: either(anObject, oneOf(null)),
  byteRate: either(anObject, oneOf(null)),
}
const refuseKinds: OptionKinds<UncheckedOptions['refuse'] & {}> = {
  code: needed({ wanted: '1008 or 3000 to 4999', is: isRefusalCode }),
}

/**
 * Checks the options once, when the endpoint is defined, and resolves them.
 *
 * @throws TypeError when `auth` is missing; when an option is unknown or of the wrong kind (an explicit
 * `undefined` is the wrong kind); when a limit is out of range; when the refusal code cannot be sent; when
 * the contract has a grant and there is no `authorize`
 */
export function resolveOptions(contract: Contract, options: UncheckedOptions): ResolvedOptions {
  const where = `the endpoint at '${contract.path}'`
  const { auth, authorize, presence, audience, lease, idle, absolute, ...nested } = checkedOptions(
    where,
    options,
    optionKinds,
  )
  if (authorize === undefined && contract.grant !== undefined)
    throw new TypeError(`${where} needs an 'authorize': its contract has a 'grant' that clients are told`)
  const limits = checkedOptions(`'limits' of ${where}`, nested.limits ?? {}, limitKinds)
  const refuse = nested.refuse && checkedOptions(`'refuse' of ${where}`, nested.refuse, refuseKinds)
  const { message, values, rate, byteRate, members } = limits
  return {
    auth,
    // the typed surfaces of `endpoint` and `consumer` let only functions of these types through
    ...(authorize === undefined ? {} : { authorize: authorize as NonNullable<ResolvedOptions['authorize']> }),
    ...(refuse === undefined ? {} : { refuse }),
    presence: presence as ResolvedOptions['presence'],
    audience: audience as ResolvedOptions['audience'],
    span: {
      leaseMs: spanOf('lease', lease),
      idleMs: spanOf('idle', idle),
      absoluteMs: spanOf('absolute', absolute),
    },
    limits: {
      message,
      values,
      members,
      rate: inNumbers(`'limits.rate' of ${where}`, rate),
      byteRate: inNumbers(`'limits.byteRate' of ${where}`, byteRate),
    },
    plainCodec: plainCodec(contract.client, contract.server),
  }
}

function inNumbers(where: string, rate: RateOption | null | undefined): Rate | null | undefined {
  return rate === undefined || rate === null ? rate : rateOf(where, rate)
}

function spanOf(name: string, duration: Duration | undefined): number | null {
  if (duration === undefined) return null
  const ms = milliseconds(duration)
  if (ms > 0) return ms
  throw new TypeError(`'${name}' is a time above zero`)
}

function isRefusalCode(code: unknown): boolean {
  return code === 1008 || (Number.isInteger(code) && Number(code) >= 3000 && Number(code) <= 4999)
}
