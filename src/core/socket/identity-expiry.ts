import { endOf } from '../api/identity.ts'
import type { Timer } from '../../wire/clock.ts'
import { withDeadline } from '../runtime/deadline.ts'
import type { TimerTarget } from '../runtime/timer-queue.ts'
import type { OpenPeer } from './interfaces.ts'

/**
 * A credential is renewed this long before its end, or after half of its remaining time if that is later; and
 * again after half of the rest.
 */
const renewBeforeMs = 30_000
const leastRenewMs = 1_000

/** The peer whose identity expires. */
export interface ExpiringPeer extends OpenPeer {
  /** The wall time at which its identity ends, in milliseconds; `null` when it has no end. */
  readonly endMs: number | null
  /** Asks the peer for a new credential; `leftMs` is the time until the end of the one in use. */
  askForCredential(leftMs: number): void
}

/**
 * The end of the identity behind a connection. The identity is renewed before its end where that is possible;
 * otherwise the peer is asked for a new credential. At its end every channel is closed with 4401.
 */
export class IdentityExpiry implements TimerTarget {
  readonly #peer: ExpiringPeer
  /** The wall time of the end for which the timers are set. */
  #armedFor: number | null = null
  #end: Timer | null = null
  /** While it waits for the first renewal, `#end` is not set: most sockets have one timer at a time. */
  #renewal: Timer | null = null
  /** When the identity ends at the latest, on the monotonic clock: as it was when the timers were set. */
  #latest = 0

  constructor(peer: ExpiringPeer) {
    this.#peer = peer
  }

  /** Sets the timers for the end of the identity as it is now. */
  arm(): void {
    const { context, endMs: end } = this.#peer
    // the timer is set once for each end: set again after the wall clock has jumped back, it would fire later
    if (end === this.#armedFor) return
    this.#armedFor = end
    this.stop()
    if (end === null) return
    const { clock } = context
    // whole numbers of less than 31 bits take no memory of their own
    this.#latest = Math.ceil(end - clock.now() + clock.monotonic())
    this.#armRenewal(end)
    if (this.#renewal === null) this.#armEnd(end)
  }

  /** Ends every channel: the timer has fired, or a message arrived after the end. */
  expire(): void {
    for (const channel of this.#peer.channels)
      channel.expire('credential', 4401, 'expired: your credential has expired')
  }

  timeIsUp(timer: Timer): void {
    if (timer === this.#end) return this.expire()
    if (this.#armedFor === null) return
    if (this.#end === null) this.#armEnd(this.#armedFor)
    void this.#renew(this.#armedFor)
  }

  stop(): void {
    this.#end?.cancel()
    this.#renewal?.cancel()
    this.#end = this.#renewal = null
  }

  #armEnd(end: number): void {
    this.#end = this.#peer.context.timers.at(end, this, this.#latest)
  }

  #armRenewal(end: number): void {
    const { timers, clock } = this.#peer.context
    const left = end - clock.now()
    // a recheck may have set a timer while the identity was being renewed
    this.#renewal?.cancel()
    if (left >= leastRenewMs) this.#renewal = timers.at(end - Math.min(renewBeforeMs, left / 2), this)
  }

  /**
   * Renews the identity before its end. A sliding session may have a later end by now. Otherwise the peer is
   * asked for a new credential.
   */
  async #renew(end: number): Promise<void> {
    const peer = this.#peer
    if (await this.#hasSlid(end))
      for (const channel of peer.channels) if (!channel.over) await channel.revalidate('refresh')
    if (this.#isOver || peer.endMs !== end) return
    peer.askForCredential(end - peer.context.clock.now())
    this.#armRenewal(end)
  }

  get #isOver(): boolean {
    for (const channel of this.#peer.channels) if (!channel.over) return false
    return true
  }

  async #hasSlid(end: number): Promise<boolean> {
    const { context, identity } = this.#peer
    try {
      const renewed = await withDeadline(context, async () => identity.renew?.())
      if (renewed === null || renewed === undefined) return false
      const until = endOf(renewed)
      return until === null || until > end
    } catch (error) {
      context.repeatedFaults.tell(error, 'renewing an identity before it expires')
      return false
    }
  }
}
