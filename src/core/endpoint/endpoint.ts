import { aContract, type AnyContract } from '../../wire/contract.ts'
import { aFunction, assertKind } from '../../wire/options.ts'
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
import type { LoopSocket } from '../api/socket.ts'
import { applicationOf } from '../admission/opening.ts'
import { openEndpoint } from './open.ts'
import { MessageStream, tagged } from './message-stream.ts'
import type { ServerChannel } from '../socket/channel.ts'
import type { ChannelHandler } from '../socket/interfaces.ts'
import { resolveOptions } from '../socket/resolved-options.ts'
import { EndpointSocket } from '../socket/endpoint-socket.ts'

/**
 * Defines an endpoint with one async function, which runs for each socket and reads its messages in a loop.
 * When it returns, the socket closes with 1000. When it throws a denial, the socket closes with the code of
 * the denial. Any other error is reported and closes with 1011.
 *
 * @throws TypeError when the options are malformed
 * @example
 * export const echo = endpoint(lines, { auth: member }, async (socket) => {
 *   for await (const line of socket) socket.send(line)
 * })
 */
export function endpoint<
  C extends AnyContract,
  U,
  G extends GrantInput<C['grant']> | NoGrant = UnreadGrant<C['grant']>,
>(
  contract: ({} extends C['calls']
    ? unknown
    : 'a contract with calls needs a consumer: a loop cannot answer calls') &
    C,
  options: CheckedGrant<G> & NeededOptions<C> & EndpointOptions<C, U, G>,
  run: (socket: LoopSocket<C, U, Granted<G>>) => Promise<unknown>,
): Endpoint<C, U, LoopSocket<C, U, Granted<G>>> {
  assertKind('the contract of endpoint()', contract, aContract)
  assertKind(`the function of the endpoint at '${contract.path}'`, run, aFunction)
  const resolved = resolveOptions(contract, options)
  // LoopView is the untyped form of the socket that this contract and these options describe
  const handlerOf = (channel: ServerChannel): ChannelHandler =>
    looping(channel, (view) => run(view as unknown as Parameters<typeof run>[0]))
  const entering = { contract, options: resolved, run: handlerOf }
  const application = applicationOf((handshake) => openEndpoint(handshake, entering))
  return Object.assign(application, { contract, auth: resolved.auth })
}

class LoopView extends EndpointSocket implements AsyncIterable<unknown> {
  readonly #loop: MessageStream

  constructor(channel: ServerChannel, loop: MessageStream) {
    super(channel)
    this.#loop = loop
  }

  [Symbol.asyncIterator](): AsyncIterator<unknown> {
    return this.#loop
  }
}

function looping(channel: ServerChannel, run: (view: LoopView) => Promise<unknown>): ChannelHandler {
  const loop = new MessageStream()
  let running: Promise<void> = Promise.resolve()
  let isDone = false
  return {
    open() {
      running = run(new LoopView(channel, loop))
        .then(
          () => channel.end('done', 1000, ''),
          (error: unknown) => channel.fail(error),
        )
        .finally(() => {
          isDone = true
          // the loop has returned: it will take no more messages
          loop.end()
        })
    },
    message: (type, data) => loop.offer(tagged(type, data)),
    call: () => undefined,
    change: () => undefined,
    rested: () => loop.rested(),
    stop: () => loop.end(),
    get isParting() {
      return loop.isOver && !isDone
    },
    async close() {
      loop.end()
      await running
    },
  }
}
