import {
  buildHandshake,
  type HandshakeAnswer,
  peerGone,
  type ReadRequest,
} from '../core/admission/build-handshake.ts'
import type { ServerContext, ServerHandshake } from '../core/server-context.ts'
import { newId } from '../core/runtime/id.ts'
import type { Identity } from '../core/api/identity.ts'
import type { Reporter } from '../core/api/events.ts'
import type { Connection, Packet, Receiver } from '../core/api/connection.ts'
import { keyHeaderNames, listItems } from '../core/access/credentials.ts'
import type { Payload } from '../wire/body.ts'
import { deny } from '../wire/errors.ts'

/** An upgrade request without a network. */
export interface MemoryRequest {
  /** The path, percent-encoded. */
  readonly path: string
  readonly query: string
  readonly headers: Headers
  readonly address: string
  /** The identity, given instead of a credential. */
  readonly known: Identity<unknown> | null
}

/** The client's end of a connection in memory. */
export interface ClientSide {
  send(payload: Payload): void
  close(code: number, reason: string): void
  /** Cuts the connection, as a lost network does. */
  cut(): void
}

/** What the client's end receives. */
export interface ClientReceiver {
  message(payload: Payload): void
  ended(code: number, reason: string): void
}

/** A handshake in memory, its `Host`, and the client's end of the connection that it may become. */
export interface MemoryHandshake {
  readonly handshake: ServerHandshake
  readonly host: string
  readonly clientSide: ClientSide
}

/**
 * A handshake as it would arrive over a network, with queues in place of a connection: the same credentials
 * and the same headers.
 *
 * @throws Denial 400 when a credential is malformed
 */
export function memoryHandshake(
  server: ServerContext,
  request: MemoryRequest,
  receiver: ClientReceiver,
): MemoryHandshake {
  const pipe = new MemoryPipe(newId(), { client: receiver, report: server.report })
  const handshake = buildHandshake(server, readRequest(server, request), pipe)
  return { handshake, host: hostOf(request), clientSide: pipe.clientSide() }
}

function hostOf({ headers }: MemoryRequest): string {
  return headers.get('host') ?? 'localhost'
}

function readRequest({ carriers }: ServerContext, request: MemoryRequest): ReadRequest {
  const { path, query, headers, address, known } = request
  const host = hostOf(request)
  return {
    path,
    query,
    // the origin rule refuses a malformed one later
    host: URL.canParse(`ws://${host}`) ? host : 'malformed.invalid',
    secure: false,
    origin: headers.get('origin'),
    address,
    known: known ?? undefined,
    authorization: headers.get('authorization'),
    cookies: headers.get('cookie'),
    keys: keyHeaderNames(carriers).flatMap((name) => headers.get(name) ?? []),
    lines: [...headers].flat(),
    offered: listItems(headers.get('sec-websocket-protocol') ?? ''),
  }
}

/** Both ends of a connection: each end gets what the other sends, in order, until one of them ends it. */
class MemoryPipe implements HandshakeAnswer {
  readonly id: string
  readonly #client: ClientReceiver
  readonly #report: Reporter
  readonly #abort = new AbortController()
  #receiver: Receiver | null = null
  /** What arrived while the receiver was paused. A network would leave most of it with its sender. */
  #held: Payload[] = []
  #paused = false
  #closed = false
  #accepted = false
  #bound = 0
  #drained: (() => void) | null = null

  constructor(
    id: string,
    { client, report }: { readonly client: ClientReceiver; readonly report: Reporter },
  ) {
    this.id = id
    this.#client = client
    this.#report = report
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  get isOver(): boolean {
    return this.#abort.signal.aborted
  }

  connect(protocol: string | null, messageBytes: number): Connection {
    if (this.#accepted || this.#closed) deny(499, 'gone', 'the peer has gone, or was answered before')
    this.#accepted = true
    this.#bound = messageBytes
    return {
      protocol,
      queued: 0,
      progress: 0,
      isBehind: false,
      isFull: false,
      send: (packet) => this.#toClient(packet),
      whenDrained: (run) => this.#whenDrained(run),
      ping: () => this.#receiver?.alive(),
      bound: (bytes) => void (this.#bound = bytes),
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

  clientSide(): ClientSide {
    const end = (code: number, reason: string): void => {
      if (!this.#accepted) this.#abort.abort(peerGone)
      // as over a network: messages from before the end are delivered before it
      this.#deliverHeld(() => false)
      this.#end(code, reason)
    }
    return { send: (payload) => this.#fromClient(payload), close: end, cut: () => end(1006, '') }
  }

  /** Calls back a turn later: the client's end takes all at once. */
  #whenDrained(run: () => void): void {
    const isWaiting = this.#drained !== null
    this.#drained = run
    if (isWaiting) return
    queueMicrotask(() => {
      const drained = this.#drained
      this.#drained = null
      if (!this.#closed) drained?.()
    })
  }

  #deliver(payload: Payload): void {
    try {
      this.#receiver?.message(payload, sizeOf(payload))
    } catch (error) {
      // one bad input ends one connection, never the process
      this.#report(error, 'delivering a message')
      this.#end(1011, '')
    }
  }

  #toClient({ payload }: Packet): void {
    if (!this.#closed) this.#client.message(payload)
  }

  #fromClient(payload: Payload): void {
    if (this.#closed) return
    if (sizeOf(payload) > this.#bound) return this.#end(1009, 'message too large')
    if (this.#receiver === null || this.#paused) this.#held.push(payload)
    else this.#deliver(payload)
  }

  #resume(): void {
    this.#paused = false
    this.#deliverHeld(() => this.#paused)
  }

  #deliverHeld(stops: () => boolean): void {
    while (this.#receiver !== null && !stops()) {
      const payload = this.#held.shift()
      if (payload === undefined) return
      this.#deliver(payload)
    }
  }

  #end(code: number, reason: string): void {
    if (this.#closed) return
    this.#closed = true
    this.#held = []
    // a turn later, as over a network: the caller that ends a connection is not called back within its call
    queueMicrotask(() => {
      this.#client.ended(code, reason)
      this.#receiver?.closed(code, reason)
    })
  }
}

function sizeOf(payload: Payload): number {
  return typeof payload === 'string' ? new TextEncoder().encode(payload).length : payload.length
}
