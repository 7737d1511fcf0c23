import { andThen, type Awaitable, isThenable } from '../runtime/awaitable.ts'
import type { Contract } from '../../wire/contract.ts'
import { Denial } from '../../wire/errors.ts'
import { assertServing } from '../admission/admit.ts'
import { authRequest, type Handshake } from '../api/handshake.ts'
import { serverHandshakeOf } from '../server-context.ts'
import { assertRoom, evictOldest } from '../admission/connection-cap.ts'
import { orThrow } from '../access/authenticator.ts'
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
import { Memberships, reserveMemberships } from '../socket/memberships.ts'
import type { ChannelHandler } from '../socket/interfaces.ts'
import type { ResolvedOptions } from '../socket/resolved-options.ts'
import { handshakeSpan } from '../api/tracer.ts'

/** An endpoint as the engine opens it: a contract, the options, and what runs in each channel. */
export interface EndpointDefinition {
  readonly contract: Contract
  readonly options: ResolvedOptions
  readonly run: (channel: ServerChannel) => ChannelHandler
}

type EndpointArrival = Arrival<EndpointDefinition>

/**
 * Opens an endpoint: authenticate, authorize, reserve memberships, accept, run. All of it is done at once where
 * nothing has to be waited for.
 *
 * @returns the refusal; `null` when there is none
 * @throws (or rejects with) an error that is no denial; nothing after the connection was accepted
 */
export function openEndpoint(given: Handshake, definition: EndpointDefinition): Awaitable<Denial | null> {
  const { contract } = definition
  const params = contract.template.match(given.path)
  if (params === null)
    return new Denial(404, 'not-found', 'there is no such endpoint', { detail: `served: ${contract.path}` })
  const arrival: EndpointArrival = new Arrival(serverHandshakeOf(given), definition, params)
  try {
    const opening = mayAuthenticateLate(arrival)
      ? openAfterFirstMessage(arrival, registering(arrival))
      : trace(arrival, () => enter(arrival))
    if (isThenable(opening)) return openLater(arrival, opening)
    return refusalOf(arrival, opening)
  } catch (error) {
    return arrival.refusal(error)
  }
}

async function openLater(
  arrival: EndpointArrival,
  opening: PromiseLike<Denial | null>,
): Promise<Denial | null> {
  try {
    return refusalOf(arrival, await opening)
  } catch (error) {
    return arrival.refusal(error)
  }
}

/** A tracer may answer something else than the work that it follows: what is no denial refuses no peer. */
function refusalOf(arrival: EndpointArrival, opening: Denial | null): Denial | null {
  return opening instanceof Denial ? arrival.refusal(opening) : null
}

function registering(arrival: EndpointArrival): Registering {
  return {
    register: (authorized, accept) => register(arrival, authorized, accept),
    trace: (work) => trace(arrival, work),
  }
}

/** @throws (or rejects with) the denial where a tracer follows the work: it takes a denial as an exception */
function trace(
  { context, handshake, endpoint }: EndpointArrival,
  work: () => Awaitable<Denial | null>,
): Awaitable<Denial | null> {
  const { tracer } = context
  if (tracer === null) return work()
  const span = handshakeSpan(handshake, endpoint.contract.path)
  return tracer.run(span, () => andThen<Denial | null, null>(work(), orThrow))
}

function enter(arrival: EndpointArrival): Awaitable<Denial | null> {
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
 * @returns the refusal of a peer that is not authorized, or was revoked; otherwise `null`
 * @throws (or rejects with) the refusal of a peer that may not come in for another reason
 */
function register(
  arrival: EndpointArrival,
  authorized: AuthorizedPeer | Denial,
  accept: () => AcceptedConnection,
): Awaitable<Denial | null> {
  if (authorized instanceof Denial) return authorized
  const { context, endpoint } = arrival
  assertServing(context)
  const reserved = reserveMemberships({ context, endpoint }, authorized)
  const enterWith = (memberships: Memberships): Denial | null =>
    bringIn({ authorized, memberships }, arrival, accept)
  return reserved instanceof Memberships ? enterWith(reserved) : reserved.then(enterWith)
}

/** The parts of a socket before it is accepted. */
interface Reserved {
  readonly authorized: AuthorizedPeer
  readonly memberships: Memberships
}

/** Brings a peer in, or gives up its memberships. A peer that has gone during a wait leaves nothing behind. */
function bringIn(
  reserved: Reserved,
  arrival: EndpointArrival,
  accept: () => AcceptedConnection,
): Denial | null {
  const { memberships } = reserved
  const { isOver } = arrival.handshake
  try {
    const denial = isOver ? null : begin(reserved, arrival, accept)
    if (isOver || denial !== null) memberships.release()
    return denial
  } catch (error) {
    memberships.release()
    throw error
  }
}

/**
 * Accepts the connection, enters it in the registry, and starts its handlers. Nothing is awaited here.
 *
 * @returns the refusal of a peer that was revoked meanwhile, otherwise `null`
 */
function begin(
  reserved: Reserved,
  arrival: EndpointArrival,
  accept: () => AcceptedConnection,
): Denial | null {
  const { handshake, context, endpoint } = arrival
  const { authorized, memberships } = reserved
  assertServing(context)
  // asked again, because from here to the entry in the registry nothing is awaited: a revocation in between
  // is not missed
  const revoked = context.revocations.against(authorized, memberships.tenant)
  if (revoked !== null) return revoked
  const keys = context.registry.shared(keysOf(authorized, memberships, handshake.address))
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
  return null
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
