import type { CredentialSources } from '../access/credentials.ts'
import type { Connection } from '../api/connection.ts'
import type { Identity } from '../api/identity.ts'
import type { ServerContext } from '../server-context.ts'
import type { Duration } from '../../wire/duration.ts'
import type { AdmissionRequest } from './admit.ts'

/** What a transport is made of. */
export interface TransportParts {
  /** Its limits, clock, carriers and reporter are those of the transport. */
  readonly context: ServerContext
  /** Authenticates and authorizes a handshake; it settles when that was answered. */
  readonly admit: (request: AdmissionRequest) => Promise<void>
  /** Closes the server that has this transport. */
  readonly close: (drain: Duration) => Promise<void>
  /** Addresses or CIDR ranges of proxies whose forwarded headers count. */
  readonly proxies: readonly string[]
}

/** The part of a transport that every server calls. What starts it is the runtime's own. */
export interface Transport {
  /** Closes the connections that are left, and answers 503 from now on. */
  close(): Promise<void>
}

/**
 * An upgrade request as a transport has read it. A transport checks `path` and `host` before: the URL is put together from
 * them as they are.
 */
export interface TransportRequest extends CredentialSources {
  /** The id of the handshake. */
  readonly id: string
  /** The path as it came, still percent-encoded. */
  readonly path: string
  /** The `Host` header. */
  readonly host: string
  /** Whether the peer's own wire is encrypted. */
  readonly secure: boolean
  readonly origin: string | null
  /** The address of the peer, behind the trusted proxies. */
  readonly address: string
  /** Who it is, said by the in-process transport of tests alone. */
  readonly known?: Identity<unknown> | undefined
  /** Every header by its name in lower case; a header that came in several lines has several values. */
  readonly headers: Iterable<readonly [name: string, values: string | readonly string[]]>
  /** Aborted, with a {@link Denial} as the reason, when the peer has gone or the time is over before the answer. */
  readonly signal: AbortSignal
  /** Makes the connection. @throws Denial 499 when the peer has gone, or was answered before */
  accept(protocol: string | null, messageBytes: number): Connection
}
