import { backchannelLogout, oidc, provider, type ProviderOptions } from '../../src/auth/oidc.ts'
import type { Authenticator } from '../../src/core/api/handshake.ts'
import { type Store, systemClock } from '../../src/index.ts'
import { testServer } from '../../src/testing.ts'
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

/** A request with which a provider logs a user out. */
export function logoutRequest(token: string): Request {
  return new Request('https://site.example/backchannel-logout', {
    method: 'POST',
    body: new URLSearchParams({ logout_token: token }),
  })
}

/** A site that hears of logouts, and whom they have ended there. */
export interface LogoutSite {
  readonly ended: readonly object[]
  /** Posts a logout token, and answers the status. */
  logout(token: string): Promise<number>
}

/** The site of the client `site`; tokens that were used are remembered in a store of its own, or in this one. */
export function logoutSite(
  issuer: string,
  options: Omit<ProviderOptions, 'issuer'>,
  store: Pick<Store, 'claim'> = testServer({ clock: options.clock ?? systemClock }).store,
): LogoutSite {
  const ended: object[] = []
  const handler = backchannelLogout({
    provider: provider({ issuer, ...options }),
    client: 'site',
    server: {
      revoke: async (whom) => (
        ended.push(whom),
        { closed: 0, changed: 0, dropped: 0, nodes: [], silent: [] }
      ),
    },
    store,
    on: () => {},
  })
  return { ended, logout: async (token) => (await handler(logoutRequest(token))).status }
}
