import { createHmac } from 'node:crypto'
import type { AuthRequest } from '../core/api/handshake.ts'
import { aClock, type Clock, systemClock } from '../wire/clock.ts'
import type { Identity } from '../core/api/identity.ts'
import { isRecord } from '../wire/json.ts'
import type { Found } from './found.ts'
import { aFunction, assertKind, type OptionKinds } from '../wire/options.ts'
import { isSame } from './hmac.ts'

/** A user of better-auth; `banned` and `banExpires` come from its admin plugin. */
export interface AuthUser {
  readonly id: string
  readonly banned?: boolean | null | undefined
  readonly banExpires?: Date | null | undefined
}

/** A session of better-auth. */
export interface AuthSession {
  readonly id: string
  readonly createdAt: Date
  readonly expiresAt: Date
}

/** What better-auth's `getSession` returns: a session and its user. */
export interface SignedIn {
  readonly user: AuthUser
  readonly session: AuthSession
}

/**
 * The part of better-auth 1.7 that is used: pass what `betterAuth({ ... })` returns. `S` is the type of what
 * its `getSession` returns.
 */
export interface BetterAuth<S extends SignedIn = SignedIn> {
  readonly $Infer: { readonly Session: S }
  readonly api: {
    /** Reads the session of a cookie. */
    getSession(request: {
      readonly headers: Headers
      readonly query: { readonly disableCookieCache: true; readonly disableRefresh: true }
    }): Promise<unknown>
  }
  readonly $context: Promise<AuthContext>
}

/** The part of better-auth's context that is used. */
export interface AuthContext {
  readonly secret: string
  readonly authCookies: { readonly sessionToken: { readonly name: string } }
  readonly options: object
  readonly adapter: {
    /** Reads one row of the database. */
    findOne(asked: { model: string; where: { field: string; value: string }[] }): Promise<unknown>
  }
  readonly internalAdapter: {
    /** Reads the sessions of a user, wherever they are kept. */
    listSessions(userId: string): Promise<readonly unknown[]>
  }
}

/** How a signed-in person becomes the user of a socket. */
export interface SignedInOptions<S extends SignedIn, U> {
  /**
   * The user of a session; `null` or `undefined` when there is none. By default better-auth's own user.
   * Called again at each renewal.
   */
  readonly user?: (signedIn: S) => Found<U>
  /** Tells when a ban has ended; by default the real clock. */
  readonly clock?: Clock
}

/** The options that all authenticators of better-auth take. */
export const signedInKinds: OptionKinds<SignedInOptions<SignedIn, unknown>> = {
  user: aFunction,
  clock: aClock,
}

/** Checks the instance that was passed to an authenticator. @throws TypeError when it is none */
export function assertInstance(where: string, auth: unknown): void {
  const isInstance = (value: unknown): boolean =>
    typeof value === 'object' && value !== null && '$context' in value && 'api' in value
  assertKind(`the instance of ${where}`, auth, { wanted: 'the result of betterAuth()', is: isInstance })
}

/** The names of a session, neither of which is a secret. */
export interface SessionName {
  readonly id: string
  readonly userId: string
}

/** The options of better-auth that are read here. */
interface StorageOptions {
  readonly secondaryStorage?: unknown
  readonly session?: { readonly storeSessionInDatabase?: boolean }
}

/** Whether sessions are rows of the database, and not only entries of the secondary storage. */
export function keepsSessionRows(options: object): boolean {
  // this type, if it were required, would refuse instances made with other options
  const { secondaryStorage, session } = options as StorageOptions
  return secondaryStorage === undefined || session?.storeSessionInDatabase === true
}

/**
 * What better-auth needs beside a session: the address of the handshake, for a base URL that depends on it.
 */
export type HandshakeAddress = Readonly<Record<string, string>>

/** The headers that better-auth derives a dynamic base URL from. None is a credential. */
const addressHeaders = ['host', 'x-forwarded-host', 'x-forwarded-proto'] as const
/** The longest host name with a port. A longer value is none, and would be kept for each socket. */
const maxAddress = 260

/** The options that are read of an instance whose base URL depends on the request. */
interface DynamicOptions {
  readonly baseURL: { readonly allowedHosts: readonly string[] }
  readonly advanced?: { readonly crossSubDomainCookies?: { readonly enabled?: boolean } }
}

/** The options with `baseURL: { allowedHosts }`; `null` where the base URL is a text or missing, and so does not change. */
function dynamic({ options }: AuthContext): DynamicOptions | null {
  const { baseURL } = options as { readonly baseURL?: unknown }
  // better-auth has checked the rest at its start
  return isRecord(baseURL) && Array.isArray(baseURL['allowedHosts']) ? (options as DynamicOptions) : null
}

/**
 * The address of a handshake, as far as this instance uses it: empty with a base URL that does not change. It
 * is kept for renewals.
 */
export function handshakeAddress(
  context: AuthContext,
  request: Pick<AuthRequest, 'headers'>,
): HandshakeAddress {
  if (dynamic(context) === null) return {}
  const { headers } = request
  return Object.fromEntries(
    addressHeaders.flatMap((name) => {
      const value = headers.get(name)
      // copied, because a part of a request's text would keep the whole text in memory
      return value === null || value.length > maxAddress ? [] : [[name, Buffer.from(value).toString()]]
    }),
  )
}

/**
 * A request of our own, for calls that need no particular address: it names an allowed host. `undefined` with
 * a base URL that does not change.
 */
