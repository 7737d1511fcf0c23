import { authenticatorOf } from '../core/access/authenticator.ts'
import type { Authenticator, AuthRequest, SecurityScheme } from '../core/api/handshake.ts'
import type { Identity } from '../core/api/identity.ts'
import { andThen, type Awaitable, isThenable } from '../core/runtime/awaitable.ts'
import type { Clock } from '../wire/clock.ts'
import type { Denial } from '../wire/errors.ts'
import { tokenEnd, factsOf, orRefused, refusedToken, type TokenFacts } from './bearer.ts'
import { type CheckedClaims, checkedClaims, type ClaimRules } from './claims.ts'
import { type CompactToken, compactToken, headerOf } from './compact-token.ts'
import { InvalidToken } from './invalid-token.ts'
import type { Verify } from './signature.ts'

/** The rules that a signed token must satisfy. */
export interface TokenRules {
  readonly verify: Verify
  readonly claims: ClaimRules
  /** The media types that its header may have, in full; `null` for a header without one. */
  readonly types: readonly (string | null)[]
  readonly clock: Clock
}

/**
 * Makes an authenticator of signed tokens as bearer credentials. Credentials of another form or issuer are left to others. A
 * bad token is 401 `invalid-token`, with the same text for every reason.
 *
 * @param identify finds the holder of a genuine token, or why the token is refused all the same
 */
export function tokenAuthenticator<U>(
  rules: TokenRules,
  identify: (token: CompactToken) => Awaitable<Identity<U> | InvalidToken | null>,
): Authenticator<U> {
  const identified = (token: CompactToken, fault: InvalidToken | null): Awaitable<Identity<U> | Denial> =>
    fault === null ? andThen(identify(token), orRefused) : refusedToken(fault.why, false)
  const later = async (
    token: CompactToken,
    pending: Promise<InvalidToken | null>,
  ): Promise<Identity<U> | Denial> => identified(token, await pending)
  return authenticatorOf(
    (request) => {
      const token = tokenOf(rules.claims.issuers, request.credentials.of('bearer') ?? '')
      if (token === null) return null
      const fault = faultOf(token, rules, request)
      return isThenable(fault) ? later(token, fault) : identified(token, fault)
    },
    { schemes: [signedTokens], limitsLookups: true },
  )
}

/** How documentation describes signed tokens. */
const signedTokens: SecurityScheme = {
  type: 'http',
  scheme: 'bearer',
  bearerFormat: 'JWT',
  description: 'A signed token in the Authorization header, or in the subprotocol list of browsers.',
}

/**
 * A credential that has the form of a signed token of one of these issuers, otherwise `null`; of any issuer
 * when they are `null`. The issuer is not verified here: it only chooses an authenticator.
 */
export function tokenOf(issuers: readonly string[] | null, value: string): CompactToken | null {
  const token = compactToken(value)
  if (token === null || issuers === null) return token
  const issuer = token.claims?.['iss']
  return issuers.some((one) => one === issuer) ? token : null
}

/**
 * Why a token is not genuine, of its form, its type and its signature; `null` when it is genuine. Its claims
 * are not checked.
 *
 * @param request whose lookups are limited; `null` where no handshake asks
 * @throws the error of the source of keys, which says nothing about the token
 */
export function faultOf(
  token: CompactToken,
  { types, verify }: TokenRules,
  request: AuthRequest | null,
): Awaitable<InvalidToken | null> {
  const header = headerOf(token)
  if (header instanceof InvalidToken) return header
  return types.includes(header.typ)
    ? verify(token, header, request)
    : new InvalidToken('the token is of another type')
}

/** The claims of a genuine token, or why they are refused by the rules. */
export function claimsOf(token: CompactToken, { claims, clock }: TokenRules): CheckedClaims | InvalidToken {
  return checkedClaims(token.claims, claims, clock.now())
}

/**
 * The fields of the identity of a verified token. The token is named by its `jti`, or by the hash of what is
 * signed. The signature is not part of that name: anyone can rewrite an ECDSA signature so that it stays
 * valid.
 */
export function tokenFacts(
  { signed }: CompactToken,
  claims: CheckedClaims,
  { claims: rules, clock }: TokenRules,
): TokenFacts {
  // without a configured issuer the tokens are the application's own, and `iss` could hold any text
  const issuer = rules.issuers === null ? null : (claims.iss ?? null)
  const facts = factsOf(claims, issuer, signed)
  facts.end = tokenEnd(claims.exp, rules.toleranceMs, clock.now())
  return facts
}
