import type { SecurityScheme } from '../core/api/handshake.ts'
import type { Identity } from '../core/api/identity.ts'
import { deny } from '../wire/errors.ts'
import { scopesOf, type Statement } from './claims.ts'
import { fingerprint } from './fingerprint.ts'
import type { Found } from './found.ts'
import { invalid, InvalidToken } from './invalid-token.ts'
import { issuerScoped } from './issuer-scoped.ts'
import type { TokenRules, VerifiedToken } from './signed-token.ts'

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

/** The fields that an identity takes from its token. */
export type TokenFacts = Omit<Identity<unknown>, 'user' | 'subject' | 'renew'>

/** How a bearer token becomes an identity. */
export interface BearerReading<T, U> {
  /** Verifies the token. @throws InvalidToken when it is not genuine */
  verify(): Promise<T>
  /**
   * The identity of its holder; `null` when there is no holder any more. @throws InvalidToken when the
   * genuine token is refused all the same
   */
  identify(genuine: T): Identity<U> | null | Promise<Identity<U> | null>
}

/**
 * The identity of a bearer token. A bad token is 401 `invalid-token`, with the same text for every reason. A
 * genuine token does not count as a failed attempt.
 *
 * @throws Denial 401 in place of InvalidToken; any other error says nothing about the token
 */
export async function refusingBad<T, U>({ verify, identify }: BearerReading<T, U>): Promise<Identity<U>> {
  let genuine = false
  try {
    const token = await verify()
    genuine = true
    return (await identify(token)) ?? invalid('the user of this token is gone')
  } catch (error) {
    if (!(error instanceof InvalidToken)) throw error
    return refuseToken(error.message, genuine)
  }
}

/** @throws Denial 401 always; `why` is for operators */
export function refuseToken(why: string, genuine: boolean): never {
  return deny(401, 'invalid-token', 'the token is not valid', {
    challenge: 'Bearer error="invalid_token"',
    detail: why,
    genuine,
  })
}

/**
 * The identity of the holder of a token, who is looked up again at each renewal; `null` when there is no
 * holder any more.
 */
export async function heldBy<U, C>(
  holders: Holders<U, C>,
  claims: C,
  facts: TokenFacts,
): Promise<Identity<U> | null> {
  const user = await holders.user(claims)
  if (user === null || user === undefined) return null
  const subject = (await holders.subject?.(claims)) ?? null
  if (holders.subject !== undefined && subject === null) return null
  return {
    ...facts,
    ...(subject === null ? {} : { subject }),
    user,
    renew: () => heldBy(holders, claims, facts),
  }
}

/**
 * The fields of an identity. The token is named by its `jti`, or by the hash of what is signed. The signature
 * is not part of that name: anyone can rewrite an ECDSA signature so that it stays valid.
 */
export function factsOf({ token, claims }: VerifiedToken, { claims: rules, clock }: TokenRules): TokenFacts {
  // without a configured issuer the tokens are the application's own, and `iss` could hold any text
  const issuer = rules.issuers === null ? null : (claims.iss ?? null)
  return {
    token: fingerprint(token.signed),
    expires: endOf(claims.exp, rules.toleranceMs, clock.now()),
    // a renewal calls `user` alone: without `iat` the token counts as older than any revocation
    issuedAt: new Date(0),
    ...statedFacts(claims, issuer),
  }
}

/** When a token ends. A token that was accepted within the tolerance is also valid to the end of it. */
export function endOf(exp: number, toleranceMs: number, nowMs: number): Date {
  return new Date(exp * 1000 > nowMs ? exp * 1000 : exp * 1000 + toleranceMs)
}

/**
 * The token, session, age and scopes in claims. Token and session are named within their issuer, if there is
 * one.
 */
export function statedFacts(claims: Statement, issuer: string | null): Partial<Omit<TokenFacts, 'expires'>> {
  const { jti, sid, iat } = claims
  const scopes = scopesOf(claims)
  const named = (id: string): string => (issuer === null ? id : issuerScoped(issuer, id))
  return {
    ...(jti === undefined ? {} : { token: named(jti) }),
    ...(sid === undefined ? {} : { session: named(sid) }),
    ...(iat === undefined ? {} : { issuedAt: new Date(iat * 1000) }),
    ...(scopes === null ? {} : { scopes }),
  }
}
