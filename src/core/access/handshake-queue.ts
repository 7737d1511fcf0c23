import { Denial } from '../../wire/errors.ts'
import type { Limits } from '../api/limits.ts'
import { networkOf } from '../runtime/ip-network.ts'
import { ListedTimer, type TimerList } from '../runtime/timer-list.ts'
import type { TimerQueue } from '../runtime/timer-queue.ts'

interface AddressQueue {
  working: number
  readonly waiting: Set<() => void>
}

/** A slot of a queue. It is freed once: when the work is done, or when its time is over. */
class Slot extends ListedTimer {
  readonly #free: () => void
  #isFree = false

  constructor(free: () => void) {
    super()
    this.#free = free
  }

  override timeIsUp(): void {
    this.leave()
  }

  leave(): void {
    this.stopTimer()
    if (!this.#isFree) this.#free()
    this.#isFree = true
  }
}

/**
 * The budget before authentication. A bounded number of handshakes of one address run at once, and a bounded
 * number wait. All others are answered 503 before any work is done for them.
 */
export class HandshakeQueue {
  readonly #lines = new Map<string, AddressQueue>()
  readonly #limits: Limits
  readonly #overdue: TimerList

  constructor(limits: Limits, timers: TimerQueue) {
    this.#limits = limits
    this.#overdue = timers.list(limits.handshakeMs)
  }

  /**
   * Waits for a slot, and returns the function that frees it. The work of a peer that has gone keeps its slot
   * until it is done. Work that never ends loses its slot when the time of a handshake is over; otherwise its
   * address would be shut out for good.
   *
   * @throws Denial 503 when the queue is full, or when the signal ends the wait
   */
  async enter(address: string, signal: AbortSignal): Promise<() => void> {
    const network = networkOf(address)
    const line = this.#line(network)
    if (line.working < this.#limits.handshakesAtOnce) line.working++
    else await this.#wait(line, signal)
    const slot = new Slot(() => this.#leave(network, line))
    slot.startTimer(this.#overdue)
    return () => slot.leave()
  }

  /** How many networks have handshakes at the moment; 0 when there are no handshakes. */
  get size(): number {
    return this.#lines.size
  }

  #line(network: string): AddressQueue {
    const known = this.#lines.get(network)
    if (known !== undefined) return known
    const line = { working: 0, waiting: new Set<() => void>() }
    this.#lines.set(network, line)
    return line
  }

  #wait(line: AddressQueue, signal: AbortSignal): Promise<void> {
    if (line.waiting.size >= this.#limits.handshakesWaiting) throw overBudget()
    return new Promise((resolve, reject) => {
      const turn = (): void => {
        signal.removeEventListener('abort', gone)
        resolve()
      }
      const gone = (): void => {
        line.waiting.delete(turn)
        reject(overBudget())
      }
      if (signal.aborted) return reject(overBudget())
      signal.addEventListener('abort', gone, { once: true })
      line.waiting.add(turn)
    })
  }

  /** Gives the slot to the handshake that has waited longest, or frees it. */
  #leave(network: string, line: AddressQueue): void {
    const [next] = line.waiting
    if (next !== undefined) {
      line.waiting.delete(next)
      return next()
    }
    line.working--
    if (line.working === 0) this.#lines.delete(network)
  }
}

function overBudget(): Denial {
  return new Denial(503, 'busy', 'too many handshakes from your address: come back later', {
    httpOnly: true,
    retryAfterMs: 1_000,
  })
}
