import { Denial } from '../../wire/errors.ts'
import { isRecord } from '../../wire/json.ts'
import { aFunction, assertKind, type OptionKind } from '../../wire/options.ts'
import type { Authenticator, AuthRequest, UserOf } from '../api/handshake.ts'
import { checkedIdentity, type Identity } from '../api/identity.ts'
import { andThen, type Awaitable, isThenable } from '../runtime/awaitable.ts'
import {
  type AuthenticatorAnswer,
  type AuthenticatorFunction,
  authenticatorOf,
  ownAuthenticatorOf,
} from './authenticator.ts'
import { limitLookup } from './limit-lookup.ts'
import { tellsOrigin } from './origin.ts'

/** Authentication schemes that are named in events. */
const plainSchemes: readonly string[] = ['bearer', 'basic', 'digest', 'negotiate', 'ticket', 'key']

/**
 * What may be called to authenticate. A typo such as `auths['member']` must be found at the start, not by the
 * first handshake.
 */
const anAuthenticator: OptionKind = { wanted: 'an authenticator', is: aFunction.is }

/**
 * Authentication: finds the identity of a handshake, at once where the authenticator answers at once. It
 * never throws or rejects.
 *
 * @returns the identity, or the refusal: 401 when there is no credential, or an explicit one that no
 * authenticator knows; the denial of an authenticator; 503 when it fails
 */
export function authenticate<U>(
  authenticator: Authenticator<U>,
  request: AuthRequest,
): Awaitable<Identity<U> | Denial> {
  // only the in-process transport of tests sets `known`, and the type of its visit() comes from this
  // authenticator
  const known = request.known as Identity<U> | undefined
  return known ?? ask(authenticator, request, signInFirst)
}

/**
 * Asks one authenticator, and then the next where the credential was of another kind. An error that is no denial
 * (its database is away) is answered 503 and never taken for an answer. An identity that rests on a cookie
 * needs an Origin: a browser always sends one, and a script can send a token instead.
 */
function ask<U, B>(
  authenticator: Authenticator<U>,
  request: AuthRequest,
  next: (request: AuthRequest) => Awaitable<B>,
): Awaitable<Identity<U> | Denial | B> {
  const made = ownAuthenticatorOf(authenticator)
  if (made?.isComposite === true)
    return andThen(
      made.ask(request),
      (answer): Awaitable<Identity<U> | Denial | B> => answer ?? next(request),
    )
  const { cookieReads } = request.credentials
  let answer: AuthenticatorAnswer<U>
  try {
    // what the authenticator does with the credential is not known: it may be a look-up
    if (authenticator.limitsLookups !== true) limitLookup(request)
    const given = made === undefined ? authenticator(request) : made.ask(request)
    if (isThenable(given)) return askedLater(given, { request, cookieReads, next })
    answer = checked(given, request, cookieReads)
  } catch (error) {
    return refusalBy(error)
  }
  return answer ?? next(request)
}

/** A question to an authenticator that answers later. */
interface Asked<B> {
  readonly request: AuthRequest
  readonly cookieReads: number
  readonly next: (request: AuthRequest) => Awaitable<B>
}

async function askedLater<U, B>(
  pending: PromiseLike<unknown>,
  { request, cookieReads, next }: Asked<B>,
): Promise<Identity<U> | Denial | B> {
  let answer: AuthenticatorAnswer<U>
  try {
    answer = checked(await pending, request, cookieReads)
  } catch (error) {
    return refusalBy(error)
  }
  return answer ?? next(request)
}

/** @throws TypeError when it is no answer of an authenticator */
function checked<U>(answer: unknown, request: AuthRequest, cookieReads: number): AuthenticatorAnswer<U> {
  if (answer === null || answer instanceof Denial) return answer
  if (!isRecord(answer) || answer instanceof Error)
    throw new TypeError('an authenticator answers an identity or null')
  // it comes from an authenticator of U
  const identity = checkedIdentity(answer as unknown as Identity<U>)
  const isByCookie = request.credentials.cookieReads > cookieReads
  return isByCookie && !tellsOrigin(request.origin) ? originUntold(request.origin) : identity
}

/**
 * A cookie proves nothing when the Origin is one that any page can have, even if that Origin is allowed. A
 * page of an allowed origin can read this 403.
 */
function originUntold(origin: string | null): Denial {
  const message =
    origin === null
      ? 'a session cookie without an Origin is refused: send Origin or a bearer token'
      : `a session cookie from the origin '${origin}' is refused, because pages of other sites have it too: send a token or a ticket`
  return new Denial(403, 'origin-required', message, { httpOnly: origin === null })
}

function refusalBy(error: unknown): Denial {
  if (error instanceof Denial) return error
  return new Denial(503, 'unavailable', 'your identity could not be checked: come back later', {
    cause: error,
    detail: 'an authenticator threw',
  })
}

function signInFirst(request: AuthRequest): Denial {
  return unclaimed(request) ?? new Denial(401, 'unauthenticated', 'sign in first')
}

/** The refusal of an explicit credential that no authenticator knows; `null` when there is none. */
function unclaimed({ credentials }: AuthRequest): Denial | null {
  const { explicit } = credentials
  if (explicit === null) return null
  // a key that was sent in the place of a scheme is read as a scheme: only names that are no secret are
  // repeated
  const kind = plainSchemes.includes(explicit.scheme) ? explicit.scheme : 'another scheme'
  return new Denial(401, 'unknown-credential', 'this kind of credential is not accepted here', {
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
  const first = authenticators.reduceRight<AuthenticatorFunction<unknown>>(
    (next, one) => (request) => ask(one, request, next),
    () => null,
  )
  // an identity of one of them
  return composite(first, authenticators) as Authenticator<UserOf<A[number]>>
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
  const orGuest: AuthenticatorFunction<unknown> = (request) => ask(authenticator, request, guest)
  // an identity of A, or a guest
  return composite(orGuest, [authenticator]) as Authenticator<UserOf<A> | null>
}

/**
 * Asks for no identity: every peer is a guest. A credential that no authenticator knows is refused all the
 * same.
 */
export const anyone: Authenticator<null> = authenticatorOf(guest, {})

function guest(request: AuthRequest): Identity<null> | Denial {
  return unclaimed(request) ?? { user: null }
}

function composite<U>(
  asked: AuthenticatorFunction<U>,
  parts: readonly Authenticator<unknown>[],
): Authenticator<U> {
  return authenticatorOf(asked, { schemes: parts.flatMap((part) => part.schemes ?? []) }, true)
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
