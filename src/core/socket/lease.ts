import type { Timer } from '../../wire/clock.ts'
import type { TimerTarget } from '../runtime/timer-queue.ts'
import type { OpenChannel } from './interfaces.ts'

/**
 * A lease is renewed after this part of its time, plus a random part of up to `spread`. So leases that began
 * together are not renewed together.
 */
const earliest = 0.75
const spread = 0.15
/**
 * After an attempt to renew a lease that had no result, the next attempt follows after a twentieth of the
 * lease, within these bounds.
 */
const leastRetryMs = 100
const mostRetryMs = 30_000

/**
 * The time for which a grant holds without a new result of authentication and authorization. Before the lease runs out,
 * both are asked again. When the lease has run out without a result, the channel ends with 4503.
 */
export class Lease implements TimerTarget {
  readonly #channel: OpenChannel
  readonly #leaseMs: number
  #renewal: Timer | null = null
  #end: Timer | null = null

  constructor(channel: OpenChannel, leaseMs: number) {
    this.#channel = channel
    this.#leaseMs = leaseMs
  }

  /** Restarts the lease: authentication and authorization have succeeded. */
  begin(): void {
    this.stop()
    this.#renewAfter(this.#leaseMs * (earliest + Math.random() * spread))
    this.#end = this.#channel.peer.context.timers.after(this.#leaseMs, this)
  }

  /** Asks again soon: there was no result. The lease still runs out at its time. */
  retry(): void {
    this.#renewal?.cancel()
    this.#renewAfter(Math.min(mostRetryMs, Math.max(leastRetryMs, this.#leaseMs / 20)))
  }

  timeIsUp(timer: Timer): void {
    if (timer === this.#renewal) return void this.#channel.revalidate('lease')
    this.#channel.end('denied', 4503, 'unavailable: the server could not find out whether you may stay')
  }

  stop(): void {
    this.#renewal?.cancel()
    this.#end?.cancel()
  }

  #renewAfter(ms: number): void {
    this.#renewal = this.#channel.peer.context.timers.after(ms, this)
  }
}
