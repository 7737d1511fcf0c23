import type { Calls, Contract, Incoming, Outgoing, SchemaOf } from '../wire/contract.ts'
import type { Duration } from '../wire/duration.ts'
import type { Params } from '../wire/path.ts'
import type { InputOf, OutputOf, Schema } from '../wire/schema.ts'
import type { Application, Authenticator, UserOf } from './application.ts'
import type { Why } from './doors.ts'
import type { RateOption } from './limits.ts'
import type { Group, Messenger, SendOptions } from './port.ts'
import type { LeaveReason } from './report.ts'

/** What `authorize` answers where it lets nobody in; always nothing is a mistake, see {@link Sound}. */
export type NoGrant = null | false | void
/** A grant as handlers see it: what `authorize` answers, without its ways of refusing. */
export type Granted<G> = NonNullable<Exclude<G, NoGrant>>

/** What `authorize` is asked with. */
export interface Question<P extends string, U> {
  readonly user: U
  /** The identity's name across kinds, as groups and limits know it. */
  readonly subject: string
  readonly scopes: readonly string[]
  readonly params: Params<P>
  /** Why it is asked: someone is at the door, or somebody inside is asked again. */
  readonly why: Why
  /** Aborted when the peer has gone, or the time for an answer is over. */
  readonly signal: AbortSignal
}

/** What `authorize` must answer where the contract says what travels of a grant. */
export type Answer<R> = R extends Schema ? InputOf<R> : unknown
type Authorize<P extends string, A, G, R> = (question: Question<P, UserOf<A>>) => Returned<G, NoInfer<R>>

declare const unread: unique symbol
interface Unread {
  readonly [unread]: true
}
/**
 * The grant as long as the compiler has not read `authorize`: `true` where it may be left out; else what the contract says,
 * with a mark that no answer bears.
 */
export type Unanswered<R> = R extends Schema ? InputOf<R> & Unread : true
/**
 * What `authorize` returns: its answer, or a promise of it. As long as it has not been read it is all of that at once, for
 * the compiler keeps `async () => 'read'` from being a promise of any `string` only where all that may be returned has a
 * `then`, which in `G | Promise<G>` the answer itself has not.
 */
type Returned<G, R> = [G] extends [Unread] ? Both<Answer<R>, Answer<R> | NoGrant> : G | Promise<G>
type Both<T, Promised> = (T & Promise<Promised>) | Promise<Promised>

/** What an endpoint demands of who wants to come in, and how it treats them. */
export type Demands<P extends string, A, G, Au extends string, R> = {
  /** The first door: who is it. `anyone` must be written out. */
  readonly auth: A
  /**
   * Told of each other: what members see of this one; `null` keeps it unseen. The contract's `presence` schema fits it. It
   * stands after `authorize`, by which the compiler knows the grant, as does `audience`. Both are asked again whenever the
   * doors have answered again, and the others are told when what they see has changed: leave times and counters out of it.
   */
  readonly presence?: (who: { readonly user: UserOf<A>; readonly grant: Granted<G> }) => object | null
  /** Which of the contract's audiences this one hears; those that are lost are left before anything else happens. */
  readonly audience?: (who: { readonly user: UserOf<A>; readonly grant: Granted<G> }) => readonly Au[]
  /**
   * Bounds of this endpoint: bytes of a message, values in it, for each socket the rate of messages and that of their bytes
   * (`null` switches a rate off), and how many members clients are told by name before they are told only how many there are.
   */
  readonly limits?: {
    readonly message?: number
    readonly values?: number
    readonly rate?: RateOption | null
    readonly byteRate?: RateOption | null
    readonly members?: number
  }
  /** For how long a grant holds: `authorize`, and the identity where it can, is asked again before it runs out. For ever when left out. */
  readonly lease?: Duration
  /** Without a message from the client, the socket is closed after so long (4408). */
  readonly idle?: Duration
  /** However active it is, the socket is closed after so long (4401). */
  readonly absolute?: Duration
  /** The close code for 401 and 403, such as 4003 or 1008; 4401 and 4403 unless said otherwise. */
  readonly refuse?: { readonly code: number }
} & (R extends Schema ? Asking<P, A, G, R> : Partial<Asking<P, A, G, R>>)

interface Asking<P extends string, A, G, R> {
  /** The second door: `false`, `null` and `undefined` refuse with 403, anything else is the grant. */
  readonly authorize: Authorize<P, A, G, R>
}

/** A programmer's error, said as a sentence: an `authorize` without an answer. `any`, of which alone 0 is a `1 & G`, may be one. */
export type Sound<G> = [G] extends [void]
  ? 0 extends 1 & G
    ? unknown
    : 'authorize returned nothing: return the grant, or null to refuse'
  : unknown

/** How a socket has ended. */
export interface Leave {
  readonly why: LeaveReason
  /** The close code. */
  readonly code: number
  /** Whether the peer is expected to come back. */
  readonly mayReturn: boolean
}

