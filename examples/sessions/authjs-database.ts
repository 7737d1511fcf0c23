// Auth.js with sessions in a database: its own adapter finds them, and a sign-out ends what rests on them.
import type { Authenticator, Server } from 'sallyport'
import { fingerprint, sessions } from 'sallyport/auth/sessions'

interface Session {
  readonly sessionToken: string
  readonly expires: Date
}

/** What is used of the `adapter` in the configuration of Auth.js. */
interface Adapter<U> {
  getSessionAndUser?(
    token: string,
  ): PromiseLike<{ session: Session; user: U } | null> | { session: Session; user: U } | null
}

/** The session cookie of Auth.js: `__Secure-authjs.session-token` under https. */
export function member<U>(adapter: Adapter<U>, cookie = '__Secure-authjs.session-token'): Authenticator<U> {
  return sessions({
    cookie,
    load: async (token) => adapter.getSessionAndUser?.(token),
    user: (found) => found.user,
    expires: (found) => found.session.expires,
  })
}

/** For `events.signOut` in the configuration of Auth.js; its adapter answers the session that it deletes. */
export async function signedOut(server: Server, message: object): Promise<void> {
  const { session } = message as { readonly session?: Session | null } // as Auth.js calls it for this strategy
  if (session) await server.revoke({ session: fingerprint(session.sessionToken), reason: 'signed-out' })
}
