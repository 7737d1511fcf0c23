import { TransientMap } from '../runtime/transient.ts'

/** The messages that wait and the handlers that run for one account. */
interface AccountBacklog {
  bytes: number
  /** How many sockets have ended whose handlers still run. */
  orphans: number
  /**
   * Whether a message was refused because too much waits. Such a lapse is over when half of the bound is free
   * again.
   */
  hasLapsed: boolean
}

/**
 * Counts two things for each account. The first is the bytes that wait for handlers, over all its sockets and
 * the ended ones too. The second is the ended sockets whose handlers still run: the peer may have left, was
 * evicted or has lost its access. An account with neither takes no memory.
 */
export class HandlerBacklog {
  readonly #most: number
  readonly #accounts = new TransientMap<string, AccountBacklog>()

  constructor(most: number) {
    this.#most = most
  }

  /**
   * Takes a message that has to wait. A message larger than the bound may wait alone.
   * @param limited called when a message is refused, once for each lapse
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

  /** Notes that a message waits no more. */
  give(account: string, bytes: number): void {
    const waiting = this.#accounts.get(account)
    if (waiting === undefined) return
    waiting.bytes -= bytes
    if (waiting.bytes <= this.#most / 2) waiting.hasLapsed = false
    this.#forget(account, waiting)
  }

  /** Notes that a socket has ended whose handlers may still run. */
  orphan(account: string): void {
    this.#of(account).orphans++
  }

  /** Notes that the handlers of an ended socket have settled. */
  settle(account: string): void {
    const waiting = this.#of(account)
    waiting.orphans--
    this.#forget(account, waiting)
  }

  /** How many sockets of an account have ended while their handlers still run. */
  orphansOf(account: string): number {
    return this.#accounts.get(account)?.orphans ?? 0
  }

  /** How many bytes wait for an account. */
  of(account: string): number {
    return this.#accounts.get(account)?.bytes ?? 0
  }

  /** How many accounts are counted at the moment. */
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
