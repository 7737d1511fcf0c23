import { newId } from '../runtime/id.ts'
import { protocolName } from '../../wire/carrier.ts'
import type { Contract } from '../../wire/contract.ts'
import { asDenial, assertServing, emitDenied } from '../admission/admit.ts'
import { type Handshake } from '../api/handshake.ts'
import { contextOf } from '../server-context.ts'
import { assertRoom, evictOldest } from '../admission/connection-cap.ts'
import type { Connection } from '../api/connection.ts'
import { type AuthorizedPeer, withCode } from '../access/authorize.ts'
import { paramsOf, authenticateAndAuthorize } from '../admission/authorize-peer.ts'
import { FirstMessage, mayAuthenticateLate, refusingCredential } from '../admission/first-message.ts'
import { SingleFlight } from '../runtime/single-flight.ts'
import { keysOf, ServerChannel } from '../socket/channel.ts'
import { Peer } from '../socket/peer.ts'
import { noteDenied } from '../admission/peer-info.ts'
import { reserveMemberships } from '../socket/memberships.ts'
import { answeredProtocol } from '../access/denial-response.ts'
import type { ChannelHandler } from '../socket/peer-and-channel.ts'
import type { ResolvedOptions } from '../socket/resolved-options.ts'
import { handshakeSpan, traced } from '../api/tracer.ts'

/** An endpoint as the engine opens it: a contract, the options, and what runs in each channel. */
export interface EndpointDefinition {
  readonly contract: Contract
  readonly options: ResolvedOptions
  readonly run: (channel: ServerChannel) => ChannelHandler
}

/** A wire that was accepted. */
interface AcceptedConnection {
  readonly connection: Connection
  listen(peer: Peer): void
}

/**
 * The engine of every endpoint: first door, second door, places, accept, run. It settles when the handshake is answered.
 *
 * @throws Denial when a door refuses; nothing once the connection was accepted
 */
export async function openEndpoint(handshake: Handshake, entering: EndpointDefinition): Promise<void> {
  const { contract, options } = entering
  paramsOf(contract, handshake)
  if (mayAuthenticateLate(handshake)) return openAfterFirstMessage(handshake, entering)
  await traceHandshake(handshake, contract, async () => {
    const visitor = await authenticateAndAuthorize(handshake, contract, options)
    await register(handshake, entering, visitor, () => accepted(handshake, options))
  })
}

function traceHandshake(handshake: Handshake, { path }: Contract, lead: () => Promise<void>): Promise<void> {
  return traced(contextOf(handshake).tracer, () => handshakeSpan(handshake, path), lead)
}

/** The same for someone who may say only in the first message who they are: cookies are asked first. */
async function openAfterFirstMessage(handshake: Handshake, entering: EndpointDefinition): Promise<void> {
  const { contract, options } = entering
  const visitor = await authenticateAndAuthorize(handshake, contract, options).catch((error: unknown) => {
    if (asDenial(error).status === 401) return null
    throw error
  })
  if (visitor !== null)
    return traceHandshake(handshake, contract, () =>
      register(handshake, entering, visitor, () => acceptedWatchingFirst(handshake, options)),
    )
  const early = new FirstMessage(handshake)
  const lateDoors = async (): Promise<void> => {
    const known = await authenticateAndAuthorize(handshake, contract, options, await early.door())
    await register(handshake, entering, known, () => early.accept(messageBytes(handshake, options)))
  }
  try {
    await traceHandshake(handshake, contract, () => early.waitFor(lateDoors()))
  } catch (error) {
    const denial = asDenial(withCode(error, options))
    emitDenied(handshake, denial)
    early.refuse(denial)
  }
}

function accepted(handshake: Handshake, { limits }: ResolvedOptions): AcceptedConnection {
  const connection = handshake.accept(answeredProtocol(handshake.protocols), limits.message)
  return { connection, listen: (receiver) => connection.listen(receiver) }
}

/** For someone who came in without the first message that they may send: a credential in it must not reach a handler. */
function acceptedWatchingFirst(handshake: Handshake, options: ResolvedOptions): AcceptedConnection {
  const { connection } = accepted(handshake, options)
  // in a frame a credential is no message: its op is none
  const isFramed = connection.protocol === protocolName
  return {
    connection,
    listen: (peer) => connection.listen(isFramed ? peer : refusingCredential(peer)),
  }
}

function messageBytes(handshake: Handshake, { limits }: ResolvedOptions): number {
  return limits.message ?? contextOf(handshake).limits.messageBytes
}

/** Everything after authentication and authorization. A peer that has left during a wait leaves nothing behind. */
async function register(
  handshake: Handshake,
  definition: EndpointDefinition,
  authorized: AuthorizedPeer,
  accept: () => AcceptedConnection,
): Promise<void> {
  const { contract, options } = definition
  const context = contextOf(handshake)
  assertServing(context)
  const id = newId()
  const memberships = await reserveMemberships({ context, contract, options, socket: id }, authorized)
  try {
    if (handshake.signal.aborted) return memberships.release()
    assertServing(context)
    // asked again now that nothing is awaited any more before the socket can be found: a revocation in between is not missed
    const revoked = context.revocations.against(authorized, memberships.tenant)
    if (revoked !== null) throw withCode(revoked, options)
    const keys = keysOf(authorized, memberships, handshake.address)
    assertRoom(handshake, contract, keys)
    const { connection, listen } = accept()
    const registration = { id, authorized, memberships, keys, connection }
    const peer = new Peer(handshake, definition, registration)
    const channel = new ServerChannel(peer, options, registration)
    context.registry.add(channel)
    listen(peer)
    startChannel(channel, definition)
    evictOldest(handshake, keys)
    if (channel.isOvertaken(authorized)) void channel.recheck(new SingleFlight())
  } catch (error) {
    memberships.release()
    noteDenied(handshake, contract, authorized)
    throw error
  }
}

/** Greets, joins the groups and runs; what goes wrong from here on ends the socket, for it is open. */
function startChannel(channel: ServerChannel, definition: EndpointDefinition): void {
  const { peer, memberships } = channel
  peer.tell({ type: 'accepted' })
  try {
    memberships.appear()
    greet(channel)
    memberships.join(channel)
    void channel.start(definition.run(channel))
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
