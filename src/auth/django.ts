import type { Authenticator, AuthRequest } from '../core/api/handshake.ts'
import { aClock, type Clock, systemClock } from '../wire/clock.ts'
import type { Identity } from '../core/api/identity.ts'
import { andThen, type Awaitable } from '../core/runtime/awaitable.ts'
import { type Duration, milliseconds } from '../wire/duration.ts'
import {
  aDuration,
  aFunction,
  aString,
  checkedOptions,
  either,
  having,
  type OptionKinds,
  needed,
  oneOf,
  strings,
} from '../wire/options.ts'
import { isSameText, saltedHmac, signedObject } from './django-signing.ts'
import { fingerprint } from './fingerprint.ts'
import { cookieAuthenticator } from './cookie-authenticator.ts'
import type { Found } from './found.ts'

export { fingerprint } from './fingerprint.ts'

/** A sign-in, as `django.contrib.auth.login` wrote it into the session. */
export interface DjangoSession {
  /** The primary key of the user, as text: `_auth_user_id`. */
  readonly userId: string
  /** The backend that authenticated the user: `_auth_user_backend`. */
  readonly backend: string
  /** The whole session. */
  readonly data: Readonly<Record<string, unknown>>
}

/** The user of a session, and the password hash that a change of password changes. */
export interface DjangoAccount<U> {
  readonly user: U
  /** The `password` field of the user's row, a hash: it is compared, and not kept. */
  readonly password: string
}

/** A row of the table `django_session`. */
export interface DjangoSessionRow {
  readonly session_data: string
  readonly expire_date: Date
}

/** A session from a cache, decoded. */
export interface DjangoCachedSession {
  readonly data: Readonly<Record<string, unknown>>
  /** When the cache drops it; `null` when only the cache knows. */
  readonly expires: Date | null
  /** When the user signed in, if the site keeps it: a revocation of the user refuses sessions from before. */
  readonly issuedAt?: Date
}

/** Where Django keeps its sessions: your own look-up of a session key. */
export interface DjangoStore {
  /** The session of a key as it is stored, or `null` when there is none. */
  load(sessionKey: string): Found<DjangoSessionRow | DjangoCachedSession>
}

/** What {@link django} needs: the settings of the site, its sessions and its users. */
export interface DjangoOptions<U> {
  /** The site's `SECRET_KEY`. */
  readonly secretKey: string
  /** Its `SECRET_KEY_FALLBACKS`, while a key is being replaced. */
  readonly secretKeyFallbacks?: readonly string[]
  /**
   * Its `SESSION_ENGINE`: `'signed_cookies'`, or the look-up of a session in the table or the cache (`db`,
   * `cached_db`, `file` and `cache`).
   */
  readonly backend: 'signed_cookies' | DjangoStore
  /** Its `SESSION_COOKIE_NAME`; `'sessionid'`. */
  readonly cookie?: string
  /** Its `SESSION_COOKIE_AGE`, for signed cookies; two weeks. */
  readonly cookieAge?: Duration
  /**
   * Its `AUTHENTICATION_BACKENDS`; by default Django's `ModelBackend` alone. Sign-ins of other backends are
   * ignored.
   */
  readonly authenticationBackends?: readonly string[]
  /**
   * The user with this `userId`; `null` or `undefined` when there is none any more or `is_active` is false.
   * Called again at each renewal.
   */
  user(session: DjangoSession): Found<DjangoAccount<U>>
  /** Computes `get_session_auth_hash` of your user model, if you have overridden it. */
  readonly sessionAuthHash?: (password: string, secretKey: string) => string
  readonly clock?: Clock
}

const kinds: OptionKinds<DjangoOptions<unknown>> = {
  secretKey: needed(aString),
  secretKeyFallbacks: strings,
  backend: needed(either(oneOf('signed_cookies'), having('load'))),
  cookie: aString,
  cookieAge: aDuration,
  authenticationBackends: strings,
  user: needed(aFunction),
  sessionAuthHash: aFunction,
  clock: aClock,
}

const maxCookie = 4096
/** How far in the future a cookie may be signed: clocks differ. */
const toleranceMs = 5_000
/** The alphabet of Django, and the width of its column. */
const keyShape = /^[a-z0-9]{8,40}$/
const cookieSalt = 'django.contrib.sessions.backends.signed_cookies'
const storeSalt = 'django.contrib.sessions.SessionStore'
const hashSalt = 'django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash'
const modelBackend = 'django.contrib.auth.backends.ModelBackend'

/**
 * Authenticates by the sessions of a Django site (3.1 and later, JSON serializer): from its `sessionid`
 * cookie to its user. It verifies what Django verifies: signature, age, backend, and the hash of the password
 * field, so that a change of password ends every session. For a cookie that is unknown, stale or badly signed
 * it returns `null`, because browsers send cookies unasked.
 *
 * `renew` reads session and user again, so that a lease notices a logout and a change of password.
 *
 * The function throws ERR_CONFIGURATION, which is answered 503, for a session that is pickled.
 *
 * @throws TypeError when an option is unknown or malformed, such as a secret that is empty
 * @example django({
 *   secretKey,
 *   backend: { load: (key) => db.row('select * from django_session where session_key = $1', key) },
 *   user: ({ userId }) => accounts.active(userId), })
 */
