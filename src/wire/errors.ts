import {
  aBoolean,
  aString,
  assertKind,
  checkedOptions,
  aText,
  type OptionKind,
  type OptionKinds,
  orUndefined,
  wholeFrom,
} from './options.ts'

/** The closed set of codes that Sallyport's errors carry. Mistakes of a programmer are a plain `TypeError` instead. */
export type ErrorCode =
  | 'ERR_DENIED'
  | 'ERR_CLOSED'
  | 'ERR_TIMEOUT'
  | 'ERR_QUEUE_FULL'
  | 'ERR_INVALID_MESSAGE'
  | 'ERR_LAYER'
  | 'ERR_CONFIGURATION'

/** The base of every error that Sallyport throws: `switch (error.code)` is exhaustive. */
export class SallyportError extends Error {
  override readonly name: string = 'SallyportError'
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** What a denial may carry beside its status, short word and message. */
export interface DenialOptions {
  /** When it makes sense to come back, in milliseconds; travels as `Retry-After` and in the error frame. */
  readonly retryAfterMs?: number
  /** Why, for operators alone: goes to the log and the audit event, never to the peer. */
  readonly detail?: string
  /** Must be answered with an HTTP status even to a browser: nothing may be upgraded before it is settled. */
  readonly httpOnly?: boolean
  /** The close code instead of 4000 + status. */
  readonly closeCode?: number
  /** The value of `WWW-Authenticate` on a 401, or a 403 that a better credential would mend. */
  readonly challenge?: string
  /**
   * Whether the credential was shown to be genuine, and is refused all the same, such as an expired token: then it is no
   * guess, and does not count as a bad one.
   */
  readonly genuine?: boolean
  readonly cause?: unknown
}

/** What the status of a denial may be. */
export const aRefusalStatus: OptionKind = {
  wanted: 'an HTTP status, 400 to 599',
  is: (value) => Number.isInteger(value) && Number(value) >= 400 && Number(value) <= 599,
}
const aMessage = orUndefined(aText)
const anything: OptionKind = { wanted: 'anything', is: () => true }
const someMs: OptionKind = {
  wanted: 'milliseconds',
  is: (value) => Number.isFinite(value) && Number(value) >= 0,
}
const optionKinds: OptionKinds<DenialOptions> = {
  retryAfterMs: orUndefined(someMs),
  detail: orUndefined(aText),
  httpOnly: orUndefined(aBoolean),
  closeCode: orUndefined(wholeFrom(1000)),
  challenge: orUndefined(aString),
  genuine: orUndefined(aBoolean),
  cause: anything,
}

// only V8 has this property: its type comes with Node's types, and in other engines it changes nothing
const walking = Error as { stackTraceLimit?: number | undefined }

/**
 * A refusal of a handshake, a message or a call. A peer may see `status`, `reason` and `message`; `detail`
 * and `cause` are for operators. `closeCode` is 4000 + status unless the endpoint chose another.
 */
export class Denial extends SallyportError {
  override readonly name = 'Denial'
  /** The HTTP status, 400 to 599. */
  readonly status: number
  /** The stable short word that programs and translations go by, such as `'read-only'`; `code` on the wire. */
  readonly reason: string
  readonly retryAfterMs: number | undefined
  readonly detail: string | undefined
  readonly httpOnly: boolean
  readonly closeCode: number
  readonly challenge: string | undefined
  readonly genuine: boolean

  /** @throws TypeError when an argument is of the wrong kind, or an option unknown */
  constructor(status: number, reason: string, message?: string, options: DenialOptions = {}) {
    assertKind("a denial's status", status, aRefusalStatus)
    assertKind("a denial's code", reason, aString)
    assertKind("a denial's message", message, aMessage)
    options = checkedOptions('a denial', options, optionKinds)
    // a refusal is an answer and no fault: where it was thrown is of no use, and walking the stack costs more than refusing
    const { stackTraceLimit } = walking
    walking.stackTraceLimit = 0
    super('ERR_DENIED', message ?? reason, options.cause === undefined ? undefined : { cause: options.cause })
    walking.stackTraceLimit = stackTraceLimit
    this.status = status
    this.reason = reason
    this.retryAfterMs = options.retryAfterMs
    this.detail = options.detail
    this.httpOnly = options.httpOnly ?? false
    this.closeCode = options.closeCode ?? 4000 + status
    this.challenge = options.challenge
    this.genuine = options.genuine ?? false
  }
}

/** The same denial with another close code. A function, so that pages that never need it do not load it. */
export function withCloseCode(denial: Denial, closeCode: number): Denial {
  const { status, reason, message, retryAfterMs, detail, httpOnly, challenge, genuine, cause } = denial
  const kept = { retryAfterMs, detail, httpOnly, challenge, genuine, cause }
  // an option that was never set stays absent, which exactOptionalPropertyTypes cannot see through the spread
  return new Denial(status, reason, message, { ...kept, closeCode } as DenialOptions)
}

const aShortWord: OptionKind = {
  wanted: "a short word such as 'read-only'",
  is: (value) => typeof value === 'string' && /^[a-z][a-z0-9-]{0,47}$/.test(value),
  isTold: true,
}

/**
 * Refuses: throws a {@link Denial}. In an authenticator or `authorize` the peer gets the HTTP status, or the
 * close code 4000 + status. In a handler the sender of the message gets an error frame.
 *
 * @param status an HTTP status, 400 to 599
 * @param code a stable short word, such as `'read-only'`
 * @param message what people are told; the short word when it is left out
 * @throws Denial always; TypeError when an argument is malformed, or an option unknown
 * @example deny(403, 'read-only', 'You may read this room, but not write in it.')
 */
export function deny(status: number, code: string, message?: string, options?: DenialOptions): never {
  assertKind("a denial's code", code, aShortWord)
  throw new Denial(status, code, message, options)
}
