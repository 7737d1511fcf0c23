import type { Connection } from './connection.ts'
import type { Credentials } from './credentials.ts'
import type { Identity } from './identity.ts'

/** What only authenticators see of a handshake: the whole of it. */
export const authRequest: unique symbol = Symbol('sallyport.door')

/** Someone at the door: an upgrade request that may be accepted or denied. No credential is in it. */
export interface Handshake {
  /** The id under which log lines, audit events and the refusal speak of this handshake. */
  readonly id: string
  /** What was asked for, without credentials in the query string. */
  readonly url: URL
  /** The path as it came, still percent-encoded. */
  readonly path: string
  /** The headers without `Authorization`, `Cookie`, API keys and the credentials of the subprotocol list. */
  readonly headers: Headers
  /** The subprotocols offered, without credentials. */
  readonly protocols: readonly string[]
  /** The `Origin` header; `null` when there is none. */
  readonly origin: string | null
  /** The address of the peer, behind the trusted proxies. */
  readonly address: string
  /** Aborted when the peer has gone or the handshake's time is over. */
  readonly signal: AbortSignal
  /**
   * Lets them in, with a bound for the size of their messages where it differs from the server's.
   *
   * @throws Denial 499 when the peer has gone, or when it was accepted or refused before
   */
  accept(protocol: string | null, messageBytes?: number): Connection
  readonly [authRequest]: AuthRequest
}

/** The first door: what an authenticator is asked with. */
export interface AuthRequest {
  readonly id: string
  readonly url: URL
  readonly path: string
  /** Every header but `Cookie`: cookies are read through {@link Credentials}, which watches over the origin rule. */
  readonly headers: Headers
  readonly origin: string | null
  readonly address: string
  readonly signal: AbortSignal
  readonly credentials: Credentials
  /** Who it is, said by the in-process transport of tests alone. */
  readonly known?: Identity<unknown> | undefined
}

/** How documentation describes an authenticator (the shape of an AsyncAPI 3 security scheme). */
export interface SecurityScheme {
  readonly type: 'http' | 'httpApiKey'
  readonly description: string
  readonly scheme?: string
  readonly bearerFormat?: string
  readonly in?: 'cookie' | 'header' | 'query'
  readonly name?: string
}

/**
 * A way of proving who you are: `null` means that there is no credential of this kind, a denial that there is a bad one.
 * It may answer at once or by a promise. Anything else that it throws is answered 503, never taken for an answer.
 */
export interface Authenticator<U> {
  (request: AuthRequest): Identity<U> | null | Promise<Identity<U> | null>
  readonly schemes?: readonly SecurityScheme[]
  /**
   * Whether it calls `limitLookup` before each look-up of an explicit credential. Left out, it is not asked at all about
   * one from a network that has brought too many bad ones: 429.
   */
  readonly limitsLookups?: true
}

/** The user that an authenticator finds. */
export type UserOf<A> = A extends Authenticator<infer U> ? U : never

/** Everything that can be served: a router, an endpoint, a consumer, or your own wrapper around one. */
export interface Application {
  (handshake: Handshake): Promise<void>
}
