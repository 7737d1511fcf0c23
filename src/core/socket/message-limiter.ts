import type { Clock } from '../../wire/clock.ts'
import { Denial } from '../../wire/errors.ts'
import { ValidationTime } from '../access/validation-time.ts'
import {
  type Account,
  type Accounts,
  bucketOf,
  guestLimits,
  identityLimits,
  Lapse,
  Mistakes,
} from '../access/account.ts'
import { type EndpointLimits, isWider, type Limits } from '../api/limits.ts'
import { Bucket, type Rate } from '../runtime/token-bucket.ts'

/** The decision about a message that is over a limit, or invalid. */
export interface Verdict {
  readonly denial: Denial
  /** Whether the socket is closed. */
  readonly ends: boolean
  /** Whether operators are told. They are told once for all refused messages of one lapse. */
  readonly isNews: boolean
}

/** The decision about a message that is over a rate. */
export interface RateVerdict extends Verdict {
  /** For how long nothing more is read: the time of its bytes at the byte rate of the socket. */
  readonly restMs: number
}

/** The limits that the messages of a peer can exceed. */
export type MessageLimit =
  | 'rate'
  | 'byteRate'
  | 'identityRate'
  | 'identityByteRate'
  | 'guestRate'
  | 'guestByteRate'
  | 'validation'
  | 'invalidMessages'

/** What a message limiter needs. */
export interface MessageLimiterParts {
  readonly limits: Limits
  /** The limits of the endpoint. */
  readonly own: EndpointLimits
  /** The largest message that the socket may send, in bytes. */
  readonly messageBytes: number
  readonly accounts: Accounts
  /** The key of the account that pays. */
  readonly account: string
  /** How many sockets share the account, where it is that of a network of guests; `null` for an identity. */
  readonly guests: (() => number) | null
  /** When the socket was opened. */
  readonly since: number
  readonly now: number
  /** Called once for each lapse, however many messages are refused in it. */
  readonly limited: (limit: MessageLimit) => void
}

/**
 * The least allowance of a guest, whatever other guests of its network have sent before. This many invalid
 * messages, and this time over a rate, do not end its socket.
 */
const guestMistakes = 2
const guestGraceMs = 1_000
/** The longest rest. With longer rests between refusals, a lapse would never last for a whole grace. */
const longestRestMs = 500

/**
 * Limits the messages of a peer: by its own rates and those of its account, by the time of validation, and by
 * the number of invalid messages. All times are those of the monotonic clock.
 */
export class MessageLimiter {
  readonly #parts: MessageLimiterParts
  readonly #messages: Bucket | null
  readonly #bytes: Bucket | null
  /** The limits of the account that its messages count for. */
  readonly #shared: { readonly rate: MessageLimit | null; readonly byteRate: MessageLimit | null }
  /** Whether no limit of an account applies. */
  readonly #isAlone: boolean
  /** The part of the limits that belongs to this guest, not to its network; `null` for an identity. */
  readonly #guest: Guest | null
  /** When the message arrived that is being read and validated; -1 when its time has been charged. */
  #began = -1

  constructor(parts: MessageLimiterParts) {
    const { limits, own, guests, messageBytes, now } = parts
    const { rate = limits.rate, byteRate = limits.byteRate } = own
    this.#parts = parts
    this.#messages = bucketOf(rate, now)
    // a message of the largest size must fit into the burst
    this.#bytes = bucketOf(byteRate && { ...byteRate, burst: Math.max(byteRate.burst, messageBytes) }, now)
    this.#shared = sharedLimits(limits, own, guests !== null)
    this.#isAlone = this.#shared.rate === null && this.#shared.byteRate === null && limits.validation === null
    this.#guest = guests === null ? null : new Guest(limits, guests, parts.since)
  }

