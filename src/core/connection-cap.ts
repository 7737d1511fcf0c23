import type { Contract } from '../wire/contract.ts'
import { deny } from '../wire/errors.ts'
import { type Handshake, hub } from './application.ts'
import { placeOf } from './place.ts'
import type { Holder } from './registry.ts'

/**
 * Asked in the turn in which the socket can be found by the next one, so that no two handshakes pass for one place.
 *
 * @throws Denial 429 when the identity has all connections that it may have, and newcomers are to be refused
 */
export function assertRoom(handshake: Handshake, contract: Contract, holder: Holder): void {
  const { registry, limits, whenFull, emit } = handshake[hub]
  if (whenFull === 'evict' || registry.of(holder).length < limits.connectionsPerIdentity) return
  const limit = { limit: 'connectionsPerIdentity', scope: 'identity', contract: contract.path } as const
  emit({ type: 'limited', ...limit, ...placeOf(handshake), subject: holder.subject })
  deny(429, 'too-many-connections', 'you have too many connections open: close one of them', {
    // by then one whose wire was cut has been noticed
    retryAfterMs: limits.pingMs + limits.pongMs,
  })
}

/**
 * Ends the oldest of an identity that has more than it may have, in the turn in which the newcomer can be found. With a
 * code after which a client stops: one that came back would evict another, which would come back in its turn, for ever.
 */
export function evictOldest(handshake: Handshake, holder: Holder): void {
  const { registry, limits } = handshake[hub]
  const sockets = registry.of(holder)
  for (const socket of sockets.slice(0, -limits.connectionsPerIdentity)) socket.evict(handshake.id)
}
