import type { Authenticator, AuthRequest } from '../../src/core/api/handshake.ts'
import type { Identity } from '../../src/core/api/identity.ts'
import { type Carriers } from '../../src/core/api/credentials.ts'
import { type CredentialSources, keyHeaderNames, separate } from '../../src/core/access/credentials.ts'
import { Denial } from '../../src/wire/errors.ts'

/** A request to be authenticated, as a transport would have read it. */
export interface Request {
  readonly headers?: Readonly<Record<string, string>>
  readonly path?: string
  readonly query?: string
  readonly carriers?: Carriers
}

/** What a request's headers and query hold of credentials. */
export function sourcesOf({ headers = {}, query = '', carriers = {} }: Request): CredentialSources {
  const all = new Headers(headers)
  const offered = all.get('sec-websocket-protocol')
  return {
    authorization: all.get('authorization'),
    cookies: all.get('cookie'),
    keys: keyHeaderNames(carriers).flatMap((name) => all.get(name) ?? []),
    offered: offered === null ? [] : offered.split(',').map((one) => one.trim()),
    query,
  }
}

/** What an authenticator is given of a request: its credentials are taken out by the code that transports use. */
export function authRequestOf(request: Request): AuthRequest {
  const { headers = {}, path = '/ws/chat/lobby', carriers = {} } = request
  const { credentials, query } = separate(sourcesOf(request), carriers)
  const rest = new Headers(headers)
  rest.delete('cookie')
  return {
    id: 'request-1',
    url: new URL(`http://localhost${path}${query === '' ? '' : `?${query}`}`),
    path,
    headers: rest,
    origin: rest.get('origin'),
    address: '127.0.0.1',
    signal: new AbortController().signal,
    credentials,
  }
}

/** A request with a bearer token. */
export function bearerRequest(token: string): AuthRequest {
  return authRequestOf({ headers: { authorization: `Bearer ${token}` } })
}

/** What an authenticator says: who it is, `null`, or the status and short word of its denial. */
export async function verdict<U>(
  authenticator: Authenticator<U>,
  request: AuthRequest,
): Promise<Identity<U> | string | null> {
  try {
    return await authenticator(request)
  } catch (error) {
    if (error instanceof Denial) return `${error.status} ${error.reason}`
    throw error
  }
}

/** The denial that something ends with, or answers. */
export async function denialOf(asked: () => unknown): Promise<Denial> {
  try {
    const answer = await asked()
    if (answer instanceof Denial) return answer
  } catch (error) {
    if (error instanceof Denial) return error
    throw error
  }
  throw new Error('it was not denied')
}
