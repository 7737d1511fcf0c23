// Tokens of djangorestframework-simplejwt: the access token that POST /api/token/ hands out, with HS256 or RS256.
import { jwt } from 'sallyport/auth/jwt'
import type { Authenticator } from 'sallyport'
import { z } from 'zod'

/** What the settings under SIMPLE_JWT say: SIGNING_KEY for HS256, VERIFYING_KEY (a PEM) for RS256. */
export type Keys = { readonly signingKey: string } | { readonly verifyingKey: string }

/** What is asked of Django's tables. */
export interface Tables<U> {
  /** The row of `auth_user` with this id where `is_active` is true. */
  activeUser(id: string): U | null
  /** Whether `token_blacklist` holds this jti: simplejwt itself asks it about refresh tokens alone. */
  isBlacklisted(jti: string): boolean
}

const claims = z.object({
  // a refresh token has the same signature, and must open nothing
  token_type: z.literal('access'),
  // a number up to simplejwt 5.4, a text since
  user_id: z.union([z.number().int(), z.string().min(1).max(255)]).transform(String),
  jti: z.string().min(1).max(255),
})

/** Who holds an access token of that site. */
export function accessTokens<U>(keys: Keys, tables: Tables<U>): Authenticator<U> {
  return jwt({
    ...('signingKey' in keys ? { secret: keys.signingKey } : { key: keys.verifyingKey }),
    claims,
    subject: (token) => token.user_id,
    user: ({ user_id, jti }) => (tables.isBlacklisted(jti) ? null : tables.activeUser(user_id)),
  })
}
