import type { AnyContract, Outgoing, SchemaOf } from '../wire/contract.ts'
import type { Duration } from '../wire/duration.ts'
import type { PresentMember, Refusal } from '../wire/frame.ts'
import type { InputOf, OutputOf, Schema } from '../wire/schema.ts'

/**
 * - `connecting`: a credential is requested, or a connection is being opened
 * - `open`: the server has sent `opened`
 * - `waiting`: the next attempt is made at `retryAt`
 * - `denied`: the server refused, and would refuse another attempt too; `denial` has the reason
 * - `closed`: ended by this side, or because the endpoint is done
 */
export type State = 'connecting' | 'open' | 'waiting' | 'denied' | 'closed'

/** The state of an opened endpoint at one moment. Immutable, and the same object until something changes. */
export interface Snapshot<G = unknown> {
  readonly state: State
  /** While waiting: when the next attempt is made, in milliseconds since 1970. */
  readonly retryAt: number | null
  /** When denied: the denial of the server. Its operator finds it by `ref`. */
  readonly denial: Refusal | null
  /**
   * Why the last connection ended or the last attempt failed, for people and logs. It holds no secret. A page
   * cannot tell an absent server from a server that refused its origin, the host name or the path. So the
   * text names both.
   */
  readonly failure: string | null
  /**
   * The part of the grant that the server tells; while waiting the last known one, `undefined` once denied or
   * closed.
   */
  readonly grant: G | undefined
  /** The members, by user; while waiting the last known ones, empty once denied or closed. */
  readonly members: readonly PresentMember[]
  /**
   * The number of members. It is greater than that of `members` when they are too many for a list: then
   * `members` is empty, and the server sends the number once a second at most. When they are few again, the
   * whole list is back.
   */
  readonly count: number
}

/** The options of one `send` or `call`. */
export interface SendOptions {
  /** Gives up: a message that waits is removed, a call that was sent is cancelled. */
  readonly signal?: AbortSignal
  /** The time from now to the answer, including the wait for a connection; by default 10 s. */
  readonly timeout?: Duration
}

/** The names of the server's messages, or `'message'` where the contract has one unnamed shape. */
export type MessageName<C extends AnyContract> = C['server'] extends Schema
  ? 'message'
  : keyof C['server'] & string
/** The data of a message as the server sent it: a client does not validate. */
export type MessageData<C extends AnyContract, T> = C['server'] extends Schema
  ? InputOf<C['server']>
  : T extends keyof C['server']
    ? InputOf<SchemaOf<C['server'][T]>>
    : never
/** The grant as the client sees it. */
export type GrantOf<C extends AnyContract> = C['grant'] extends Schema ? OutputOf<C['grant']> : undefined

/** An endpoint that was opened. It reconnects until it is closed or denied. */
export interface Channel<C extends AnyContract> extends Snapshot<GrantOf<C>> {
  /** The path, with its parameters. */
  readonly path: string
  /** The current state; with `subscribe` it fits React's `useSyncExternalStore`. Needs no `this`. */
  readonly snapshot: () => Snapshot<GrantOf<C>>
  /**
   * Calls a listener after every change of the snapshot. Needs no `this`. @returns a function that stops it
   */
  readonly subscribe: (listener: () => void) => () => void
  /**
   * Calls a handler for each message of one type; `'message'` for an unnamed shape. Earlier messages are not
   * repeated. An error of a handler is an uncaught error of the application; other handlers are still called.
   *
   * @returns a function that stops it
   */
  on<T extends MessageName<C>>(type: T, handler: (data: MessageData<C, T>) => unknown): () => void
  /**
   * Sends a message: type and data, or data alone for an unnamed shape. It resolves when its handler on the
   * server has settled. While the channel is not open the message waits, in order, up to the client's bounds.
   * A caller that does not await the promise need not handle its rejection.
   *
   * @throws (rejects with) Denial when the server refuses it; SallyportError `ERR_TIMEOUT`, `ERR_QUEUE_FULL`,
   * `ERR_INVALID_MESSAGE` (too large), or `ERR_CLOSED`: the connection broke after it was sent, so that its
   * outcome is unknown, or the channel has ended; the reason of the signal
   */
  send(...message: Outgoing<C['client'], SendOptions>): Promise<void>
  /** Calls the server and resolves with its answer. It waits and rejects as `send` does. */
  call<N extends keyof C['calls'] & string>(
    name: N,
    input: InputOf<C['calls'][N]['input']>,
    options?: SendOptions,
  ): Promise<InputOf<C['calls'][N]['output']>>
  /** Closes the channel. Messages without an answer reject with `ERR_CLOSED`. A second call does nothing. */
  close(): void
}
