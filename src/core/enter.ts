import { newId } from './new-id.ts'
import { protocolName } from '../wire/carrier.ts'
import type { Contract } from '../wire/contract.ts'
import { Denial, deny } from '../wire/errors.ts'
import { asDenial, tellOf } from './admit.ts'
import { type Door, type Handshake, hub } from './application.ts'
import { frameCodec, plainCodec } from './codec.ts'
import { assertRoom, evictOldest } from './connection-cap.ts'
import type { Connection } from './connection.ts'
import { type Checks, paramsOf, passDoors, type Visitor, withCode } from './doors.ts'
import { Early, mayAuthenticateLate, refusingCredential } from './first-message.ts'
import { Flights } from './flights.ts'
import type { Hub } from './hub.ts'
import { assertNotGuessing, noteGuess } from './guesses.ts'
import { identityKey } from './keys.ts'
import { Lifetime, type Span } from './lifetime.ts'
import { isWider, type Rate } from './limits.ts'
import { type Inside, Opening } from './opening.ts'
import { placeOf, suspect } from './place.ts'
import { findPlaces, type Places, type Seating } from './places.ts'
import type { Holder, OpenSocket } from './registry.ts'
import { thresholdOf } from './refresh.ts'
import { answeredProtocol } from './refusal.ts'
import { handshakeWork, traced } from './tracer.ts'

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
    if (error instanceof Denial && error.status === 401) return null
    throw error
  })
  if (visitor !== null)
    return doorsTraced(handshake, contract, () =>
      comeIn(handshake, entering, visitor, () => vigilant(handshake, terms)),
    )
  const early = new Early(handshake)
  let asked: Door | null = null
  const lateDoors = async (): Promise<void> => {
    asked = await early.door()
    assertNotGuessing(handshake, asked)
    const known = await passDoors(handshake, contract, terms, asked)
    await comeIn(handshake, entering, known, () => early.accept(messageBytes(handshake, terms)))
  }
  try {
    await doorsTraced(handshake, contract, () => early.waitFor(lateDoors()))
  } catch (error) {
    const denial = asDenial(withCode(error, terms))
    if (asked !== null) noteGuess(handshake, asked, denial)
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
  assertOpen(server)
  await heardOthers(server)
  const socket = newId()
  const places = await findPlaces({ hub: server, contract, seating: terms, socket }, visitor)
  try {
    if (handshake.signal.aborted) return places.vacate()
    assertOpen(server)
    // asked again now that nothing is awaited any more before the socket can be found: a revocation in between is not missed
    const revoked = server.revocations.against(visitor, places.tenant)
    if (revoked !== null) throw withCode(revoked, terms)
    const holder = holderOf(visitor, places)
    assertRoom(handshake, contract, holder)
    const { connection, listen } = accept()
    const { opening, lifetime } = opened(handshake, entering, visitor, { socket, places, connection })
    listen(opening)
    begin(opening, lifetime, entering, places)
    evictOldest(handshake, holder)
    if (server.orders.hasOvertaken(holder, visitor.askedAt)) void lifetime.recheck('recheck', new Flights())
  } catch (error) {
    places.vacate()
    suspect(handshake, contract, visitor)
    throw error
  }
}

/** @throws Denial 503 while the server drains: whoever came in now would be missed by it */
function assertOpen({ draining }: Hub): void {
  if (draining) deny(503, 'restart', 'the server is being restarted', { retryAfterMs: 1_000 })
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
  return { tenant: places.tenant, subject, session, token, room: places.room.key }
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
  const place = placeOf(handshake, visitor)
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
    identity: isCounted(server, terms) ? identityKey(places.tenant, visitor.subject) : null,
    vacate,
    refresh: (credential) => void lifetime.refresh(credential),
  })
  const lifetime = new Lifetime({
    hub: server,
    opening,
    checks: terms,
    places,
    span: terms.span,
    threshold: thresholdOf(handshake),
    messageBytes: messageBytes(handshake, terms),
    hold: (now) => server.registry.move(found, holderOf(now, places)),
  })
  const found: OpenSocket = {
    holder: holderOf(visitor, places),
    isRevoked: () => server.revocations.against(opening.visitor, places.tenant) !== null,
    end: (why, code, reason) => opening.end(why, code, reason),
    evict(by) {
      server.emit({ type: 'evicted', contract: contract.path, by, ...place })
      opening.end('evicted', 4409, 'replaced: you have opened too many connections since')
    },
    drain: (retryAfterMs) => opening.drain(retryAfterMs),
    recheck: (questions) => lifetime.recheck('recheck', questions),
  }
  server.registry.add(found)
  return { opening, lifetime }
}

/** An endpoint that allows each of its sockets more than an identity may send has said that this is fine. */
function isCounted({ limits }: Hub, terms: Terms): boolean {
  const { rate } = terms.limits
  return rate === undefined || !isWider(rate, limits.identityRate)
}

/** Greets, seats and runs; whatever goes wrong from here on ends the socket, for it is open. */
function begin(opening: Opening, lifetime: Lifetime, entering: Entering, places: Places): void {
  const { hub: server, connection, visitor, codec, place } = opening.parts
  server.emit({ type: 'accepted', contract: entering.contract.path, ...place })
  try {
    places.appear()
    greet(opening, entering.terms, places)
    places.take({ id: opening.id, path: visitor.path, framed: codec.framed, connection })
    const inside = entering.run(opening)
    void opening.start(inside)
    if (!opening.ended) lifetime.start()
  } catch (error) {
    opening.fail(error)
  }
}

function greet(opening: Opening, { limits }: Terms, places: Places): void {
  const { hub: server, visitor, place } = opening.parts
  const { pingMs, messageBytes: message } = server.limits
  opening.frame({
    op: 'hello',
    version: 1,
    id: place.id,
    pingMs,
    limits: { message: limits.message ?? message },
  })
  opening.frame({ op: 'opened', in: visitor.path, id: opening.id, ...places.told() })
}
