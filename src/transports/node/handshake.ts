import { createHash } from 'node:crypto'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Entrance } from '../../core/admit.ts'
import { type Door, door, type Handshake, hub } from '../../core/application.ts'
import type { Timer } from '../../core/clock.ts'
import { keyHeaderNames, separate, type Separated } from '../../core/credentials.ts'
import type { Hub } from '../../core/hub.ts'
import type { HttpFace } from '../../core/refusal.ts'
import { titleOf } from '../../core/refusal.ts'
import { Denial, deny } from '../../wire/errors.ts'
import { NodeConnection } from './connection.ts'
import type { Peer } from './peer.ts'
import type { UpgradeRequest } from './request.ts'
import type { Writer } from './writer.ts'

/** The bytes that a peer may send before it was answered. */
const earlyBytes = 65_536
const secret = new Set(['authorization', 'proxy-authorization', 'cookie', 'sec-websocket-protocol'])

/** What a handshake on a socket is made of. */
export interface HandshakeParts {
  readonly id: string
  readonly hub: Hub
  readonly request: UpgradeRequest
  readonly peer: Peer
  readonly knocking: Knocking
  readonly writer: Writer
  readonly ended: (connection: NodeConnection) => void
  readonly opened: (connection: NodeConnection) => void
}

/**
 * A socket between its upgrade request and the answer. It is listened to from the first tick, so that a peer that resets
 * while somebody waits for a database leaves nothing behind, and ends nothing.
 */
export class Knocking {
  readonly #socket: Duplex
  readonly #early: Uint8Array[] = []
  readonly #abort = new AbortController()
  readonly #late: Timer
  #bytes = 0
  #settled = false

