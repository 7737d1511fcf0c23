import type { Contract } from '../../wire/contract.ts'
import { type Handshake } from '../api/handshake.ts'
import { contextOf, type ServerContext } from '../server-context.ts'
import type { Identity } from '../api/identity.ts'
import type { PeerInfo, DeniedPeerInfo } from '../api/events.ts'

/** A peer that was authenticated. */
export interface AuthenticatedPeer {
  readonly identity: Identity<unknown>
  readonly subject: string
}

/** The peer of a handshake, for logs and events. */
export function peerInfoOf(handshake: Handshake, known?: AuthenticatedPeer): PeerInfo {
  const { id, path, address, origin } = handshake
  return { id, path, address, origin, ...(known === undefined ? {} : whoOf(contextOf(handshake), known)) }
}

const deniedPeers = new WeakMap<Handshake, DeniedPeerInfo>()

/**
 * Notes the contract and the identity of a refused handshake, for the event of the denial. It is called only
 * then, so that accepting costs nothing.
 */
export function noteDenied(handshake: Handshake, contract: Contract, known: AuthenticatedPeer | null): void {
  const who = known === null ? {} : whoOf(contextOf(handshake), known)
  deniedPeers.set(handshake, { contract: contract.path, ...who })
}

/** The notes about a denied peer. */
export function deniedInfoOf(handshake: Handshake): DeniedPeerInfo {
  return deniedPeers.get(handshake) ?? {}
}

/** The identity as events show it: ids that may be secrets are hashed. */
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
