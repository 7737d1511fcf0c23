import type { Arguments } from './arguments.ts'
import type { Accounting } from './machine.ts'
import type { Tokens } from './tokens.ts'
import type { Sizes } from './workloads.ts'

/** What every part of a run is given. */
export interface Bench {
  readonly arguments: Arguments
  readonly sizes: Sizes
  /** The compiled load generator. */
  readonly binary: string
  readonly tokens: Tokens
  readonly accounting: Accounting
  /** Says on stderr what is going on. */
  readonly progress: (line: string) => void
}
