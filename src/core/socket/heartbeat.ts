import { ListedTimer } from '../runtime/timer-list.ts'
import type { TimerQueue } from '../runtime/timer-queue.ts'
import type { Clock } from '../../wire/clock.ts'

/** What all heartbeats of a server share. */
export interface HeartbeatParts {
  readonly clock: Clock
  readonly timers: Pick<TimerQueue, 'list'>
  readonly limits: { readonly pingMs: number; readonly pongMs: number; readonly outboundMs: number }
}

/**
 * The time of a second check after a check that found nothing. While the event loop was blocked, an answer
 * may have arrived unread, and this time lets it be read. A check that itself runs later than this decides
 * nothing: the ping may have left only now, so it is sent again.
 */
const lastCheckMs = 50

/**
 * Pings a peer every `pingMs`. The peer is lost when two things hold: nothing has arrived within `pongMs`
 * after a ping, and the peer has read nothing of its queue since the check before. The peer is stuck when it
 * has read nothing of its queue for `outboundMs`, even if it sends. The class of a peer extends it, because an object of its
 * own would take more memory.
 */
export abstract class Heartbeat<C extends HeartbeatParts> extends ListedTimer {
  readonly context: C
  #hasHeard = true
  #progress = 0
  /**
   * Since when the peer has read nothing of its queue, as far as the checks have seen; `null` when the queue
   * is empty.
   */
  #stillSince: number | null = null
  /** What is to be done when the timer is due. */
  #next: 'ping' | 'check' | 'last check' = 'ping'

  constructor(context: C) {
    super()
    this.context = context
    this.#set('ping', context.limits.pingMs)
  }

  /** Sends the peer a ping. */
  abstract ping(): void
  /** Whether reading is paused, so that no answer can arrive. */
  abstract readonly paused: boolean
  /**
   * Counts up each time a slow reader takes something. A ping, and so its answer, may wait behind a megabyte.
   */
  abstract readonly progress: number
  /** Whether data waits for the reader, which has not read all data that was sent before. */
  abstract readonly isBehind: boolean
  /** Called when nothing has arrived from the peer for too long. */
  abstract lost(): void
  /** Called when the peer has read nothing of its queue for too long, whether or not it sends. */
  abstract stuck(): void

  /** Notes that something has arrived. */
  alive(): void {
    this.#hasHeard = true
  }

  override timeIsUp(): void {
    if (this.#next === 'ping') this.#ping()
    else this.#check(this.#next === 'check')
  }

  #set(next: 'ping' | 'check' | 'last check', ms: number): void {
    this.#next = next
    this.startTimer(this.context.timers.list(ms))
  }

  #ping(): void {
    this.#hasHeard = false
    this.ping()
    this.#set('check', this.context.limits.pongMs)
  }

  #check(checkAgain: boolean): void {
    const { clock, limits } = this.context
    const { progress, paused } = this
    const isReading = progress !== this.#progress
    this.#progress = progress
    if (this.#isStuck(isReading)) this.stuck()
    else if (this.#hasHeard || paused || isReading)
      this.#set('ping', Math.max(1, limits.pingMs - limits.pongMs))
    else if (checkAgain && clock.monotonic() - this.due > lastCheckMs) this.#ping()
    else if (checkAgain) this.#set('last check', lastCheckMs)
    else this.lost()
  }

  #isStuck(isReading: boolean): boolean {
    const now = this.context.clock.monotonic()
    // the queue of now was filled after the peer has read all of the queue before
    if (!this.isBehind) this.#stillSince = null
    else if (isReading || this.#stillSince === null) this.#stillSince = now
    return this.#stillSince !== null && now - this.#stillSince >= this.context.limits.outboundMs
  }
}
