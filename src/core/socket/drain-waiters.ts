import type { TimerQueue } from '../runtime/timer-queue.ts'
import type { Timer } from '../../wire/clock.ts'
import type { Connection } from '../api/connection.ts'

/** What waiting for a reader needs of its socket. */
export interface DrainParts {
  readonly connection: Pick<Connection, 'whenDrained'>
  readonly timers: Pick<TimerQueue, 'after'>
  /** For how long the first in line may wait. */
  readonly withinMs: number
  /** That time is over: the reader is too slow to be waited for. */
  late(): void
}

/**
 * Those who wait until a slow reader has taken most of its queue. They go on one by one, a turn apart: each may fill the queue
 * again before it is the turn of the next.
 */
export class DrainWaiters {
  readonly #parts: DrainParts
  readonly #waiting: PromiseWithResolvers<void>[] = []
  #timer: Timer | null = null

  constructor(parts: DrainParts) {
    this.#parts = parts
  }

  /** Resolves when it is this one's turn and the queue is low. @throws (rejects with) the reason of {@link end} */
  wait(): Promise<void> {
    const waiter = Promise.withResolvers<void>()
    // a wait that is not awaited must not end the process when the socket ends
    waiter.promise.catch(() => {})
    if (this.#waiting.push(waiter) === 1) this.#ask()
    return waiter.promise
  }

  /** The reader has gone: there is nothing to wait for any more. */
  end(reason: unknown): void {
    this.#timer?.cancel()
    for (const { reject } of this.#waiting.splice(0)) reject(reason)
  }

  #ask(): void {
    const { timers, withinMs, connection, late } = this.#parts
    this.#timer = timers.after(withinMs, late)
    connection.whenDrained(() => this.#next())
  }

  #next(): void {
    this.#timer?.cancel()
    this.#waiting.shift()?.resolve()
    if (this.#waiting.length > 0) this.#ask()
  }
}
