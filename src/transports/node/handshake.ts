import { type Door, door, type Handshake, hub } from '../../core/application.ts'
import { type Credentials, keyHeaderNames, separate, type Separated } from '../../core/credentials.ts'
import type { Hub } from '../../core/hub.ts'
import { switchingProtocols } from './answer.ts'
import { type House, NodeConnection } from './connection.ts'
import type { Knocking } from './knocking.ts'
import type { Peer } from './peer.ts'
import type { UpgradeRequest } from './request.ts'

/** What a handshake is made of. */
export interface HandshakeParts {
  readonly id: string
  readonly house: House
  readonly request: UpgradeRequest
  readonly peer: Peer
  readonly knocking: Knocking
}

const secretHeaders: readonly string[] = ['authorization', 'proxy-authorization', 'cookie']

/**
 * A handshake that came over a socket.
 *
 * @throws Denial 400 when a credential is malformed, or two disagree
 */
export function handshakeOf(parts: HandshakeParts): Handshake {
  return new NodeHandshake(parts)
}

/** What few ask for is computed when they do. */
class NodeHandshake implements Handshake {
  readonly id: string
  readonly path: string
  readonly origin: string | null
  readonly address: string
  readonly protocols: readonly string[]
  readonly [hub]: Hub
  readonly #parts: HandshakeParts
  readonly #separated: Separated
  #headers: Headers | null = null
  #url: URL | null = null
  #door: Door | null = null

  constructor(parts: HandshakeParts) {
    const { id, house, request, peer } = parts
    this.#parts = parts
    this.#separated = separated(request, house.hub)
    this.id = id
    this.path = request.path
    this.origin = request.origin
    this.address = peer.address
    this.protocols = this.#separated.protocols
    this[hub] = house.hub
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

  get [door](): Door {
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
      messageBytes: messageBytes ?? house.hub.limits.messageBytes,
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
    const headers = this.#headersWithout([...secretHeaders, ...keyHeaderNames(this[hub].carriers)])
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
class NodeDoor implements Door {
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

function separated(request: UpgradeRequest, { carriers }: Hub): Separated {
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
