import type { AnyContract, Outgoing, SchemaOf } from '../wire/contract.ts'
import type { Duration } from '../wire/duration.ts'
import type { PresentMember, Refusal } from '../wire/frame.ts'
import type { InputOf, OutputOf, Schema } from '../wire/schema.ts'

/**
 * - `connecting`: a credential is asked for, or a line is being opened
 * - `open`: the server has said `opened`
 * - `waiting`: the next attempt comes at `retryAt`
 * - `denied`: refused, and it makes no sense to come back; `denial` says why
 * - `closed`: over, by this side or because the endpoint is done
 */
export type State = 'connecting' | 'open' | 'waiting' | 'denied' | 'closed'

/**
 * All that can be seen of an opened endpoint at one moment. Immutable, and the same object until something
 * changes.
 */
export interface Snapshot<G = unknown> {
  readonly state: State
  /** While waiting: when the next attempt comes, in milliseconds since 1970. */
  readonly retryAt: number | null
  /** When denied: what the server told of it; `ref` is what its operator finds it by. */
  readonly denial: Refusal | null
  /**
   * Why the last line ended or the last attempt failed, for people and logs; it holds no secret. A page cannot tell a
   * server that is not there from one that refused its origin, the host name or the path: the text names both.
   */
  readonly failure: string | null
  /**
   * What the server tells of the grant; the last one known while waiting, `undefined` once denied or closed.
   */
  readonly grant: G | undefined
  /** Who is here, by user; the last known while waiting, nobody once denied or closed. */
  readonly members: readonly PresentMember[]
  /**
   * How many are here. More than `members` has where they are too many for a list: `members` is then empty, and the server
   * tells the number once a second at most. When they are few again, the whole list is back.
   */
  readonly count: number
}

/** How patient one `send` or `call` is. */
export interface SendOptions {
  /** Gives up: what waits is taken back, a call that was sent is cancelled. */
  readonly signal?: AbortSignal
  /** From now to the answer, waiting for a line included; 10 s unless said otherwise. */
  readonly timeout?: Duration
}

/**
 * What can be heard: the names of the server's messages, or `'message'` where the contract has one unnamed
 * shape.
 */
export type MessageName<C extends AnyContract> = C['server'] extends Schema
  ? 'message'
  : keyof C['server'] & string
/** What comes with it: as the server gave it, for a client checks nothing. */
export type MessageData<C extends AnyContract, T> = C['server'] extends Schema
  ? InputOf<C['server']>
  : T extends keyof C['server']
    ? InputOf<SchemaOf<C['server'][T]>>
    : never
/** The grant as the client sees it. */
export type GrantOf<C extends AnyContract> = C['grant'] extends Schema ? OutputOf<C['grant']> : undefined

/** An endpoint that was opened, and stays so over broken lines until it is closed or denied. */
export interface Channel<C extends AnyContract> extends Snapshot<GrantOf<C>> {
  /** The path, with its parameters. */
  readonly path: string
  /** What can be seen now; with `subscribe` it fits React's `useSyncExternalStore`. Needs no `this`. */
  readonly snapshot: () => Snapshot<GrantOf<C>>
  /** Calls back after every change of the snapshot. Needs no `this`. @returns how to stop it */
  readonly subscribe: (listener: () => void) => () => void
  /**
   * Hears one kind of message; an unnamed shape is heard as `'message'`. What came before is not repeated.
   * What a handler throws is an uncaught error of the application; the others still hear the message.
   *
   * @returns how to stop it
   */
  on<T extends MessageName<C>>(type: T, handler: (data: MessageData<C, T>) => unknown): () => void
  /**
   * Sends a message: type and data, or data alone for an unnamed shape. It resolves when its handler on the
   * server has settled. While nothing is open it waits, in order, up to the client's bounds. A caller that does not wait
   * for the promise need not handle its rejection.
   *
   * @throws (rejects with) Denial when the server refuses it; SallyportError `ERR_TIMEOUT`, `ERR_QUEUE_FULL`,
   * `ERR_INVALID_MESSAGE` (too large), or `ERR_CLOSED`: the line broke after it was sent, so that its outcome
   * is unknown, or nothing will be open any more; the reason of the signal
   */
  send(...message: Outgoing<C['client'], SendOptions>): Promise<void>
  /** Asks the server and resolves with its answer; it waits and rejects as `send` does. */
  call<N extends keyof C['calls'] & string>(
    name: N,
    input: InputOf<C['calls'][N]['input']>,
    options?: SendOptions,
  ): Promise<InputOf<C['calls'][N]['output']>>
  /** Ends it; what is not answered yet rejects with `ERR_CLOSED`. More than once does no harm. */
  close(): void
}
