// Apart from what all peers share, so that a peer without jose does not load it.
import { jwtVerify } from 'jose'
import { audience, findUser, issuer, type User } from './common.ts'

/** The user of a token, checked with jose as its documentation shows; `null` for a token that is not good. */
export async function userOfToken(token: string, secret: Uint8Array): Promise<User | null> {
  try {
    const { payload } = await jwtVerify(token, secret, {
      issuer,
      audience,
      algorithms: ['HS256'],
      requiredClaims: ['exp', 'sub'],
    })
    return await findUser(payload.sub ?? '')
  } catch {
    return null
  }
}
