import { newId } from '../runtime/id.ts'
import { protocolName } from '../../wire/carrier.ts'
import type { Contract } from '../../wire/contract.ts'
import { asDenial, assertServing, emitDenied } from '../admission/admit.ts'
import { type Handshake } from '../api/handshake.ts'
import { contextOf } from '../server-context.ts'
import { assertRoom, evictOldest } from '../admission/connection-cap.ts'
import type { Connection } from '../api/connection.ts'
import { type AuthorizedPeer, withCode } from '../access/authorize.ts'
import { type Arrival, authenticateAndAuthorize, paramsOf } from '../admission/authorize-peer.ts'
import { FirstMessage, mayAuthenticateLate, refusingCredential } from '../admission/first-message.ts'
import { SharedRechecks } from '../access/revalidation-result.ts'
import { keysOf, ServerChannel } from '../socket/channel.ts'
import { Peer } from '../socket/peer.ts'
import { noteDenied } from '../admission/peer-info.ts'
import { reserveMemberships } from '../socket/memberships.ts'
import { answeredProtocol } from '../access/denial-response.ts'
import type { ChannelHandler } from '../socket/interfaces.ts'
import type { ResolvedOptions } from '../socket/resolved-options.ts'
import { handshakeSpan, traced } from '../api/tracer.ts'
import { isThenable } from '../runtime/awaitable.ts'

/** An endpoint as the engine opens it: a contract, the options, and what runs in each channel. */
export interface EndpointDefinition {
  readonly contract: Contract
  readonly options: ResolvedOptions
  readonly run: (channel: ServerChannel) => ChannelHandler
}

/** A connection that was accepted. */
interface AcceptedConnection {
  readonly connection: Connection
  listen(peer: Peer): void
}

/** A handshake for this endpoint. */
interface EndpointArrival extends Arrival {
  readonly options: ResolvedOptions
  readonly run: EndpointDefinition['run']
}

/**
 * Opens an endpoint: authenticate, authorize, reserve memberships, accept, run. It settles when the handshake
 * is answered.
 *
 * @throws Denial when authentication or authorization refuses; nothing after the connection was accepted
 */
export async function openEndpoint(handshake: Handshake, definition: EndpointDefinition): Promise<void> {
  const context = contextOf(handshake)
  const arrival = { ...definition, handshake, context, params: paramsOf(definition.contract, handshake) }
  if (mayAuthenticateLate(handshake)) return openAfterFirstMessage(arrival)
  await traceHandshake(arrival, async () => {
    await register(arrival, await authenticateAndAuthorize(arrival), () => accepted(arrival))
  })
}

function traceHandshake({ context, handshake, contract }: Arrival, lead: () => Promise<void>): Promise<void> {
  return traced(context.tracer, () => handshakeSpan(handshake, contract.path), lead)
}

/**
 * Opens an endpoint for a peer that may send its credential as the first message. Cookies are tried first.
 */
async function openAfterFirstMessage(arrival: EndpointArrival): Promise<void> {
  const { handshake, context, options } = arrival
  const authorized = await authenticateAndAuthorize(arrival).catch((error: unknown) => {
    if (asDenial(error).status === 401) return null
    throw error
  })
  if (authorized !== null)
    return traceHandshake(arrival, () => register(arrival, authorized, () => acceptedWatchingFirst(arrival)))
  const first = new FirstMessage(handshake)
  const openLate = async (): Promise<void> => {
    const late = await authenticateAndAuthorize(arrival, await first.authRequest())
    await register(arrival, late, () => first.accept(options.limits.message ?? context.limits.messageBytes))
  }
  try {
    await traceHandshake(arrival, () => first.waitFor(openLate()))
  } catch (error) {
    const denial = asDenial(withCode(error, options))
    emitDenied(handshake, denial)
    first.refuse(denial)
  }
}

function accepted({ handshake, options }: EndpointArrival): AcceptedConnection {
  const connection = handshake.accept(answeredProtocol(handshake.protocols), options.limits.message)
  return { connection, listen: (receiver) => connection.listen(receiver) }
}

/**
 * Accepts a peer that was authenticated without the first message that it may send: a credential in that
 * message must not reach a handler.
 */
function acceptedWatchingFirst(arrival: EndpointArrival): AcceptedConnection {
  const { connection } = accepted(arrival)
  // in a frame a credential has its own op, so it is no message
  const isFramed = connection.protocol === protocolName
  return {
    connection,
    listen: (peer) => connection.listen(isFramed ? peer : refusingCredential(peer)),
  }
}

/** Runs after authentication and authorization. A peer that has gone during a wait leaves nothing behind. */
async function register(
  arrival: EndpointArrival,
  authorized: AuthorizedPeer,
  accept: () => AcceptedConnection,
): Promise<void> {
  const { handshake, context, contract, options, run } = arrival
  assertServing(context)
  const id = newId()
  const reserving = reserveMemberships({ context, contract, options, socket: id }, authorized)
  const memberships = isThenable(reserving) ? await reserving : reserving
  try {
    if (handshake.signal.aborted) return memberships.release()
    assertServing(context)
    // asked again, because from here to the entry in the registry nothing is awaited: a revocation in between
    // is not missed
    const revoked = context.revocations.against(authorized, memberships.tenant)
    if (revoked !== null) throw withCode(revoked, options)
    const keys = keysOf(authorized, memberships, handshake.address)
    assertRoom(handshake, contract, keys)
    const { connection, listen } = accept()
    const registration = { id, authorized, memberships, keys, connection }
    const peer = new Peer(arrival, registration)
    const channel = new ServerChannel(peer, options, registration)
    context.registry.add(channel)
    listen(peer)
    startChannel(channel, run)
    evictOldest(handshake, keys)
    if (channel.isOvertaken(authorized)) void channel.recheck(new SharedRechecks())
  } catch (error) {
    memberships.release()
    noteDenied(handshake, contract, authorized)
    throw error
  }
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
    void channel.start(run(channel))
    if (!channel.over) channel.startTimers()
  } catch (error) {
    channel.fail(error)
    channel.abandon()
  }
}

function greet({ peer, memberships, path }: ServerChannel): void {
  const { pingMs } = peer.context.limits
  peer.frame({ op: 'hello', version: 1, id: peer.info.id, pingMs, limits: { message: peer.messageBytes } })
  peer.frame({ encoded: memberships.opened(path) })
}
