import type { AnyContract, Calls, SchemaOf } from '../../wire/contract.ts'
import type { InputOf, OutputOf, Schema } from '../../wire/schema.ts'
import type { Leave } from './socket.ts'

interface LifecycleHandlers<G> {
  /** Runs first, before any message; a denial closes the socket. */
  open?(): unknown
  /**
   * Called when the grant has changed. Groups that were lost have been left already. Read `socket.grant`
   * again after every `await`.
   */
  change?(grant: G, before: G): unknown
  /** Runs last, once, however the socket has ended. */
  close?(leave: Leave): unknown
}

type OnMessages<D> = { [T in keyof D]: (message: OutputOf<SchemaOf<D[T]>>) => unknown }
type OnCalls<K extends Calls> = {
  [N in keyof K]: (
    input: OutputOf<K[N]['input']>,
    call: { readonly signal: AbortSignal },
  ) => InputOf<K[N]['output']> | Promise<InputOf<K[N]['output']>>
}

type MessageHandlers<D> = D extends Schema
  ? { message(message: OutputOf<D>): unknown }
  : {} extends D
    ? { on?: {} }
    : { on: OnMessages<D> }
type CallHandlers<K extends Calls> = {} extends K ? { calls?: {} } : { calls: OnCalls<K> }

/** A table of handlers, which the function of a consumer returns. */
export type HandlerTable<C extends AnyContract, G = unknown> = LifecycleHandlers<G> &
  MessageHandlers<C['client']> &
  CallHandlers<C['calls']>

declare const unread: unique symbol
/**
 * The type of a table while the compiler reads it. All handlers may be missing here, because {@link
 * CheckedTable} reports them in a sentence. The type has a mark that no table has.
 */
export type UnreadTable<C extends AnyContract, G> = LifecycleHandlers<G> & {
  readonly [unread]?: never
} & (C['client'] extends Schema
    ? { message?(message: OutputOf<C['client']>): unknown }
    : { on?: Partial<OnMessages<C['client']>> }) & { calls?: Partial<OnCalls<C['calls']>> }

/**
 * A sentence for each wrong name in a table. A name that the contract does not know, or a misspelt `open`,
 * `change` or `close`, would never be called. The compiler does not report such names in the result of a
 * function.
 */
export type CheckedTable<T, C extends AnyContract> = typeof unread extends keyof T
  ? unknown
  : CheckedPart<T, 'on', MissingMessage<T, C>, C['client'] extends Schema ? {} : C['client']> &
      CheckedPart<T, 'calls', MissingCall<T, C>, C['calls']> &
      NoOthers<T, keyof HandlerTable<C> | 'on' | 'calls', 'a table has no such handler'>

/** The sentence about handlers that a table does not have: it would be refused at the first socket. */
export type MissingHandlers<T, C extends AnyContract> = typeof unread extends keyof T
  ? unknown
  : Sentence<MissingMessage<T, C> | MissingCall<T, C>>

type MissingMessage<T, C extends AnyContract> = C['client'] extends Schema
  ? T extends { message: unknown }
    ? never
    : "the consumer has no handler 'message'"
  : MissingIn<T, 'on', C['client']>
type MissingCall<T, C extends AnyContract> = MissingIn<T, 'calls', C['calls']>

type MissingIn<T, Part extends string, Names> = {
  [N in keyof Names & string]: T extends { readonly [P in Part]: { readonly [M in N]: unknown } }
    ? never
    : `the consumer has no handler '${N}' under '${Part}'`
}[keyof Names & string]

/**
 * A part of a table. A missing handler is reported in that part, or for the whole table if the part itself is
 * missing.
 */
type CheckedPart<T, Part extends string, Missing, Names> = T extends { readonly [P in Part]: infer Handlers }
  ? [Missing | Exclude<keyof Handlers, keyof Names>] extends [never]
    ? unknown
    : {
        readonly [P in Part]: Sentence<Missing> &
          NoOthers<Handlers, keyof Names, 'the contract has no such message or call'>
      }
  : Sentence<Missing>

type Sentence<Fault> = [Fault] extends [never] ? unknown : Fault
type NoOthers<T, N, Fault> = [Exclude<keyof T, N>] extends [never]
  ? unknown
  : { readonly [X in Exclude<keyof T, N>]: Fault }
