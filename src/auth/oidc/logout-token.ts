import { isRecord } from '../../wire/json.ts'
import type { CheckedClaims } from '../claims.ts'
import { invalid } from '../invalid-token.ts'
import { genuineToken, type TokenRules, verified } from '../signed-token.ts'

/** What a logout token says: whose session has ended, or which. */
export interface Logout {
  readonly claims: CheckedClaims & { readonly iss: string; readonly jti: string }
  readonly sub: string | null
  readonly sid: string | null
  /** For how long the same token would be taken again. */
  readonly leftMs: number
}

/** The media type of a logout token (section 2.4): an ID token or an access token is none. */
export const logoutTypes: readonly string[] = ['application/logout+jwt']

const event = 'http://schemas.openid.net/event/backchannel-logout'
/** A provider makes one and sends it: an older one was kept by somebody. */
const maxAgeMs = 120_000

/**
 * Validates a logout token (OpenID Connect Back-Channel Logout 1.0 section 2.6), all but that it is new.
 *
 * @throws InvalidToken when it is not to be believed
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
