import { Denial } from '../wire/errors.ts'
import { type Door, type Handshake, hub } from './application.ts'
import { networkOf } from './network.ts'
import { placeOf } from './place.ts'

/**
 * Refuses a network that has brought too many bad credentials, before anything is looked up for the next one. Only whoever
 * brings an explicit credential is refused: people with a session behind the same address come in as ever.
 *
 * @throws Denial 429 with the time in which one more may be tried
 */
export function assertNotGuessing(handshake: Handshake, { credentials }: Door): void {
  if (credentials.explicit === null) return
  const shortMs = handshake[hub].failures.shortMs(networkOf(handshake.address))
  if (shortMs === 0) return
  handshake[hub].emit({
    type: 'limited',
    limit: 'failedHandshakes',
    scope: 'address',
    ...placeOf(handshake),
  })
  throw new Denial(429, 'too-many-failures', 'too many bad credentials came from your address', {
    retryAfterMs: Math.ceil(shortMs),
  })
}

/** Counts a credential that was explicit and bad. A cookie that is no session is no guess, and neither is having none. */
export function noteGuess(handshake: Handshake, { credentials }: Door, denial: Denial): void {
  if (denial.status === 401 && credentials.explicit !== null)
    handshake[hub].failures.take(networkOf(handshake.address))
}
