import { Bucket, type Rate } from '../runtime/token-bucket.ts'

/** Up to this long at a time, blocking the process costs an account only the time itself. */
const shortMs = 5
/**
 * Validations with at most this pause between them block the process as one: no other peer is served in
 * between.
 */
const betweenMs = 1
/**
 * One long validation in this time is charged at its plain time: the machine may have delayed it, whereas a
 * costly message is slow again.
 */
const pardonMs = 10_000
/** The highest price of a millisecond. A machine that stands still must not silence a user for minutes. */
const mostPrice = 20
/** The most debt, as a multiple of the burst. */
const owedBursts = 10

/**
 * The budget of an account for reading and validating messages, in milliseconds. All other peers wait while
 * the process is blocked, so one long block costs more than many short ones. Beyond 5 ms the price of a
 * millisecond is the square of the block divided by 5 ms, and at most 20: a block of 10 ms costs 40, and one
 * of 100 ms costs 2,000. At the default rate other peers then wait for more than 10 ms in at most 0.5 % of the
 * time, however long each validation is; one long validation in ten seconds comes on top. A price beyond the
 * budget becomes debt: a message of 300 ms that is sent again is refused for 40 s.
 */
export class ValidationTime {
  readonly #bucket: Bucket
  /** For how long validations have blocked the process without a break, and when the last of them ended. */
  #heldMs = 0
  #endedAt = Number.NEGATIVE_INFINITY
  /** When a long validation was last charged at its plain time. */
  #pardonedAt = Number.NEGATIVE_INFINITY

  /** @param isFull whether the budget is full at the beginning */
  constructor(rate: Rate, now: number, isFull: boolean = true) {
    this.#bucket = new Bucket(rate, now, owedBursts * rate.burst)
    if (!isFull) this.#bucket.spend(rate.burst, now)
  }

  /** Charges a message that was just read and validated. A share is charged `times` as much. */
  spend(ms: number, now: number, times: number = 1): void {
    if (now - ms - this.#endedAt > betweenMs) this.#heldMs = 0
    this.#endedAt = now
    if (ms > shortMs && now - this.#pardonedAt >= pardonMs) {
      this.#pardonedAt = now
      return this.#bucket.spend(ms * times, now)
    }
    const before = priceOf(this.#heldMs)
    this.#heldMs += ms
    this.#bucket.spend((priceOf(this.#heldMs) - before) * times, now)
  }

  /** Whether the budget is used up. */
  isEmpty(now: number): boolean {
    return this.#bucket.isEmpty(now)
  }

  /** The part of the budget that is left: 1 when it is full, less than 0 in debt. */
  left(now: number): number {
    return this.#bucket.left(now)
  }
}

/** The time from the deepest debt to a full budget, after which a long validation is pardoned again. */
export function freshMsOfValidation({ most, eachMs, burst }: Rate): number {
  return Math.max(pardonMs, Math.ceil(((owedBursts + 1) * burst * eachMs) / most))
}

function priceOf(heldMs: number): number {
  return heldMs * Math.min(mostPrice, Math.max(1, (heldMs / shortMs) ** 2))
}
