import type { Contract } from '../wire/contract.ts'
import { type Handshake, hub } from './application.ts'
import type { Hub } from './hub.ts'
import type { Identity } from './identity.ts'
import type { Place, Suspect } from './report.ts'

/** Someone whom the first door knows. */
export interface Known {
  readonly identity: Identity<unknown>
  readonly subject: string
}

/** Who is at the door, for logs and events. */
export function placeOf(handshake: Handshake, known?: Known): Place {
  const { id, path, address, origin } = handshake
  return { id, path, address, origin, ...(known === undefined ? {} : whoOf(handshake[hub], known)) }
}

const suspects = new WeakMap<Handshake, Suspect>()

/** Notes who was refused where, for the event of the denial: only then, so that coming in costs nothing. */
export function suspect(handshake: Handshake, contract: Contract, known: Known | null): void {
  const who = known === null ? {} : whoOf(handshake[hub], known)
  suspects.set(handshake, { contract: contract.path, ...who })
}

/** What was noted of someone who is denied. */
export function suspectOf(handshake: Handshake): Suspect {
  return suspects.get(handshake) ?? {}
}

/** Who it is, as events say it: ids that may be secrets are hashed. */
function whoOf(server: Hub, { identity, subject }: Known): Omit<Suspect, 'contract'> {
  const { session, token } = identity
  return {
    subject,
    ...(session === undefined ? {} : { session: server.fingerprint(session) }),
    ...(token === undefined ? {} : { token: server.fingerprint(token) }),
  }
}
