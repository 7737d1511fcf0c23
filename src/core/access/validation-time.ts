import { Bucket, type Rate } from '../runtime/token-bucket.ts'

/** Up to so long at a time an account may hold the process at the price of the time itself. */
const shortMs = 5
/** Validations with no more than so long between them hold the process as one: nobody else was heard meanwhile. */
const betweenMs = 1
/** One long validation in so long counts for its time: the machine may have held it up, which a costly message does again. */
const pardonMs = 10_000
/** So many times what may be spent at once may be owed. */
const owedBursts = 10

/**
 * The milliseconds in which the messages of an account are read and validated. Others wait for as long as the process is
 * held without a break, so that a long hold costs more than many short ones: beyond 5 ms its price is its square by 5 ms,
 * 80 ms for one of 20. What cannot be paid is owed, so that a message of 300 ms, sent again, is not taken for 40 s.
 */
export class ValidationTime {
  readonly #bucket: Bucket
  /** For how long the process is being held by validations that follow each other, and when the last of them ended. */
  #heldMs = 0
  #endedAt = Number.NEGATIVE_INFINITY
  /** When a long validation was pardoned last. */
  #pardonedAt = Number.NEGATIVE_INFINITY

  /** @param isFull whether all that may be spent at once may be from the beginning */
  constructor(rate: Rate, now: number, isFull: boolean = true) {
    this.#bucket = new Bucket(rate, now, owedBursts * rate.burst)
    if (!isFull) this.#bucket.spend(rate.burst, now)
  }

  /** A message took so long that has been read and validated just now; it is charged for so many times. */
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

  /** Whether nothing is left. */
  isEmpty(now: number): boolean {
    return this.#bucket.isEmpty(now)
  }

  /** The share that is left: 1 when it is full, less than 0 when something is owed. */
  left(now: number): number {
    return this.#bucket.left(now)
  }
}

/** How long it takes from the most that can be owed until all may be spent again, and one long validation is pardoned. */
export function freshMsOfValidation({ most, eachMs, burst }: Rate): number {
  return Math.max(pardonMs, Math.ceil(((owedBursts + 1) * burst * eachMs) / most))
}

function priceOf(heldMs: number): number {
  return heldMs <= shortMs ? heldMs : heldMs ** 2 / shortMs
}
