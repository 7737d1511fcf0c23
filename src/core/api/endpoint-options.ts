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
 * The grant before the compiler has read `authorize`. It is `true` where `authorize` may be left out.
 * Otherwise it is the type in the contract, with a mark that no answer has.
 */
export type UnreadGrant<R> = R extends Schema ? InputOf<R> & UnreadMark : true
/**
 * The result of `authorize`: its answer, or a promise of it. Before the compiler has read `authorize`, the
 * type is both at once. The reason is `async () => 'read'`: the compiler keeps the literal type `'read'` only
 * where each possible result has a `then`. In `G | Promise<G>` the answer itself has none. The question is
 * `never`, because the compiler resolves a condition with the types that it knows so far. It does not know
 * the user of an inline authenticator yet.
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
   * schema. Write `presence` and `audience` after `authorize`, so that the compiler knows the grant. Both are
   * called again after each recheck. The other members are told when the result has changed, so it must hold
   * no times or counters.
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
  /** The limits of this endpoint, in the place of those of the server. `null` switches a rate off. */
  readonly limits?: {
    /** Bytes of one message; by default `messageBytes` of the server, 64 KiB. */
    readonly message?: number
    /** Values in the JSON of one message; by default `messageValues` of the server, 1,024. */
    readonly values?: number
    /** Messages of one socket; by default `rate` of the server, 50 a second. */
    readonly rate?: RateOption | null
    /** Bytes of the messages of one socket; by default `byteRate` of the server, 256 KiB a second. */
    readonly byteRate?: RateOption | null
    /** The largest group whose clients get a list; by default `presenceMembers` of the server, 200. */
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
  /**
   * The close code for 401 and 403 at the handshake, such as 4003 or 1008; by default 4401 and 4403. An open
   * socket that loses its access is always closed with 4401 or 4403.
   */
  readonly refuse?: { readonly code: number }
}

declare const because: unique symbol
/** Options with `authorize`. Without it the compiler prints the sentence in the first line of its error. */
interface Needs<Sentence extends string> {
  readonly authorize: unknown
  readonly [because]?: Sentence
}
/**
 * The required options. They depend on the contract alone, because the compiler knows no other type before it
 * has read the options.
 */
export type NeededOptions<C extends AnyContract> = C['grant'] extends Schema
  ? Needs<'auth, and authorize, which answers the grant of the contract'>
  : unknown

/**
 * A sentence for a mistake: an `authorize` without an answer. `any` is allowed: `0 extends 1 & G` holds for
 * `any` alone.
 */
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
