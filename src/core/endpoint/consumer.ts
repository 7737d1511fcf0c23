import { aContract, type AnyContract } from '../../wire/contract.ts'
import { aFunction, assertKind } from '../../wire/options.ts'
import { isSchema } from '../../wire/schema.ts'
import type {
  GrantInput,
  EndpointOptions,
  Endpoint,
  Granted,
  NoGrant,
  NeededOptions,
  CheckedGrant,
  UnreadGrant,
} from '../api/endpoint-options.ts'
import type { CheckedTable, MissingHandlers, UnreadTable } from '../api/handlers.ts'
import type { Leave, Socket } from '../api/socket.ts'
import { isThenable } from '../runtime/awaitable.ts'
import { applicationOf } from '../admission/opening.ts'
import { openEndpoint } from './open.ts'
import type { ServerChannel } from '../socket/channel.ts'
import type { ChannelHandler } from '../socket/interfaces.ts'
import { resolveOptions } from '../socket/resolved-options.ts'
import { EndpointSocket } from '../socket/endpoint-socket.ts'

/**
 * Defines an endpoint with a table of handlers, made once for each socket. The state of a socket is a `const`
 * in the closure. Handlers run one at a time. A denial that a handler throws is an error frame for the
 * sender; any other error is reported and closes the socket with 1011.
 *
 * @throws TypeError when the options are malformed
 * @example
 * export const room = consumer(chat, { auth: member }, (socket) => ({
 *   on: { say: ({ text }) => socket.group().send('said', { from: socket.user.name, text }) },
 * }))
 */
export function consumer<
  C extends AnyContract,
  U,
  G extends GrantInput<C['grant']> | NoGrant = UnreadGrant<C['grant']>,
  T extends UnreadTable<C, Granted<G>> = UnreadTable<C, Granted<G>>,
>(
  contract: C,
  options: CheckedGrant<G> & NeededOptions<C> & EndpointOptions<C, U, G>,
  run: MissingHandlers<T, C> & ((socket: Socket<C, U, Granted<G>>) => CheckedTable<T, C> & T),
): Endpoint<C, U, Socket<C, U, Granted<G>>> {
  assertKind('the contract of consumer()', contract, aContract)
  assertKind(`the function of the consumer of '${contract.path}'`, run, aFunction)
  const resolved = resolveOptions(contract, options)
  // EndpointSocket is the untyped form of the socket that this contract and these options describe, LooseTable that of the table
  const handlerOf = (channel: ServerChannel): ChannelHandler =>
    new TableHandler(
      contract,
      run(new EndpointSocket(channel) as unknown as Parameters<typeof run>[0]) as LooseTable,
    )
  const entering = { contract, options: resolved, run: handlerOf }
  const application = applicationOf((handshake) => openEndpoint(handshake, entering))
  return Object.assign(application, { contract, auth: resolved.auth })
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

/** Runs the table of one socket: one object for each socket, without a closure for each handler. */
class TableHandler implements ChannelHandler {
  readonly #table: LooseTable
  /** No other handler runs while `close` runs. */
  isParting = false

  constructor(contract: AnyContract, table: LooseTable) {
    this.#table = table
    assertComplete(contract, 'on', isSchema(contract.client) ? none : contract.client, table.on)
    assertComplete(contract, 'calls', contract.calls, table.calls)
  }

  open(): unknown {
    return this.#table.open?.()
  }

  message(type: string | null, data: unknown): unknown {
    // the contract knows these names, and `assertComplete` has found an own handler for each
    return type === null ? this.#table.message?.(data) : this.#table.on?.[type]?.(data)
  }

  call(name: string, input: unknown, signal: AbortSignal): unknown {
    return this.#table.calls?.[name]?.(input, { signal })
  }

  change(grant: unknown, before: unknown): unknown {
    return this.#table.change?.(grant, before)
  }

  /** The inbox waits for its handlers. */
  rested(): Promise<void> {
    return Promise.resolve()
  }

  /** It queues no messages itself. */
  stop(): number {
    return 0
  }

  close(leave: Leave): unknown {
    this.isParting = true
    try {
      const closing = this.#table.close?.(leave)
      if (isThenable(closing)) return this.#parted(closing)
    } catch (error) {
      this.isParting = false
      throw error
    }
    this.isParting = false
    return undefined
  }

  async #parted(closing: PromiseLike<unknown>): Promise<void> {
    try {
      await closing
    } finally {
      this.isParting = false
    }
  }
}

const none: Readonly<Record<string, never>> = {}

/** @throws TypeError when a name of the contract has no handler in this part of a table */
function assertComplete(
  contract: AnyContract,
  part: string,
  names: object,
  given: Readonly<Record<string, unknown>> = none,
): void {
  const missing = Object.keys(names).find(
    (name) => !Object.hasOwn(given, name) || typeof given[name] !== 'function',
  )
  if (missing !== undefined)
    throw new TypeError(`the consumer of '${contract.path}' has no handler '${missing}' under '${part}'`)
}
