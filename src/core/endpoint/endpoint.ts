import { aContract, type Calls, type Contract, type Direction } from '../../wire/contract.ts'
import { aFunction, assertKind } from '../../wire/options.ts'
import type { Schema } from '../../wire/schema.ts'
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
import type { LoopSocket } from '../api/socket.ts'
import { openEndpoint } from './open.ts'
import { MessageStream, tagged } from './message-stream.ts'
import type { ServerChannel } from '../socket/channel.ts'
import type { ChannelHandler } from '../socket/peer-and-channel.ts'
import { resolveOptions } from '../socket/resolved-options.ts'
import { EndpointSocket } from '../socket/endpoint-socket.ts'

/**
 * An endpoint: what runs for each socket is one async function, which reads messages in a loop. When it returns, the
 * socket closes with 1000; when it throws a denial, with that denial's code; anything else is reported and closes 1011.
 *
 * @throws TypeError when the demands are malformed
 * @example
 * export const echo = endpoint(lines, { auth: member }, async (socket) => {
 *   for await (const line of socket) socket.send(line)
 * })
 */
export function endpoint<
  P extends string,
  C extends Direction,
  S extends Direction,
  K extends Calls,
  Au extends string,
  R extends Schema | undefined,
  A extends Authenticator<unknown>,
  G extends GrantInput<R> | NoGrant = UnreadGrant<R>,
>(
  contract: Contract<P, C, S, K, Au, R> &
    ({} extends K ? unknown : 'a contract with calls needs a consumer: a loop has nowhere to answer them'),
  demands: EndpointOptions<P, A, G, Au, R> & CheckedGrant<G>,
  run: (socket: LoopSocket<P, C, S, Au, UserOf<A>, Granted<G>>) => Promise<unknown>,
): Endpoint<P, C, S, {}, UserOf<A>, LoopSocket<P, C, S, Au, UserOf<A>, Granted<G>>> {
  assertKind('the contract of endpoint()', contract, aContract)
  assertKind(`the function of the endpoint at '${contract.path}'`, run, aFunction)
  // Contract is read-only data: widening its types hides nothing from the engine
  const plain = contract as unknown as Contract<P>
  const resolved = resolveOptions(plain, demands)
  // LoopView is the untyped form of the socket that this contract and these demands describe
  const handlerOf = (channel: ServerChannel): ChannelHandler =>
    looping(channel, (view) => run(view as unknown as Parameters<typeof run>[0]))
  const application: (handshake: Parameters<Endpoint>[0]) => Promise<void> = (handshake) =>
    openEndpoint(handshake, { contract: plain, options: resolved, run: handlerOf })
  return Object.assign(application, { contract: plain, auth: resolved.auth })
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
          // what it has not taken by now, nobody will
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
