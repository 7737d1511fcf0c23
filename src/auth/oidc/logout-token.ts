import { isRecord } from '../../wire/json.ts'
import type { CheckedClaims } from '../claims.ts'
import { invalid } from '../invalid-token.ts'
import { genuineToken, type TokenRules, verified } from '../signed-token.ts'

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
 * @throws InvalidToken when it is refused
 */
export async function readLogoutToken(text: string, rules: TokenRules): Promise<Logout> {
  const { claims } = verified(await genuineToken(text, rules, () => {}), rules)
  const { iss = invalid('the claim iss is missing'), jti = invalid('the claim jti is missing') } = claims
  const { iat = invalid('the claim iat is missing'), exp, sub = null, sid = null } = claims
  if (Object.hasOwn(claims, 'nonce')) invalid('it has a nonce, as ID tokens have')
  if (!isRecord(claims['events']) || !isRecord(claims['events'][event])) invalid('its events name no logout')
  if (sub === null && sid === null) invalid('it names neither a session nor a user')
  const leftMs = Math.min(exp * 1000, iat * 1000 + maxAgeMs) + rules.claims.toleranceMs - rules.clock.now()
  if (leftMs <= 0) invalid('it was made too long ago')
  return { claims: { ...claims, iss, jti }, sub, sid, leftMs }
}
