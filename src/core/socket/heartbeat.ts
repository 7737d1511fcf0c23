import { ListedTimer } from '../runtime/timer-list.ts'
import type { TimerQueue } from '../runtime/timer-queue.ts'
import type { Clock } from '../../wire/clock.ts'

/** The parts of a connection that a heartbeat needs. */
export interface HeartbeatTarget {
  /** Sends the peer a ping. */
  ping(): void
  /** Whether reading is paused, so that no answer can arrive. */
  readonly paused: boolean
  /**
   * Counts up each time a slow reader takes something. A ping, and so its answer, may wait behind a megabyte.
   */
  readonly progress: number
  /** Whether data waits for the reader, which has not read all data that was sent before. */
  readonly isBehind: boolean
  /** Called when nothing has arrived from the peer for too long. */
  lost(): void
  /** Called when the peer has read nothing of its queue for too long, whether or not it sends. */
  stuck(): void
}

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
 * has read nothing of its queue for `outboundMs`, even if it sends.
 */
export class Heartbeat extends ListedTimer {
  #hasHeard = true
  #due = 0
  #progress = 0
  /**
   * Since when the peer has read nothing of its queue, as far as the checks have seen; `null` when the queue
   * is empty.
   */
  #stillSince: number | null = null
  /** What is to be done when the timer is due. */
  #next: 'ping' | 'check' | 'last check' = 'ping'
  readonly #parts: HeartbeatParts
  readonly #target: HeartbeatTarget

  constructor(parts: HeartbeatParts, target: HeartbeatTarget) {
    super()
    this.#parts = parts
    this.#target = target
    this.#set('ping', parts.limits.pingMs)
  }

  /** Notes that something has arrived. */
  heard(): void {
    this.#hasHeard = true
  }

  stop(): void {
    this.stopTimer()
  }

  override timeIsUp(): void {
    if (this.#next === 'ping') this.#ping()
    else this.#check(this.#next === 'check')
  }

  #set(next: 'ping' | 'check' | 'last check', ms: number): void {
    this.#next = next
    this.startTimer(this.#parts.timers.list(ms))
  }

  #ping(): void {
    const { clock, limits } = this.#parts
    this.#hasHeard = false
    this.#target.ping()
    this.#due = clock.monotonic() + limits.pongMs
    this.#set('check', limits.pongMs)
  }

  #check(checkAgain: boolean): void {
    const { clock, limits } = this.#parts
    const { progress, paused } = this.#target
    const isReading = progress !== this.#progress
    this.#progress = progress
    if (this.#isStuck(isReading)) this.#target.stuck()
    else if (this.#hasHeard || paused || isReading)
      this.#set('ping', Math.max(1, limits.pingMs - limits.pongMs))
    else if (checkAgain && clock.monotonic() - this.#due > lastCheckMs) this.#ping()
    else if (checkAgain) this.#set('last check', lastCheckMs)
    else this.#target.lost()
  }

  #isStuck(isReading: boolean): boolean {
    const now = this.#parts.clock.monotonic()
    // the queue of now was filled after the peer has read all of the queue before
    if (!this.#target.isBehind) this.#stillSince = null
    else if (isReading || this.#stillSince === null) this.#stillSince = now
    return this.#stillSince !== null && now - this.#stillSince >= this.#parts.limits.outboundMs
  }
}
