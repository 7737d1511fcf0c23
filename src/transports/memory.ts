import { type ServerContext, serverContext, type ServerHandshake } from '../core/server-context.ts'
import { newId } from '../core/runtime/id.ts'
import { authRequest, type AuthRequest } from '../core/api/handshake.ts'
import type { Identity } from '../core/api/identity.ts'
import type { Connection, Packet, Receiver } from '../core/api/connection.ts'
import { keyHeaderNames, separate } from '../core/access/credentials.ts'
import type { Payload } from '../wire/body.ts'
import { deny } from '../wire/errors.ts'

/** How someone knocks without a network. */
export interface MemoryRequest {
  /** The path, percent-encoded. */
  readonly path: string
  readonly query: string
  readonly headers: Headers
  readonly address: string
  /** Who it is, said instead of a credential. */
  readonly known: Identity<unknown> | null
}

/** The visitor's end of a wire in memory. */
export interface FarEnd {
  send(payload: Payload): void
  close(code: number, reason: string): void
  /** Cuts the wire, as a lost network does. */
  cut(): void
}

/** What the visitor hears. */
export interface FarReceiver {
  message(payload: Payload): void
  ended(code: number, reason: string): void
}

/** A handshake in memory, its `Host`, and the visitor's end of the wire that it may become. */
export interface MemoryHandshake {
  readonly handshake: ServerHandshake
  readonly host: string
  readonly far: FarEnd
}

const secretHeaders = ['authorization', 'proxy-authorization', 'cookie', 'sec-websocket-protocol']

/**
 * A handshake as the network would bring it, with queues for a wire: the same credentials, the same headers, no port.
 *
 * @throws Denial 400 when a credential is malformed
 */
export function memoryHandshake(
  server: ServerContext,
  visit: MemoryRequest,
  hears: FarReceiver,
): MemoryHandshake {
  const { headers, path, address, known } = visit
  const host = headers.get('host') ?? 'localhost'
  const { credentials, protocols, query } = separate(sourcesOf(visit), server.carriers)
  const id = newId()
  const abort = new AbortController()
  const wire = new MemoryWire(hears)
  const url = new URL(
    `ws://${URL.canParse(`ws://${host}`) ? host : 'malformed.invalid'}${path}${query === '' ? '' : `?${query}`}`,
  )
  const origin = headers.get('origin')
  const shared = { id, url, path, origin, address, signal: abort.signal }
  const asked: AuthRequest = {
    ...shared,
    headers: without(headers, ['cookie']),
    credentials,
    ...(known === null ? {} : { known }),
  }
  const handshake: ServerHandshake = {
    ...shared,
    protocols,
    headers: without(headers, [...secretHeaders, ...keyHeaderNames(server.carriers)]),
    accept: (protocol, messageBytes) => wire.accept(protocol, messageBytes ?? server.limits.messageBytes),
    [authRequest]: asked,
    [serverContext]: server,
  }
  return { handshake, host, far: wire.far(() => abort.abort()) }
}

function sourcesOf({ headers, query }: MemoryRequest): Parameters<typeof separate>[0] {
  return {
    authorization: headers.get('authorization'),
    cookie: headers.get('cookie'),
    offered: (headers.get('sec-websocket-protocol') ?? '')
      .split(',')
      .flatMap((one) => (one.trim() === '' ? [] : [one.trim()])),
    query,
    header: (name) => headers.get(name),
  }
}

function without(headers: Headers, names: readonly string[]): Headers {
  const rest = new Headers(headers)
  for (const name of names) rest.delete(name)
  return rest
}

/** Both ends of a wire: what one sends the other hears, in order, until one of them ends it. */
class MemoryWire {
  readonly #hears: FarReceiver
  #receiver: Receiver | null = null
  /** What the receiver has paused before; a network would leave most of it with its sender. */
  #held: Payload[] = []
  #paused = false
  #closed = false
  #accepted = false
  #bound = 0

  constructor(hears: FarReceiver) {
    this.#hears = hears
  }

  accept(protocol: string | null, bound: number): Connection {
    if (this.#accepted || this.#closed)
      deny(499, 'gone', 'this handshake was answered before, or the peer has gone')
    this.#accepted = true
    this.#bound = bound
    return {
      id: newId(),
      protocol,
      queued: 0,
      progress: 0,
      isBehind: false,
      isFull: false,
      send: (packet) => this.#toVisitor(packet),
      // the visitor takes everything at once
      whenDrained: (run) => queueMicrotask(() => this.#closed || run()),
      ping: () => this.#receiver?.alive(),
      bound: (messageBytes) => void (this.#bound = messageBytes),
      pause: () => void (this.#paused = true),
      resume: () => this.#resume(),
      close: (code, reason) => this.#end(code, reason),
      terminate: () => this.#end(1006, ''),
      listen: (receiver) => {
        this.#receiver = receiver
        this.#resume()
      },
    }
  }

  far(left: () => void): FarEnd {
    const end = (code: number, reason: string): void => {
      left()
      // as over a network: what came before the end is heard before it
      this.#handOver(() => false)
      this.#end(code, reason)
    }
    return { send: (payload) => this.#fromVisitor(payload), close: end, cut: () => end(1006, '') }
  }

  #toVisitor({ payload }: Packet): void {
    if (!this.#closed) this.#hears.message(payload)
  }

  #fromVisitor(payload: Payload): void {
    if (this.#closed) return
    if (sizeOf(payload) > this.#bound) return this.#end(1009, 'message too large')
    if (this.#receiver === null || this.#paused) this.#held.push(payload)
    else this.#receiver.message(payload, sizeOf(payload))
  }

  #resume(): void {
    this.#paused = false
    this.#handOver(() => this.#paused)
  }

  #handOver(stops: () => boolean): void {
    while (this.#receiver !== null && !stops()) {
      const payload = this.#held.shift()
      if (payload === undefined) return
      this.#receiver.message(payload, sizeOf(payload))
    }
  }

  #end(code: number, reason: string): void {
    if (this.#closed) return
    this.#closed = true
    this.#held = []
    // a turn later, as a network would: whoever ends a wire is not called back in the midst of it
    queueMicrotask(() => {
      this.#hears.ended(code, reason)
      this.#receiver?.closed(code, reason)
    })
  }
}

function sizeOf(payload: Payload): number {
  return typeof payload === 'string' ? new TextEncoder().encode(payload).length : payload.length
}
