import { authenticatorOf } from '../core/access/authenticator.ts'
import type { Authenticator, AuthRequest } from '../core/api/handshake.ts'
import type { Identity } from '../core/api/identity.ts'
import { limitLookup } from '../core/access/limit-lookup.ts'
import type { Denial } from '../wire/errors.ts'
import { checkedOptions, type OptionKinds, needed, oneOrMore, strings } from '../wire/options.ts'
import { cookieAuthenticator } from './cookie-authenticator.ts'
import { refusedToken } from './bearer.ts'
import {
  handshakeAddress,
  type SessionRequest,
  assertInstance,
  type BetterAuth,
  byCookies,
  bySessionId,
  bySignedToken,
  cookieNames,
  isSigned,
  ownRequest,
  signedInKinds,
  type SignedIn,
  type SignedInOptions,
} from './better-auth-sessions.ts'
import { type Claims, jwt } from './jwt.ts'

export type {
  AuthContext,
  AuthSession,
  AuthUser,
  BetterAuth,
  SignedIn,
  SignedInOptions,
} from './better-auth-sessions.ts'
export {
  type AfterHook,
  type AuthPlugin,
  type DatabaseHooks,
  type EndpointHook,
  type InitContext,
  revocations,
  type RevocationsOptions,
  type SessionRow,
} from './better-auth-revocations.ts'

/** A session token with its signature: base64 of 32 bytes. */
const signedShape = /^[^.]{1,256}\.[A-Za-z0-9+/]{43}=$/

/**
 * Authenticates by the session cookie of better-auth, whatever its name and prefix are there. It returns
 * `null` for a cookie that is unknown, stale or badly signed, or of a banned user: browsers send cookies in
 * any case.
 *
 * The session is read from its store at each handshake and at each renewal, by id; neither the cookie cache
 * nor the token is kept. An identity names the user as `subject`, and its `session` is the id of the session,
 * never its token.
 *
 * @example export const auth = betterAuth({ ..., plugins: [revocations({ server })] }) const member =
 * sessionCookie(auth)
 */
export function sessionCookie<S extends SignedIn, U = S['user']>(
  auth: BetterAuth<S>,
  options: SignedInOptions<S, U> = {},
): Authenticator<U> {
  assertInstance('sessionCookie()', auth)
  options = checkedOptions('sessionCookie()', options, signedInKinds)
  const authenticate = async (request: AuthRequest): Promise<Identity<U> | null> => {
    const context = await auth.$context
    const cookies = cookieNames(context).flatMap((name) => {
      const value = request.credentials.cookie(name) ?? ''
      return signedShape.test(value) ? [[name, value] as const] : []
    })
    if (cookies.length === 0) return null
    return byCookies({ auth, options, at: handshakeAddress(context, request) }, Object.fromEntries(cookies))
  }
  return cookieAuthenticator(authenticate)
}

/**
 * Authenticates by the signed session tokens that better-auth's `bearer` plugin puts into `set-auth-token`,
 * as bearer credentials. A token without its signature is refused, because the table of sessions holds it in
 * that form. A token that is unknown, ended or badly signed is 401 `invalid-token`.
 *
 * @example anyOf(sessionToken(auth), sessionCookie(auth))
 */
export function sessionToken<S extends SignedIn, U = S['user']>(
  auth: BetterAuth<S>,
  options: SignedInOptions<S, U> = {},
): Authenticator<U> {
  assertInstance('sessionToken()', auth)
  options = checkedOptions('sessionToken()', options, signedInKinds)
  const authenticate = async (request: AuthRequest, value: string): Promise<Identity<U> | Denial> => {
    const context = await auth.$context
    const genuine = isSigned(context, value)
    if (!genuine) limitLookup(request)
    const identity = await bySignedToken({ auth, options, at: handshakeAddress(context, request) }, value)
    return identity ?? refusedToken('the session is unknown or has ended', genuine)
  }
  return authenticatorOf(
    (request) => {
      const value = request.credentials.of('bearer') ?? ''
      return signedShape.test(value) ? authenticate(request, value) : null
    },
    {
      schemes: [{ type: 'http', scheme: 'bearer', description: 'A signed session token.' }],
      limitsLookups: true,
    },
  )
}

