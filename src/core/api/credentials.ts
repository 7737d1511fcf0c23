/** Where a credential rode. */
export type Carrier = 'authorization' | 'subprotocol' | 'ticket' | 'header' | 'query' | 'message' | 'refresh'

/** A credential that someone sent on purpose, as opposed to a cookie, which a browser adds by itself. */
export interface ExplicitCredential {
  /** `bearer`, `basic`, `ticket`, `key`, or any other scheme of an `Authorization` header, in lower case. */
  readonly scheme: string
  readonly value: string
  readonly carrier: Carrier
}

/** The credentials of one handshake. Printing it shows none of them. */
export interface Credentials {
  /** The one explicit credential, or `null`. */
  readonly explicit: ExplicitCredential | null
  /** The value of the explicit credential when it is of this scheme. */
  of(scheme: string): string | null
  /**
   * A cookie, percent-decoded where that is possible and else as it came; `null` when it is absent or an explicit credential is
   * there, which wins. Other cookies are not looked at, whatever bytes they hold.
   *
   * @throws Denial 400 (4400 for a page) when the cookie is there twice with different values, or holds bytes that are not ASCII
   */
  cookie(name: string): string | null
  /**
   * The whole `Cookie` header for libraries that want it, with a character for each byte (Latin-1), as node:http has it; empty when
   * an explicit credential is there.
   */
  cookies(): string
  /** How often a cookie was found: an identity that rests on one needs an `Origin`. */
  readonly cookieReads: number
}

/** Which carriers are open, beside `Authorization`, subprotocol, cookie and ticket, which always are. */
export interface Carriers {
  /** Query parameters that carry a credential; none unless asked for, because URLs are logged everywhere (RFC 9700 section 4.3.2). */
  readonly query?: { readonly bearer?: string; readonly ticket?: string; readonly key?: string }
  /** Headers that carry an API key; `['x-api-key']` unless said otherwise. */
  readonly headers?: readonly string[]
  /** Whether a credential may come as the first message, `{"type":"auth","token":"..."}`; off unless asked for. */
  readonly message?: boolean
}
