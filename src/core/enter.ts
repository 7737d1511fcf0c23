import { newId } from './new-id.ts'
import { protocolName } from '../wire/carrier.ts'
import type { Contract } from '../wire/contract.ts'
import { asDenial, assertServing, tellOf } from './admit.ts'
import { type Handshake, hub } from './application.ts'
import { assertRoom, evictOldest } from './connection-cap.ts'
import type { Connection } from './connection.ts'
import { paramsOf, passDoors, type Visitor, withCode } from './doors.ts'
import { Early, mayAuthenticateLate, refusingCredential } from './first-message.ts'
import { Flights } from './flights.ts'
import { holderOf, Occupant } from './occupant.ts'
import type { Opening } from './opening.ts'
import { suspect } from './place.ts'
import { findPlaces } from './places.ts'
import { answeredProtocol } from './refusal.ts'
import type { Entering, Terms } from './terms.ts'
import { handshakeWork, traced } from './tracer.ts'

/** A wire that was accepted. */
interface Wire {
  readonly connection: Connection
  listen(opening: Opening): void
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
  await doorsTraced(handshake, contract, async () => {
    const visitor = await passDoors(handshake, contract, terms)
    await comeIn(handshake, entering, visitor, () => accepted(handshake, terms))
  })
}

function doorsTraced(handshake: Handshake, { path }: Contract, lead: () => Promise<void>): Promise<void> {
  return traced(handshake[hub].tracer, () => handshakeWork(handshake, path), lead)
}

/** The same for someone who may say only in the first message who they are: cookies are asked first. */
async function enterLate(handshake: Handshake, entering: Entering): Promise<void> {
  const { contract, terms } = entering
  const visitor = await passDoors(handshake, contract, terms).catch((error: unknown) => {
    if (asDenial(error).status === 401) return null
    throw error
  })
  if (visitor !== null)
    return doorsTraced(handshake, contract, () =>
      comeIn(handshake, entering, visitor, () => vigilant(handshake, terms)),
    )
  const early = new Early(handshake)
  const lateDoors = async (): Promise<void> => {
    const known = await passDoors(handshake, contract, terms, await early.door())
    await comeIn(handshake, entering, known, () => early.accept(messageBytes(handshake, terms)))
  }
  try {
    await doorsTraced(handshake, contract, () => early.waitFor(lateDoors()))
  } catch (error) {
    const denial = asDenial(withCode(error, terms))
    tellOf(handshake, denial)
    early.refuse(denial)
  }
}

function accepted(handshake: Handshake, { limits }: Terms): Wire {
  const connection = handshake.accept(answeredProtocol(handshake.protocols), limits.message)
  return { connection, listen: (receiver) => connection.listen(receiver) }
}

/** For someone who came in without the first message that they may send: a credential in it must not reach a handler. */
function vigilant(handshake: Handshake, terms: Terms): Wire {
  const { connection } = accepted(handshake, terms)
  // in a frame a credential is no message: its op is none
  const isFramed = connection.protocol === protocolName
  return {
    connection,
    listen: (opening) => connection.listen(isFramed ? opening : refusingCredential(opening)),
  }
}

function messageBytes(handshake: Handshake, { limits }: Terms): number {
  return limits.message ?? handshake[hub].limits.messageBytes
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
  assertServing(server)
  const socket = newId()
  const places = await findPlaces({ hub: server, contract, seating: terms, socket }, visitor)
  try {
    if (handshake.signal.aborted) return places.vacate()
    assertServing(server)
    // asked again now that nothing is awaited any more before the socket can be found: a revocation in between is not missed
    const revoked = server.revocations.against(visitor, places.tenant)
    if (revoked !== null) throw withCode(revoked, terms)
    const holder = holderOf(visitor, places, handshake.address)
    assertRoom(handshake, contract, holder)
    const { connection, listen } = accept()
    const occupant = new Occupant(handshake, entering, { id: socket, visitor, places, holder, connection })
    server.registry.add(occupant)
    listen(occupant.opening)
    begin(occupant, entering)
    evictOldest(handshake, holder)
    if (occupant.isOvertaken(visitor)) void occupant.recheck(new Flights())
  } catch (error) {
    places.vacate()
    suspect(handshake, contract, visitor)
    throw error
  }
}

/** Greets, seats and runs; whatever goes wrong from here on ends the socket, for it is open. */
function begin(occupant: Occupant, entering: Entering): void {
  const { hub: server, opening, places, place } = occupant
  server.emit({ type: 'accepted', contract: entering.contract.path, ...place })
  try {
    places.appear()
    greet(occupant)
    places.take(occupant)
    const inside = entering.run(opening)
    void opening.start(inside)
    if (!opening.over) occupant.lifetime.start()
  } catch (error) {
    opening.fail(error)
    opening.abandon()
  }
}

function greet({ hub: server, opening, path, place, places, messageBytes: message }: Occupant): void {
  const { pingMs } = server.limits
  opening.frame({ op: 'hello', version: 1, id: place.id, pingMs, limits: { message } })
  opening.frame({ encoded: places.opened(path) })
}
