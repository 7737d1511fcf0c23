import { Denial, deny } from '../wire/errors.ts'
import { type Application, type Handshake, hub } from './application.ts'
import type { Hub } from './hub.ts'
import { inTime } from './in-time.ts'
import { assertOrigin } from './origin.ts'
import { placeOf, suspectOf } from './place.ts'
import { type HttpFace, httpFace, readsCodes, refuseByCode } from './refusal.ts'
import { deniedEvent } from './report.ts'

/** A handshake as a transport brings it, with what only the one who admits may do. */
export interface Entrance {
  readonly handshake: Handshake
  /** The `Host` header. */
  readonly host: string
  /** Answers with an HTTP status and ends the connection; does nothing once it was accepted or the peer has gone. */
  reject(answer: HttpFace): void
}

/**
 * Leads someone through the doors: budget, host and origin, then the application; while the server drains, nobody.
 *
 * @returns `null` when they were let in, else why not; it never rejects
 */
export async function knock(
  application: Application,
  { handshake, host }: Omit<Entrance, 'reject'>,
): Promise<Denial | null> {
  const server = handshake[hub]
  let leave = (): void => {}
  try {
    leave = await throughGate(handshake)
    await assertOrigin(server.origins, pageOf(handshake, host), (ask) =>
      inTime(server, ask, handshake.signal),
    )
    assertServing(server)
    await application(handshake)
    return null
  } catch (error) {
    return asDenial(error)
  } finally {
    leave()
  }
}

/** What an origin rule is asked about. */
function pageOf(
  { origin, path, address, signal }: Handshake,
  host: string,
): Parameters<typeof assertOrigin>[1] {
  return { origin, host, path, address, signal }
}

/** @throws Denial 503 while the server drains: the drain would miss a socket that came in now */
export function assertServing({ draining }: Hub): void {
  if (draining) deny(503, 'restart', 'the server is being restarted', { retryAfterMs: 1_000 })
}

async function throughGate(handshake: Handshake): Promise<() => void> {
  const { gate, emit } = handshake[hub]
  try {
    return await gate.enter(handshake.address, handshake.signal)
  } catch (error) {
    // who went away while waiting has run into nothing
    if (!handshake.signal.aborted)
      emit({ type: 'limited', limit: 'handshakesWaiting', scope: 'address', ...placeOf(handshake) })
    throw error
  }
}

/** The same, and answers with the face that the peer can read. */
export async function admit(application: Application, entrance: Entrance): Promise<void> {
  const denial = await knock(application, entrance)
  if (denial === null) return
  tellOf(entrance.handshake, denial)
  refuse(entrance, denial)
}

/** Tells operators of a denial at the door. */
export function tellOf(handshake: Handshake, denial: Denial): void {
  const server = handshake[hub]
  server.emit(deniedEvent(denial, placeOf(handshake), suspectOf(handshake)))
  if (denial.cause !== undefined)
    server.repeatedFaults.tell(denial.cause, denial.detail ?? 'answering a handshake')
}

/** What was thrown, as a denial: anything else is 503 and reported, never taken for an answer. */
export function asDenial(error: unknown): Denial {
  if (error instanceof Denial) return error
  return new Denial(503, 'unavailable', 'the server could not answer: come back later', { cause: error })
}

function refuse({ handshake, reject }: Entrance, denial: Denial): void {
  try {
    if (!denial.httpOnly && readsCodes(handshake)) refuseByCode(handshake, denial)
    else reject(httpFace(denial, handshake.id))
  } catch (error) {
    // the peer went away, or was let in before the application threw: there is nobody to tell
    if (!(error instanceof Denial)) handshake[hub].report(error, 'refusing a handshake')
  }
}
