import { Denial } from '../../wire/errors.ts'
import { setLookupLimit } from '../access/credentials.ts'
import type { AuthRequest, Handshake } from '../api/handshake.ts'
import { networkOf } from '../runtime/ip-network.ts'
import { type ServerContext, type ServerHandshake, serverContext } from '../server-context.ts'
import { peerInfoOf } from './peer-info.ts'

/** Puts look-ups of an explicit credential under the budget of the network. */
export function limitLookups(handshake: ServerHandshake, { credentials }: AuthRequest): void {
  if (credentials.explicit !== null)
    setLookupLimit(credentials, () => assertBudget(handshake[serverContext], handshake))
}

/**
 * Counts an explicit credential that turned out to be bad. A genuine credential, such as an expired token, is
 * not counted.
 *
 * @returns the denial
 */
export function countFailure(
  handshake: ServerHandshake,
  { credentials }: AuthRequest,
  denial: Denial,
): Denial {
  const { explicit } = credentials
  if (explicit !== null && denial.status === 401 && !denial.genuine)
    handshake[serverContext].failedAttempts.count(networkOf(handshake.address), explicit)
  return denial
}

function assertBudget({ failedAttempts, emit }: ServerContext, handshake: Handshake): void {
  const shortMs = failedAttempts.shortMs(networkOf(handshake.address))
  if (shortMs === 0) return
  emit({ type: 'limited', limit: 'failedHandshakes', scope: 'address', ...peerInfoOf(handshake) })
  throw new Denial(429, 'too-many-failures', 'too many bad credentials came from your address', {
    retryAfterMs: Math.ceil(shortMs),
  })
}
