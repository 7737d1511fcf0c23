import { Denial } from '../wire/errors.ts'
import { type Application, type Handshake, hub } from './application.ts'
import type { Hub } from './hub.ts'
import { assertOrigin } from './origin.ts'
import { type HttpFace, httpFace, readsCodes, refuseByCode } from './refusal.ts'
import { deniedEvent, type Place } from './report.ts'

/** A handshake as a transport brings it, with what only the one who admits may do. */
export interface Entrance {
  readonly handshake: Handshake
  /** The `Host` header. */
  readonly host: string
  /** Answers with an HTTP status and ends the connection; does nothing once it was accepted or the peer has gone. */
  reject(answer: HttpFace): void
}

/**
 * Leads someone through the doors: budget, host and origin, then the application. Whatever is thrown on the way
 * becomes a refusal with the face that the peer can read; the promise never rejects.
 */
export async function admit(application: Application, entrance: Entrance): Promise<void> {
  const { handshake } = entrance
  const server = handshake[hub]
  let leave = (): void => {}
  try {
    leave = await server.gate.enter(handshake.address, handshake.signal)
    assertOrigin(server.origins, entrance.host, handshake.origin)
    await application(handshake)
  } catch (error) {
    refuse(server, entrance, asDenial(error))
  } finally {
    leave()
  }
}

/** Who is at the door, for logs and events. */
export function placeOf(handshake: Handshake, subject?: string): Place {
  const { id, path, address, origin } = handshake
  return { id, path, address, origin, subject }
}

function asDenial(error: unknown): Denial {
  if (error instanceof Denial) return error
  return new Denial(503, 'unavailable', 'the server could not answer: come back later', { cause: error })
}

function refuse(server: Hub, entrance: Entrance, denial: Denial): void {
  const { handshake } = entrance
  server.emit(deniedEvent(denial, placeOf(handshake)))
  if (denial.cause !== undefined) server.report(denial.cause, denial.detail ?? 'answering a handshake')
  try {
    if (!denial.httpOnly && readsCodes(handshake)) refuseByCode(handshake, denial)
    else entrance.reject(httpFace(denial, handshake.id))
  } catch (error) {
    // the peer went away, or was let in before the application threw: there is nobody to tell
    if (!(error instanceof Denial)) server.report(error, 'refusing a handshake')
  }
}