export function ownRequest(context: AuthContext): { readonly headers: Headers } | undefined {
  const [pattern] = dynamic(context)?.baseURL.allowedHosts ?? []
  if (pattern === undefined) return undefined
  const host = pattern.replace(/^https?:\/\//, '').replace(/\/.*$/, '')
  return { headers: new Headers({ host: host.replace(/[*?]/g, '1') }) }
}

/**
 * The names under which better-auth may look for the session cookie. With a dynamic base URL and
 * `crossSubDomainCookies` the name has `__Secure-` when the request came over https, whatever the context
 * says; better-auth decides which of both counts.
 */
export function cookieNames(context: AuthContext): readonly string[] {
  const { name } = context.authCookies.sessionToken
  if (dynamic(context)?.advanced?.crossSubDomainCookies?.enabled !== true) return [name]
  const plain = name.startsWith(securePrefix) ? name.slice(securePrefix.length) : name
  return [plain, securePrefix + plain]
}

const securePrefix = '__Secure-'

/** Session cookies by their names, each a signed session token. */
export type SessionCookies = Readonly<Record<string, string>>

/** The identity of session cookies. */
export async function byCookies<S extends SignedIn, U>(
  { auth, options, at }: SessionRequest<S, U>,
  cookies: SessionCookies,
): Promise<Identity<U> | null> {
  const signedIn = await read(auth, cookies, at)
  const { clock = systemClock } = options
  if (signedIn === null || isBanned(signedIn.user, clock.now())) return null
  return identityOf({ auth, options, at }, signedIn)
}

/** The identity of a signed session token, the value of the session cookie. */
export async function bySignedToken<S extends SignedIn, U>(
  asking: SessionRequest<S, U>,
  signedToken: string,
): Promise<Identity<U> | null> {
  const names = cookieNames(await asking.auth.$context)
  return byCookies(asking, Object.fromEntries(names.map((name) => [name, signedToken])))
}

/**
 * The identity of a session of which only the id is known; `null` when it has ended or belongs to another
 * user.
 */
export async function bySessionId<S extends SignedIn, U>(
  asking: SessionRequest<S, U>,
  name: SessionName,
): Promise<Identity<U> | null> {
  const context = await asking.auth.$context
  const row = await rowOf(context, name)
  return row === null ? null : bySignedToken(asking, signed(row.token, context.secret))
}

/** Whether this instance has signed a session token, as far as that can be checked without its database. */
export function isSigned({ secret }: AuthContext, signedToken: string): boolean {
  const token = signedToken.slice(0, signedToken.lastIndexOf('.'))
  return isSame(Buffer.from(signed(token, secret)), Buffer.from(signedToken))
}

/** The instance, the options, and the address of the handshake. */
export interface SessionRequest<S extends SignedIn, U> {
  readonly auth: BetterAuth<S>
  readonly options: SignedInOptions<S, U>
  readonly at: HandshakeAddress
}

async function identityOf<S extends SignedIn, U>(
  asking: SessionRequest<S, U>,
  signedIn: S,
): Promise<Identity<U> | null> {
  const { options } = asking
  // without the option U is the user of S
  const found = options.user === undefined ? (signedIn.user as unknown as U) : await options.user(signedIn)
  const user = found ?? null
  if (user === null) return null
  const { id, createdAt, expiresAt } = signedIn.session
  const userId = signedIn.user.id
  return {
    user,
    subject: userId,
    session: id,
    issuedAt: createdAt,
    expires: expiresAt,
    // the names are kept, the token is not, because it is a credential
    renew: () => bySessionId(asking, { id, userId }),
  }
}

/**
 * Reads a session through better-auth, with all of its checks. The cookie cache is not used, because it knows
 * no revocations. The session is not refreshed, because the new cookie could not be delivered.
 */
async function read<S extends SignedIn>(
  auth: BetterAuth<S>,
  cookies: SessionCookies,
  at: HandshakeAddress,
): Promise<S | null> {
  const cookie = Object.entries(cookies).map(([name, token]) => `${name}=${encodeURIComponent(token)}`)
  const headers = new Headers({ ...at, cookie: cookie.join('; ') })
  const query = { disableCookieCache: true, disableRefresh: true } as const
  // the type of this result is $Infer.Session of better-auth itself
  return (await auth.api.getSession({ headers, query })) as S | null
}

/** Whether a user is banned now. A ban by SQL ends no session, so sessions are read with this too. */
export function isBanned({ banned, banExpires }: AuthUser, now: number): boolean {
  return banned === true && !(banExpires instanceof Date && banExpires.getTime() <= now)
}

/** The columns of better-auth's session table that are used. */
interface Row extends SessionName {
  readonly token: string
}

/** The row of a session, for better-auth's own check of its token, which stays in this module. */
async function rowOf(context: AuthContext, { id, userId }: SessionName): Promise<Row | null> {
  // rows are read by id, because a list of sessions ends after the first hundred
  const candidates = keepsSessionRows(context.options)
    ? [await context.adapter.findOne({ model: 'session', where: [{ field: 'id', value: id }] })]
    : await context.internalAdapter.listSessions(userId)
  // it returns whole rows, or null where there is none
  const rows = candidates as readonly (Row | null)[]
  return rows.find((row) => row?.id === id && row.userId === userId) ?? null
}

/** A token as it is in the cookie: with its HMAC-SHA-256 in base64, as better-call signs cookies. */
function signed(token: string, secret: string): string {
  return `${token}.${createHmac('sha256', secret).update(token).digest('base64')}`
}
