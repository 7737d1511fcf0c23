import { aContract, type Calls, type Contract, type Direction } from '../wire/contract.ts'
import { aFunction, assertKind } from '../wire/options.ts'
import type { Schema } from '../wire/schema.ts'
import type { Authenticator, UserOf } from './application.ts'
import type { Answer, Demands, Endpoint, Granted, LoopSocket, NoGrant, Sound, Unanswered } from './demands.ts'
import { enter } from './enter.ts'
import { Loop, tagged } from './loop.ts'
import type { Inside, Opening } from './opening.ts'
import { termsOf } from './terms.ts'
import { View } from './view.ts'

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
  G extends Answer<R> | NoGrant = Unanswered<R>,
>(
  contract: Contract<P, C, S, K, Au, R> &
    ({} extends K ? unknown : 'a contract with calls needs a consumer: a loop has nowhere to answer them'),
  demands: Demands<P, A, G, Au, R> & Sound<G>,
  run: (socket: LoopSocket<P, C, S, Au, UserOf<A>, Granted<G>>) => Promise<unknown>,
): Endpoint<P, C, S, {}, UserOf<A>, LoopSocket<P, C, S, Au, UserOf<A>, Granted<G>>> {
  assertKind('the contract of endpoint()', contract, aContract)
  assertKind(`the function of the endpoint at '${contract.path}'`, run, aFunction)
  // Contract is read-only data: widening its types hides nothing from the engine
  const plain = contract as unknown as Contract<P>
  const terms = termsOf(plain, demands)
  // LoopView is the untyped form of the socket that this contract and these demands describe
  const inside = (opening: Opening): Inside =>
    looping(opening, (view) => run(view as unknown as Parameters<typeof run>[0]))
  const application: (handshake: Parameters<Endpoint>[0]) => Promise<void> = (handshake) =>
    enter(handshake, { contract: plain, terms, run: inside })
  return Object.assign(application, { contract: plain, auth: terms.auth })
}

class LoopView extends View implements AsyncIterable<unknown> {
  readonly #loop: Loop

  constructor(opening: Opening, loop: Loop) {
    super(opening)
    this.#loop = loop
  }

  [Symbol.asyncIterator](): AsyncIterator<unknown> {
    return this.#loop
  }
}

function looping(opening: Opening, run: (view: LoopView) => Promise<unknown>): Inside {
  const loop = new Loop()
  let running: Promise<void> = Promise.resolve()
  let isDone = false
  return {
    open() {
      running = run(new LoopView(opening, loop))
        .then(
          () => opening.end('done', 1000, ''),
          (error: unknown) => opening.fail(error),
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
