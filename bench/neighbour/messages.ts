/** What the server of the measurement is asked. */
export type Ask = { readonly ask: 'usage' } | { readonly ask: 'revoke'; readonly user: string }

/** What a server process costs, after a collection of its garbage. */
export interface Usage {
  /** Bytes of the heap and of buffers outside of it. */
  readonly heldBytes: number
  /** Processor time since it began, in milliseconds. */
  readonly cpuMs: number
}

/** What the server answers; where it listens comes first, unasked. */
export type Answer =
  | { readonly number: number }
  | ({ readonly of: 'usage' } & Usage)
  | { readonly of: 'revoke'; readonly receipt: object }

/** What an attacker process is started with. */
export interface Attack {
  readonly number: number
  readonly name: AttackName
  readonly seconds: number
}

/** The attacks, each by one signed-in user. */
export type AttackName = 'waiting' | 'unfit' | 'bytes' | 'crowd'