  /** Counts one message of `bytes` before it is read. `null` when the message is allowed. */
  message(bytes: number, now: number): RateVerdict | null {
    const limit = this.#limitOver(bytes, now)
    this.#began = limit === null ? now : -1
    if (limit === null) return null
    const denial = tooMuch(limit)
    return { denial, ...this.#lapse(limit, now), restMs: this.#restMs(denial, bytes) }
  }

  /**
   * Charges the account for the time since the message arrived, which its reading and validation took: once,
   * and before a handler runs.
   *
   * @returns how many milliseconds were charged
   */
  charge(clock: Pick<Clock, 'monotonic'>): number {
    const began = this.#began
    this.#began = -1
    if (began === -1) return 0
    const now = clock.monotonic()
    const ms = now - began
    if (this.#parts.limits.validation === null) return ms
    const account = this.#account
    account.validation?.spend(ms, now)
    this.#guest?.shares.validation?.spend(ms, now, this.#guest.divisor(account, now))
    return ms
  }

  /**
   * Counts one invalid message. The tenth of an account within 10 s ends the socket; for a guest, the tenth
   * of its own.
   */
  invalid(denial: Denial, now: number): Verdict {
    const { limits, limited } = this.#parts
    const { mistakes } = this.#account
    const isLast = mistakes.isLastOf(limits.invalidMessages, now)
    const ends = this.#guest?.isLastMistake(mistakes, limits.invalidMessages, now) ?? isLast
    if (ends) limited('invalidMessages')
    return { denial, ends, isNews: true }
  }

  /** Looked up each time, because an account that is full again is forgotten. */
  get #account(): Account {
    const { accounts, account } = this.#parts
    return (this.#guest === null ? accounts.identities : accounts.guests).of(account)
  }

  #restMs({ reason }: Denial, bytes: number): number {
    const { limits, own } = this.#parts
    const { byteRate = limits.byteRate } = own
    if (byteRate === null || reason !== 'too-many-bytes') return 0
    return Math.min(longestRestMs, Math.ceil((bytes * byteRate.eachMs) / byteRate.most))
  }

  #limitOver(bytes: number, now: number): MessageLimit | null {
    // a message that is over a limit of its socket costs the other sockets of the account nothing
    if (this.#messages?.take(now) === false) return 'rate'
    if (this.#bytes?.take(now, bytes) === false) return 'byteRate'
    if (this.#isAlone) return null
    const { rate, byteRate } = this.#shared
    const account = this.#account
    const shares = this.#guest?.shares
    const divisor = this.#guest?.divisor(account, now) ?? 1
    if (account.validation?.isEmpty(now) === true && shares?.validation?.isEmpty(now) !== false)
      return 'validation'
    if (rate !== null && !takes(account.messages, shares?.messages, { tokens: 1, divisor, now })) return rate
    if (byteRate !== null && !takes(account.bytes, shares?.bytes, { tokens: bytes, divisor, now }))
      return byteRate
    return null
  }

  /**
   * Notes that a limit was exceeded. A limit that a network of guests has used up ends no socket, because
   * another guest may have used it. The time of validation ends no socket either: the machine may have been
   * blocked meanwhile, and refusing unread messages is cheap.
   *
   * @returns whether limits of its own were exceeded for the whole grace time, and whether the lapse begins
   * with this message
   */
  #lapse(limit: MessageLimit, now: number): Omit<Verdict, 'denial'> {
    const { limits, limited } = this.#parts
    const { lapse, sharedLapse } = this.#account
    const isOwn = limit === 'rate' || limit === 'byteRate'
    const isSpared = limit === 'validation' || (this.#guest !== null && !isOwn)
    const begins = (isSpared ? sharedLapse : lapse).note(now)
    const isNews = isSpared ? begins : (this.#guest?.lapse.note(now) ?? begins)
    if (isNews) limited(limit)
    if (isSpared) return { ends: false, isNews }
    const ends =
      this.#guest?.isOver(lapse, limits.rateGraceMs, now) ?? lapse.msSince(now) >= limits.rateGraceMs
    return { ends, isNews }
  }
}

/**
 * The own share of a guest. The other guests of its network are strangers: they may use up the budget of the
 * network, and must not silence or end this guest. So each socket has an equal share of a second budget, half
 * as large as that of the network. The share begins empty, and what the network sent before the socket was
 * opened counts a little, so that reconnecting renews neither.
 */
class Guest {
  readonly lapse: Lapse = new Lapse()
  readonly shares: Pick<Account, 'messages' | 'bytes' | 'validation'>
  readonly #guests: () => number
  readonly #since: number
  readonly #mistakes: Mistakes = new Mistakes()

  constructor(limits: Limits, guests: () => number, since: number) {
    this.#guests = guests
    this.#since = since
    this.shares = {
      messages: shareOf(limits[guestLimits.rate], since),
      bytes: shareOf(limits[guestLimits.byteRate], since),
      validation: limits.validation && new ValidationTime(limits.validation, since, false),
    }
  }

  /**
   * Every share fills as fast as the budget of the network. So each message costs its share this many times
   * as much.
   */
  divisor({ crowd }: Account, now: number): number {
    return 2 * crowd.of(this.#guests(), now)
  }

  isLastMistake(ofNetwork: Mistakes, most: number, now: number): boolean {
    const before = ofNetwork.countBefore(this.#since, now)
    return this.#mistakes.isLastOf(Math.max(Math.min(guestMistakes, most), most - before), now)
  }

  isOver(ofNetwork: Lapse, graceMs: number, now: number): boolean {
    const ms = this.lapse.msSince(now)
    return ms >= graceMs || (ms >= guestGraceMs && ofNetwork.msSince(now, this.#since) >= graceMs)
  }
}

/**
 * An empty bucket. It may go into debt by what one minute brings; otherwise many small shares would be more
 * than their part of the budget.
 */
function shareOf(rate: Rate | null, now: number): Bucket | null {
  if (rate === null) return null
  const share = new Bucket(rate, now, (60_000 * rate.most) / rate.eachMs)
  share.spend(rate.burst, now)
  return share
}

/** Takes tokens from the account, and from the share of a guest. False when neither has enough. */
function takes(
  account: Bucket | null,
  share: Bucket | null | undefined,
  { tokens, divisor, now }: { readonly tokens: number; readonly divisor: number; readonly now: number },
): boolean {
  if (account === null) return true
  const cost = tokens * divisor
  // a share that forgot what it owes would be more than a part of the budget
  const isShared = share?.canPay(cost) === true && share.take(now, cost)
  return account.take(now, tokens) || isShared
}

/**
 * The limits of the account that apply. An endpoint that allows one socket more than an account may send
 * overrides them.
 */
function sharedLimits(
  limits: Limits,
  { rate, byteRate }: EndpointLimits,
  isGuest: boolean,
): { readonly rate: MessageLimit | null; readonly byteRate: MessageLimit | null } {
  const kind = isGuest ? guestLimits : identityLimits
  const counts = (own: typeof rate, shared: typeof kind.rate | typeof kind.byteRate): boolean =>
    limits[shared] !== null && (own === undefined || !isWider(own, limits[shared]))
  return {
    rate: counts(rate, kind.rate) ? kind.rate : null,
    byteRate: counts(byteRate, kind.byteRate) ? kind.byteRate : null,
  }
}

function tooMuch(limit: MessageLimit): Denial {
  switch (limit) {
    case 'validation':
      return new Denial(
        429,
        'too-costly',
        'slow down: your messages take long to check, and this message was dropped',
      )
    case 'byteRate':
    case 'identityByteRate':
    case 'guestByteRate':
      return new Denial(429, 'too-many-bytes', 'slow down: this message was dropped')
    default:
      return new Denial(429, 'too-many-messages', 'slow down: this message was dropped')
  }
}
