import { aContract, type Calls, type Contract, type Direction } from '../../wire/contract.ts'
import { aFunction, assertKind } from '../../wire/options.ts'
import { isSchema, type Schema } from '../../wire/schema.ts'
import type { Authenticator, UserOf } from '../api/handshake.ts'
import type {
  GrantInput,
  EndpointOptions,
  Endpoint,
  Granted,
  NoGrant,
  CheckedGrant,
  UnreadGrant,
} from '../api/endpoint-options.ts'
import type { KnownHandlers, HandlerTable } from '../api/handlers.ts'
import type { Leave, Socket } from '../api/socket.ts'
import { openEndpoint } from './open.ts'
import type { ServerChannel } from '../socket/channel.ts'
import type { ChannelHandler } from '../socket/peer-and-channel.ts'
import { resolveOptions } from '../socket/resolved-options.ts'
import { EndpointSocket } from '../socket/endpoint-socket.ts'

/**
 * A consumer: what runs for each socket is a table of handlers, made once for each socket. State of a connection is a
 * `const` in the closure. Handlers run one at a time; a denial that one throws is an error frame for the sender, anything
 * else is reported and closes the socket with 1011.
 *
 * @throws TypeError when the demands are malformed
 * @example
 * export const room = consumer(chat, { auth: member }, (socket) => ({
 *   on: { say: ({ text }) => socket.group().send('said', { from: socket.user.name, text }) },
 * }))
 */
export function consumer<
  P extends string,
  C extends Direction,
  S extends Direction,
  K extends Calls,
  Au extends string,
  R extends Schema | undefined,
  A extends Authenticator<unknown>,
  G extends GrantInput<R> | NoGrant = UnreadGrant<R>,
  T extends HandlerTable<C, K, Granted<G>> = HandlerTable<C, K, Granted<G>>,
>(
  contract: Contract<P, C, S, K, Au, R>,
  demands: EndpointOptions<P, A, G, Au, R> & CheckedGrant<G>,
  run: (socket: Socket<P, S, Au, UserOf<A>, Granted<G>>) => T & KnownHandlers<T, C, K>,
): Endpoint<P, C, S, K, UserOf<A>, Socket<P, S, Au, UserOf<A>, Granted<G>>> {
  assertKind('the contract of consumer()', contract, aContract)
  assertKind(`the function of the consumer of '${contract.path}'`, run, aFunction)
  // Contract is read-only data: widening its types hides nothing from the engine
  const plain = contract as unknown as Contract<P>
  const resolved = resolveOptions(plain, demands)
  // View is the untyped form of the socket, and LooseTable that of the table, that this contract and these demands describe
  const handlerOf = (channel: ServerChannel): ChannelHandler =>
    new TableHandler(
      plain,
      run(new EndpointSocket(channel) as unknown as Parameters<typeof run>[0]) as LooseTable,
    )
  const entering = { contract: plain, options: resolved, run: handlerOf }
  const application: (handshake: Parameters<Endpoint>[0]) => Promise<void> = (handshake) =>
    openEndpoint(handshake, entering)
  return Object.assign(application, { contract: plain, auth: resolved.auth })
}

type MessageHandler = (data: unknown) => unknown
type CallHandler = (input: unknown, call: { readonly signal: AbortSignal }) => unknown

interface LooseTable {
  open?(): unknown
  close?(leave: Leave): unknown
  change?(grant: unknown, before: unknown): unknown
  message?: MessageHandler
  on?: Readonly<Record<string, MessageHandler>>
  calls?: Readonly<Record<string, CallHandler>>
}

/** What runs inside is the table: one object for each socket, and no closure for what it may be asked. */
class TableHandler implements ChannelHandler {
  readonly #table: LooseTable
  readonly #on: Readonly<Record<string, MessageHandler>>
  readonly #calls: Readonly<Record<string, CallHandler>>
  /** No handler is at work while `close` runs. */
  isParting = false

  constructor(contract: Contract, table: LooseTable) {
    this.#table = table
    this.#on = complete(contract, 'on', isSchema(contract.client) ? none : contract.client, table.on)
    this.#calls = complete(contract, 'calls', contract.calls, table.calls)
  }

  open(): unknown {
    return this.#table.open?.()
  }

  message(type: string | null, data: unknown): unknown {
    // the contract knows these names, and `complete` has found an own handler for each
    return type === null ? this.#table.message?.(data) : this.#on[type]?.(data)
  }

  call(name: string, input: unknown, signal: AbortSignal): unknown {
    return this.#calls[name]?.(input, { signal })
  }

  change(grant: unknown, before: unknown): unknown {
    return this.#table.change?.(grant, before)
  }

  /** Its handlers are what the inbox waits for. */
  rested(): Promise<void> {
    return Promise.resolve()
  }

  /** It takes nothing by itself. */
  stop(): number {
    return 0
  }

  async close(leave: Leave): Promise<void> {
    this.isParting = true
    try {
      await this.#table.close?.(leave)
    } finally {
      this.isParting = false
    }
  }
}

const none: Readonly<Record<string, never>> = {}

function complete<F>(
  contract: Contract,
  part: string,
  names: object,
  given: Readonly<Record<string, F>> = none,
): Readonly<Record<string, F>> {
  const missing = Object.keys(names).find(
    (name) => !Object.hasOwn(given, name) || typeof given[name] !== 'function',
  )
  if (missing === undefined) return given
  throw new TypeError(`the consumer of '${contract.path}' has no handler '${missing}' under '${part}'`)
}
