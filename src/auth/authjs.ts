import { hkdfSync } from 'node:crypto'
import { errors, type JWTPayload, jwtDecrypt } from 'jose'
import type { Authenticator, AuthRequest } from '../core/api/handshake.ts'
import { aClock, type Clock, systemClock } from '../wire/clock.ts'
import type { Credentials } from '../core/api/credentials.ts'
import type { Identity } from '../core/api/identity.ts'
import { cookieAuthenticator } from './cookie-authenticator.ts'
import type { Found } from './found.ts'
import { listed } from './claims.ts'
import {
  aFunction,
  aString,
  checkedOptions,
  type OptionKinds,
  needed,
  oneOf,
  oneOrMore,
} from '../wire/options.ts'

/** The session cookie of Auth.js, beside what your `jwt` callback adds. */
export interface AuthjsToken {
  /** When this copy of the cookie ends, in seconds since 1970. */
  readonly exp: number
  /** When this copy was made: Auth.js makes a new one at each visit. */
  readonly iat?: number
  /** The id of the user. */
  readonly sub?: string
  /** The name of this copy. */
  readonly jti?: string
  /** The session, if your `jwt` callback names it: `token.sid ??= crypto.randomUUID()`. */
  readonly sid?: unknown
  readonly [claim: string]: unknown
}

/** What {@link authjs} needs. */
export interface AuthjsOptions<U> {
  /** The site's `AUTH_SECRET` (`NEXTAUTH_SECRET`), or several while one is being replaced, the newest first. */
  readonly secret: string | readonly string[]
  /**
   * The name of the session cookie, which is a part of its key. By default `'__Secure-authjs.session-token'`,
   * and for version 4 `'__Secure-next-auth.session-token'`. A site under plain http, as in development, has
   * it without `__Secure-`.
   */
  readonly cookie?: string
  /** 5, the default, for Auth.js and next-auth 5; 4 for next-auth 4. */
  readonly version?: 4 | 5
  /** The user of a token; `null` or `undefined` when there is none any more. Called again at each renewal. */
  user(token: AuthjsToken): Found<U>
  /** When the user signed in; by default `iat`, which every visit renews. */
  readonly issuedAt?: (token: AuthjsToken) => Date | null | undefined
  readonly clock?: Clock
}

const kinds: OptionKinds<AuthjsOptions<unknown>> = {
  secret: needed(oneOrMore("the site's AUTH_SECRET")),
  cookie: aString,
  version: oneOf(4, 5),
  user: needed(aFunction),
  issuedAt: aFunction,
  clock: aClock,
}

/** How a version derives its keys. */
interface Scheme {
  readonly enc: string
  readonly bytes: number
  readonly cookie: string
  salt(cookie: string): string
  info(cookie: string): string
}

const schemes: Readonly<Record<4 | 5, Scheme>> = {
  4: {
    enc: 'A256GCM',
    bytes: 32,
    cookie: '__Secure-next-auth.session-token',
    salt: () => '',
    info: () => 'NextAuth.js Generated Encryption Key',
  },
  5: {
    enc: 'A256CBC-HS512',
    bytes: 64,
    cookie: '__Secure-authjs.session-token',
    salt: (cookie) => cookie,
    info: (cookie) => `Auth.js Generated Encryption Key (${cookie})`,
  },
}

/** A JWE in compact form whose key is known beforehand (RFC 7516 section 7.1): its second part is empty. */
const shape = /^[A-Za-z0-9_-]+\.\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/
/** A chunk holds 3,936 characters: more of them do not fit into the headers of a handshake. */
const maxChunks = 8
/** How far in the future a cookie may be made: clocks differ. */
const toleranceMs = 5_000

/**
 * Authenticates by the encrypted session cookie of Auth.js (`session: { strategy: 'jwt' }`), whole or in
 * chunks. For a cookie that is expired, foreign or tampered with it returns `null`, because browsers send
 * cookies unasked.
 *
 * This cookie has no store, so no store can revoke it: a copy is valid until `exp`, also after a sign-out. So
 * let your `jwt` callback add a `sid`, which becomes the identity's `session`, and revoke that in
 * `events.signOut`. `renew` calls `user` again, and cannot prolong the session.
 *
 * @throws TypeError when an option is unknown or malformed, such as a secret that is missing or empty
 * @example authjs({ secret: process.env['AUTH_SECRET'] ?? '', user: ({ sub }) => users.find(sub) })
 */
