import type { Connection } from './connection.ts'
import type { Credentials } from './credentials.ts'
import type { Identity } from './identity.ts'

/** The whole of a handshake, with its credentials, for authenticators alone. */
export const authRequest: unique symbol = Symbol('sallyport.authRequest')

/** A handshake: an upgrade request that may be accepted or denied. It holds no credential. */
export interface Handshake {
  /** The id of this handshake in log lines, audit events and refusals. */
  readonly id: string
  /** The requested URL, without credentials in its query string. */
  readonly url: URL
  /** The path as it was sent, still percent-encoded. */
  readonly path: string
  /** The headers without `Authorization`, `Cookie`, API keys and the credentials of the subprotocol list. */
  readonly headers: Headers
  /** The subprotocols offered, without credentials. */
  readonly protocols: readonly string[]
  /** The `Origin` header; `null` when there is none. */
  readonly origin: string | null
  /** The address of the peer, behind the trusted proxies. */
  readonly address: string
  /** Aborted when the peer has gone or the time of the handshake is over. */
  readonly signal: AbortSignal
  /**
   * Accepts the handshake. `messageBytes` bounds the size of its messages where that differs from the bound
   * of the server.
   *
   * @throws Denial 499 when the peer has gone, or when the handshake was accepted or refused before
   */
  accept(protocol: string | null, messageBytes?: number): Connection
  readonly [authRequest]: AuthRequest
}

/** What an authenticator gets. */
export interface AuthRequest {
  readonly id: string
  readonly url: URL
  readonly path: string
  /**
   * Every header except `Cookie`: cookies are read through {@link Credentials}, which enforces the origin
   * rule.
   */
  readonly headers: Headers
  readonly origin: string | null
  readonly address: string
  readonly signal: AbortSignal
  readonly credentials: Credentials
  /** The identity, set by the in-process transport of tests alone. */
  readonly known?: Identity<unknown> | undefined
}

/** How documentation describes an authenticator (a security scheme of AsyncAPI 3). */
export interface SecurityScheme {
  readonly type: 'http' | 'httpApiKey'
  readonly description: string
  readonly scheme?: string
  readonly bearerFormat?: string
  readonly in?: 'cookie' | 'header' | 'query'
  readonly name?: string
}

/** The properties of an authenticator beside its function. */
export interface AuthenticatorTraits {
  readonly schemes?: readonly SecurityScheme[]
  /**
   * Set by an authenticator that calls `limitLookup` before each look-up of an explicit credential. Without
   * it, the authenticator is not called for an explicit credential from a network that has sent too many bad
   * ones; the answer is 429.
   */
  readonly limitsLookups?: true
}

/**
 * Finds the identity of a handshake, at once or by a promise. `null` means that there is no credential of
 * this kind; a denial, that there is a bad one. Any other error is answered 503 and never taken for an
 * answer.
 *
 * The type has two parts, so that TypeScript infers the user. The compiler reads a call that returns a plain
 * function after its neighbours. An `authorize` beside `auth: jwt({ ... })` would then not know its user.
 */
export type Authenticator<U> = AuthenticatorTraits & {
  (request: AuthRequest): Identity<U> | null | Promise<Identity<U> | null>
}

/** The type of the user that an authenticator finds. */
export type UserOf<A> = A extends Authenticator<infer U> ? U : never

/** What can be served: a router, an endpoint, a consumer, or your own wrapper around one. */
export interface Application {
  (handshake: Handshake): Promise<void>
}
