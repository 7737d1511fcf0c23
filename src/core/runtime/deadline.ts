import type { TimerQueue } from './timer-queue.ts'

/**
 * What is answered within the time of a handshake: whoever asks is not kept waiting by a door that never says anything.
 *
 * @param ask gets a signal that is aborted when that time is over, or when the asker's is
 * @param asker aborted when nobody wants to know any more
 * @throws TypeError when the time is over; the reason of `asker` when that is aborted; whatever asking throws
 */
export async function withDeadline<T>(
  {
    timers,
    limits: { handshakeMs },
  }: { readonly timers: TimerQueue; readonly limits: { readonly handshakeMs: number } },
  ask: (signal: AbortSignal) => Promise<T>,
  asker?: AbortSignal,
): Promise<T> {
  const asking = new AbortController()
  // not `AbortSignal.any`: Node 22 keeps something of each for as long as there is the asker
  const gone = (): void => asking.abort(asker?.reason)
  asker?.addEventListener('abort', gone)
  const late = (): void => asking.abort(new TypeError(`no answer within ${handshakeMs} ms`))
  const timer = timers.after(handshakeMs, late)
  try {
    return await Promise.race([ask(asking.signal), aborted(asking.signal)])
  } finally {
    timer.cancel()
    asker?.removeEventListener('abort', gone)
  }
}

/** Rejects with what a signal is aborted for. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
