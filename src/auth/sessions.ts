import { createHmac } from 'node:crypto'
import type { Authenticator, AuthRequest } from '../core/api/handshake.ts'
import { aClock, type Clock, systemClock } from '../wire/clock.ts'
import type { Identity } from '../core/api/identity.ts'
import { andThen, type Awaitable } from '../core/runtime/awaitable.ts'
import { fingerprint } from './fingerprint.ts'
import { cookieAuthenticator } from './cookie-authenticator.ts'
import type { Found } from './found.ts'
import { isSame } from './hmac.ts'
import { listed } from './claims.ts'
import { aFunction, aString, checkedOptions, type OptionKinds, needed, oneOrMore } from '../wire/options.ts'

export { fingerprint } from './fingerprint.ts'

/** What {@link sessions} needs: the cookie's name, and how its value becomes a session and a user. */
export interface SessionOptions<S, U> {
  /** The name of the cookie, such as `'sid'`. */
  readonly cookie: string
  /**
   * The session with this id, from the store of your site; `null` or `undefined` when there is none. Called
   * again at each renewal, with the id alone: a socket keeps no other part of the handshake.
   */
  load(id: string): Found<S>
  /** The user of a session; `null` or `undefined` when there is none any more. */
  user(session: S): Found<U>
  /** When the session ends, if it does. A session that has ended is refused. */
  readonly expires?: (session: S) => Date | null | undefined
  /** When the session began: a revocation of its user refuses sessions from before. */
  readonly issuedAt?: (session: S) => Date | null | undefined
  /**
   * The name under which the session is revoked; by default the {@link fingerprint} of the cookie's id,
   * because the id is a secret.
   */
  readonly id?: (session: S) => string
  /**
   * The secret, or several while one is being replaced, of cookies signed as Express does:
   * `s:<id>.<signature>`.
   */
  readonly secret?: string | readonly string[]
  readonly clock?: Clock
}

const kinds: OptionKinds<SessionOptions<never, unknown>> = {
  cookie: needed(aString),
  load: needed(aFunction),
  user: needed(aFunction),
  expires: aFunction,
  issuedAt: aFunction,
  id: aFunction,
  secret: oneOrMore("the secret that signs the site's cookies"),
  clock: aClock,
}

const maxLength = 4096

/**
 * Authenticates by the session cookie that a site already has: cookie to session to user. For a cookie that
 * is unknown, stale or badly signed it returns `null`, because browsers send cookies unasked.
 *
 * `renew` reads session and user again, so that a lease notices the end of either.
 *
 * @throws TypeError when an option is unknown or malformed, such as a secret that is empty
 * @example sessions({ cookie: 'sid', load: (id) => store.session(id), user: ({ userId }) =>
 * users.find(userId) })
 */
export function sessions<S, U>(options: SessionOptions<S, U>): Authenticator<U> {
  options = checkedOptions('sessions()', options, kinds)
  const secrets = listed(options.secret)
  const authenticate = (request: AuthRequest): Awaitable<Identity<U> | null> => {
    const cookie = request.credentials.cookie(options.cookie)
    if (cookie === null || cookie === '' || cookie.length > maxLength) return null
    const id = secrets === null ? cookie : unsigned(cookie, secrets)
    return id === null ? null : find(options, id)
  }
  return cookieAuthenticator(authenticate, options.cookie)
}

function find<S, U>(options: SessionOptions<S, U>, id: string): Awaitable<Identity<U> | null> {
  return andThen(options.load(id), (session) =>
    session === null || session === undefined ? null : identityOf(options, id, session),
  )
}

function identityOf<S, U>(
  options: SessionOptions<S, U>,
  id: string,
  session: S,
): Awaitable<Identity<U> | null> {
  const expires = options.expires?.(session) ?? null
  const now = (options.clock ?? systemClock).now()
  // an invalid date must end the session, so the comparison is negated
  if (expires !== null && !(expires.getTime() > now)) return null
  return andThen(options.user(session), (user) => {
    if (user === null || user === undefined) return null
    const issuedAt = options.issuedAt?.(session) ?? null
    return {
      user,
      session: options.id?.(session) ?? fingerprint(id),
      ...(expires === null ? {} : { expires }),
      ...(issuedAt === null ? {} : { issuedAt }),
      renew: () => find(options, id),
    }
  })
}

/**
 * The id in `s:<id>.<signature>`, the form of Express and cookie-signature, or `null` when no secret has
 * signed it.
 */
function unsigned(cookie: string, secrets: readonly string[]): string | null {
  const dot = cookie.lastIndexOf('.')
  if (!cookie.startsWith('s:') || dot < 3) return null
  const id = cookie.slice(2, dot)
  const signature = new TextEncoder().encode(cookie.slice(dot + 1))
  return secrets.some((secret) => isSame(signatureOf(id, secret), signature)) ? id : null
}

function signatureOf(id: string, secret: string): Uint8Array {
  const signature = createHmac('sha256', secret).update(id).digest('base64').replace(/=+$/, '')
  return new TextEncoder().encode(signature)
}