  constructor(socket: Duplex, head: Uint8Array, server: Hub, late: () => void) {
    this.#socket = socket
    this.#late = server.clock.after(server.limits.handshakeMs, late)
    socket.on('error', this.#gone).on('end', this.#gone).on('close', this.#gone).on('data', this.#hear)
    if (head.length > 0) this.#hear(head)
    socket.resume()
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  get isOver(): boolean {
    return this.#settled || this.#abort.signal.aborted
  }

  /** Hands the socket over, with what has come already. @throws Denial 499 when there is nobody to hand over any more */
  take(): { readonly socket: Duplex; readonly early: readonly Uint8Array[] } {
    if (this.isOver) deny(499, 'gone', 'the peer has gone, or was answered before')
    this.#settle()
    this.#socket.off('error', this.#gone).off('end', this.#gone).off('close', this.#gone).pause()
    // a timeout of the server's is for requests; and a message must not wait for the next (Nagle)
    if (this.#socket instanceof Socket) this.#socket.setTimeout(0).setNoDelay(true)
    return { socket: this.#socket, early: this.#early }
  }

  /** Answers with HTTP and hangs up. */
  reject({ status, headers, body }: HttpFace): void {
    if (this.isOver) return void this.#socket.destroy()
    this.#settle()
    const lines = Object.entries({
      ...headers,
      'Content-Length': String(Buffer.byteLength(body)),
      Connection: 'close',
    })
    const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
    this.#socket.end(`HTTP/1.1 ${status} ${titleOf(status)}\r\n${head}\r\n${body}`, () =>
      this.#socket.destroy(),
    )
  }

  #settle(): void {
    this.#settled = true
    this.#late.cancel()
    this.#socket.off('data', this.#hear)
  }

  readonly #hear = (chunk: Uint8Array): void => {
    this.#early.push(chunk)
    this.#bytes += chunk.length
    // nobody may send before the answer; a little is forgiven, more waits in the kernel
    if (this.#bytes > earlyBytes) this.#socket.pause()
  }

  readonly #gone = (): void => {
    this.#late.cancel()
    this.#abort.abort()
    if (!this.#settled) this.#socket.destroy()
  }
}

/** A handshake that came over a socket. What few ask for is computed when they do. */
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
    const { id, request, peer } = parts
    this.#parts = parts
    this.#separated = separate(
      {
        authorization: firstOf(request, 'authorization'),
        cookie: firstOf(request, 'cookie'),
        offered: request.offered,
        query: request.query,
        header: (name) => onlyOf(request, name),
      },
      parts.hub.carriers,
    )
    this.id = id
    this.path = request.path
    this.origin = request.origin
    this.address = peer.address
    this.protocols = this.#separated.protocols
    this[hub] = parts.hub
  }

  get signal(): AbortSignal {
    return this.#parts.knocking.signal
  }

  get url(): URL {
    return (this.#url ??= this.#makeUrl())
  }

  get headers(): Headers {
    return (this.#headers ??= this.#makeHeaders(
      (name) => !secret.has(name) && !keyHeaderNames(this.#parts.hub.carriers).includes(name),
    ))
  }

  get [door](): Door {
    return (this.#door ??= this.#makeDoor())
  }

  accept(
    protocol: string | null,
    messageBytes: number = this.#parts.hub.limits.messageBytes,
  ): NodeConnection {
    const { knocking, request, writer, hub: server, ended, opened } = this.#parts
    const { socket, early } = knocking.take()
    const { clock, limits } = server
    const head = switching(request.key, protocol)
    const connection = new NodeConnection({
      id: this.id,
      protocol,
      socket,
      early,
      writer,
      clock,
      limits,
      messageBytes,
      head,
      ended,
    })
    opened(connection)
    return connection
  }

  #makeUrl(): URL {
    const { request, peer } = this.#parts
    const { query } = this.#separated
    const base = `${peer.secure ? 'wss' : 'ws'}://${request.host}`
    // assertOrigin has checked the host by the time anybody asks; whoever asks before gets a name that resolves nowhere
    const url = new URL(URL.canParse(base) ? base : 'ws://malformed.invalid')
    url.pathname = request.path
    url.search = query
    return url
  }

  #makeHeaders(visible: (name: string) => boolean): Headers {
    const headers = new Headers()
    for (const [name, values] of this.#parts.request.headers)
      if (visible(name)) for (const value of values) headers.append(name, value)
    if (this.protocols.length > 0) headers.set('sec-websocket-protocol', this.protocols.join(', '))
    return headers
  }

  #makeDoor(): Door {
    const { id, path, origin, address, signal } = this
    const { credentials } = this.#separated
    // an own object: authenticators may spread it, and need the url and the headers only rarely
    const makeHeaders = (): Headers =>
      this.#makeHeaders((name) => name !== 'cookie' && name !== 'sec-websocket-protocol')
    let headers: Headers | null = null
    const makeUrl = (): URL => this.url
    return {
      id,
      path,
      origin,
      address,
      signal,
      credentials,
      get url() {
        return makeUrl()
      },
      get headers() {
        return (headers ??= makeHeaders())
      },
    }
  }
}

/**
 * A handshake as whoever admits it needs it.
 *
 * @throws Denial 400 when a credential is malformed, or two disagree
 */
export function entranceOf(parts: HandshakeParts): Entrance {
  const { request, knocking } = parts
  return {
    handshake: new NodeHandshake(parts),
    host: request.host,
    reject: (answer) => knocking.reject(answer),
  }
}

/** The denial of a handshake whose time is over. */
export function tooLate(): Denial {
  return new Denial(408, 'timeout', 'the handshake took too long', { httpOnly: true })
}

function firstOf(request: UpgradeRequest, name: string): string | null {
  return request.headers.get(name)?.[0] ?? null
}

function onlyOf(request: UpgradeRequest, name: string): string | null {
  const values = request.headers.get(name) ?? []
  if (values.length > 1) deny(400, 'bad-credential', `the header '${name}' stands twice`, { httpOnly: true })
  return values[0] ?? null
}

/** The answer that opens a WebSocket (RFC 6455 section 4.2.2). */
function switching(key: string, protocol: string | null): Uint8Array {
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  const answered = protocol === null ? '' : `Sec-WebSocket-Protocol: ${protocol}\r\n`
  return Buffer.from(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n${answered}\r\n`,
    'latin1',
  )
}
