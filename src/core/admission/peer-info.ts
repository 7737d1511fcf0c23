import type { Contract } from '../../wire/contract.ts'
import { type Handshake } from '../api/handshake.ts'
import { contextOf, type ServerContext } from '../server-context.ts'
import type { Identity } from '../api/identity.ts'
import type { PeerInfo, DeniedPeerInfo } from '../api/events.ts'

/** Someone whom the first door knows. */
export interface AuthenticatedPeer {
  readonly identity: Identity<unknown>
  readonly subject: string
}

/** Who is at the door, for logs and events. */
export function peerInfoOf(handshake: Handshake, known?: AuthenticatedPeer): PeerInfo {
  const { id, path, address, origin } = handshake
  return { id, path, address, origin, ...(known === undefined ? {} : whoOf(contextOf(handshake), known)) }
}

const deniedPeers = new WeakMap<Handshake, DeniedPeerInfo>()

/** Notes who was refused where, for the event of the denial: only then, so that coming in costs nothing. */
export function noteDenied(handshake: Handshake, contract: Contract, known: AuthenticatedPeer | null): void {
  const who = known === null ? {} : whoOf(contextOf(handshake), known)
  deniedPeers.set(handshake, { contract: contract.path, ...who })
}

/** What was noted of someone who is denied. */
export function deniedInfoOf(handshake: Handshake): DeniedPeerInfo {
  return deniedPeers.get(handshake) ?? {}
}

/** Who it is, as events say it: ids that may be secrets are hashed. */
function whoOf(
  server: ServerContext,
  { identity, subject }: AuthenticatedPeer,
): Omit<DeniedPeerInfo, 'contract'> {
  const { session, token } = identity
  return {
    subject,
    ...(session === undefined ? {} : { session: server.fingerprint(session) }),
    ...(token === undefined ? {} : { token: server.fingerprint(token) }),
  }
}
