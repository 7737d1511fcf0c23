import type { Clock } from '../wire/clock.ts'
import { type CheckedClaims, checkedClaims, type ClaimRules } from './claims.ts'
import { type CompactToken, compactToken, looksLikeToken, unverifiedIssuer } from './compact-token.ts'
import { invalid } from './invalid-token.ts'
import type { Verify } from './signature.ts'

/** What a signed token must be to be believed. */
export interface TokenRules {
  readonly verify: Verify
  readonly claims: ClaimRules
  /** The media types that its header may say, as {@link mediaType} writes them; `null` for a header that says none. */
  readonly types: readonly (string | null)[]
  readonly clock: Clock
}

/** A token that an issuer has signed, and what it says. */
export interface VerifiedToken {
  readonly token: CompactToken
  readonly claims: CheckedClaims
}

/** Whether a credential is written like a signed token of one of these issuers; of any when they are `null`. */
export function isTokenOf(issuers: readonly string[] | null, value: string): boolean {
  if (!looksLikeToken(value)) return false
  if (issuers === null) return true
  const issuer = unverifiedIssuer(value) ?? ''
  return issuers.some((one) => one === issuer)
}

/**
 * Shows that a token is genuine: its type, then its signature. What it says is not looked at.
 *
 * @param beforeLookup called before keys are asked for that are not at hand; what it throws is thrown on
 * @throws InvalidToken when it is not; whatever else the keys' source throws is no verdict
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

/** What a genuine token says. @throws InvalidToken when that is not to be believed, or not now, or not here */
export function verified(token: CompactToken, rules: TokenRules): VerifiedToken {
  return { token, claims: checkedClaims(token.payload, rules.claims, rules.clock.now()) }
}

/** A `typ` in full (RFC 7515 section 4.1.9): `application/` may be left out, and case does not count. */
export function mediaType(typ: string): string {
  const lower = typ.toLowerCase()
  return lower.includes('/') ? lower : `application/${lower}`
}
