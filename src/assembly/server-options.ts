import type { Origins } from '../core/access/origin.ts'
import type { Carriers } from '../core/api/credentials.ts'
import type { EventSink, Reporter } from '../core/api/events.ts'
import type { Identity } from '../core/api/identity.ts'
import type { Layer } from '../core/api/layer.ts'
import type { Limits } from '../core/api/limits.ts'
import type { Tracer } from '../core/api/tracer.ts'
import { aClock, type Clock } from '../wire/clock.ts'
import type { Duration } from '../wire/duration.ts'
import {
  aBoolean,
  aDuration,
  aFunction,
  anObject,
  aString,
  checkedOptions,
  either,
  having,
  type OptionKinds,
  oneOf,
  strings,
} from '../wire/options.ts'

/** The options of a server. Each has a default that is safe in production. */
export interface ServerOptions {
  /** The layer that carries groups between nodes; `memory()` when left out, for this process alone. */
  readonly layer?: Layer
  /**
   * Exact origins whose pages may open sockets, such as `https://app.example`, or `capacitor://localhost` for
   * an app; or a function that decides. By default the server's own origin. `null` and `file://` do not tell
   * which site made a page: where they are listed, a cookie from such a page proves no identity.
   */
  readonly origins?: Origins
  /** The host names that the server answers, beside loopback and the hosts of listed http origins; any when left out. */
  readonly hosts?: readonly string[]
  /**
   * Addresses or CIDR ranges of proxies whose forwarded headers count. `unix` is a proxy that connects over a
   * Unix socket; no other program may be able to open that socket. By default no proxy.
   */
  readonly proxies?: readonly string[]
  /** The tenant of an identity: part of every group's name, never taken from the client. One for all when left out. */
  readonly tenant?: (identity: Identity<unknown>) => string
  /**
   * Carriers for credentials that are off by default (query parameters, first messages), and the names of API
   * key headers.
   */
  readonly carriers?: Carriers
  /** Bounds to change; see `defaultLimits`. */
  readonly limits?: Partial<Limits>
  /**
   * What happens to a connection beyond `limits.connectionsPerIdentity`: `evict`, which is the default, accepts it and
   * closes the oldest with 4409; `refuse` answers it 429. `refuse` locks out people with many tabs.
   */
  readonly whenFull?: 'evict' | 'refuse'
  /**
   * The effect on open sockets when their node could not read revocations for 30 s. `ask`, the default,
   * authenticates and authorizes them again every 30 s, and closes a socket for which that is not possible
   * with 4503. `close` closes all with 4503. `stay` keeps all open. New handshakes are refused in each case.
   */
  readonly whenBlind?: 'ask' | 'close' | 'stay'
  readonly clock?: Clock
  /** Receives every unexpected error; `console.error` when left out. */
  readonly report?: Reporter
  /**
   * Prints each cause of a wrong configuration once. In development (`NODE_ENV` is not `production`) it also
   * prints refusals by origin, host or path and malformed requests, with the line of configuration that would
   * allow them. It then also prints which messages are slow to validate. A function receives the text in
   * place of `console.warn`; `false` prints nothing. By default `true`, except in tests (`NODE_ENV` is
   * `test`).
   */
  readonly warn?: boolean | ((message: string) => void)
  /** Receives the events of handshakes and sockets, without secrets. */
  readonly on?: EventSink
  /** Traces handshakes, messages and sends, such as `otel()` of `sallyport/otel`; no trace when left out. */
  readonly tracer?: Tracer
  /**
   * How long revocations are remembered; 24 hours by default. It must be at least the life of the
   * longest-lived credential. Give every node of a layer the same value.
   */
  readonly remember?: Duration
  /** The name of this process among its peers; random when left out. */
  readonly node?: string
  /**
   * Whether messages of the server are checked against their contract too. By default off, and on in tests
   * (`NODE_ENV` is `test`).
   */
  readonly checkOutgoing?: boolean
}

const optionKinds: OptionKinds<ServerOptions> = {
  layer: having('connect'),
  origins: either(strings, aFunction),
  hosts: strings,
  proxies: strings,
  tenant: aFunction,
  carriers: anObject,
  limits: anObject,
  whenFull: oneOf('evict', 'refuse'),
  whenBlind: oneOf('ask', 'close', 'stay'),
  clock: aClock,
  report: aFunction,
  warn: either(aBoolean, aFunction),
  on: aFunction,
  tracer: having('run'),
  remember: aDuration,
  node: aString,
  checkOutgoing: aBoolean,
}

/** The options as they were given. @throws TypeError when one is unknown or malformed; `undefined` is no value for one */
export function checkedServerOptions(options: ServerOptions): ServerOptions {
  return checkedOptions('sallyport()', options, optionKinds)
}
