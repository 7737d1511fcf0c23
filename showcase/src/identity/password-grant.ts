import { isAPIError } from 'better-auth/api'
import type { AccessToken, AccessTokens } from './access-tokens.ts'
import { clientHeader, type Identity } from './identity.ts'
import type { SignInLimiter } from '../http/limiter.ts'
import type { Metrics } from '../operations/metrics.ts'
import { networkPrefix } from '../http/client-address.ts'
import { type Passwords, passwordLimit } from './passwords.ts'

/** What the password grant is made of. */
export interface GrantParts {
  readonly identity: Identity
  readonly tokens: AccessTokens
  readonly passwords: Passwords
  readonly limiter: SignInLimiter
  readonly metrics: Metrics
}

/**
 * `POST /token`, the OAuth2 password grant of RFC 6749 section 4.3, as FastAPI's tutorial has it. RFC 9700
 * section 2.4 forbids it for new systems. It makes a session, and the access token ends with that session.
 *
 * Takes `application/x-www-form-urlencoded` with `username` (or an e-mail address) and `password`; answers `{
 * access_token, token_type, expires_in }`, or an error of RFC 6749 section 5.2, but with 401 for bad
 * credentials.
 */
export function passwordGrant(parts: GrantParts): (request: Request, client: string) => Promise<Response> {
  return async (request, client) => {
    const form = await readForm(request)
    if (form instanceof Response) return form
    const attempt = parts.limiter.attempt(form.username, networkPrefix(client))
    if (!attempt.allowed) {
      parts.metrics.signIns.inc({ outcome: 'slowed' })
      return slowDown(attempt.retryAfterMs)
    }
    try {
      const token = await signIn(parts, form, client)
      parts.metrics.signIns.inc({ outcome: token === null ? 'failed' : 'succeeded' })
      if (token === null) return refused()
      attempt.succeeded()
      return answer(200, { access_token: token.token, token_type: 'bearer', expires_in: token.expiresIn })
    } catch (error) {
      attempt.abandoned()
      if (isAPIError(error) && error.statusCode === 503)
        return answer(503, { error: 'temporarily_unavailable' }, { 'retry-after': '2' })
      throw error
    }
  }
}

interface Form {
  readonly username: string
  readonly password: string
}

async function readForm(request: Request): Promise<Form | Response> {
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/x-www-form-urlencoded')
    return answer(415, invalid('send application/x-www-form-urlencoded'))
  const form = new URLSearchParams(await request.text())
  if ([...form.keys()].some((key) => form.getAll(key).length > 1))
    return answer(400, invalid('a parameter is given twice'))
  if ((form.get('grant_type') ?? 'password') !== 'password')
    return answer(400, { error: 'unsupported_grant_type' })
  const [username, password] = [form.get('username') ?? '', form.get('password') ?? '']
  if (username === '' || password === '') return answer(400, invalid('username and password are required'))
  if (username.length > 254 || Buffer.byteLength(password) > passwordLimit)
    return answer(400, invalid('username or password is too long'))
  return { username, password }
}

/**
 * A token, or `null` for everything that is wrong with name, password or account: the caller cannot tell which
 * was wrong.
 */
async function signIn(
  { identity, tokens, passwords }: GrantParts,
  form: Form,
  client: string,
): Promise<AccessToken | null> {
  const token = await sessionToken(identity, form, new Headers({ [clientHeader]: client }))
  if (token === undefined) {
    // a name that no account can have was refused before any hashing: spend the same time
    await passwords.hash(form.password)
    return null
  }
  if (token === null) return null
  const { internalAdapter } = await identity.$context
  const found = await internalAdapter.findSession(token)
  if (found === null) return null
  const issued = await tokens.issue(found.user, found.session)
  // this session's own token is given to no client: it is of no use once the access token has ended
  await internalAdapter.updateSession(token, { expiresAt: issued.expires })
  return issued
}

/** The new session's token; `null` for bad credentials, `undefined` where no password was looked at. */
async function sessionToken(
  identity: Identity,
  { username, password }: Form,
  headers: Headers,
): Promise<string | null | undefined> {
  try {
    const signedIn = username.includes('@')
      ? await identity.api.signInEmail({ body: { email: username, password }, headers })
      : await identity.api.signInUsername({ body: { username, password }, headers })
    return signedIn.token
  } catch (error) {
    if (!isAPIError(error) || error.statusCode >= 500) throw error
    return error.statusCode === 401 || error.statusCode === 403 ? null : undefined
  }
}

function refused(): Response {
  const words = { error: 'invalid_grant', error_description: 'Incorrect username or password.' }
  return answer(401, words, { 'www-authenticate': 'Bearer' })
}

function slowDown(retryAfterMs: number): Response {
  const words = { error: 'slow_down', error_description: 'Too many failed attempts.' }
  return answer(429, words, { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) })
}

function invalid(description: string): object {
  return { error: 'invalid_request', error_description: description }
}

function answer(status: number, body: object, headers: Record<string, string> = {}): Response {
  // RFC 6749 section 5.1: neither answer may be kept by anyone
  return Response.json(body, {
    status,
    headers: { ...headers, 'cache-control': 'no-store', pragma: 'no-cache' },
  })
}
