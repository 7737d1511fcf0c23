import { Denial } from '../../wire/errors.ts'
import type { Application, Handshake } from '../api/handshake.ts'
import { orThrow } from '../access/authenticator.ts'
import type { Awaitable } from '../runtime/awaitable.ts'

/**
 * Answers a handshake as an application does, but its refusals are values: an attacker causes them by the
 * thousand, and an exception costs much more. `null` stands for a handshake that was not refused.
 */
export type Opening = (handshake: Handshake) => Awaitable<Denial | null>

/** Not a property of the function: a wrapper that copies or forwards properties must be called itself. */
const openings = new WeakMap<Application, Opening>()

/** Makes an application. An application of the user that calls it gets a refusal as an exception. */
export function applicationOf(open: Opening): Application {
  const application: Application = async (handshake) => {
    orThrow(await open(handshake))
  }
  openings.set(application, open)
  return application
}

/** How the engine calls an application: as {@link applicationOf} made it, or as the user wrote it. */
export function openingOf(application: Application): Opening {
  return openings.get(application) ?? ((handshake) => refusalOf(application(handshake)))
}

/** @throws (rejects with) any error that is no denial */
async function refusalOf(answered: Promise<void>): Promise<Denial | null> {
  try {
    await answered
    return null
  } catch (error) {
    if (error instanceof Denial) return error
    throw error
  }
}
