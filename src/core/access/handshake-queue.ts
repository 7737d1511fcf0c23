import { Denial } from '../../wire/errors.ts'
import type { Limits } from '../api/limits.ts'
import type { Awaitable } from '../runtime/awaitable.ts'
import { networkOf } from '../runtime/ip-network.ts'
import { ListedTimer, type TimerList } from '../runtime/timer-list.ts'
import type { TimerQueue } from '../runtime/timer-queue.ts'
import { TransientMap, TransientSet } from '../runtime/transient.ts'

/** The handshakes of one network. */
interface Line {
  readonly network: string
  working: number
  /** Made when one has to wait. */
  waiting: TransientSet<() => void> | null
}

/** A handshake that asks for a slot. Its signal is read only when the handshake has to wait. */
export interface QueuedHandshake {
  readonly address: string
  readonly signal: AbortSignal
}

/** A slot of a queue. It is freed once: when the work is done, or when its time is over. */
export class HandshakeSlot extends ListedTimer {
  readonly #queue: HandshakeQueue
  readonly #line: Line
  #isFree = false

  constructor(queue: HandshakeQueue, line: Line) {
    super()
    this.#queue = queue
    this.#line = line
  }

  override timeIsUp(): void {
    this.leave()
  }

  leave(): void {
    this.stopTimer()
    if (!this.#isFree) this.#queue.free(this.#line)
    this.#isFree = true
  }
}

/**
 * The budget before authentication. A bounded number of handshakes of one address run at once, and a bounded
 * number wait. All others are answered 503 before any work is done for them.
 */
export class HandshakeQueue {
  readonly #lines = new TransientMap<string, Line>()
  readonly #limits: Limits
  readonly #overdue: TimerList

  constructor(limits: Limits, timers: TimerQueue) {
    this.#limits = limits
    this.#overdue = timers.list(limits.handshakeMs)
  }

  /**
   * Takes a slot, at once where one is free, and otherwise when it is free. The work of a peer that has gone
   * keeps its slot until it is done. Work that never ends loses its slot when the time of a handshake is over;
   * otherwise its address would be shut out for good.
   *
   * @throws (rejects with) Denial 503 when the queue is full, or when the signal ends the wait
   */
  enter(handshake: QueuedHandshake): Awaitable<HandshakeSlot> {
    const line = this.#line(networkOf(handshake.address))
    if (line.working >= this.#limits.handshakesAtOnce) return this.#enterLater(line, handshake.signal)
    line.working++
    return this.#slot(line)
  }

  /** Gives the slot to the handshake that has waited longest, or frees it. For the slots of this queue alone. */
  free(line: Line): void {
    const [next] = line.waiting ?? []
    if (next !== undefined) {
      line.waiting?.delete(next)
      return next()
    }
    line.working--
    if (line.working === 0) this.#lines.delete(line.network)
  }

  /** How many networks have handshakes at the moment; 0 when there are no handshakes. */
  get size(): number {
    return this.#lines.size
  }

  #line(network: string): Line {
    const known = this.#lines.get(network)
    if (known !== undefined) return known
    const line = { network, working: 0, waiting: null }
    this.#lines.set(network, line)
    return line
  }

  async #enterLater(line: Line, signal: AbortSignal): Promise<HandshakeSlot> {
    await this.#wait(line, signal)
    return this.#slot(line)
  }

  #slot(line: Line): HandshakeSlot {
    const slot = new HandshakeSlot(this, line)
    slot.startTimer(this.#overdue)
    return slot
  }

  #wait(line: Line, signal: AbortSignal): Promise<void> {
    const waiting = (line.waiting ??= new TransientSet())
    if (waiting.size >= this.#limits.handshakesWaiting) throw overBudget()
    return new Promise((resolve, reject) => {
      const turn = (): void => {
        signal.removeEventListener('abort', gone)
        resolve()
      }
      const gone = (): void => {
        waiting.delete(turn)
        reject(overBudget())
      }
      if (signal.aborted) return reject(overBudget())
      signal.addEventListener('abort', gone, { once: true })
      waiting.add(turn)
    })
  }
}

function overBudget(): Denial {
  return new Denial(503, 'busy', 'too many handshakes from your address: come back later', {
    httpOnly: true,
    retryAfterMs: 1_000,
  })
}