export function authjs<U>(options: AuthjsOptions<U>): Authenticator<U> {
  options = checkedOptions('authjs()', options, kinds)
  const scheme = schemes[options.version ?? 5]
  const { cookie = scheme.cookie } = options
  const site: AuthjsSite<U> = { options, enc: scheme.enc, keys: keysOf(options.secret, scheme, cookie) }
  const authenticate = async ({ credentials }: AuthRequest): Promise<Identity<U> | null> => {
    const value = joined(credentials, cookie)
    const token = shape.test(value) ? await decrypted(site, value) : null
    return token === null ? null : identityOf(site, token)
  }
  return cookieAuthenticator(authenticate, cookie)
}

interface AuthjsSite<U> {
  readonly options: AuthjsOptions<U>
  readonly enc: string
  readonly keys: readonly Uint8Array[]
}

function keysOf(secret: string | readonly string[], scheme: Scheme, cookie: string): readonly Uint8Array[] {
  const [salt, info] = [scheme.salt(cookie), scheme.info(cookie)]
  return (listed(secret) ?? []).map(
    (one) => new Uint8Array(hkdfSync('sha256', one, salt, info, scheme.bytes)),
  )
}

/**
 * The value of the cookie, or of its chunks `.0`, `.1`, ... up to the first that is missing; empty when there
 * are too many.
 */
function joined(credentials: Credentials, name: string): string {
  const whole = credentials.cookie(name)
  if (whole !== null && whole !== '') return whole
  const chunks: string[] = []
  for (let at = 0; at <= maxChunks; at++) {
    const chunk = credentials.cookie(`${name}.${at}`)
    if (chunk === null) break
    chunks.push(chunk)
  }
  return chunks.length > maxChunks ? '' : chunks.join('')
}

async function decrypted<U>(site: AuthjsSite<U>, value: string): Promise<AuthjsToken | null> {
  const now = (site.options.clock ?? systemClock).now()
  for (const key of site.keys) {
    const token = await decryptedWith(key, site.enc, { value, now })
    // a token from the future would outlive a revocation, which refuses what was issued before it
    if (token !== null) return (token.iat ?? 0) * 1000 > now + toleranceMs ? null : token
  }
  return null
}

async function decryptedWith(
  key: Uint8Array,
  enc: string,
  { value, now }: { readonly value: string; readonly now: number },
): Promise<AuthjsToken | null> {
  try {
    const { payload } = await jwtDecrypt(value, key, {
      keyManagementAlgorithms: ['dir'],
      contentEncryptionAlgorithms: [enc],
      currentDate: new Date(now),
    })
    return tokenOf(payload)
  } catch (error) {
    if (error instanceof errors.JOSEError) return null
    throw error
  }
}

/**
 * The payload, if the claims that are used here are of the right types. jose has checked the dates that are
 * there.
 */
function tokenOf(payload: JWTPayload): AuthjsToken | null {
  const { exp, sub, jti } = payload
  if (exp === undefined) return null
  if ([sub, jti].some((name) => name !== undefined && (typeof name !== 'string' || name === ''))) return null
  return { ...payload, exp }
}

async function identityOf<U>(site: AuthjsSite<U>, token: AuthjsToken): Promise<Identity<U> | null> {
  const { options } = site
  if (token.exp * 1000 <= (options.clock ?? systemClock).now()) return null
  const user = (await options.user(token)) ?? null
  if (user === null) return null
  const { exp, iat = 0, sub, jti, sid } = token
  const issuedAt = options.issuedAt === undefined ? new Date(iat * 1000) : options.issuedAt(token)
  return {
    user,
    expires: new Date(exp * 1000),
    ...(sub === undefined ? {} : { subject: sub }),
    ...(jti === undefined ? {} : { token: jti }),
    ...(typeof sid === 'string' && sid !== '' ? { session: sid } : {}),
    // a renewal calls `user` alone: a token without a date counts as older than any revocation
    issuedAt: issuedAt ?? new Date(0),
    renew: () => identityOf(site, token),
  }
}
