import { createLocalJWKSet, errors, jwtVerify, type JWTVerifyGetKey } from 'jose'
import { accessClaims, accessTokenSeconds, audience, type Identity } from './identity.ts'

/** An access token, for how many seconds it is good, and until when. */
export interface AccessToken {
  readonly token: string
  readonly expiresIn: number
  readonly expires: Date
}

/** What a checked access token says. */
export interface CheckedToken {
  readonly userId: string
  readonly sessionId: string
  readonly expires: Date
  readonly issuedAt: Date | undefined
}

/** Makes and checks the JSON Web Tokens of this server. */
export interface AccessTokens {
  issue(
    user: { readonly id: string; readonly name: string } & Record<string, unknown>,
    session: { readonly id: string },
  ): Promise<AccessToken>
  /** What the token says, or `null` when it is not one of ours, expired or malformed. */
  check(token: string): Promise<CheckedToken | null>
}

const reloadAtMostEveryMs = 30_000

/** Access tokens signed with the rotating ES256 keys that /api/auth/jwks publishes. */
export function accessTokens(identity: Identity, issuer: string): AccessTokens {
  const keys = publishedKeys(identity)
  return {
    async issue(user, session) {
      const exp = Math.floor(Date.now() / 1000) + accessTokenSeconds
      const payload = { ...accessClaims(user, session), sub: user.id, iat: exp - accessTokenSeconds, exp }
      const { token } = await identity.api.signJWT({ body: { payload } })
      return { token, expiresIn: accessTokenSeconds, expires: new Date(exp * 1000) }
    },
    async check(token) {
      try {
        const { payload } = await jwtVerify(token, keys, {
          issuer,
          audience,
          algorithms: ['ES256'],
          requiredClaims: ['sub', 'sid', 'exp'],
        })
        const { sub, exp, iat } = payload
        if (sub === undefined || exp === undefined || typeof payload['sid'] !== 'string') return null
        return {
          userId: sub,
          sessionId: payload['sid'],
          expires: new Date(exp * 1000),
          issuedAt: iat === undefined ? undefined : new Date(iat * 1000),
        }
      } catch (error) {
        if (error instanceof errors.JOSEError) return null
        throw error
      }
    },
  }
}

/**
 * The public keys, read in process; read again when a token names an unknown one, but not for every forged
 * name.
 */
function publishedKeys(identity: Identity): JWTVerifyGetKey {
  let keys: JWTVerifyGetKey | null = null
  let readAt = 0
  const read = async (): Promise<JWTVerifyGetKey> => {
    readAt = Date.now()
    keys = createLocalJWKSet(await identity.api.getJwks())
    return keys
  }
  return async (header, input) => {
    try {
      return await (keys ?? (await read()))(header, input)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || Date.now() - readAt < reloadAtMostEveryMs)
        throw error
      return (await read())(header, input)
    }
  }
}