/** An instance of better-auth with its `jwt` plugin. */
export interface SigningBetterAuth<S extends SignedIn = SignedIn> extends BetterAuth<S> {
  readonly api: BetterAuth<S>['api'] & {
    /** Reads the public keys of the plugin. */
    getJwks(request?: { readonly headers: Headers }): Promise<unknown>
  }
}

/** What {@link accessToken} needs. */
export interface AccessTokenOptions<S extends SignedIn, U> extends SignedInOptions<S, U> {
  /**
   * The `jwt.issuer` of the plugin; by default better-auth's `baseURL`. With `baseURL: { allowedHosts }` that
   * is the origin of each request, so list all of them, or set `jwt.issuer`.
   */
  readonly issuer: string | readonly string[]
  /** The `jwt.audience` of the plugin, with the same default. */
  readonly audience: string | readonly string[]
  /** The algorithms that may be used; by default those of the keys. */
  readonly algorithms?: readonly string[]
}

const tokenKinds: OptionKinds<AccessTokenOptions<SignedIn, unknown>> = {
  ...signedInKinds,
  issuer: needed(oneOrMore('an issuer')),
  audience: needed(oneOrMore('an audience')),
  algorithms: strings,
}

/**
 * Authenticates by the access tokens of better-auth's `jwt` plugin, in the process that runs better-auth.
 * They are verified with its own key set, and valid only while the session in their `sid` lives. Give the
 * plugin `definePayload: ({ session }) => ({ sid: session.id })`; a token without it is 401 `invalid-token`,
 * and so is one of a session that has ended. A socket ends with its token or its session, whichever is first.
 *
 * In another process use `jwt()` with `jwks: new URL('/api/auth/jwks', issuer)`: revocations reach it by
 * `sid` over the layer.
 *
 * @throws SallyportError ERR_CONFIGURATION when an algorithm is unknown
 * @example accessToken(auth, { issuer: 'https://app.example', audience: 'https://app.example' })
 */
export function accessToken<S extends SignedIn, U = S['user']>(
  auth: SigningBetterAuth<S>,
  options: AccessTokenOptions<S, U>,
): Authenticator<U> {
  assertInstance('accessToken()', auth)
  options = checkedOptions('accessToken()', options, tokenKinds)
  const { issuer, audience, algorithms, clock } = options
  const tokens = jwt({
    issuer,
    audience,
    ...(algorithms === undefined ? {} : { algorithms }),
    ...(clock === undefined ? {} : { clock }),
    // the keys are read in this process: the address only names them
    jwks: new URL('http://localhost/api/auth/jwks'),
    fetch: async () => Response.json(await auth.api.getJwks(ownRequest(await auth.$context))),
    user: (claims: Claims) => claims,
    session: ({ sid }) => sid,
  })
  const authenticate = async (request: AuthRequest): Promise<Identity<U> | Denial | null> => {
    const token = await tokens(request)
    if (token === null) return null
    const { sid } = token.user
    if (sid === undefined) return refusedToken('the token names no session as sid', true)
    const at = handshakeAddress(await auth.$context, request)
    const identity = await withSession(token, sid, { auth, options, at })
    return identity ?? refusedToken('its session has ended', true)
  }
  return authenticatorOf(authenticate, { schemes: tokens.schemes ?? [], limitsLookups: true })
}

/**
 * The identity of a token with the user of its session. It ends with whichever ends first; `null` when the
 * session has ended.
 */
async function withSession<S extends SignedIn, U>(
  { user: claims, ...facts }: Identity<Claims>,
  sid: string,
  asking: SessionRequest<S, U>,
): Promise<Identity<U> | null> {
  const session = await bySessionId(asking, { userId: claims.sub, id: sid })
  if (session === null) return null
  return {
    ...facts,
    user: session.user,
    ...(session.subject === undefined ? {} : { subject: session.subject }),
    ...earlier(facts.expires, session.expires),
    renew: () => withSession({ user: claims, ...facts }, sid, asking),
  }
}

function earlier(...ends: readonly (Date | undefined)[]): { readonly expires?: Date } {
  const known = ends.filter((end) => end !== undefined)
  const [expires] = known.toSorted((one, other) => one.getTime() - other.getTime())
  return expires === undefined ? {} : { expires }
}
