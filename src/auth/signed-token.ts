import type { Clock } from '../wire/clock.ts'
import { type CheckedClaims, checkedClaims, type ClaimRules } from './claims.ts'
import { type CompactToken, compactToken, looksLikeToken, unverifiedIssuer } from './compact-token.ts'
import { invalid } from './invalid-token.ts'
import type { Verify } from './signature.ts'

/** The rules that a signed token must satisfy. */
export interface TokenRules {
  readonly verify: Verify
  readonly claims: ClaimRules
  /**
   * The media types that its header may have, as {@link mediaType} writes them; `null` for a header without
   * one.
   */
  readonly types: readonly (string | null)[]
  readonly clock: Clock
}

/** A token whose signature was verified, and its claims. */
export interface VerifiedToken {
  readonly token: CompactToken
  readonly claims: CheckedClaims
}

/**
 * Whether a credential has the form of a signed token of one of these issuers; of any issuer when they are
 * `null`.
 */
export function isTokenOf(issuers: readonly string[] | null, value: string): boolean {
  if (!looksLikeToken(value)) return false
  if (issuers === null) return true
  const issuer = unverifiedIssuer(value) ?? ''
  return issuers.some((one) => one === issuer)
}

/**
 * Verifies that a token is genuine: its type, then its signature. Its claims are not checked.
 *
 * @param beforeLookup called before keys are fetched that are not at hand; its error is passed on
 * @throws InvalidToken when it is not; any other error of the source of keys says nothing about the token
 */
export async function genuineToken(
  text: string,
  rules: TokenRules,
  beforeLookup: () => void,
): Promise<CompactToken> {
  const token = compactToken(text)
  if (!rules.types.includes(token.typ === null ? null : mediaType(token.typ)))
    invalid('the token is of another type')
  const pending = rules.verify(token, beforeLookup)
  if (pending !== undefined) await pending
  return token
}

/**
 * The claims of a genuine token. @throws InvalidToken when they are refused by the rules: wrong in time,
 * issuer or audience
 */
export function verified(token: CompactToken, rules: TokenRules): VerifiedToken {
  return { token, claims: checkedClaims(token.payload, rules.claims, rules.clock.now()) }
}

/** A `typ` in full (RFC 7515 section 4.1.9): `application/` may be left out, and case does not count. */
export function mediaType(typ: string): string {
  const lower = typ.toLowerCase()
  return lower.includes('/') ? lower : `application/${lower}`
}
