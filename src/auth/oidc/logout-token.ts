import { isRecord } from '../../wire/json.ts'
import type { CheckedClaims } from '../claims.ts'
import { compactToken } from '../compact-token.ts'
import { InvalidToken } from '../invalid-token.ts'
import { claimsOf, faultOf, type TokenRules } from '../signed-token.ts'

/** A logout token: the subject or the session that has ended. */
export interface Logout {
  readonly claims: CheckedClaims & { readonly iss: string; readonly jti: string }
  readonly sub: string | null
  readonly sid: string | null
  /** For how long the same token would still be accepted. */
  readonly leftMs: number
}

/** The media type of a logout token (section 2.4). An ID token or an access token has another one. */
export const logoutTypes: readonly string[] = ['application/logout+jwt']

const event = 'http://schemas.openid.net/event/backchannel-logout'
/** A provider makes a logout token and sends it at once. An older one may have been stolen. */
const maxAgeMs = 120_000

/**
 * Validates a logout token (OpenID Connect Back-Channel Logout 1.0 section 2.6), except that it is new.
 *
 * @returns what it says, or why it is refused
 */
export async function readLogoutToken(text: string, rules: TokenRules): Promise<Logout | InvalidToken> {
  const token = compactToken(text)
  if (token === null) return new InvalidToken('it does not have the form of a signed token')
  const fault = await faultOf(token, rules, null)
  if (fault !== null) return fault
  const claims = claimsOf(token, rules)
  return claims instanceof InvalidToken ? claims : logoutIn(claims, rules)
}

function logoutIn(claims: CheckedClaims, { claims: rules, clock }: TokenRules): Logout | InvalidToken {
  const { iss, jti, iat, exp, sub = null, sid = null } = claims
  if (iss === undefined) return new InvalidToken('the claim iss is missing')
  if (jti === undefined) return new InvalidToken('the claim jti is missing')
  if (iat === undefined) return new InvalidToken('the claim iat is missing')
  if (Object.hasOwn(claims, 'nonce')) return new InvalidToken('it has a nonce, as ID tokens have')
  if (!isRecord(claims['events']) || !isRecord(claims['events'][event]))
    return new InvalidToken('its events name no logout')
  if (sub === null && sid === null) return new InvalidToken('it names neither a session nor a user')
  const leftMs = Math.min(exp * 1000, iat * 1000 + maxAgeMs) + rules.toleranceMs - clock.now()
  if (leftMs <= 0) return new InvalidToken('it was made too long ago')
  return { claims: { ...claims, iss, jti }, sub, sid, leftMs }
}
