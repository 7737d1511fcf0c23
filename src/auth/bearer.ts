import type { SecurityScheme } from '../core/api/handshake.ts'
import type { Identity } from '../core/api/identity.ts'
import { andThen, type Awaitable } from '../core/runtime/awaitable.ts'
import { Denial } from '../wire/errors.ts'
import { scopesOf, type Statement } from './claims.ts'
import { fingerprint } from './fingerprint.ts'
import type { Found } from './found.ts'
import { InvalidToken } from './invalid-token.ts'
import { issuerScoped } from './issuer-scoped.ts'

/** How documentation describes signed tokens. */
export const signedTokens: SecurityScheme = {
  type: 'http',
  scheme: 'bearer',
  bearerFormat: 'JWT',
  description: 'A signed token in the Authorization header, or in the subprotocol list of browsers.',
}

/** Finds the holder of a token with these claims. */
export interface Holders<U, C> {
  user(claims: C): Found<U>
  /** The name of the identity; by default the `id` of the user. */
  readonly subject?: ((claims: C) => Found<string>) | undefined
}

/** The fields that an identity takes from its token, while they are put together. */
export type TokenFacts = Writable<Omit<Identity<unknown>, 'user' | 'subject' | 'renew'>>

type Writable<T> = { -readonly [K in keyof T]: T[K] }

/**
 * The identity of a bearer token, or its refusal. A bad token is 401 `invalid-token`, with the same text for
 * every reason. A genuine token does not count as a failed attempt.
 *
 * @param fault why the token is not genuine, if it is not
 * @param identify finds the identity of its holder, or why the genuine token is refused all the same; `null`
 * when there is no holder any more
 */
export function bearerIdentity<U>(
  fault: Awaitable<InvalidToken | null>,
  identify: () => Awaitable<Identity<U> | InvalidToken | null>,
): Awaitable<Identity<U> | Denial> {
  return andThen(fault, (found) =>
    found === null ? andThen(identify(), orRefused) : refusedToken(found.why, false),
  )
}

function orRefused<U>(holder: Identity<U> | InvalidToken | null): Identity<U> | Denial {
  if (holder === null) return refusedToken('the user of this token is gone', true)
  return holder instanceof InvalidToken ? refusedToken(holder.why, true) : holder
}

/** A 401; `why` is for operators. */
export function refusedToken(why: string, genuine: boolean): Denial {
  return new Denial(401, 'invalid-token', 'the token is not valid', {
    challenge: 'Bearer error="invalid_token"',
    detail: why,
    genuine,
  })
}

/**
 * The identity of the holder of a token, who is looked up again at each renewal; `null` when there is no
 * holder any more.
 */
export function heldBy<U, C>(
  holders: Holders<U, C>,
  claims: C,
  facts: TokenFacts,
): Awaitable<Identity<U> | null> {
  return andThen(holders.user(claims), (user) => {
    if (user === null || user === undefined) return null
    const identity = { ...facts, user, renew: () => heldBy(holders, claims, facts) }
    if (holders.subject === undefined) return identity
    return andThen(holders.subject(claims), (subject) =>
      subject === null || subject === undefined ? null : { ...identity, subject },
    )
  })
}

/**
 * The token, session, age and scopes of an identity, from the claims of its token. Token and session are
 * named within their issuer, if there is one. A token without `jti` is named by the hash of its text.
 *
 * @param text what of the token nobody can write in another way
 */
export function factsOf(claims: Statement, issuer: string | null, text: string): TokenFacts {
  const { jti, sid, iat } = claims
  const facts: TokenFacts = {
    token: jti === undefined ? fingerprint(text) : nameWithin(issuer, jti),
    // a renewal calls `user` alone: without `iat` the token counts as older than any revocation
    issuedAt: new Date(iat === undefined ? 0 : iat * 1000),
  }
  if (sid !== undefined) facts.session = nameWithin(issuer, sid)
  const scopes = scopesOf(claims)
  if (scopes !== null) facts.scopes = scopes
  return facts
}

function nameWithin(issuer: string | null, id: string): string {
  return issuer === null ? id : issuerScoped(issuer, id)
}

/** When a token ends. A token that was accepted within the tolerance is also valid to the end of it. */
export function endOf(exp: number, toleranceMs: number, nowMs: number): Date {
  return new Date(exp * 1000 > nowMs ? exp * 1000 : exp * 1000 + toleranceMs)
}
