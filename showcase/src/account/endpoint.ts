import { type Authenticator, consumer } from 'sallyport'
import { account } from './contract.ts'
import type { SocketUser } from '../identity/socket-auth.ts'
import type { OpenSockets } from './open-sockets.ts'

/** What the account's endpoint is made of. */
export interface AccountSocketParts {
  readonly auth: Authenticator<SocketUser>
  readonly sockets: OpenSockets
}

/**
 * A person's own account: everyone signed in may listen, and hears of themselves alone, because what is sent goes
 * to `server.user(account, id)`.
 *
 * @example server.serve(router([accountSocket({ auth, sockets })]))
 */
// the return type is what `consumer` makes of the contract
export function accountSocket({ auth, sockets }: AccountSocketParts) {
  return consumer(account, { auth, lease: '60s', authorize: () => true }, (socket) => ({
    ...sockets.follow(socket, { kind: 'account' }),
    on: {},
    calls: {},
  }))
}
