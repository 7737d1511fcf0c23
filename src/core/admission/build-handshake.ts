import { keyHeaderNames, separate, type SeparatedRequest } from '../access/credentials.ts'
import type { Connection } from '../api/connection.ts'
import type { Credentials } from '../api/credentials.ts'
import { type AuthRequest, authRequest } from '../api/handshake.ts'
import type { Identity } from '../api/identity.ts'
import { type ServerContext, serverContext, type ServerHandshake } from '../server-context.ts'
import { Denial } from '../../wire/errors.ts'
import type { TransportRequest } from './transport.ts'

/** Why a signal of a handshake is aborted when the peer has gone: an authenticator that passes it on reports no fault. */
export const peerGone: Denial = new Denial(499, 'gone', 'the peer has gone', { httpOnly: true })

const secretHeaders: readonly string[] = ['authorization', 'proxy-authorization', 'cookie']

/**
 * Makes the handshake of a request: the same for every transport. URL and headers are made when they are asked for.
 *
 * @throws Denial 400 when a credential is malformed, or two disagree
 */
export function buildHandshake(server: ServerContext, request: TransportRequest): ServerHandshake {
  return new TransportHandshake(server, request)
}

class TransportHandshake implements ServerHandshake {
  readonly id: string
  readonly path: string
  readonly origin: string | null
  readonly address: string
  readonly protocols: readonly string[]
  readonly [serverContext]: ServerContext
  readonly #request: TransportRequest
  readonly #separated: SeparatedRequest
  #headers: Headers | null = null
  #url: URL | null = null
  #authRequest: AuthRequest | null = null

  constructor(server: ServerContext, request: TransportRequest) {
    this.#request = request
    this.#separated = separate(request, server.carriers)
    this.id = request.id
    this.path = request.path
    this.origin = request.origin
    this.address = request.address
    this.protocols = this.#separated.protocols
    this[serverContext] = server
  }

  get signal(): AbortSignal {
    return this.#request.signal
  }

  get url(): URL {
    return (this.#url ??= this.#makeUrl())
  }

  get headers(): Headers {
    return (this.#headers ??= this.#makeHeaders())
  }

  get [authRequest](): AuthRequest {
    return (this.#authRequest ??= new TransportAuthRequest(this, this.#request, this.#separated.credentials))
  }

  /** @throws TypeError when the protocol was not offered */
  accept(protocol: string | null, messageBytes?: number): Connection {
    // each of them is an HTTP token, which the answer's header may hold
    if (protocol !== null && !this.protocols.includes(protocol))
      throw new TypeError('only a subprotocol that was offered can be answered')
    return this.#request.accept(protocol, messageBytes ?? this[serverContext].limits.messageBytes)
  }

  #makeUrl(): URL {
    const { secure, host, path } = this.#request
    const { query } = this.#separated
    return new URL(`${secure ? 'wss' : 'ws'}://${host}${path}${query === '' ? '' : `?${query}`}`)
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
  readonly #handshake: ServerHandshake
  readonly #request: TransportRequest
  #headers: Headers | null = null

  constructor(handshake: ServerHandshake, request: TransportRequest, credentials: Credentials) {
    this.id = request.id
    this.path = request.path
    this.origin = request.origin
    this.address = request.address
    this.credentials = credentials
    this.#handshake = handshake
    this.#request = request
  }

  get url(): URL {
    return this.#handshake.url
  }

  get signal(): AbortSignal {
    return this.#request.signal
  }

  get known(): Identity<unknown> | undefined {
    return this.#request.known
  }

  get headers(): Headers {
    return (this.#headers ??= headersWithout(this.#request, ['cookie']))
  }
}

function headersWithout(request: TransportRequest, names: readonly string[]): Headers {
  const headers = new Headers()
  for (const [name, values] of request.headers)
    if (!names.includes(name)) for (const value of [values].flat()) headers.append(name, value)
  return headers
}
