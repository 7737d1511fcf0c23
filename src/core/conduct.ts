import { Denial } from '../wire/errors.ts'
import { type Account, type Accounts, bucketOf, guestLimits, identityLimits, Mistakes } from './account.ts'
import { type Bucket, type EndpointLimits, isWider, type Limits } from './limits.ts'

/** What a message that is refused earns. */
export interface Verdict {
  readonly denial: Denial
  /** Whether the socket ends with it. */
  readonly ends: boolean
  /** Whether operators are told of it: of a lapse, which may have any number of messages, only once. */
  readonly isNews: boolean
}

/** The limits that a peer can be over. */
export type ConductLimit =
  | 'rate'
  | 'byteRate'
  | 'identityRate'
  | 'identityByteRate'
  | 'guestRate'
  | 'guestByteRate'
  | 'validation'
  | 'invalidMessages'

/** What the conduct of a peer is judged by. */
export interface ConductParts {
  readonly limits: Limits
  /** The limits of the endpoint. */
  readonly own: EndpointLimits
  /** The largest message that the socket may send, in bytes. */
  readonly messageBytes: number
  readonly accounts: Accounts
  /** The key of the account that pays. */
  readonly account: string
  readonly isGuest: boolean
  readonly now: number
  /** Told once for each lapse, however many messages it has. */
  readonly limited: (limit: ConductLimit) => void
}

/** From when to when refusals have followed each other. */
interface Lapse {
  readonly since: number
  readonly last: number
}

/** Two refusals further apart than this are two lapses, not one that lasts. */
const calmMs = 1_000

/**
 * How a peer behaves: its rates, those of its account, what its messages cost to check, and how many were invalid. All
 * times are those of the monotonic clock.
 */
export class Conduct {
  readonly #parts: ConductParts
  readonly #messages: Bucket | null
  readonly #bytes: Bucket | null
  /** The limits of its account that its messages count for. */
  readonly #shared: { readonly rate: ConductLimit | null; readonly byteRate: ConductLimit | null }
  /** Whether no limit of an account holds for it. */
  readonly #isAlone: boolean
  readonly #mistakes: Mistakes | null
  #over: Lapse | null = null
  /** The same for the limits that a guest shares with strangers. */
  #othersOver: Lapse | null = null

  constructor(parts: ConductParts) {
    const { limits, own, isGuest, messageBytes, now } = parts
    const { rate = limits.rate, byteRate = limits.byteRate } = own
    this.#parts = parts
    this.#messages = bucketOf(rate, now)
    // one message of the largest size is never more than may come at once
    this.#bytes = bucketOf(byteRate && { ...byteRate, burst: Math.max(byteRate.burst, messageBytes) }, now)
    this.#shared = sharedLimits(limits, own, isGuest)
    this.#isAlone = this.#shared.rate === null && this.#shared.byteRate === null && limits.validation === null
    this.#mistakes = isGuest ? new Mistakes() : null
  }

  /** One more message, of so many bytes, before it is read: `null` when it may be. */
  message(bytes: number, now: number): Verdict | null {
    const limit = this.#limitOver(bytes, now)
    return limit === null ? null : { denial: tooMuch(limit), ...this.#lapse(limit, now) }
  }

  /** So many milliseconds were spent on reading and validating a message. */
  spent(ms: number, now: number): void {
    if (this.#parts.limits.validation !== null) this.#account.validation?.spend(ms, now)
  }

  /**
   * One more invalid message: the tenth of its account within 10 s ends the socket. A guest is counted alone: the others of
   * its network are strangers to it, and their account pays for what such messages cost.
   */
  invalid(denial: Denial, now: number): Verdict {
    const { limits, limited } = this.#parts
    const mistakes = this.#mistakes ?? this.#account.mistakes
    const ends = mistakes.isLastOf(limits.invalidMessages, now)
    if (ends) limited('invalidMessages')
    return { denial, ends, isNews: true }
  }

  /** Looked up each time: one that is as new was forgotten. */
  get #account(): Account {
    const { accounts, account, isGuest } = this.#parts
    return (isGuest ? accounts.guests : accounts.identities).of(account)
  }

  #limitOver(bytes: number, now: number): ConductLimit | null {
    // what a socket is refused for itself is not taken from its siblings
    if (this.#messages?.take(now) === false) return 'rate'
    if (this.#bytes?.take(now, bytes) === false) return 'byteRate'
    if (this.#isAlone) return null
    const { rate, byteRate } = this.#shared
    const account = this.#account
    if (account.validation?.isEmpty(now) === true) return 'validation'
    if (rate !== null && account.messages?.take(now) === false) return rate
    if (byteRate !== null && account.bytes?.take(now, bytes) === false) return byteRate
    return null
  }

  /**
   * Notes that it is over a limit. What a network of guests has used up ends none of their sockets: a stranger may have used it.
   *
   * @returns whether the socket has been over limits of its own for the whole grace, and whether the lapse begins here
   */
  #lapse(limit: ConductLimit, now: number): Omit<Verdict, 'denial'> {
    const { limits, limited, isGuest } = this.#parts
    const isOthers = isGuest && limit !== 'rate' && limit !== 'byteRate'
    const before = isOthers ? this.#othersOver : this.#over
    const lasts = before !== null && now - before.last <= calmMs
    const over = { since: lasts ? before.since : now, last: now }
    if (isOthers) this.#othersOver = over
    else this.#over = over
    if (!lasts) limited(limit)
    return { ends: !isOthers && now - over.since >= limits.rateGraceMs, isNews: !lasts }
  }
}

/** An endpoint that allows each of its sockets more than an account may send has said that this is fine. */
function sharedLimits(
  limits: Limits,
  { rate, byteRate }: EndpointLimits,
  isGuest: boolean,
): { readonly rate: ConductLimit | null; readonly byteRate: ConductLimit | null } {
  const kind = isGuest ? guestLimits : identityLimits
  const counts = (own: typeof rate, shared: typeof kind.rate | typeof kind.byteRate): boolean =>
    limits[shared] !== null && (own === undefined || !isWider(own, limits[shared]))
  return {
    rate: counts(rate, kind.rate) ? kind.rate : null,
    byteRate: counts(byteRate, kind.byteRate) ? kind.byteRate : null,
  }
}

function tooMuch(limit: ConductLimit): Denial {
  switch (limit) {
    case 'validation':
      return new Denial(
        429,
        'too-costly',
        'slow down: what you send takes long to check, and this message was dropped',
      )
    case 'byteRate':
    case 'identityByteRate':
    case 'guestByteRate':
      return new Denial(429, 'too-many-bytes', 'slow down: this message was dropped')
    default:
      return new Denial(429, 'too-many-messages', 'slow down: this message was dropped')
  }
}
