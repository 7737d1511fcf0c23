import { ListedTimer } from './timer-list.ts'
import type { TimerQueue } from './timer-queue.ts'

/** Aborts a call when its time is over. */
class Deadline extends ListedTimer {
  readonly asking = new AbortController()
  readonly #ms: number

  constructor(ms: number) {
    super()
    this.#ms = ms
  }

  override timeIsUp(): void {
    this.asking.abort(new TypeError(`no answer within ${this.#ms} ms`))
  }
}

/**
 * Runs `ask` for no longer than the time of a handshake, so that a call that never settles does not hold up
 * its caller.
 * @param ask gets a signal that is aborted when that time is over, or when `asker` is aborted
 * @param asker aborted when the result is not needed any more
 * @throws TypeError when the time is over; the reason of `asker` when that is aborted; whatever `ask` throws
 */
export async function withDeadline<T>(
  {
    timers,
    limits: { handshakeMs },
  }: { readonly timers: TimerQueue; readonly limits: { readonly handshakeMs: number } },
  ask: (signal: AbortSignal) => Promise<T>,
  asker?: AbortSignal,
): Promise<T> {
  const deadline = new Deadline(handshakeMs)
  const { asking } = deadline
  // not `AbortSignal.any`: Node 22 keeps some memory of each for as long as `asker` lives
  const gone = (): void => asking.abort(asker?.reason)
  asker?.addEventListener('abort', gone)
  deadline.startTimer(timers.list(handshakeMs))
  try {
    return await Promise.race([ask(asking.signal), aborted(asking.signal)])
  } finally {
    deadline.stopTimer()
    asker?.removeEventListener('abort', gone)
  }
}

/** Rejects with the reason of a signal when it is aborted. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
