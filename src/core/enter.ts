import { protocolName } from '../wire/carrier.ts'
import type { Contract } from '../wire/contract.ts'
import { Denial, deny } from '../wire/errors.ts'
import { placeOf } from './admit.ts'
import { type Handshake, hub } from './application.ts'
import { frameCodec, plainCodec } from './codec.ts'
import type { Connection, Receiver } from './connection.ts'
import { type Checks, paramsOf, passDoors, type Visitor } from './doors.ts'
import { firstMessage, mayAuthenticateLate } from './first-message.ts'
import type { Hub } from './hub.ts'
import type { Rate } from './limits.ts'
import { type Inside, Opening } from './opening.ts'
import { findPlaces, type Places, type Seating } from './places.ts'
import { answeredProtocol } from './refusal.ts'

/** An endpoint's demands as the engine takes them: `endpoint` and `consumer` have checked their types. */
export interface Terms extends Checks, Seating {
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
    handshake[hub].emit({
      type: 'denied',
      status: denial.status,
      code: denial.reason,
      detail: denial.detail,
      ...placeOf(handshake),
    })
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
  const server = handshake[hub]
  if (server.draining) deny(503, 'restart', 'the server is being restarted', { retryAfterMs: 1_000 })
  const id = crypto.randomUUID()
  const places = await findPlaces(server, entering.contract, entering.terms, visitor, id)
  try {
    if (handshake.signal.aborted) return places.vacate()
    const { connection, listen } = accept()
    const opening = openingOf(handshake, entering, visitor, { id, places, connection })
    listen(opening)
    begin(server, opening, entering, places)
  } catch (error) {
    places.vacate()
    throw error
  }
}

function openingOf(
  handshake: Handshake,
  { contract, terms }: Entering,
  visitor: Visitor,
  { id, places, connection }: { id: string; places: Places; connection: Connection },
): Opening {
  const server = handshake[hub]
  const codec =
    connection.protocol === protocolName
      ? frameCodec(visitor.path)
      : plainCodec(contract.client, contract.server)
  const rate = terms.limits.rate === undefined ? server.limits.rate : terms.limits.rate
  const place = placeOf(handshake, visitor.subject)
  return new Opening(id, {
    hub: server,
    contract,
    visitor,
    connection,
    codec,
    place,
    rate,
    vacate: places.vacate,
  })
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
