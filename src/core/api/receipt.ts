/** The effect of an access command on all nodes. */
export interface Receipt {
  /**
   * How many sockets were ended. A socket that had left before counts while its handlers run or its messages
   * wait.
   */
  readonly closed: number
  /** How many sockets have another grant now. */
  readonly changed: number
  /** How many messages of the ended sockets were thrown away before a handler saw them. */
  readonly dropped: number
  /** The nodes that have answered. */
  readonly nodes: readonly string[]
  /** The nodes that have not answered in time. */
  readonly silent: readonly string[]
}
