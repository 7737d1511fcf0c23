import type { Clock, Timer } from './clock.ts'

/** What a heartbeat needs of its socket. */
export interface Pulse {
  /** Asks the peer for a sign of life. */
  ping(): void
  /** True while nothing can be heard because we do not read. */
  paused(): boolean
  /** The peer has been silent for too long. */
  lost(): void
}

/**
 * A last look after a verdict: what lay in the socket while the event loop was blocked is read first. A verdict that comes
 * later than that itself is none: the ping may have left only now, and is sent again.
 */
const lastLookMs = 50

/** Pings a peer every `pingMs` and calls it lost when nothing at all was heard within `pongMs` after a ping. */
export class Heartbeat {
  #heard = true
  #due = 0
  #timer: Timer
  readonly #clock: Clock
  readonly #every: { readonly pingMs: number; readonly pongMs: number }
  readonly #pulse: Pulse

  constructor(clock: Clock, every: { readonly pingMs: number; readonly pongMs: number }, pulse: Pulse) {
    this.#clock = clock
    this.#every = every
    this.#pulse = pulse
    this.#timer = clock.after(every.pingMs, () => this.#ping())
  }

  /** A sign of life. */
  heard(): void {
    this.#heard = true
  }

  stop(): void {
    this.#timer.cancel()
  }

  #ping(): void {
    this.#heard = false
    this.#pulse.ping()
    this.#due = this.#clock.monotonic() + this.#every.pongMs
    this.#timer = this.#clock.after(this.#every.pongMs, () => this.#verdict(true))
  }

  #verdict(lookAgain: boolean): void {
    const { pingMs, pongMs } = this.#every
    if (this.#heard || this.#pulse.paused())
      this.#timer = this.#clock.after(Math.max(1, pingMs - pongMs), () => this.#ping())
    else if (lookAgain && this.#clock.monotonic() - this.#due > lastLookMs) this.#ping()
    else if (lookAgain) this.#timer = this.#clock.after(lastLookMs, () => this.#verdict(false))
    else this.#pulse.lost()
  }
}
