import type { AnyContract } from '../../wire/contract.ts'
import type { Duration } from '../../wire/duration.ts'
import type { Params } from '../../wire/path.ts'
import type { InputOf, Schema } from '../../wire/schema.ts'
import type { Application, Authenticator } from './handshake.ts'
import type { AskReason } from './events.ts'
import type { RateOption } from './limits.ts'

/**
 * The results of `authorize` that refuse. An `authorize` that always returns one is a mistake, see {@link
 * CheckedGrant}.
 */
export type NoGrant = null | false | void
/** The grant as handlers see it: the result of `authorize`, without those that refuse. */
export type Granted<G> = NonNullable<Exclude<G, NoGrant>>

/** The argument of `authorize`. */
export interface AuthorizeQuestion<C extends AnyContract, U> {
  readonly user: U
  /** The name of the identity across kinds of users, as groups and limits use it. */
  readonly subject: string
  readonly scopes: readonly string[]
  readonly params: Params<C['path']>
  /** Why it is called: at the handshake, or to check an open socket again. */
  readonly why: AskReason
  /** Aborted when the peer has gone, or the time of the call is over. */
  readonly signal: AbortSignal
}

/** What `authorize` must return where the contract declares a grant. */
export type GrantInput<R> = R extends Schema ? InputOf<R> : unknown

declare const unread: unique symbol
interface UnreadMark {
  readonly [unread]: true
}
/**
 * The grant as long as the compiler has not read `authorize`: `true` where it may be left out; else what the contract says,
 * with a mark that no answer bears.
 */
export type UnreadGrant<R> = R extends Schema ? InputOf<R> & UnreadMark : true
/**
 * What `authorize` returns: its answer, or a promise of it. As long as it has not been read it is all of that at once, for
 * the compiler keeps `async () => 'read'` from being a promise of any `string` only where all that may be returned has a
 * `then`, which in `G | Promise<G>` the answer itself has not. The question is no part of it: the compiler settles a
 * condition with what it knows so far, and of an authenticator written inline it knows no user yet.
 */
type Returning<G, R> = [G] extends [UnreadMark]
  ? (question: never) => Both<GrantInput<R>, GrantInput<R> | NoGrant>
  : (question: never) => G | Promise<G>
type Both<T, Promised> = (T & Promise<Promised>) | Promise<Promised>

/** The options of an endpoint. */
export interface EndpointOptions<C extends AnyContract, U, G> {
  /** Authentication: finds the identity of a handshake. `anyone` must be written out. */
  readonly auth: Authenticator<U>
  /**
   * Authorization: `false`, `null` and `undefined` refuse with 403; any other result is the grant. May be
   * left out where the contract has no `grant`; then the grant is `true`.
   */
  readonly authorize?: ((question: AuthorizeQuestion<C, U>) => unknown) & Returning<G, NoInfer<C['grant']>>
  /**
   * What the other members see of this one; `null` keeps it hidden. It must fit the contract's `presence`
   * schema. It stands after `authorize`, so that the compiler knows the grant, as does `audience`. Both are
   * called again after each recheck, and the other members are told when the result has changed: leave times
   * and counters out of it.
   */
  readonly presence?: (who: { readonly user: U; readonly grant: Granted<G> }) => object | null
  /**
   * The audiences of the contract that this socket joins. Audiences that it loses are left before anything
   * else happens.
   */
  readonly audience?: (who: {
    readonly user: U
    readonly grant: Granted<G>
  }) => readonly C['audiences'][number][]
  /**
   * The limits of this endpoint: bytes of a message, values in it, for each socket the rate of messages and
   * of their bytes (`null` switches a rate off), and up to how many members clients get a list; above it they
   * get the number.
   */
  readonly limits?: {
    readonly message?: number
    readonly values?: number
    readonly rate?: RateOption | null
    readonly byteRate?: RateOption | null
    readonly members?: number
  }
  /**
   * For how long a grant is valid. Before its end `authorize` is called again, and the identity is renewed if
   * it can be. By default without an end.
   */
  readonly lease?: Duration
  /** After this time without a message from the client, the socket is closed (4408). */
  readonly idle?: Duration
  /** After this time the socket is closed, also when the client is active (4401). */
  readonly absolute?: Duration
  /** The close code for 401 and 403, such as 4003 or 1008; by default 4401 and 4403. */
  readonly refuse?: { readonly code: number }
}

declare const because: unique symbol
/** Options with `authorize`; the sentence says why, in the first line of what the compiler says where there is none. */
interface Needs<Sentence extends string> {
  readonly authorize: unknown
  readonly [because]?: Sentence
}
/** What options need beside their types. It depends on the contract alone: the rest is not known before options are read. */
export type NeededOptions<C extends AnyContract> = C['grant'] extends Schema
  ? Needs<'auth, and authorize, which answers the grant of the contract'>
  : unknown

/** A programmer's error, said as a sentence: an `authorize` without an answer. `any`, of which alone 0 is a `1 & G`, may be one. */
export type CheckedGrant<G> = [G] extends [void]
  ? 0 extends 1 & G
    ? unknown
    : 'authorize returned nothing: return the grant, or null to refuse'
  : unknown

/** An endpoint: an application for one contract. */
export interface Endpoint<C extends AnyContract = AnyContract, U = unknown, S = unknown> extends Application {
  readonly contract: C
  readonly auth: Authenticator<unknown>
  /** Never set: the types that `visit` and `SocketOf` read. */
  readonly types?: { readonly user: U; readonly socket: S }
}

/**
 * The socket of an endpoint, so that a handler can live in a file of its own.
 *
 * @example export async function say(socket: SocketOf<typeof room>, text: string) { ... }
 */
export type SocketOf<E> = E extends Endpoint<AnyContract, unknown, infer S> ? S : never
