import type { Clock } from '../wire/clock.ts'
import { deny } from '../wire/errors.ts'

/**
 * How many subjects are counted. Beyond it, the subject whose last ticket is the oldest is forgotten, and
 * starts anew.
 */
const maxSubjects = 10_000

/**
 * Counts the unused tickets of each subject, so that one subject cannot fill the store for the others. Only
 * tickets of this process are counted, at most `most` numbers for each of 10,000 subjects.
 */
export class TicketQuota {
  readonly #most: number
  readonly #clock: Clock
  /** When the tickets of each subject end, on the monotonic clock; the subject that asked last comes last. */
  readonly #ends = new Map<string, readonly number[]>()

  constructor(most: number, clock: Clock) {
    this.#most = most
    this.#clock = clock
  }

  /**
   * Counts a ticket. @throws Denial 429 when this subject has too many unused tickets, with the time when the
   * first ends
   */
  add(subject: string, lifeMs: number): void {
    const now = this.#clock.monotonic()
    const waiting = this.#waiting(subject)
    if (waiting.length >= this.#most) {
      deny(429, 'too-many-tickets', 'too many tickets wait to be used: use them, or come back later', {
        retryAfterMs: Math.ceil(Math.min(...waiting) - now),
      })
    }
    this.#ends.delete(subject)
    this.#ends.set(subject, [...waiting, now + lifeMs])
    this.#trim()
  }

  /** Notes that a ticket was used. Which one does not matter: the first to end is removed. */
  remove(subject: string): void {
    const [, ...left] = [...this.#waiting(subject)].sort((one, other) => one - other)
    if (left.length === 0) this.#ends.delete(subject)
    else if (this.#ends.has(subject)) this.#ends.set(subject, left)
  }

  /** How many subjects are counted. */
  get size(): number {
    return this.#ends.size
  }

  #waiting(subject: string): readonly number[] {
    const now = this.#clock.monotonic()
    return (this.#ends.get(subject) ?? []).filter((end) => end > now)
  }

  /**
   * Removes the subjects that asked longest ago, when all their tickets have ended or there are too many
   * subjects.
   */
  #trim(): void {
    const now = this.#clock.monotonic()
    for (const [subject, ends] of this.#ends) {
      if (this.#ends.size <= maxSubjects && ends.some((end) => end > now)) return
      this.#ends.delete(subject)
    }
  }
}
