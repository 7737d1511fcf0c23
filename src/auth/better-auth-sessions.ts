import { createHmac } from 'node:crypto'
import type { AuthRequest } from '../core/api/handshake.ts'
import { aClock, type Clock, systemClock } from '../wire/clock.ts'
import type { Identity } from '../core/api/identity.ts'
import { isRecord } from '../wire/json.ts'
import type { Found } from './found.ts'
import { aFunction, assertKind, type OptionKinds } from '../wire/options.ts'
import { isSame } from './hmac.ts'

/** A user as better-auth keeps one; `banned` and `banExpires` are there with its admin plugin. */
export interface AuthUser {
  readonly id: string
  readonly banned?: boolean | null | undefined
  readonly banExpires?: Date | null | undefined
}

/** A session as better-auth keeps one. */
export interface AuthSession {
  readonly id: string
  readonly createdAt: Date
  readonly expiresAt: Date
}

/** What better-auth's `getSession` answers: a session and its user. */
export interface SignedIn {
  readonly user: AuthUser
  readonly session: AuthSession
}

/**
 * What is used of an instance of better-auth 1.7: whatever `betterAuth({ ... })` returns will do. `S` is its
 * own type of what `getSession` answers.
 */
export interface BetterAuth<S extends SignedIn = SignedIn> {
  readonly $Infer: { readonly Session: S }
  readonly api: {
    /** Reads the session that a cookie stands for. */
    getSession(request: {
      readonly headers: Headers
      readonly query: { readonly disableCookieCache: true; readonly disableRefresh: true }
    }): Promise<unknown>
  }
  readonly $context: Promise<AuthContext>
}

/** What is used of better-auth's context. */
export interface AuthContext {
  readonly secret: string
  readonly authCookies: { readonly sessionToken: { readonly name: string } }
  readonly options: object
  readonly adapter: {
    /** Reads one row of the database. */
    findOne(asked: { model: string; where: { field: string; value: string }[] }): Promise<unknown>
  }
  readonly internalAdapter: {
    /** Reads the sessions of a user, from wherever they are kept. */
    listSessions(userId: string): Promise<readonly unknown[]>
  }
}

/** How a signed-in person becomes the user of a socket. */
export interface SignedInOptions<S extends SignedIn, U> {
  /**
   * The user behind a session, `null` or `undefined` for nobody; better-auth's own user when left out. Asked
   * again at each renewal.
   */
  readonly user?: (signedIn: S) => Found<U>
  /** Tells when a ban has ended; the real one when left out. */
  readonly clock?: Clock
}

/** The options that all authenticators of better-auth take. */
export const signedInKinds: OptionKinds<SignedInOptions<SignedIn, unknown>> = {
  user: aFunction,
  clock: aClock,
}

/** Checks the instance that an authenticator was given. @throws TypeError when it is none */
export function assertInstance(where: string, auth: unknown): void {
  const isInstance = (value: unknown): boolean =>
    typeof value === 'object' && value !== null && '$context' in value && 'api' in value
  assertKind(`the instance of ${where}`, auth, { wanted: 'what betterAuth() returns', is: isInstance })
}

/** A session by its names, neither of which is a secret. */
export interface SessionName {
  readonly id: string
  readonly userId: string
}

/** What is looked at in the options that better-auth was made with. */
interface StorageOptions {
  readonly secondaryStorage?: unknown
  readonly session?: { readonly storeSessionInDatabase?: boolean }
}

/** Whether sessions are rows of the database, and not only entries of the secondary storage. */
export function keepsSessionRows(options: object): boolean {
  // asked for by name, this type would refuse instances that were given other options alone
  const { secondaryStorage, session } = options as StorageOptions
  return secondaryStorage === undefined || session?.storeSessionInDatabase === true
}

/** What better-auth is asked with beside a session: where the handshake went, for a base URL that depends on it. */
export type AskedAt = Readonly<Record<string, string>>

/** The headers that better-auth derives a dynamic base URL from. None is a credential. */
const addressHeaders = ['host', 'x-forwarded-host', 'x-forwarded-proto'] as const
/** The longest name of a host, with a port: what is longer is none, and would be kept for each socket. */
const maxAddress = 260

/** What is looked at in the options of an instance whose base URL is chosen at each request. */
interface DynamicOptions {
  readonly baseURL: { readonly allowedHosts: readonly string[] }
  readonly advanced?: { readonly crossSubDomainCookies?: { readonly enabled?: boolean } }
}

/** The options with `baseURL: { allowedHosts }`; `null` where the base URL is a text or missing, and so does not change. */
function dynamic({ options }: AuthContext): DynamicOptions | null {
  const { baseURL } = options as { readonly baseURL?: unknown }
  // better-auth has looked at the rest at its start
  return isRecord(baseURL) && Array.isArray(baseURL['allowedHosts']) ? (options as DynamicOptions) : null
}

/**
 * Where a handshake went, as far as this instance asks for it: nothing with a base URL that does not change. It is kept for
 * renewals.
 */
