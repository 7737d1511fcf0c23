import type { Hub } from './hub.ts'

/**
 * What is answered within the time of a handshake: whoever asks is not kept waiting by a door that never says anything.
 *
 * @throws TypeError when that time is over, which aborts the signal too; whatever asking throws
 */
export async function inTime<T>(
  { alarms, limits: { handshakeMs } }: Pick<Hub, 'alarms' | 'limits'>,
  ask: (late: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController()
  const timer = alarms.after(handshakeMs, () =>
    late.abort(new TypeError(`no answer within ${handshakeMs} ms`)),
  )
  try {
    return await Promise.race([ask(late.signal), aborted(late.signal)])
  } finally {
    timer.cancel()
  }
}

/** Rejects with what a signal is aborted for. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
