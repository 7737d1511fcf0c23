/** What waits, and is still at work, for one account. */
interface AccountBacklog {
  bytes: number
  /** How many sockets have ended whose handlers are at work. */
  orphans: number
  /** Whether a message was refused since so much waits: a lapse, which is over when half of the bound is free again. */
  hasLapsed: boolean
}

/**
 * How many bytes wait for handlers, for each account: over all its sockets, those that have left and are still worked for
 * included; and how many handlers are at work for sockets that have ended, whether a socket has left, was evicted or lost its
 * right. An account for which nothing waits and is at work costs nothing.
 */
export class Backlog {
  readonly #most: number
  readonly #accounts = new Map<string, AccountBacklog>()

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
    const waiting = this.#of(account)
    if (waiting.bytes > 0 && waiting.bytes + bytes > this.#most) {
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
    if (waiting.bytes <= this.#most / 2) waiting.hasLapsed = false
    this.#forget(account, waiting)
  }

  /** A socket has ended, and its handlers may still be at work. */
  orphan(account: string): void {
    this.#of(account).orphans++
  }

  /** The handlers of a socket that has ended have settled. */
  settle(account: string): void {
    const waiting = this.#of(account)
    waiting.orphans--
    this.#forget(account, waiting)
  }

  /** How many sockets of an account have ended whose handlers are at work. */
  orphansOf(account: string): number {
    return this.#accounts.get(account)?.orphans ?? 0
  }

  /** How many bytes wait for an account. */
  of(account: string): number {
    return this.#accounts.get(account)?.bytes ?? 0
  }

  /** For how many accounts something waits or is at work. */
  get size(): number {
    return this.#accounts.size
  }

  #of(account: string): AccountBacklog {
    const known = this.#accounts.get(account)
    if (known !== undefined) return known
    const waiting = { bytes: 0, orphans: 0, hasLapsed: false }
    this.#accounts.set(account, waiting)
    return waiting
  }

  #forget(account: string, { bytes, orphans }: AccountBacklog): void {
    if (bytes <= 0 && orphans === 0) this.#accounts.delete(account)
  }
}
