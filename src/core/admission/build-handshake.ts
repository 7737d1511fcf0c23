import { type CredentialSources, keyHeaderNames, separate } from '../access/credentials.ts'
import type { Connection } from '../api/connection.ts'
import type { Credentials } from '../api/credentials.ts'
import { type AuthRequest, authRequest } from '../api/handshake.ts'
import type { DeniedPeerInfo } from '../api/events.ts'
import type { Identity } from '../api/identity.ts'
import { type ServerContext, serverContext, type ServerHandshake } from '../server-context.ts'
import { Denial } from '../../wire/errors.ts'

/** Why a signal of a handshake is aborted when the peer has gone: an authenticator that passes it on reports no fault. */
export const peerGone: Denial = new Denial(499, 'gone', 'the peer has gone', { httpOnly: true })

const secretHeaders: readonly string[] = ['authorization', 'proxy-authorization', 'cookie']

/**
 * An upgrade request as a transport has read it. A transport checks `path` and `host` before: the URL is put together from
 * them as they are.
 */
export interface ReadRequest extends CredentialSources {
  /** The path as it came, still percent-encoded. */
  readonly path: string
  /** The `Host` header. */
  readonly host: string
  /** Whether the peer's own wire is encrypted. */
  readonly secure: boolean
  readonly origin: string | null
  /** The address of the peer, behind the trusted proxies. */
  readonly address: string
  /** The identity, which only the in-process transport of tests sets. */
  readonly known?: Identity<unknown> | undefined
  /** Every header line as it came: a name and a value, and the next name. */
  readonly lines: readonly string[]
}

/** The part of a handshake that is the transport's own: the end of the wait, and the connection. */
export interface HandshakeAnswer {
  /** The id of the handshake. */
  readonly id: string
  /** Aborted, with a {@link Denial} as the reason, when the peer has gone or the time is over before the answer. */
  readonly signal: AbortSignal
  /** Whether the signal is aborted, or would be if it had been made. */
  readonly isOver: boolean
  /** Makes the connection. @throws Denial 499 when the peer has gone, or was answered before */
  connect(protocol: string | null, messageBytes: number): Connection
}

/**
 * Makes the handshake of a request: the same for every transport. URL, headers and the request of an
 * authenticator are made when they are asked for.
 *
 * @throws Denial 400 when a credential is malformed, or two disagree
 */
export function buildHandshake(
  server: ServerContext,
  request: ReadRequest,
  answer: HandshakeAnswer,
): ServerHandshake {
  return new TransportHandshake(server, request, answer)
}

const unknownPeer: DeniedPeerInfo = {}

class TransportHandshake implements ServerHandshake {
  readonly id: string
  readonly path: string
  readonly origin: string | null
  readonly address: string
  /** The subprotocols offered, without credentials. */
  readonly protocols: readonly string[]
  readonly [serverContext]: ServerContext
  denied: DeniedPeerInfo = unknownPeer
  readonly #request: ReadRequest
  readonly #answer: HandshakeAnswer
  readonly #credentials: Credentials
  /** The query string without credentials. */
  readonly #query: string
  #headers: Headers | null = null
  #url: URL | null = null
  #authRequest: AuthRequest | null = null

  constructor(server: ServerContext, request: ReadRequest, answer: HandshakeAnswer) {
    const { credentials, protocols, query } = separate(request, server.carriers)
    this.id = answer.id
    this.path = request.path
    this.origin = request.origin
    this.address = request.address
    this.protocols = protocols
    this[serverContext] = server
    this.#request = request
    this.#answer = answer
    this.#credentials = credentials
    this.#query = query
  }

  get signal(): AbortSignal {
    return this.#answer.signal
  }

  get isOver(): boolean {
    return this.#answer.isOver
  }

  get wantsProblem(): boolean {
    return valuesOf(this.#request.lines, 'accept').some((value) => value.includes('application/problem+json'))
  }

  get url(): URL {
    return (this.#url ??= new URL(this.href))
  }

  get href(): string {
    const { secure, host, path } = this.#request
    const query = this.#query === '' ? '' : `?${this.#query}`
    return `${secure ? 'wss' : 'ws'}://${host}${path}${query}`
  }

  get headers(): Headers {
    return (this.#headers ??= this.#makeHeaders())
  }

  get [authRequest](): AuthRequest {
    return (this.#authRequest ??= new TransportAuthRequest(this, this.#request, this.#credentials))
  }

  /** @throws TypeError when the protocol was not offered */
  accept(protocol: string | null, messageBytes?: number): Connection {
    // each of them is an HTTP token, which the answer's header may hold
    if (protocol !== null && !this.protocols.includes(protocol))
      throw new TypeError('only a subprotocol that was offered can be answered')
    return this.#answer.connect(protocol, messageBytes ?? this[serverContext].limits.messageBytes)
  }

  #makeHeaders(): Headers {
    const secrets = [...secretHeaders, ...keyHeaderNames(this[serverContext].carriers)]
    const headers = headersWithout(this.#request, secrets)
    if (this.protocols.length > 0) headers.set('sec-websocket-protocol', this.protocols.join(', '))
    else headers.delete('sec-websocket-protocol')
    return headers
  }
}

/** What the authenticator of a handshake is asked with: its credentials, and every header but the cookies. */
class TransportAuthRequest implements AuthRequest {
  readonly id: string
  readonly path: string
  readonly origin: string | null
  readonly address: string
  readonly credentials: Credentials
  readonly known: Identity<unknown> | undefined
  readonly #handshake: ServerHandshake
  readonly #request: ReadRequest
  #headers: Headers | null = null

  constructor(handshake: ServerHandshake, request: ReadRequest, credentials: Credentials) {
    this.id = handshake.id
    this.path = request.path
    this.origin = request.origin
    this.address = request.address
    this.credentials = credentials
    this.known = request.known
    this.#handshake = handshake
    this.#request = request
  }

  get url(): URL {
    return this.#handshake.url
  }

  get signal(): AbortSignal {
    return this.#handshake.signal
  }

  get headers(): Headers {
    return (this.#headers ??= headersWithout(this.#request, ['cookie']))
  }
}

function headersWithout({ lines }: ReadRequest, names: readonly string[]): Headers {
  const headers = new Headers()
  for (let index = 0; index < lines.length; index += 2) {
    const name = lines[index] ?? ''
    if (!names.includes(name.toLowerCase())) headers.append(name, lines[index + 1] ?? '')
  }
  return headers
}

/** The values of the lines of a header. */
function valuesOf(lines: readonly string[], header: string): readonly string[] {
  return lines.filter((_, index) => index % 2 === 1 && lines[index - 1]?.toLowerCase() === header)
}
