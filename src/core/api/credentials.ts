/** Where in a handshake a credential was sent. */
export type Carrier = 'authorization' | 'subprotocol' | 'ticket' | 'header' | 'query' | 'message' | 'refresh'

/** A credential that was sent on purpose. A cookie is none: the browser adds it by itself. */
export interface ExplicitCredential {
  /** `bearer`, `basic`, `ticket`, `key`, or any other scheme of an `Authorization` header, in lower case. */
  readonly scheme: string
  readonly value: string
  readonly carrier: Carrier
}

/** The credentials of one handshake. Printing it does not show them. */
export interface Credentials {
  /** The one explicit credential, or `null`. */
  readonly explicit: ExplicitCredential | null
  /** The value of the explicit credential, if it has this scheme; otherwise `null`. */
  of(scheme: string): string | null
  /**
   * A cookie, percent-decoded where that is possible and unchanged otherwise. `null` when it is absent, and
   * also when there is an explicit credential, which takes precedence. Other cookies are not read, whatever
   * bytes they hold.
   *
   * @throws Denial 400 (4400 for a page) when the cookie is there twice with different values, or holds bytes
   * that are not ASCII
   */
  cookie(name: string): string | null
  /**
   * The whole `Cookie` header, for libraries that need it, with one character for each byte (Latin-1), as
   * node:http has it. Empty when there is an explicit credential.
   */
  cookies(): string
  /** How many cookies were read and found: an identity that rests on one needs an `Origin`. */
  readonly cookieReads: number
}

/**
 * Which carriers are open, beside those that are always open: `Authorization`, subprotocol, cookie and
 * ticket.
 */
export interface Carriers {
  /**
   * The query parameters that carry a credential. By default none, because URLs are logged everywhere (RFC
   * 9700 section 4.3.2).
   */
  readonly query?: { readonly bearer?: string; readonly ticket?: string; readonly key?: string }
  /** The headers that carry an API key; by default `['x-api-key']`. */
  readonly headers?: readonly string[]
  /**
   * Whether a credential may come as the first message, `{"type":"auth","token":"..."}`; by default it may
   * not.
   */
  readonly message?: boolean
}
