import { carrierProtocol } from '../wire/carrier.ts'
import { aRefusalStatus, Denial } from '../wire/errors.ts'
import { isRecord } from '../wire/json.ts'
import {
  aFunction,
  assertKind,
  checkedOptions,
  aString,
  type OptionKind,
  type OptionKinds,
  orUndefined,
} from '../wire/options.ts'

/** The attempt that needs a credential. */
export interface CredentialRequest {
  /** The path that will be opened. */
  readonly path: string
  /** Whether the last credential was refused, or is about to end: then do not return a cached one. */
  readonly renew: boolean
  /** Aborted when the attempt is given up. */
  readonly signal: AbortSignal
}

/** How credentials are sent with one attempt. */
export interface Carried {
  readonly protocols?: readonly string[]
  readonly query?: Readonly<Record<string, string>>
  /** Request headers, which no browser can send. */
  readonly headers?: Readonly<Record<string, string>>
  /**
   * The same credential for an open connection, for when the server asks for a new one before the one in use
   * ends. Without it the connection ends with its credential, and the client reconnects with the next.
   */
  readonly refresh?: { readonly token: string; readonly scheme?: 'bearer' | 'ticket' }
}

/**
 * Called before every attempt. `null`, or an error with `status` 401 or 403, means signed out: the client
 * stops. Any other error is a failed attempt, and is tried again after a back-off.
 */
export type CredentialSource = (asking: CredentialRequest) => Carried | null | Promise<Carried | null>

/** Returns a token, or `null` when the user is signed out. */
export type Token = (asking: CredentialRequest) => string | null | Promise<string | null>

/**
 * A bearer token in the subprotocol list, as `sallyport.bearer.<base64url>`: neither in the URL nor in a log.
 *
 * @example client({ url, credentials: bearer(() => auth.accessToken()) })
 */
export function bearer(token: Token): CredentialSource {
  assertKind('the argument of bearer()', token, aFunction)
  return carrying('bearer', token, (secret) => ({ protocols: [carrierProtocol('bearer', secret)] }))
}

/** How a ticket is requested. */
export interface ClientTicketOptions {
  /** Used instead of the platform's `fetch`: with its own headers, or in a test. */
  readonly fetch?: typeof fetch
  /**
   * Whether the cookies of the page are sent; by default `'same-origin'`. `'include'` is for a server of
   * another origin, which must allow this page's origin and its credentials (CORS).
   */
  readonly credentials?: 'same-origin' | 'include' | 'omit'
}

const ticketKinds: OptionKinds<ClientTicketOptions> = {
  fetch: orUndefined(aFunction),
  credentials: {
    wanted: "'same-origin', 'include' or 'omit'",
    // `includes` finds no value that is not a text
    is: (value) => value === undefined || ['same-origin', 'include', 'omit'].includes(value as string),
  },
}
const aUrl: OptionKind = {
  wanted: 'a string or a URL',
  is: (value) => aString.is(value) || value instanceof URL,
}

/**
 * A single-use ticket, requested from the application's own server before every attempt, with the cookies of
 * the page: `POST {"path": "/ws/chat/lobby"}`, answered by `{"ticket": "..."}`. It is sent in the subprotocol
 * list. 401 and 403 mean signed out. Any other failure is a failed attempt, which waits at least as long as
 * `Retry-After` says.
 *
 * @param url where tickets are made; relative to the page in a browser, absolute elsewhere
 * @example client({ url: '', credentials: ticket('/api/ticket') })
 */
export function ticket(url: string | URL, options: ClientTicketOptions = {}): CredentialSource {
  assertKind('the url of ticket()', url, aUrl)
  options = checkedOptions('ticket()', options, ticketKinds)
  return carrying(
    'ticket',
    (asking) => fetchTicket(url, options, asking),
    (secret) => ({ protocols: [carrierProtocol('ticket', secret)] }),
  )
}

/**
 * A token in the query string, for servers that accept it in no other place. Access logs and proxies keep
 * URLs: prefer {@link bearer} or {@link ticket}.
 * @param name the name of the parameter, such as `'token'`
 */
export function query(name: string, token: Token): CredentialSource {
  assertKind('the name of query()', name, aString)
  assertKind('the source of query()', token, aFunction)
  return carrying('bearer', token, (secret) => ({ query: { [name]: secret } }))
}

/**
 * Request headers such as `Authorization`, for the WebSocket of Node, of React Native and of the package `ws`; a browser
 * cannot send them.
 *
 * @example client({ url, credentials: headers(() => ({ 'x-api-key': key })) })
 */
export function headers(
  record: (
    asking: CredentialRequest,
  ) => Readonly<Record<string, string>> | null | Promise<Readonly<Record<string, string>> | null>,
): CredentialSource {
  assertKind('the argument of headers()', record, aFunction)
  return async (asking) => {
    const answer = await record(asking)
    return answer && { headers: answer }
  }
}

function carrying(
  scheme: 'bearer' | 'ticket',
  ask: Token,
  carry: (secret: string) => Carried,
): CredentialSource {
  return async (asking) => {
    const token = await ask(asking)
    return token ? { ...carry(token), refresh: { scheme, token } } : null
  }
}

async function fetchTicket(
  url: string | URL,
  { fetch: ask = fetch, credentials = 'same-origin' }: ClientTicketOptions,
  { path, signal }: CredentialRequest,
): Promise<string> {
  const response = await ask(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ path }),
    credentials,
    // a redirect to a sign-in page brings no ticket
    redirect: 'error',
    signal,
  })
  if (!response.ok) throw refused(response)
  const answer: unknown = await response.json()
  if (isRecord(answer) && typeof answer['ticket'] === 'string' && answer['ticket']) return answer['ticket']
  throw new TypeError("the answer to a request for a ticket is { ticket: '...' }")
}

function refused(response: Response): Denial {
  const { status } = response
  const retryAfterMs = Math.max(0, 1000 * Number(response.headers.get('retry-after')) || 0)
  return new Denial(
    aRefusalStatus.is(status) ? status : 500,
    status === 401 ? 'signed-out' : 'no-ticket',
    `no ticket: ${status}`,
    {
      retryAfterMs,
    },
  )
}
