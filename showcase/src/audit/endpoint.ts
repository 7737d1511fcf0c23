import { type Authenticator, consumer } from 'sallyport'
import { audit } from './contract.ts'
import type { SocketUser } from '../identity/socket-auth.ts'
import type { OpenSockets } from '../account/open-sockets.ts'
import { isAdmin } from '../identity/people.ts'

/** What the audit's endpoint is made of. */
export interface AuditSocketParts {
  readonly auth: Authenticator<SocketUser>
  readonly sockets: OpenSockets
}

/**
 * The audit as it happens, for administrators: `authorize` asks for the role, again before each lease runs out,
 * and at once when a role changes.
 *
 * @example server.serve(router([auditSocket({ auth, sockets })]))
 */
// the return type is what `consumer` makes of the contract
export function auditSocket({ auth, sockets }: AuditSocketParts) {
  return consumer(audit, { auth, lease: '30s', authorize: ({ user }) => isAdmin(user) }, (socket) => ({
    ...sockets.follow(socket, { kind: 'audit' }),
    on: {},
    calls: {},
  }))
}
