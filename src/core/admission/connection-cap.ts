import type { Contract } from '../../wire/contract.ts'
import { deny } from '../../wire/errors.ts'
import { type Handshake } from '../api/handshake.ts'
import { contextOf } from '../server-context.ts'
import { accountKey } from '../groups/address.ts'
import type { Limits } from '../api/limits.ts'
import { peerInfoOf } from './peer-info.ts'
import type { SocketKeys } from '../access/registry.ts'

/** A handler that has not settled by then is asked about again. */
const settledAfterMs = 5_000

/**
 * Asked in the turn in which the socket can be found by the next one, so that no two handshakes pass for one place. A guest
 * too many is refused, whatever `whenFull` says: the guests of a network are strangers to each other, and a newcomer who
 * ended the socket of another could keep out all of them.
 *
 * @throws Denial 429 when the identity has all connections that it may have, and newcomers are to be refused; when the
 * guests of the network have all that they may have; when the handlers of so many sockets that have ended are at work
 */
export function assertRoom(handshake: Handshake, contract: Contract, holder: SocketKeys): void {
  assertSettled(handshake, contract, holder)
  const { registry, whenFull } = contextOf(handshake)
  const evicts = whenFull === 'evict' && holder.network === undefined
  if (evicts || registry.countOf(holder) < capOf(handshake, holder)) return
  // one that has left makes room, whatever is still done in its name
  if (!registry.of(holder).some(({ hasLeft }) => hasLeft)) refuse(handshake, contract, holder)
}

/** Each socket has one handler at work: so an account has as many as it may have connections, and as many as are orphaned. */
function assertSettled(handshake: Handshake, contract: Contract, holder: SocketKeys): void {
  const { backlog, limits } = contextOf(handshake)
  const limit = holder.network === undefined ? 'orphanedHandlers' : 'guestOrphanedHandlers'
  if (backlog.orphansOf(accountKey(holder)) < limits[limit]) return
  tell(handshake, contract, { limit, holder })
  deny(429, 'too-much-waiting', 'the server is still at work on what you sent before: come back later', {
    retryAfterMs: settledAfterMs,
  })
}

function capOf(handshake: Handshake, { network }: SocketKeys): number {
  const { connectionsPerIdentity, guestConnections } = contextOf(handshake).limits
  return network === undefined ? connectionsPerIdentity : guestConnections
}

function tell(
  handshake: Handshake,
  contract: Contract,
  { limit, holder }: { readonly limit: keyof Limits; readonly holder: SocketKeys },
): void {
  const { network, subject } = holder
  const scope = network === undefined ? 'identity' : 'address'
  contextOf(handshake).emit({
    type: 'limited',
    limit,
    scope,
    contract: contract.path,
    ...peerInfoOf(handshake),
    subject,
  })
}

function refuse(handshake: Handshake, contract: Contract, holder: SocketKeys): never {
  const { limits } = contextOf(handshake)
  const { network } = holder
  tell(handshake, contract, {
    limit: network === undefined ? 'connectionsPerIdentity' : 'guestConnections',
    holder,
  })
  const whose = network === undefined ? 'you have' : 'guests of your network have'
  deny(429, 'too-many-connections', `${whose} too many connections open: close one of them`, {
    // by then one whose wire was cut has been noticed
    retryAfterMs: limits.pingMs + limits.pongMs,
  })
}

/**
 * Ends the oldest of an identity that has more than it may have, in the turn in which the newcomer can be found; first those
 * that have left, of which what waits is thrown away and what is at work is not heard any more. With a
 * code after which a client stops: one that came back would evict another, which would come back in its turn, for ever.
 */
export function evictOldest(handshake: Handshake, holder: SocketKeys): void {
  const { registry } = contextOf(handshake)
  const most = capOf(handshake, holder)
  if (registry.countOf(holder) <= most) return
  // of the guests of a network one has left then, or the newcomer would have been refused
  for (const socket of registry.of(holder).slice(0, -most)) socket.evict(handshake.id)
}