/** Someone inside: one opening of an endpoint. */
export interface Socket<P extends string, S, A extends string, U, G> {
  /** Unique, and not to be guessed. */
  readonly id: string
  readonly user: U
  /** The name of the identity, as `port.user` takes it. */
  readonly subject: string
  readonly scopes: readonly string[]
  readonly params: Params<P>
  /** What `authorize` answered last, for as long as the socket is open: ask it again after every `await`. */
  readonly grant: G
  /** The grant, now and whenever it changes, until the socket ends. */
  grants(): AsyncIterable<G>
  /**
   * Aborted when the socket has ended, also because its peer has left. It ends waits that nobody needs any more. What it
   * throws then is no fault, and is not reported.
   */
  readonly signal: AbortSignal
  /**
   * Asks whether the handler may still act in the name of the user: after each wait, before it writes anywhere. A peer that
   * has left by itself keeps what it sent before, so for such a socket it throws nothing. What it throws is no fault, and
   * is not reported.
   *
   * @throws Denial 403 `ended` when access has ended: revoked, expired or denied
   * @example socket.assertAllowed()
   */
  assertAllowed(): void
  /** The way to groups and users; a test's own in a test. */
  readonly port: Messenger
  /**
   * Sends to this socket alone.
   *
   * @returns whether there is room for more: less than half of `limits.outboundBytes` waits for the reader. On `false` wait for
   * {@link Socket.drained}; who sends on meets the policy of the message (4508, `drop`, `latest`) at the whole bound. `false` may
   * also mean that this message was dropped, where that is its policy, or that the socket has ended
   * @throws TypeError when the data cannot be sent
   */
  send(...message: Outgoing<S, SendOptions>): boolean
  /**
   * Resolves, at the earliest in the next turn, when less than a quarter of `limits.outboundBytes` waits for the reader. Several
   * that wait go on one by one. After `limits.outboundMs` (60 s) the socket is closed with 4508.
   *
   * @throws (rejects with) an `AbortError` when the socket has ended or ends meanwhile; what a handler throws then is not reported
   * @example for await (const row of rows) if (!socket.send('row', row)) await socket.drained()
   */
  drained(): Promise<void>
  /** The group of this contract and these params, or one of its audiences. The socket is in it already. */
  group(audience?: A): Group<S>
  /**
   * Ends the socket.
   *
   * @param code 1000 or 3000 to 4999; 1000 when left out
   * @throws TypeError for any other code, or a reason that is no text; the socket stays open then
   */
  close(code?: number, reason?: string): void
}

/** A socket whose messages are read in a loop, which ends when the peer leaves, access ends or the server drains. */
export interface LoopSocket<P extends string, C, S, A extends string, U, G>
  extends Socket<P, S, A, U, G>, AsyncIterable<Incoming<C>> {}

type Handlers<C> = C extends Schema
  ? { message(message: OutputOf<C>): unknown }
  : {} extends C
    ? { on?: {} }
    : { on: { [T in keyof C]: (message: OutputOf<SchemaOf<C[T]>>) => unknown } }

type Answers<K extends Calls> = {} extends K
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
export type Table<C, K extends Calls, G = unknown> = {
  /** Runs first, before any message; a denial closes the socket. */
  open?(): unknown
  /** The grant has changed: what was lost has been left already. Ask `socket.grant` again after every `await`. */
  change?(grant: G, before: G): unknown
  /** Runs last, once, however the socket has ended. */
  close?(leave: Leave): unknown
} & Handlers<C> &
  Answers<K>

/**
 * What a table may not hold, said as a sentence: a name that its contract does not know, or a misspelt `open`, `change` or
 * `close`, would never be called. The compiler overlooks those in what a function answers.
 */
export type Known<T, C, K extends Calls> = Only<
  T,
  keyof Table<C, K> | 'on' | 'calls',
  'a table has no such handler'
> &
  (T extends { readonly on: infer O }
    ? { readonly on: Only<O, C extends Schema ? never : keyof C, 'the contract has no such message'> }
    : unknown) &
  (T extends { readonly calls: infer A }
    ? { readonly calls: Only<A, keyof K, 'the contract has no such call'> }
    : unknown)

type Only<T, N, Sentence> = { readonly [X in Exclude<keyof T, N>]: Sentence }

/** An endpoint: an application for one contract. */
export interface Endpoint<
  P extends string = string,
  C = unknown,
  S = unknown,
  K = unknown,
  U = unknown,
  I = unknown,
> extends Application {
  readonly contract: Contract<P>
  readonly auth: Authenticator<unknown>
  /** Never set: the types that `visit` and `SocketOf` read. */
  readonly types?: {
    readonly client: C
    readonly server: S
    readonly calls: K
    readonly user: U
    readonly socket: I
  }
}

/**
 * The socket of an endpoint, so that a handler can live in a file of its own.
 *
 * @example export async function say(socket: SocketOf<typeof room>, text: string) { ... }
 */
export type SocketOf<E> = E extends Endpoint<string, unknown, unknown, unknown, unknown, infer I> ? I : never
