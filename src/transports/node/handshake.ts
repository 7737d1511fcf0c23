import { type AuthRequest, authRequest } from '../../core/api/handshake.ts'
import { type ServerContext, serverContext, type ServerHandshake } from '../../core/server-context.ts'
import { type Credentials } from '../../core/api/credentials.ts'
import { keyHeaderNames, separate, type SeparatedRequest } from '../../core/access/credentials.ts'
import { switchingProtocols } from './http-response.ts'
import { type TransportContext, NodeConnection } from './connection.ts'
import type { PendingUpgrade } from './pending-upgrade.ts'
import type { RemoteAddress } from './remote-address.ts'
import type { UpgradeRequest } from './upgrade-request.ts'

/** What a handshake is made of. */
export interface HandshakeParts {
  readonly id: string
  readonly house: TransportContext
  readonly request: UpgradeRequest
  readonly peer: RemoteAddress
  readonly knocking: PendingUpgrade
}

const secretHeaders: readonly string[] = ['authorization', 'proxy-authorization', 'cookie']

/**
 * A handshake that came over a socket.
 *
 * @throws Denial 400 when a credential is malformed, or two disagree
 */
export function handshakeOf(parts: HandshakeParts): ServerHandshake {
  return new NodeHandshake(parts)
}

/** What few ask for is computed when they do. */
class NodeHandshake implements ServerHandshake {
  readonly id: string
  readonly path: string
  readonly origin: string | null
  readonly address: string
  readonly protocols: readonly string[]
  readonly [serverContext]: ServerContext
  readonly #parts: HandshakeParts
  readonly #separated: SeparatedRequest
  #headers: Headers | null = null
  #url: URL | null = null
  #door: AuthRequest | null = null

  constructor(parts: HandshakeParts) {
    const { id, house, request, peer } = parts
    this.#parts = parts
    this.#separated = separated(request, house.context)
    this.id = id
    this.path = request.path
    this.origin = request.origin
    this.address = peer.address
    this.protocols = this.#separated.protocols
    this[serverContext] = house.context
  }

  get signal(): AbortSignal {
    return this.#parts.knocking.signal
  }

  get url(): URL {
    return (this.#url ??= this.#makeUrl())
  }

  get headers(): Headers {
    return (this.#headers ??= this.#makeHeaders())
  }

  get [authRequest](): AuthRequest {
    return (this.#door ??= new NodeDoor(this, this.#separated.credentials, () =>
      this.#headersWithout(['cookie']),
    ))
  }

  /**
   * Lets them in. Nothing is written before the end of the turn: the answer and the first frames leave in one
   * write.
   *
   * @throws Denial 499 when the peer has gone, or was answered before; TypeError when the protocol was not
   * offered
   */
  accept(protocol: string | null, messageBytes?: number): NodeConnection {
    const { knocking, request, house, id } = this.#parts
    // each of them is an HTTP token, which the answer's header may hold
    if (protocol !== null && !this.protocols.includes(protocol))
      throw new TypeError('only a subprotocol that was offered can be answered')
    const socket = knocking.take()
    const head = switchingProtocols(request.key, protocol)
    return new NodeConnection(house, {
      id,
      protocol,
      socket,
      head,
      messageBytes: messageBytes ?? house.context.limits.messageBytes,
    })
  }

  #makeUrl(): URL {
    const { request, peer } = this.#parts
    const { query } = this.#separated
    // readUpgrade has checked host and path: nothing in them is normalised away here
    return new URL(
      `${peer.secure ? 'wss' : 'ws'}://${request.host}${request.path}${query === '' ? '' : `?${query}`}`,
    )
  }

  #makeHeaders(): Headers {
    const headers = this.#headersWithout([...secretHeaders, ...keyHeaderNames(this[serverContext].carriers)])
    if (this.protocols.length > 0) headers.set('sec-websocket-protocol', this.protocols.join(', '))
    else headers.delete('sec-websocket-protocol')
    return headers
  }

  #headersWithout(names: readonly string[]): Headers {
    const headers = new Headers()
    for (const [name, values] of this.#parts.request.headers)
      if (!names.includes(name)) for (const value of values) headers.append(name, value)
    return headers
  }
}

/** The first door of a handshake: with its credentials, and every header but the cookies. */
class NodeDoor implements AuthRequest {
  readonly id: string
  readonly path: string
  readonly origin: string | null
  readonly address: string
  readonly credentials: Credentials
  readonly #handshake: NodeHandshake
  readonly #makeHeaders: () => Headers
  #headers: Headers | null = null

  constructor(handshake: NodeHandshake, credentials: Credentials, makeHeaders: () => Headers) {
    const { id, path, origin, address } = handshake
    this.id = id
    this.path = path
    this.origin = origin
    this.address = address
    this.credentials = credentials
    this.#handshake = handshake
    this.#makeHeaders = makeHeaders
  }

  get url(): URL {
    return this.#handshake.url
  }

  get signal(): AbortSignal {
    return this.#handshake.signal
  }

  get headers(): Headers {
    return (this.#headers ??= this.#makeHeaders())
  }
}

function separated(request: UpgradeRequest, { carriers }: ServerContext): SeparatedRequest {
  const { headers, offered, query } = request
  const header = (name: string): string | null => headers.get(name)?.[0] ?? null
  return separate(
    // HTTP/2 sends a cookie in a line of its own (RFC 9113 section 8.2.3)
    {
      authorization: header('authorization'),
      cookie: headers.get('cookie')?.join('; ') ?? null,
      offered,
      query,
      header,
    },
    carriers,
  )
}
