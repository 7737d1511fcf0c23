import { admit } from '../core/admission/admit.ts'
import type { Transport, TransportParts } from '../core/admission/transport.ts'
import type { Application } from '../core/api/handshake.ts'
import type { Store } from '../core/api/layer.ts'
import type { Messenger } from '../core/api/messenger.ts'
import type { LayerConnection } from '../core/groups/layer-connection.ts'
import { type ServerContext, serverContext as server } from '../core/server-context.ts'
import { messengerOf } from '../core/server-messenger.ts'
import { type Duration, milliseconds } from '../wire/duration.ts'
import { Denial } from '../wire/errors.ts'
import { isBytes } from '../wire/is-bytes.ts'
import {
  aDuration,
  aFunction,
  aString,
  assertKind,
  aText,
  checkedOptions,
  type OptionKind,
  type OptionKinds,
} from '../wire/options.ts'
import { assembleContext, type Runtime } from './assemble-context.ts'
import { checkedServerOptions, type ServerOptions } from './server-options.ts'

/** A server on any runtime. It has everything except the start of its transport. */
export interface PortableServer extends Messenger {
  /** Sets the application that answers handshakes; until then each is answered 503. */
  serve(application: Application): void
  /**
   * Groups and users of one tenant. `revoke` and `recheck` by `user` reach that tenant's user alone. The same
   * methods of the server reach a user of that name in every tenant. Sessions and tokens have one name in all
   * tenants.
   */
  tenant(name: string): Messenger
  /** Small values that the nodes of the layer share, for tickets and logout tokens. It fails with `ERR_LAYER` while the layer is away. */
  readonly store: Store
  /** How many sockets are open in this process. */
  readonly connections: number
  /**
   * Drains the server: it refuses new handshakes, waits for running handlers, and closes the sockets with
   * 1012. `drain` is the longest time for this, 30 s by default. Clients reconnect at a random moment within
   * that time.
   */
  close(options?: { readonly drain?: Duration }): Promise<void>
  /** For the testing kit. */
  readonly [server]: ServerContext
}

/** A runtime with its transport. */
export interface TransportRuntime<T extends Transport> extends Runtime {
  readonly transport: (parts: TransportParts) => T
}

const aTime: OptionKind = {
  wanted: 'milliseconds',
  is: (value) => Number.isFinite(value) && Number(value) >= 0,
}
const anApplication: OptionKind = { wanted: 'an application, such as router([...])', is: aFunction.is }
const closeKinds: OptionKinds<NonNullable<Parameters<PortableServer['close']>[0]>> = { drain: aDuration }

/**
 * Puts a server together for a runtime, and answers it with its transport, which the runtime's own entry starts.
 *
 * @throws TypeError when an option is unknown or malformed; `undefined` is no value for one
 */
export function assembleServer<T extends Transport>(
  options: ServerOptions,
  runtime: TransportRuntime<T>,
): { readonly server: PortableServer; readonly transport: T } {
  const { proxies = [], ...others } = checkedServerOptions(options)
  const { context, link, drain, leave } = assembleContext(others, runtime)
  let application: Application = notServing
  let closing: Promise<void> | null = null
  const shut = async (ms: number): Promise<void> => {
    await drain(ms)
    // the connections first: a layer that is away, or never answers, keeps no connection open
    await transport.close()
    await leave()
  }
  const close = async (time: Duration): Promise<void> => {
    await (closing ??= shut(milliseconds(time)))
  }
  const transport = runtime.transport({
    context,
    admit: (request) => admit(application, request),
    close,
    proxies,
  })
  return {
    transport,
    server: {
      ...messengerOf(context, null),
      [server]: context,
      serve(served) {
        assertKind('the argument of serve()', served, anApplication)
        application = served
      },
      tenant(name) {
        // a name that is undefined would mean every tenant
        assertKind('the name of a tenant', name, aText)
        return context.messenger(name)
      },
      store: checkedStore(link),
      get connections() {
        return context.registry.size
      },
      async close(how = {}) {
        const { drain: time = '30s' } = checkedOptions('close()', how, closeKinds)
        await close(time)
      },
    },
  }
}

async function notServing(): Promise<void> {
  throw new Denial(503, 'not-serving', 'this server serves nothing yet', { httpOnly: true })
}

/** The store of a layer, with checked arguments. */
function checkedStore(link: LayerConnection): Store {
  return {
    async put(key, value, ttlMs) {
      assertKind('the key of put()', key, aString)
      assertKind('the value of put()', value, { wanted: 'bytes', is: isBytes })
      assertKind('the time of put()', ttlMs, aTime)
      return link.put(key, value, ttlMs)
    },
    async take(key) {
      assertKind('the key of take()', key, aString)
      return link.take(key)
    },
    async claim(key, owner, ttlMs) {
      assertKind('the key of claim()', key, aString)
      assertKind('the owner of claim()', owner, aString)
      assertKind('the time of claim()', ttlMs, aTime)
      return link.claim(key, owner, ttlMs)
    },
  }
}
