import { createLocalJWKSet, errors, jwtVerify, type JWTVerifyGetKey } from 'jose'
import { deny } from 'sallyport'
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

const pauseMs = 30_000

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
 * The public keys, read in process, and again when a token names an unknown one: within 30 seconds of the last reading once
 * more, whatever names come, and then 503 until they are over. Another process may have made a new key; forged names
 * do not cause endless reading.
 */
function publishedKeys(identity: Pick<Identity, 'api'>): JWTVerifyGetKey {
  let keys: JWTVerifyGetKey | null = null
  let readAt = Number.NEGATIVE_INFINITY
  let earlyAt = Number.NEGATIVE_INFINITY
  const read = async (): Promise<JWTVerifyGetKey> => {
    readAt = performance.now()
    keys = createLocalJWKSet(await identity.api.getJwks())
    return keys
  }
  const assertMayRead = (): void => {
    const now = performance.now()
    if (now - readAt >= pauseMs) return
    if (now - earlyAt < pauseMs)
      deny(503, 'unavailable', 'The key of this token is not known yet: come back later.', {
        retryAfterMs: readAt + pauseMs - now,
      })
    earlyAt = now
  }
  return async (header, input) => {
    try {
      return await (keys ?? (await read()))(header, input)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error
      assertMayRead()
      return (await read())(header, input)
    }
  }
}
