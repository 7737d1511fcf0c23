import { type AuthenticatorFunction, authenticatorOf } from '../core/access/authenticator.ts'
import type { Authenticator } from '../core/api/handshake.ts'

/**
 * Makes an authenticator of a function that reads a session cookie of the site. The function ignores explicit
 * credentials, so it needs no limit of look-ups.
 *
 * @param name the name of the cookie, where it is known before the first request
 */
export function cookieAuthenticator<U>(
  authenticate: AuthenticatorFunction<U>,
  name?: string,
): Authenticator<U> {
  const description =
    'The session cookie of the site. A browser sends it by itself, so an Origin is required with it.'
  const scheme = {
    type: 'httpApiKey',
    in: 'cookie',
    ...(name === undefined ? {} : { name }),
    description,
  } as const
  return authenticatorOf(authenticate, { schemes: [scheme], limitsLookups: true })
}
