import { Denial, deny } from '../../wire/errors.ts'
import { isRecord } from '../../wire/json.ts'
import { aFunction, assertKind, type OptionKind } from '../../wire/options.ts'
import type { Authenticator, AuthRequest, SecurityScheme, UserOf } from '../api/handshake.ts'
import { limitLookup } from './limit-lookup.ts'
import { dated, type Identity } from '../api/identity.ts'
import { tellsOrigin } from './origin.ts'

/** Authentication schemes that are named in events. */
const plainSchemes: readonly string[] = ['bearer', 'basic', 'digest', 'negotiate', 'ticket', 'key']

/**
 * What may be called to authenticate. A typo such as `auths['member']` must be found at the start, not by the
 * first handshake.
 */
const anAuthenticator: OptionKind = { wanted: 'an authenticator', is: aFunction.is }

/** Marks an authenticator that calls other authenticators: each of those goes through `ask` itself. */
const composite: unique symbol = Symbol('sallyport.composite')

/**
 * Calls one authenticator. An error that is no denial (its database is away) is answered 503 and never taken
 * for an answer. An identity that rests on a cookie needs an Origin: a browser always sends one, and a script
 * can send a token instead.
 */
async function ask<U>(authenticator: Authenticator<U>, request: AuthRequest): Promise<Identity<U> | null> {
  if (composite in authenticator) return authenticator(request)
  // what the authenticator does with the credential is not known: it may be a look-up
  if (authenticator.limitsLookups !== true) limitLookup(request)
  const { cookieReads } = request.credentials
  const identity = await answer(authenticator, request)
  if (identity !== null && request.credentials.cookieReads > cookieReads) assertOriginTold(request.origin)
  return identity
}

/**
 * A cookie proves nothing when the Origin is one that any page can have, even if that Origin is allowed.
 *
 * @throws Denial 403, which a page of an allowed origin can read
 */
function assertOriginTold(origin: string | null): void {
  if (tellsOrigin(origin)) return
  const message =
    origin === null
      ? 'a session cookie without an Origin is refused: send Origin or a bearer token'
      : `a session cookie from the origin '${origin}' is refused, because pages of other sites have it too: send a token or a ticket`
  deny(403, 'origin-required', message, { httpOnly: origin === null })
}

async function answer<U>(authenticator: Authenticator<U>, request: AuthRequest): Promise<Identity<U> | null> {
  try {
    return dated(await authenticator(request))
  } catch (error) {
    if (error instanceof Denial) throw error
    throw new Denial(503, 'unavailable', 'your identity could not be checked: come back later', {
      cause: error,
      detail: 'an authenticator threw',
    })
  }
}

/**
 * Authentication: finds the identity of a handshake.
 *
 * @throws Denial 401 when there is no credential, or an explicit one that no authenticator knows; the denial
 * of an authenticator; 503 when it fails
 */
export async function authenticate<U>(
  authenticator: Authenticator<U>,
  request: AuthRequest,
): Promise<Identity<U>> {
  // only the in-process transport of tests sets `known`, and the type of its visit() comes from this
  // authenticator
  const identity = (request.known as Identity<U> | undefined) ?? (await ask(authenticator, request))
  if (identity !== null) return identity
  refuseUnclaimed(request)
  return deny(401, 'unauthenticated', 'sign in first')
}

function refuseUnclaimed(request: AuthRequest): void {
  const { explicit } = request.credentials
  if (explicit === null) return
  // a key that was sent in the place of a scheme is read as a scheme: only names that are no secret are
  // repeated
  const kind = plainSchemes.includes(explicit.scheme) ? explicit.scheme : 'another scheme'
  deny(401, 'unknown-credential', 'this kind of credential is not accepted here', {
    detail: `${kind} in ${explicit.carrier}`,
  })
}

/**
 * Tries authenticators in order; the first that knows the credential decides, and one that denies ends the search: a bad
 * credential never falls through to the next.
 *
 * @throws TypeError when one of them is no authenticator
 * @example anyOf(bearer, member)
 */
export function anyOf<A extends readonly Authenticator<unknown>[]>(
  ...authenticators: A
): Authenticator<UserOf<A[number]>> {
  for (const one of authenticators) assertKind('the argument of anyOf()', one, anAuthenticator)
  const first = async (request: AuthRequest): Promise<Identity<unknown> | null> => {
    for (const one of authenticators) {
      const identity = await ask(one, request)
      if (identity !== null) return identity
    }
    return null
  }
  // an identity of one of them
  return withSchemes(first, authenticators) as Authenticator<UserOf<A[number]>>
}

/**
 * Accepts peers without a credential as guests, with `user: null`. A bad credential is still refused: its
 * peer never becomes a guest.
 *
 * @throws TypeError when it is no authenticator
 * @example optional(member)
 */
export function optional<A extends Authenticator<unknown>>(
  authenticator: A,
): Authenticator<UserOf<A> | null> {
  assertKind('the argument of optional()', authenticator, anAuthenticator)
  const orGuest = async (request: AuthRequest): Promise<Identity<unknown>> => {
    const identity = await ask(authenticator, request)
    if (identity !== null) return identity
    refuseUnclaimed(request)
    return { user: null }
  }
  // an identity of A, or a guest
  return withSchemes(orGuest, [authenticator]) as Authenticator<UserOf<A> | null>
}

/**
 * Asks for no identity: every peer is a guest. A credential that no authenticator knows is refused all the
 * same.
 */
export const anyone: Authenticator<null> = async (request) => {
  refuseUnclaimed(request)
  return { user: null }
}

function withSchemes<U>(
  authenticator: (request: AuthRequest) => Promise<Identity<U> | null>,
  parts: readonly Authenticator<unknown>[],
): Authenticator<U> {
  const schemes: readonly SecurityScheme[] = parts.flatMap((part) => part.schemes ?? [])
  return Object.assign(authenticator, { schemes, [composite]: true })
}

/**
 * The name of an identity for groups, limits and revocation: its `subject`, or the `id` of its user. A guest
 * is named after its handshake.
 *
 * @throws TypeError when the identity has no subject and its user has no id that is a text or a number
 */
export function subjectOf(identity: Identity<unknown>, handshakeId: string): string {
  const { subject, user } = identity
  if (subject !== undefined) return subject
  if (user === null) return `guest:${handshakeId}`
  const id = isRecord(user) ? user['id'] : undefined
  if (typeof id === 'string' || typeof id === 'number') return String(id)
  throw new TypeError("an identity needs a subject: give its user an 'id', or return { user, subject }")
}
