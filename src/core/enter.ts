import { newId } from './new-id.ts'
import { protocolName } from '../wire/carrier.ts'
import type { Contract } from '../wire/contract.ts'
import { Denial, deny } from '../wire/errors.ts'
import { placeOf, tellOf } from './admit.ts'
import { type Handshake, hub } from './application.ts'
import { frameCodec, plainCodec } from './codec.ts'
import type { Connection, Receiver } from './connection.ts'
import { type Checks, paramsOf, passDoors, type Visitor, withCode } from './doors.ts'
import { firstMessage, mayAuthenticateLate } from './first-message.ts'
import type { Hub } from './hub.ts'
import { Lifetime, type Span } from './lifetime.ts'
import type { Rate } from './limits.ts'
import { type Inside, Opening } from './opening.ts'
import { findPlaces, type Places, type Seating } from './places.ts'
import type { Holder, OpenSocket } from './registry.ts'
import { answeredProtocol } from './refusal.ts'

/** An endpoint's demands as the engine takes them: `endpoint` and `consumer` have checked their types. */
export interface Terms extends Checks, Seating {
  readonly span: Span
  readonly limits: { readonly message: number | undefined; readonly rate: Rate | null | undefined }
}

/** What is entered, and how: a contract, the terms, and what runs inside. */
export interface Entering {
  readonly contract: Contract
  readonly terms: Terms
  readonly run: (opening: Opening) => Inside
}

/** A wire that was accepted. */
interface Wire {
  readonly connection: Connection
  listen(receiver: Receiver): void
}

/**
 * The engine of every endpoint: first door, second door, places, accept, run. It settles when the handshake is answered.
 *
 * @throws Denial when a door refuses; nothing once the connection was accepted
 */
export async function enter(handshake: Handshake, entering: Entering): Promise<void> {
  const { contract, terms } = entering
  paramsOf(contract, handshake)
  if (mayAuthenticateLate(handshake)) return enterLate(handshake, entering)
  const visitor = await passDoors(handshake, contract, terms)
  await comeIn(handshake, entering, visitor, () => accepted(handshake, terms))
}

/** The same for someone who may say only in the first message who they are: cookies are asked first. */
async function enterLate(handshake: Handshake, entering: Entering): Promise<void> {
  const { contract, terms } = entering
  const visitor = await passDoors(handshake, contract, terms).catch((error: unknown) => {
    if (error instanceof Denial && error.status === 401) return null
    throw error
  })
  if (visitor !== null) return comeIn(handshake, entering, visitor, () => accepted(handshake, terms))
  const early = await firstMessage(handshake)
  if (early === null) return
  try {
    const known = await passDoors(handshake, contract, terms, early.door)
    await comeIn(handshake, entering, known, () => early)
  } catch (error) {
    const denial =
      error instanceof Denial ? error : new Denial(503, 'unavailable', 'come back later', { cause: error })
    tellOf(handshake, denial)
    early.refuse(denial)
  }
}

function accepted(handshake: Handshake, { limits }: Terms): Wire {
  const connection = handshake.accept(answeredProtocol(handshake.protocols), limits.message)
  return { connection, listen: (receiver) => connection.listen(receiver) }
}

/** Everything after the doors. A peer that has left during a wait leaves nothing behind. */
async function comeIn(
  handshake: Handshake,
  entering: Entering,
  visitor: Visitor,
  accept: () => Wire,
): Promise<void> {
  const { contract, terms } = entering
  const server = handshake[hub]
  if (server.draining) deny(503, 'restart', 'the server is being restarted', { retryAfterMs: 1_000 })
  await heardOthers(server)
  const socket = newId()
  const places = await findPlaces({ hub: server, contract, seating: terms, socket }, visitor)
  try {
    if (handshake.signal.aborted) return places.vacate()
    // asked again now that nothing is awaited any more before the socket can be found: a revocation in between is not missed
    const revoked = server.revocations.against(visitor.identity, visitor.subject, visitor.askedAt)
    if (revoked !== null) throw withCode(revoked, terms)
    const { connection, listen } = accept()
    const { opening, lifetime } = opened(handshake, entering, visitor, { socket, places, connection })
    listen(opening)
    begin(server, opening, entering, places)
    if (opening.ended) return
    lifetime.start()
    if (server.orders.hasOvertaken(holderOf(visitor, places), visitor.askedAt))
      void lifetime.recheck('recheck')
  } catch (error) {
    places.vacate()
    throw error
  }
}

async function heardOthers(server: Hub): Promise<void> {
  try {
    await server.orders.ready()
  } catch (error) {
    throw new Denial(503, 'unavailable', 'the server cannot hear of revocations: come back later', {
      cause: error,
      detail: 'listening to the other nodes',
    })
  }
}

function holderOf({ subject, identity }: Visitor, places: Places): Holder {
  const { session, token } = identity
  return { subject, session, token, room: places.room.key }
}

/** Makes the socket, and the lifetime that watches over it: until it ends, it can be found by all that it holds. */
function opened(
  handshake: Handshake,
  { contract, terms }: Entering,
  visitor: Visitor,
  { socket, places, connection }: { socket: string; places: Places; connection: Connection },
): { readonly opening: Opening; readonly lifetime: Lifetime } {
  const server = handshake[hub]
  const framed = connection.protocol === protocolName
  const codec = framed ? frameCodec(visitor.path) : plainCodec(contract.client, contract.server)
  const rate = terms.limits.rate === undefined ? server.limits.rate : terms.limits.rate
  const place = placeOf(handshake, visitor.subject)
  const vacate = (): void => {
    lifetime.stop()
    server.registry.delete(found)
    places.vacate()
  }
  const opening = new Opening(socket, {
    hub: server,
    contract,
    visitor,
    connection,
    codec,
    place,
    rate,
    vacate,
  })
  const lifetime = new Lifetime({ hub: server, opening, contract, checks: terms, places, span: terms.span })
  const found: OpenSocket = {
    holder: holderOf(visitor, places),
    since: visitor.askedAt,
    end: (why, code, reason) => opening.end(why, code, reason),
    drain: (retryAfterMs) => opening.drain(retryAfterMs),
    recheck: () => lifetime.recheck('recheck'),
  }
  server.registry.add(found)
  return { opening, lifetime }
}

function begin(server: Hub, opening: Opening, { contract, terms, run }: Entering, places: Places): void {
  const { connection, visitor, codec, place } = opening.parts
  const { pingMs, messageBytes } = server.limits
  server.emit({ type: 'accepted', contract: contract.path, ...place })
  opening.frame({
    op: 'hello',
    version: 1,
    id: place.id,
    pingMs,
    limits: { message: terms.limits.message ?? messageBytes },
  })
  opening.frame({ op: 'opened', in: visitor.path, id: opening.id, ...places.told() })
  places.take({ id: opening.id, path: visitor.path, framed: codec.framed, connection })
  let inside: Inside
  try {
    inside = run(opening)
  } catch (error) {
    return opening.fail(error)
  }
  void opening.start(inside)
}
