/** What the server of the measurement is asked. */
export type Ask = { readonly ask: 'usage' } | { readonly ask: 'revoke'; readonly user: string }

/** What a server process costs, after a collection of its garbage. */
export interface Usage {
  /** Bytes of the heap and of buffers outside of it. */
  readonly heldBytes: number
  /** Processor time since it began, in milliseconds. */
  readonly cpuMs: number
  /** The most that has waited for handlers of the attacker since this was asked last, as the server counts it: bytes of the wire, or more. */
  readonly waitingBytes: number
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

/** What one signed-in user does inside all limits; `control` does nothing, `flood` is far beyond the limits, and `crowd` is many users. */
export const attackNames = [
  'control',
  'waiting',
  'flood',
  'unfit',
  'bytes',
  'union',
  'records',
  'in one piece',
  'crowd',
] as const

/** One of them. */
export type AttackName = (typeof attackNames)[number]

/** Those that have no goal, and why. */
export const withoutGoal: Readonly<Partial<Record<AttackName, string>>> = {
  flood: 'no goal: 60 MB a second, far beyond all limits, whose frames have to be read',
  crowd: 'no goal: thousands of users, whose handshakes are work to be done',
}
