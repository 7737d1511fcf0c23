/** What came of an order, over all nodes. */
export interface Receipt {
  /** Sockets that were ended. One that had left before counts while handlers are at work in its name, or messages wait. */
  readonly closed: number
  /** Sockets with another grant now. */
  readonly changed: number
  /** Messages of those that were ended which no handler has seen: they were thrown away. */
  readonly dropped: number
  /** The nodes that say so. */
  readonly nodes: readonly string[]
  /** Those that said nothing in time. */
  readonly silent: readonly string[]
}
