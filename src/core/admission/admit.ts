import { Denial, deny } from '../../wire/errors.ts'
import { type Application, type Handshake } from '../api/handshake.ts'
import { contextOf, type ServerContext } from '../server-context.ts'
import { withDeadline } from '../runtime/deadline.ts'
import { assertOrigin } from '../access/origin.ts'
import { peerInfoOf, deniedInfoOf } from './peer-info.ts'
import { type HttpRefusal, httpFace, readsCodes, refuseByCode } from '../access/denial-response.ts'
import { deniedEvent } from '../api/events.ts'

/** A handshake as a transport brings it, with what only the one who admits may do. */
export interface AdmissionRequest {
  readonly handshake: Handshake
  /** The `Host` header. */
  readonly host: string
  /** Answers with an HTTP status and ends the connection; does nothing once it was accepted or the peer has gone. */
  reject(answer: HttpRefusal): void
}

/**
 * Leads someone through the doors: budget, host and origin, then the application; while the server drains, nobody.
 *
 * @returns `null` when they were let in, else why not; it never rejects
 */
export async function runAdmission(
  application: Application,
  { handshake, host }: Omit<AdmissionRequest, 'reject'>,
): Promise<Denial | null> {
  const server = contextOf(handshake)
  let leave = (): void => {}
  try {
    leave = await waitInQueue(handshake)
    await assertOrigin(server.origins, originRequestOf(handshake, host), (ask) =>
      withDeadline(server, ask, handshake.signal),
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
function originRequestOf(
  { origin, path, address, signal }: Handshake,
  host: string,
): Parameters<typeof assertOrigin>[1] {
  return { origin, host, path, address, signal }
}

/** @throws Denial 503 while the server drains: the drain would miss a socket that came in now */
export function assertServing({ draining }: ServerContext): void {
  if (draining) deny(503, 'restart', 'the server is being restarted', { retryAfterMs: 1_000 })
}

async function waitInQueue(handshake: Handshake): Promise<() => void> {
  const { handshakeQueue: gate, emit } = contextOf(handshake)
  try {
    return await gate.enter(handshake.address, handshake.signal)
  } catch (error) {
    // who went away while waiting has run into nothing
    if (!handshake.signal.aborted)
      emit({ type: 'limited', limit: 'handshakesWaiting', scope: 'address', ...peerInfoOf(handshake) })
    throw error
  }
}

/** The same, and answers with the face that the peer can read. */
export async function admit(application: Application, entrance: AdmissionRequest): Promise<void> {
  const denial = await runAdmission(application, entrance)
  if (denial === null) return
  emitDenied(entrance.handshake, denial)
  refuse(entrance, denial)
}

/** Tells operators of a denial at the door. */
export function emitDenied(handshake: Handshake, denial: Denial): void {
  const server = contextOf(handshake)
  server.emit(deniedEvent(denial, peerInfoOf(handshake), deniedInfoOf(handshake)))
  if (denial.cause !== undefined)
    server.repeatedFaults.tell(denial.cause, denial.detail ?? 'answering a handshake')
}

/** What was thrown, as a denial: anything else is 503 and reported, never taken for an answer. */
export function asDenial(error: unknown): Denial {
  if (error instanceof Denial) return error
  return new Denial(503, 'unavailable', 'the server could not answer: come back later', { cause: error })
}

function refuse({ handshake, reject }: AdmissionRequest, denial: Denial): void {
  try {
    if (!denial.httpOnly && readsCodes(handshake)) refuseByCode(handshake, denial)
    else reject(httpFace(denial, handshake.id))
  } catch (error) {
    // the peer went away, or was let in before the application threw: there is nobody to tell
    if (!(error instanceof Denial)) contextOf(handshake).report(error, 'refusing a handshake')
  }
}
