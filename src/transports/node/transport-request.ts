import type { TransportRequest } from '../../core/admission/transport.ts'
import { type TransportContext, NodeConnection } from './connection.ts'
import { switchingProtocols } from './http-response.ts'
import type { PendingUpgrade } from './pending-upgrade.ts'
import type { RemoteAddress } from './remote-address.ts'
import type { UpgradeRequest } from './upgrade-request.ts'

/** What was read of an upgrade request, and the socket that waits for the answer. */
export interface NodeRequestParts {
  readonly id: string
  readonly upgrade: UpgradeRequest
  readonly remote: RemoteAddress
  readonly pending: PendingUpgrade
}

/** An upgrade request that came over a socket of node:http. */
export class NodeTransportRequest implements TransportRequest {
  readonly id: string
  readonly #context: TransportContext
  readonly #upgrade: UpgradeRequest
  readonly #remote: RemoteAddress
  readonly #pending: PendingUpgrade

  constructor(context: TransportContext, { id, upgrade, remote, pending }: NodeRequestParts) {
    this.id = id
    this.#context = context
    this.#upgrade = upgrade
    this.#remote = remote
    this.#pending = pending
  }

  get path(): string {
    return this.#upgrade.path
  }

  get query(): string {
    return this.#upgrade.query
  }

  get host(): string {
    return this.#upgrade.host
  }

  get origin(): string | null {
    return this.#upgrade.origin
  }

  get offered(): readonly string[] {
    return this.#upgrade.offered
  }

  get headers(): UpgradeRequest['headers'] {
    return this.#upgrade.headers
  }

  get address(): string {
    return this.#remote.address
  }

  get secure(): boolean {
    return this.#remote.secure
  }

  get signal(): AbortSignal {
    return this.#pending.signal
  }

  get authorization(): string | null {
    return this.header('authorization')
  }

  get cookie(): string | null {
    // HTTP/2 sends a cookie in a line of its own (RFC 9113 section 8.2.3)
    return this.#upgrade.headers.get('cookie')?.join('; ') ?? null
  }

  header(name: string): string | null {
    return this.#upgrade.headers.get(name)?.[0] ?? null
  }

  /** Nothing is written before the end of the turn: the answer and the first frames leave in one write. */
  accept(protocol: string | null, messageBytes: number): NodeConnection {
    const socket = this.#pending.take()
    const head = switchingProtocols(this.#upgrade.key, protocol)
    return new NodeConnection(this.#context, { protocol, socket, head, messageBytes })
  }
}
