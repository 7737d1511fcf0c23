import { oidc, provider, type ProviderOptions } from '../../src/auth/oidc.ts'
import type { Authenticator } from '../../src/core/application.ts'
import type { ScriptedIssuer } from './scripted-issuer.ts'
import { seconds } from './tokens.ts'

interface User {
  readonly id: string
}

/** An authenticator of the signed access tokens of an issuer, for the audience `api`. */
export function accessTokens(issuer: string, options: Omit<ProviderOptions, 'issuer'>): Authenticator<User> {
  return oidc({
    provider: provider({ issuer, ...options }),
    audience: 'api',
    user: ({ sub }) => ({ id: sub }),
  })
}

/** The claims of a good access token of an issuer. */
export function accessClaims(issuer: string, clock: { now(): number }): Record<string, unknown> {
  const now = seconds(clock)
  return { iss: issuer, aud: 'api', sub: '7', client_id: 'site', jti: 'token-1', iat: now, exp: now + 3_600 }
}

/** The claims of a good logout token for the client `site`. */
export function logoutClaims(issuer: string, clock: { now(): number }, jti: string): Record<string, unknown> {
  const now = seconds(clock)
  const events = { 'http://schemas.openid.net/event/backchannel-logout': {} }
  return { iss: issuer, aud: 'site', iat: now, exp: now + 120, jti, events, sub: '7' }
}

/** A good access token of a scripted issuer, with some claims changed. */
export function accessToken(
  issuer: ScriptedIssuer,
  clock: { now(): number },
  changed: Record<string, unknown> = {},
): Promise<string> {
  return issuer.sign({ ...accessClaims(issuer.issuer, clock), ...changed }, { typ: 'at+jwt' })
}

/** A request as a provider makes it that logs somebody out. */
export function logoutRequest(token: string): Request {
  return new Request('https://site.example/backchannel-logout', {
    method: 'POST',
    body: new URLSearchParams({ logout_token: token }),
  })
}
