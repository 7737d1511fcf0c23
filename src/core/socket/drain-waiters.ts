import type { TimerQueue } from '../runtime/timer-queue.ts'
import type { Timer } from '../../wire/clock.ts'
import type { Connection } from '../api/connection.ts'

/** The parts of a socket that a wait for its reader needs. */
export interface DrainParts {
  readonly connection: Pick<Connection, 'whenDrained'>
  readonly timers: Pick<TimerQueue, 'after'>
  /** For how long the first waiter may wait. */
  readonly withinMs: number
  /** Called when that time is over: the reader is too slow. */
  late(): void
}

/**
 * The calls that wait until a slow reader has taken most of its queue. They continue one by one, one turn
 * apart, because each may fill the queue again.
 */
export class DrainWaiters {
  readonly #parts: DrainParts
  readonly #waiting: PromiseWithResolvers<void>[] = []
  #timer: Timer | null = null

  constructor(parts: DrainParts) {
    this.#parts = parts
  }

  /**
   * Resolves when all earlier waiters have continued and the queue is low.
   *
   * @throws (rejects with) the reason given to {@link end}
   */
  wait(): Promise<void> {
    const waiter = Promise.withResolvers<void>()
    // a promise that is never awaited must not end the process when the socket ends
    waiter.promise.catch(() => {})
    if (this.#waiting.push(waiter) === 1) this.#ask()
    return waiter.promise
  }

  /** The socket has ended: rejects all waits. */
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
