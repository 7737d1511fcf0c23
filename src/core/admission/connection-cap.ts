import { deny } from '../../wire/errors.ts'
import type { ServerContext } from '../server-context.ts'
import type { Limits } from '../api/limits.ts'
import type { Arrival } from './authorize-peer.ts'
import { peerInfoOf } from './peer-info.ts'
import type { SocketKeys } from '../access/registry.ts'

/** How long a refused peer is asked to wait for handlers that have not settled. */
const settledAfterMs = 5_000

/**
 * Checks the number of connections in the same turn in which the socket enters the registry. So two
 * handshakes cannot use one free connection. One guest too many is refused, whatever `whenFull` is: the
 * guests of a network are strangers to each other. A new guest that could end the socket of another guest
 * could keep out all of them.
 *
 * @throws Denial 429 when the identity has all its connections and new ones are refused; when the guests of
 * the network have all theirs; when the handlers of too many ended sockets still run
 */
export function assertRoom(arrival: Arrival, holder: SocketKeys): void {
  assertSettled(arrival, holder)
  const { context } = arrival
  const { registry, whenFull } = context
  const evicts = whenFull === 'evict' && holder.network === undefined
  if (evicts || registry.countOf(holder) < capOf(context, holder)) return
  // a socket that has left makes room, even while its handlers run
  if (!registry.of(holder).some(({ ended }) => ended)) refuse(arrival, holder)
}

/**
 * Each socket has one running handler. So an account has at most as many as its connections and its orphans
 * together.
 */
function assertSettled(arrival: Arrival, holder: SocketKeys): void {
  const { backlog, limits } = arrival.context
  const limit = holder.network === undefined ? 'orphanedHandlers' : 'guestOrphanedHandlers'
  if (backlog.orphansOf(holder.account) < limits[limit]) return
  tell(arrival, limit, holder)
  deny(429, 'too-much-waiting', 'the server is still at work on what you sent before: come back later', {
    retryAfterMs: settledAfterMs,
  })
}

function capOf({ limits }: ServerContext, { network }: SocketKeys): number {
  return network === undefined ? limits.connectionsPerIdentity : limits.guestConnections
}

function tell({ handshake, context, endpoint }: Arrival, limit: keyof Limits, holder: SocketKeys): void {
  const { network, subject } = holder
  const scope = network === undefined ? 'identity' : 'address'
  const contract = endpoint.contract.path
  context.emit({ type: 'limited', limit, scope, contract, ...peerInfoOf(handshake), subject })
}

function refuse(arrival: Arrival, holder: SocketKeys): never {
  const { limits } = arrival.context
  const { network } = holder
  tell(arrival, network === undefined ? 'connectionsPerIdentity' : 'guestConnections', holder)
  const whose = network === undefined ? 'you have' : 'guests of your network have'
  deny(429, 'too-many-connections', `${whose} too many connections open: close one of them`, {
    // within this time a connection that was cut has been noticed
    retryAfterMs: limits.pingMs + limits.pongMs,
  })
}

/**
 * Ends the oldest sockets of an identity that has too many, in the same turn in which the new socket enters
 * the registry. Sockets that have left end first: their waiting messages are thrown away, and their running
 * handlers have no effect any more. The close code makes the client stop. If clients came back, two of them
 * would evict each other for ever.
 */
export function evictOldest({ handshake, context }: Arrival, holder: SocketKeys): void {
  const { registry } = context
  const most = capOf(context, holder)
  if (registry.countOf(holder) <= most) return
  // for guests of a network, this ends only sockets that have left; otherwise the new guest would have been
  // refused
  for (const socket of registry.of(holder).slice(0, -most)) socket.evict(handshake.id)
}
