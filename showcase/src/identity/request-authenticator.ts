import { deny } from 'sallyport'
import type { AccessTokens } from './access-tokens.ts'
import type { Identity } from './identity.ts'
import { type People, personOf, type SignedIn } from './people.ts'

/** Finds the person that sends a request: `null` when it carries no credential. */
export type AuthenticateRequest = (headers: Headers) => Promise<SignedIn | null>

/**
 * Reads the session cookie, or a bearer token: an access token, or a signed session token. An explicit
 * credential wins over the cookie, and a bad one never falls through to it.
 *
 * @throws Denial 401 for an `Authorization` header that is not good
 */
export function requestAuthenticator(
  identity: Identity,
  tokens: AccessTokens,
  people: People,
): AuthenticateRequest {
  return async (headers) => {
    const authorization = headers.get('authorization')
    if (authorization === null) return await bySession(identity, pick(headers, 'cookie'))
    const token = /^bearer +(\S+) *$/i.exec(authorization)?.[1] ?? refuse()
    const found = isJwt(token)
      ? await byAccessToken(token, tokens, people)
      : await bySession(identity, pick(headers, 'authorization'))
    return found ?? refuse()
  }
}

/** The session that a cookie or a signed session token names, read from the database, never from a cache. */
export async function bySession(identity: Identity, headers: Headers): Promise<SignedIn | null> {
  const found = await identity.api.getSession({
    headers,
    query: { disableCookieCache: true, disableRefresh: true },
  })
  if (found === null) return null
  const { user, session } = found
  const { id, name, username = null, role = null, banned = null, banExpires = null } = user
  const person = personOf({ id, name, username, role, banned, banExpires })
  return person && { person, sessionId: session.id, issuedAt: session.createdAt, expires: session.expiresAt }
}

/** The session behind an access token; it ends with the session, however long the token was good for. */
export async function byAccessToken(
  token: string,
  tokens: AccessTokens,
  people: People,
): Promise<SignedIn | null> {
  const checked = await tokens.check(token)
  if (checked === null) return null
  const session = await people.session(checked.sessionId)
  if (session?.person.id !== checked.userId) return null
  return { ...session, expires: checked.expires < session.expires ? checked.expires : session.expires }
}

function isJwt(token: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)
}

function pick(headers: Headers, name: string): Headers {
  const value = headers.get(name)
  return new Headers(value === null ? {} : { [name]: value })
}

function refuse(): never {
  return deny(401, 'bad-credential', 'The bearer token is not valid, or its session has ended.', {
    challenge: 'Bearer error="invalid_token"',
  })
}
