/** What waits for one account. */
interface Waiting {
  bytes: number
  /** Whether a message was refused since so much waits: a lapse, which is over when half of the bound is free again. */
  hasLapsed: boolean
}

/**
 * How many bytes wait for handlers, for each account: over all its sockets, those that have left and are still worked for
 * included. An account for which nothing waits costs nothing.
 */
export class Backlog {
  readonly #most: number
  readonly #accounts = new Map<string, Waiting>()

  constructor(most: number) {
    this.#most = most
  }

  /**
   * Takes a message that has to wait. What is larger than the bound may wait alone.
   *
   * @param limited told when a message is refused, once for each lapse
   * @returns false when there is no room for it
   */
  take(account: string, bytes: number, limited: () => void): boolean {
    const waiting = this.#accounts.get(account)
    if (waiting === undefined) {
      this.#accounts.set(account, { bytes, hasLapsed: false })
      return true
    }
    if (waiting.bytes + bytes > this.#most) {
      if (!waiting.hasLapsed) limited()
      waiting.hasLapsed = true
      return false
    }
    waiting.bytes += bytes
    return true
  }

  /** A message waits no more. */
  give(account: string, bytes: number): void {
    const waiting = this.#accounts.get(account)
    if (waiting === undefined) return
    waiting.bytes -= bytes
    if (waiting.bytes <= 0) this.#accounts.delete(account)
    else if (waiting.bytes <= this.#most / 2) waiting.hasLapsed = false
  }

  /** How many bytes wait for an account. */
  of(account: string): number {
    return this.#accounts.get(account)?.bytes ?? 0
  }

  /** For how many accounts something waits. */
  get size(): number {
    return this.#accounts.size
  }
}
