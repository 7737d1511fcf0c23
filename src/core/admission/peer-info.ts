import type { DeniedPeerInfo, PeerInfo } from '../api/events.ts'
import type { Handshake } from '../api/handshake.ts'
import type { Identity } from '../api/identity.ts'
import type { ServerContext } from '../server-context.ts'

/** The peer of a handshake before it is authenticated, for logs and events. */
export function peerInfoOf({ id, path, address, origin }: Handshake): PeerInfo {
  return { id, path, address, origin }
}

/** An identity as events show it: ids that may be secrets are hashed. */
export function identityInfoOf(
  { fingerprint }: ServerContext,
  subject: string,
  { session, token }: Identity<unknown>,
): Omit<DeniedPeerInfo, 'contract'> {
  return {
    subject,
    ...(session === undefined ? {} : { session: fingerprint(session) }),
    ...(token === undefined ? {} : { token: fingerprint(token) }),
  }
}
