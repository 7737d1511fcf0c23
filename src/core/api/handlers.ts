import type { Calls, SchemaOf } from '../../wire/contract.ts'
import type { InputOf, OutputOf, Schema } from '../../wire/schema.ts'
import type { Leave } from './socket.ts'

type MessageHandlers<C> = C extends Schema
  ? { message(message: OutputOf<C>): unknown }
  : {} extends C
    ? { on?: {} }
    : { on: { [T in keyof C]: (message: OutputOf<SchemaOf<C[T]>>) => unknown } }

type CallHandlers<K extends Calls> = {} extends K
  ? { calls?: {} }
  : {
      calls: {
        [N in keyof K]: (
          input: OutputOf<K[N]['input']>,
          call: { readonly signal: AbortSignal },
        ) => InputOf<K[N]['output']> | Promise<InputOf<K[N]['output']>>
      }
    }

/** A table of handlers: what a consumer's function answers. */
export type HandlerTable<C, K extends Calls, G = unknown> = {
  /** Runs first, before any message; a denial closes the socket. */
  open?(): unknown
  /** The grant has changed: what was lost has been left already. Ask `socket.grant` again after every `await`. */
  change?(grant: G, before: G): unknown
  /** Runs last, once, however the socket has ended. */
  close?(leave: Leave): unknown
} & MessageHandlers<C> &
  CallHandlers<K>

/**
 * What a table may not hold, said as a sentence: a name that its contract does not know, or a misspelt `open`, `change` or
 * `close`, would never be called. The compiler overlooks those in what a function answers.
 */
export type KnownHandlers<T, C, K extends Calls> = NoOthers<
  T,
  keyof HandlerTable<C, K> | 'on' | 'calls',
  'a table has no such handler'
> &
  (T extends { readonly on: infer O }
    ? { readonly on: NoOthers<O, C extends Schema ? never : keyof C, 'the contract has no such message'> }
    : unknown) &
  (T extends { readonly calls: infer A }
    ? { readonly calls: NoOthers<A, keyof K, 'the contract has no such call'> }
    : unknown)

type NoOthers<T, N, Sentence> = { readonly [X in Exclude<keyof T, N>]: Sentence }