export function askedAt(context: AuthContext, door: Pick<AuthRequest, 'headers'>): AskedAt {
  if (dynamic(context) === null) return {}
  const { headers } = door
  return Object.fromEntries(
    addressHeaders.flatMap((name) => {
      const value = headers.get(name)
      // copied: a part of a request's text would keep the whole of it in memory
      return value === null || value.length > maxAddress ? [] : [[name, Buffer.from(value).toString()]]
    }),
  )
}

/**
 * The address of a request of this process's own, for what does not depend on it: a host that is allowed. `undefined` with
 * a base URL that does not change.
 */
export function ownRequest(context: AuthContext): { readonly headers: Headers } | undefined {
  const [pattern] = dynamic(context)?.baseURL.allowedHosts ?? []
  if (pattern === undefined) return undefined
  const host = pattern.replace(/^https?:\/\//, '').replace(/\/.*$/, '')
  return { headers: new Headers({ host: host.replace(/[*?]/g, '1') }) }
}

/**
 * The names under which better-auth may look for the session cookie. With a dynamic base URL and `crossSubDomainCookies` it
 * has `__Secure-` where the request came over https, whatever the context says: better-auth says which of both counts.
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

/** The identity that session cookies stand for. */
export async function byCookies<S extends SignedIn, U>(
  { auth, options, at }: SessionRequest<S, U>,
  cookies: SessionCookies,
): Promise<Identity<U> | null> {
  const signedIn = await read(auth, cookies, at)
  const { clock = systemClock } = options
  if (signedIn === null || isBanned(signedIn.user, clock.now())) return null
  return identityOf({ auth, options, at }, signedIn)
}

/** The identity that a signed session token stands for, the value of the session cookie. */
export async function bySignedToken<S extends SignedIn, U>(
  asking: SessionRequest<S, U>,
  signedToken: string,
): Promise<Identity<U> | null> {
  const names = cookieNames(await asking.auth.$context)
  return byCookies(asking, Object.fromEntries(names.map((name) => [name, signedToken])))
}

/** The identity of a session that is known by its id alone; `null` when it has ended or is another user's. */
export async function bySessionId<S extends SignedIn, U>(
  asking: SessionRequest<S, U>,
  name: SessionName,
): Promise<Identity<U> | null> {
  const context = await asking.auth.$context
  const row = await rowOf(context, name)
  return row === null ? null : bySignedToken(asking, signed(row.token, context.secret))
}

/** Whether this instance has signed a session token, as far as that can be seen without its database. */
export function isSigned({ secret }: AuthContext, signedToken: string): boolean {
  const token = signedToken.slice(0, signedToken.lastIndexOf('.'))
  return isSame(Buffer.from(signed(token, secret)), Buffer.from(signedToken))
}

/** Who is asked, how, and where the handshake went. */
export interface SessionRequest<S extends SignedIn, U> {
  readonly auth: BetterAuth<S>
  readonly options: SignedInOptions<S, U>
  readonly at: AskedAt
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
    // the names are kept, the token is not: it is a credential
    renew: () => bySessionId(asking, { id, userId }),
  }
}

/**
 * Reads a session through better-auth, with all of its checks and never from its cookie cache, which knows of
 * no revocation. It is not refreshed either: nobody would deliver the cookie.
 */
async function read<S extends SignedIn>(
  auth: BetterAuth<S>,
  cookies: SessionCookies,
  at: AskedAt,
): Promise<S | null> {
  const cookie = Object.entries(cookies).map(([name, token]) => `${name}=${encodeURIComponent(token)}`)
  const headers = new Headers({ ...at, cookie: cookie.join('; ') })
  const query = { disableCookieCache: true, disableRefresh: true } as const
  // $Infer.Session is what better-auth itself says of this answer
  return (await auth.api.getSession({ headers, query })) as S | null
}

/** Whether a user is banned now. A ban by SQL ends no session, so sessions are read with this too. */
export function isBanned({ banned, banExpires }: AuthUser, now: number): boolean {
  return banned === true && !(banExpires instanceof Date && banExpires.getTime() <= now)
}

/** The columns that are used of better-auth's session table. */
interface Row extends SessionName {
  readonly token: string
}

/** The row of a session, for better-auth's own check of its token, which does not leave this module. */
async function rowOf(context: AuthContext, { id, userId }: SessionName): Promise<Row | null> {
  // rows are asked by id: a list of sessions ends after the first hundred
  const candidates = keepsSessionRows(context.options)
    ? [await context.adapter.findOne({ model: 'session', where: [{ field: 'id', value: id }] })]
    : await context.internalAdapter.listSessions(userId)
  // it answers whole rows, or null where there is none
  const rows = candidates as readonly (Row | null)[]
  return rows.find((row) => row?.id === id && row.userId === userId) ?? null
}

/** A token as it stands in the cookie: with its HMAC-SHA-256 in base64, as better-call signs cookies. */
function signed(token: string, secret: string): string {
  return `${token}.${createHmac('sha256', secret).update(token).digest('base64')}`
}
