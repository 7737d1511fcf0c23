import { Denial } from '../../wire/errors.ts'
import type { Application } from '../api/handshake.ts'
import { type ServerContext, type ServerHandshake, serverContext } from '../server-context.ts'
import { HandshakeSlot } from '../access/handshake-queue.ts'
import { andThen, type Awaitable, isThenable } from '../runtime/awaitable.ts'
import { assertOrigin } from '../access/origin.ts'
import { peerInfoOf } from './peer-info.ts'
import { type HttpRefusal, httpFace, readsCodes, refuseByCode } from '../access/denial-response.ts'
import { deniedEvent } from '../api/events.ts'
import { openingOf } from './opening.ts'

/** A handshake as a transport makes it, with the members that only admission may use. */
export interface AdmissionRequest {
  readonly handshake: ServerHandshake
  /** The `Host` header. */
  readonly host: string
  /**
   * Answers with an HTTP status and ends the connection. It does nothing when the handshake was accepted or
   * the peer has gone.
   */
  reject(answer: HttpRefusal): void
}

/**
 * Leads a handshake through the limits, host and origin, and then the application: at once where nothing has to
 * be waited for. While the server drains, every handshake is denied.
 *
 * @returns `null` when it was accepted, otherwise the denial; it never throws or rejects
 */
export function runAdmission(
  application: Application,
  request: Omit<AdmissionRequest, 'reject'>,
): Awaitable<Denial | null> {
  const { handshake } = request
  const context = handshake[serverContext]
  const entering = context.handshakeQueue.enter(handshake)
  if (entering instanceof HandshakeSlot) return openIn(entering, application, request)
  return waitedFor(entering, context, handshake).then((slot) => openIn(slot, application, request), asDenial)
}

/** Opens a handshake that has a slot, which is freed when the handshake is answered. */
function openIn(
  slot: HandshakeSlot,
  application: Application,
  { handshake, host }: Omit<AdmissionRequest, 'reject'>,
): Awaitable<Denial | null> {
  let opening: Awaitable<Denial | null>
  try {
    const checking = assertOrigin(handshake[serverContext], handshake, host)
    opening = andThen(checking, () => open(application, handshake))
    if (isThenable(opening)) return openLater(slot, opening)
  } catch (error) {
    opening = asDenial(error)
  }
  slot.leave()
  return opening
}

function open(application: Application, handshake: ServerHandshake): Awaitable<Denial | null> {
  assertServing(handshake[serverContext])
  return openingOf(application)(handshake)
}

async function openLater(slot: HandshakeSlot, opening: Promise<Denial | null>): Promise<Denial | null> {
  try {
    return await opening
  } catch (error) {
    return asDenial(error)
  } finally {
    slot.leave()
  }
}

/** The answer to a handshake while the server drains, and after it has closed. */
export const restarting: Denial = new Denial(503, 'restart', 'the server is being restarted', {
  retryAfterMs: 1_000,
})

/** @throws Denial 503 while the server drains: the drain would miss a socket that was opened now */
export function assertServing({ draining }: ServerContext): void {
  if (draining) throw restarting
}

async function waitedFor(
  entering: PromiseLike<HandshakeSlot>,
  { emit }: ServerContext,
  handshake: ServerHandshake,
): Promise<HandshakeSlot> {
  try {
    return await entering
  } catch (error) {
    // a peer that went away while it waited has exceeded no limit
    if (!handshake.isOver)
      emit({ type: 'limited', limit: 'handshakesWaiting', scope: 'address', ...peerInfoOf(handshake) })
    throw error
  }
}

/** Admits a handshake, and answers a denial in the form that the peer can read. */
export function admit(application: Application, request: AdmissionRequest): Awaitable<void> {
  return andThen(runAdmission(application, request), (denial) => {
    if (denial === null) return
    emitDenied(request.handshake, denial)
    refuse(request, denial)
  })
}

/** Tells operators of a denied handshake. */
export function emitDenied(handshake: ServerHandshake, denial: Denial): void {
  const { emit, repeatedFaults, isHeard } = handshake[serverContext]
  if (isHeard('denied')) emit(deniedEvent(denial, peerInfoOf(handshake), handshake.denied))
  if (denial.cause !== undefined) repeatedFaults.tell(denial.cause, denial.detail ?? 'answering a handshake')
}

/**
 * Any error as a denial. An error that is no denial becomes 503 and is reported: it is never taken for an
 * answer.
 */
export function asDenial(error: unknown): Denial {
  if (error instanceof Denial) return error
  return new Denial(503, 'unavailable', 'the server could not answer: come back later', { cause: error })
}

function refuse({ handshake, reject }: AdmissionRequest, denial: Denial): void {
  try {
    if (!denial.httpOnly && readsCodes(handshake) && !handshake.wantsProblem) refuseByCode(handshake, denial)
    else reject(httpFace(denial, handshake.id))
  } catch (error) {
    // the peer has gone, or was accepted before the application threw: the denial reaches no peer, so the
    // error is reported
    if (!(error instanceof Denial)) handshake[serverContext].report(error, 'refusing a handshake')
  }
}
