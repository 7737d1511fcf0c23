/** What the server of the measurement is told. */
export interface Order {
  /** The user whose sockets it is to end. */
  readonly revoke: string
}

/** What it tells: where it listens, and then of each revocation when it was called, in nanoseconds of the machine's clock. */
export type Told =
  | { readonly number: number }
  | { readonly calledAt: string; readonly tookMs: number; readonly closed: number }
