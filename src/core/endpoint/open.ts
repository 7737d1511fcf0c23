import { andThen, type Awaitable } from '../runtime/awaitable.ts'
import type { Contract } from '../../wire/contract.ts'
import { Denial } from '../../wire/errors.ts'
import { assertServing } from '../admission/admit.ts'
import { authRequest, type Handshake } from '../api/handshake.ts'
import { serverHandshakeOf } from '../server-context.ts'
import { assertRoom, evictOldest } from '../admission/connection-cap.ts'
import type { AuthorizedPeer } from '../access/authorize.ts'
import { answeredProtocol } from '../access/denial-response.ts'
import { keysOf } from '../access/registry.ts'
import { Arrival, authenticateAndAuthorize } from '../admission/authorize-peer.ts'
import {
  type AcceptedConnection,
  mayAuthenticateLate,
  openAfterFirstMessage,
  type Registering,
} from '../admission/first-message.ts'
import { SharedRechecks } from '../access/revalidation-result.ts'
import { ServerChannel } from '../socket/channel.ts'
import { Peer } from '../socket/peer.ts'
import { type Memberships, reserveMemberships } from '../socket/memberships.ts'
import type { ChannelHandler } from '../socket/interfaces.ts'
import type { ResolvedOptions } from '../socket/resolved-options.ts'
import { handshakeSpan, traced } from '../api/tracer.ts'

/** An endpoint as the engine opens it: a contract, the options, and what runs in each channel. */
export interface EndpointDefinition {
  readonly contract: Contract
  readonly options: ResolvedOptions
  readonly run: (channel: ServerChannel) => ChannelHandler
}

type EndpointArrival = Arrival<EndpointDefinition>

/**
 * Opens an endpoint: authenticate, authorize, reserve memberships, accept, run. It settles when the handshake
 * is answered.
 *
 * @throws Denial when authentication or authorization refuses; nothing after the connection was accepted
 */
export async function openEndpoint(given: Handshake, definition: EndpointDefinition): Promise<void> {
  const arrival: EndpointArrival = new Arrival(serverHandshakeOf(given), definition)
  try {
    const opening = mayAuthenticateLate(arrival)
      ? openAfterFirstMessage(arrival, registering(arrival))
      : trace(arrival, () => enter(arrival))
    if (opening instanceof Promise) await opening
  } catch (error) {
    throw arrival.refusal(error)
  }
}

function registering(arrival: EndpointArrival): Registering {
  return {
    register: (authorized, accept) => register(arrival, authorized, accept),
    trace: (work) => trace(arrival, work),
  }
}

function trace<T>({ context, handshake, endpoint }: EndpointArrival, work: () => T): T {
  return traced(context.tracer, () => handshakeSpan(handshake, endpoint.contract.path), work)
}

function enter(arrival: EndpointArrival): Awaitable<void> {
  return andThen(authenticateAndAuthorize(arrival, arrival.handshake[authRequest]), (authorized) =>
    register(arrival, authorized, () => acceptedAt(arrival)),
  )
}

function acceptedAt({ handshake, endpoint }: EndpointArrival): AcceptedConnection {
  const connection = handshake.accept(answeredProtocol(handshake.protocols), endpoint.options.limits.message)
  return { connection, listen: (peer) => connection.listen(peer) }
}

/**
 * Reserves the memberships of an authorized peer, and brings it in: at once where nothing has to be waited for.
 *
 * @throws the refusal of a peer that is not authorized, or may not come in for another reason
 */
function register(
  arrival: EndpointArrival,
  authorized: AuthorizedPeer | Denial,
  accept: () => AcceptedConnection,
): Awaitable<void> {
  if (authorized instanceof Denial) throw authorized
  const { context, endpoint } = arrival
  assertServing(context)
  const reserved = reserveMemberships({ context, endpoint }, authorized)
  const enterWith = (memberships: Memberships): void => bringIn({ authorized, memberships }, arrival, accept)
  return reserved instanceof Promise ? reserved.then(enterWith) : enterWith(reserved)
}

/** The parts of a socket before it is accepted. */
interface Reserved {
  readonly authorized: AuthorizedPeer
  readonly memberships: Memberships
}

/** Brings a peer in, or gives up its memberships. A peer that has gone during a wait leaves nothing behind. */
function bringIn(reserved: Reserved, arrival: EndpointArrival, accept: () => AcceptedConnection): void {
  const { memberships } = reserved
  try {
    if (arrival.handshake.isOver) memberships.release()
    else begin(reserved, arrival, accept)
  } catch (error) {
    memberships.release()
    throw error
  }
}

/** Accepts the connection, enters it in the registry, and starts its handlers. Nothing is awaited here. */
function begin(reserved: Reserved, arrival: EndpointArrival, accept: () => AcceptedConnection): void {
  const { handshake, context, endpoint } = arrival
  const { authorized, memberships } = reserved
  assertServing(context)
  // asked again, because from here to the entry in the registry nothing is awaited: a revocation in between
  // is not missed
  const revoked = context.revocations.against(authorized, memberships.tenant)
  if (revoked !== null) throw revoked
  const keys = keysOf(authorized, memberships, handshake.address)
  assertRoom(arrival, keys)
  const { connection, listen } = accept()
  const registration = { ...reserved, keys, connection }
  const peer = new Peer(arrival, registration)
  const channel = new ServerChannel(peer, registration)
  context.registry.add(channel)
  listen(peer)
  startChannel(channel, endpoint.run)
  evictOldest(arrival, keys)
  if (context.accessCommands.hasOvertaken(keys, authorized.accessVersion))
    void channel.recheck(new SharedRechecks())
}

/**
 * Sends the greeting, joins the groups and starts the handlers. The socket is open, so an error from here on
 * ends the socket.
 */
function startChannel(channel: ServerChannel, run: EndpointDefinition['run']): void {
  const { peer, memberships } = channel
  peer.tell({ type: 'accepted' })
  try {
    memberships.appear()
    greet(channel)
    memberships.join(channel)
    channel.start(run(channel))
    if (!channel.over) channel.startTimers()
  } catch (error) {
    channel.fail(error)
    channel.abandon()
  }
}

function greet({ peer, memberships, path }: ServerChannel): void {
  if (!peer.codec.framed) return
  const { pingMs } = peer.context.limits
  peer.frame({ op: 'hello', version: 1, id: peer.id, pingMs, limits: { message: peer.messageBytes } })
  peer.frame({ encoded: memberships.opened(path) })
}