export function django<U>(options: DjangoOptions<U>): Authenticator<U> {
  options = checkedOptions('django()', options, kinds)
  const { cookie = 'sessionid', backend } = options
  const site: DjangoSite<U> = {
    options,
    secrets: [options.secretKey, ...(options.secretKeyFallbacks ?? [])],
    cookieAgeMs: milliseconds(options.cookieAge ?? '14d'),
    clock: options.clock ?? systemClock,
  }
  const authenticate = (request: AuthRequest): Awaitable<Identity<U> | null> => {
    const value = request.credentials.cookie(cookie)
    if (value === null || value.length > maxCookie) return null
    if (backend === 'signed_cookies') return byCookie(site, value)
    return keyShape.test(value) ? byKey(site, value, backend) : null
  }
  return cookieAuthenticator(authenticate, cookie)
}

interface DjangoSite<U> {
  readonly options: DjangoOptions<U>
  readonly secrets: readonly string[]
  readonly cookieAgeMs: number
  readonly clock: Clock
}

type Session = DjangoCachedSession | null
type Read = () => Awaitable<Session>

/** A signed cookie does not change, so a renewal calls `user` alone, and the cookie is not kept. */
function byCookie<U>(site: DjangoSite<U>, cookie: string): Awaitable<Identity<U> | null> {
  const session = fromCookie(site, cookie)
  return identify(site, fingerprint(cookie), () => session)
}

function byKey<U>(site: DjangoSite<U>, key: string, store: DjangoStore): Awaitable<Identity<U> | null> {
  const read = (): Awaitable<Session> => andThen(store.load(key), (stored) => fromStore(site, stored ?? null))
  return identify(site, fingerprint(key), read)
}

function identify<U>(site: DjangoSite<U>, name: string, read: Read): Awaitable<Identity<U> | null> {
  return andThen(read(), (session) => {
    if (session === null || isOver(site, session)) return null
    return andThen(userOf(site, session.data), (user) => {
      if (user === null) return null
      return {
        user,
        session: name,
        ...(session.expires === null ? {} : { expires: session.expires }),
        ...(session.issuedAt === undefined ? {} : { issuedAt: session.issuedAt }),
        renew: () => identify(site, name, read),
      }
    })
  })
}

/** An invalid date must end the session, so the comparison is negated. */
function isOver<U>({ clock }: DjangoSite<U>, { expires }: DjangoCachedSession): boolean {
  return expires !== null && !(expires.getTime() > clock.now())
}

function fromCookie<U>({ secrets, cookieAgeMs, clock }: DjangoSite<U>, cookie: string): Session {
  const signed = signedObject(cookie, cookieSalt, secrets)
  if (signed === null) return null
  const { value: data, signedAtMs } = signed
  // a session from the future would outlive a revocation, which refuses what was issued before it
  if (signedAtMs > clock.now() + toleranceMs) return null
  const expires = new Date(Math.min(signedAtMs + cookieAgeMs, ownEndMs(data, signedAtMs)))
  // no store can tell that it has ended since: the signature alone proves its age
  return { data, expires, issuedAt: new Date(signedAtMs) }
}

/**
 * The end that `set_expiry` set: seconds since the signature, where 0 is the end of the browser, or the ISO
 * 8601 text of a date. Django leaves this end to the browser; a thief's script would ignore it, so it is
 * enforced here. A text that is no date makes an invalid end.
 */
function ownEndMs(data: Readonly<Record<string, unknown>>, signedAtMs: number): number {
  const { _session_expiry: own } = data
  if (typeof own === 'string') return Date.parse(own)
  return typeof own === 'number' && own !== 0 ? signedAtMs + own * 1000 : Number.POSITIVE_INFINITY
}

function fromStore<U>({ secrets }: DjangoSite<U>, stored: DjangoSessionRow | Session): Session {
  if (stored === null) return null
  if ('data' in stored) return stored
  const signed = signedObject(stored.session_data, storeSalt, secrets)
  return signed === null ? null : { data: signed.value, expires: stored.expire_date }
}

function userOf<U>(site: DjangoSite<U>, data: Readonly<Record<string, unknown>>): Awaitable<U | null> {
  const { options, secrets } = site
  const { authenticationBackends = [modelBackend], sessionAuthHash = authHash } = options
  const userId = ownText(data, '_auth_user_id')
  const backend = ownText(data, '_auth_user_backend')
  const hash = ownText(data, '_auth_user_hash')
  if (userId === '' || hash === '' || !authenticationBackends.includes(backend)) return null
  return andThen(options.user({ userId, backend, data }), (account) => {
    if (account === null || account === undefined) return null
    const { user, password } = account
    return secrets.some((secret) => isSameText(sessionAuthHash(password, secret), hash)) ? user : null
  })
}

/** A text that is an own member of the session; empty when there is none. */
function ownText(data: Readonly<Record<string, unknown>>, name: string): string {
  const value = Object.hasOwn(data, name) ? data[name] : ''
  return typeof value === 'string' ? value : ''
}

function authHash(password: string, secretKey: string): string {
  return saltedHmac(hashSalt, secretKey, password).toString('hex')
}
