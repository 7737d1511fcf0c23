import type { ServerContext } from '../server-context.ts'
import type { Duration } from '../../wire/duration.ts'
import type { Awaitable } from '../runtime/awaitable.ts'
import type { AdmissionRequest } from './admit.ts'

/** What a transport is made of. */
export interface TransportParts {
  /** Its limits, clock, carriers and reporter are those of the transport. */
  readonly context: ServerContext
  /** Authenticates and authorizes a handshake; when it returns or settles, that was answered. */
  readonly admit: (request: AdmissionRequest) => Awaitable<void>
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
