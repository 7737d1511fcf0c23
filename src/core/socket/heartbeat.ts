import type { TimerQueue } from '../runtime/timer-queue.ts'
import type { Clock, Timer } from '../../wire/clock.ts'

/** What a heartbeat needs of its socket. */
export interface HeartbeatTarget {
  /** Asks the peer for a sign of life. */
  ping(): void
  /** True while nothing can be heard because we do not read. */
  readonly paused: boolean
  /** Counts up when a slow reader takes something: a ping may wait behind a megabyte, and its answer with it. */
  readonly progress: number
  /** Whether something waits for a reader that has not taken what it was given last. */
  readonly isBehind: boolean
  /** The peer has been silent for too long. */
  lost(): void
  /** The peer has taken nothing for too long of what waits for it, whether or not it sends. */
  stuck(): void
}

/** What the heartbeats of a server share. Their waits stand in its heap of timers, which holds less than a timer of the runtime for each socket. */
export interface HeartbeatParts {
  readonly clock: Clock
  readonly timers: Pick<TimerQueue, 'after'>
  readonly limits: { readonly pingMs: number; readonly pongMs: number; readonly outboundMs: number }
}

/**
 * A last look after a verdict: what lay in the socket while the event loop was blocked is read first. A verdict that comes
 * later than that itself is none: the ping may have left only now, and is sent again.
 */
const lastLookMs = 50

/**
 * Pings a peer every `pingMs` and calls it lost when nothing at all was heard within `pongMs` after a ping, and it has taken
 * nothing of what waits for it since the verdict before. One that sends, and takes nothing of what waits for it at all verdicts
 * of `outboundMs`, is stuck: whatever it says, it does not read.
 */
export class Heartbeat {
  #heard = true
  #due = 0
  #progress = 0
  /** Since when nothing was taken of what waits, as far as verdicts have seen it; `null` when nothing waits. */
  #stillSince: number | null = null
  #timer: Timer
  readonly #rhythm: HeartbeatParts
  readonly #pulse: HeartbeatTarget

  constructor(rhythm: HeartbeatParts, pulse: HeartbeatTarget) {
    this.#rhythm = rhythm
    this.#pulse = pulse
    this.#timer = this.#pingAfter(rhythm.limits.pingMs)
  }

  /** A sign of life. */
  heard(): void {
    this.#heard = true
  }

  stop(): void {
    this.#timer.cancel()
  }

  #pingAfter(ms: number): Timer {
    return this.#rhythm.timers.after(ms, () => this.#ping())
  }

  #ping(): void {
    const { clock, limits } = this.#rhythm
    this.#heard = false
    this.#pulse.ping()
    this.#due = clock.monotonic() + limits.pongMs
    this.#judgeAfter(limits.pongMs, true)
  }

  #judgeAfter(ms: number, lookAgain: boolean): void {
    this.#timer = this.#rhythm.timers.after(ms, () => this.#verdict(lookAgain))
  }

  #verdict(lookAgain: boolean): void {
    const { clock, limits } = this.#rhythm
    const { progress, paused } = this.#pulse
    const isReading = progress !== this.#progress
    this.#progress = progress
    if (this.#isStuck(isReading)) this.#pulse.stuck()
    else if (this.#heard || paused || isReading)
      this.#timer = this.#pingAfter(Math.max(1, limits.pingMs - limits.pongMs))
    else if (lookAgain && clock.monotonic() - this.#due > lastLookMs) this.#ping()
    else if (lookAgain) this.#judgeAfter(lastLookMs, false)
    else this.#pulse.lost()
  }

  #isStuck(isReading: boolean): boolean {
    const now = this.#rhythm.clock.monotonic()
    // what waits now was given after what has been taken since
    if (!this.#pulse.isBehind) this.#stillSince = null
    else if (isReading || this.#stillSince === null) this.#stillSince = now
    return this.#stillSince !== null && now - this.#stillSince >= this.#rhythm.limits.outboundMs
  }
}
