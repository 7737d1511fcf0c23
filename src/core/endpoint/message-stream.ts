import { isBytes } from '../../wire/is-bytes.ts'

/**
 * The messages of a socket as a loop reads them. A message is taken when the loop asks for it. Until then its
 * sender has no acknowledgement, and no other message is read.
 */
export class MessageStream implements AsyncIterableIterator<unknown> {
  #offered: { readonly value: unknown; readonly taken: () => void } | null = null
  #wanted: ((result: IteratorResult<unknown>) => void) | null = null
  #ended = false
  #isOver = false
  /** Whether a message was taken, and the loop has not asked for another one since. */
  #working = false
  #rested: (() => void)[] = []

  /** Offers a message to the loop. Settles when the loop has taken it. */
  offer(value: unknown): void | Promise<void> {
    if (this.#ended) return
    const wanted = this.#wanted
    if (wanted !== null) {
      this.#wanted = null
      this.#working = true
      return wanted({ value, done: false })
    }
    return new Promise((taken) => {
      this.#offered = { value, taken }
    })
  }

  /**
   * Ends the loop, and throws away the messages that it has not taken. @returns how many messages these were
   */
  end(): number {
    const offered = this.#offered
    this.#ended = true
    this.#rest()
    offered?.taken()
    this.#offered = null
    if (this.#wanted !== null) this.#wanted(this.#over())
    this.#wanted = null
    return offered === null ? 0 : 1
  }

  /**
   * Settles when the last message that was taken has been handled: the loop asks for the next, or is left.
   */
  rested(): Promise<void> {
    return this.#working ? new Promise((resolve) => this.#rested.push(resolve)) : Promise.resolve()
  }

  /**
   * Whether the reader knows that the loop has ended: it asked for more and got nothing, or has left the loop
   * since.
   */
  get isOver(): boolean {
    return this.#isOver
  }

  next(): Promise<IteratorResult<unknown>> {
    this.#rest()
    const offered = this.#offered
    if (offered !== null) {
      this.#offered = null
      this.#working = true
      offered.taken()
      return Promise.resolve({ value: offered.value, done: false })
    }
    if (this.#ended) return Promise.resolve(this.#over())
    return new Promise((resolve) => {
      this.#wanted = resolve
    })
  }

  return(): Promise<IteratorResult<unknown>> {
    this.#rest()
    return Promise.resolve(this.#over())
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #over(): IteratorResult<unknown> {
    // a reader that left earlier may come back, with a new loop for each part
    this.#isOver = this.#ended
    return { value: undefined, done: true }
  }

  #rest(): void {
    this.#working = false
    for (const resolve of this.#rested.splice(0)) resolve()
  }
}

/**
 * A message as a loop gets it: flat, with its type in `type`; text and bytes in `data`; an unnamed shape
 * unchanged.
 */
export function tagged(type: string | null, data: unknown): unknown {
  if (type === null) return data
  return typeof data === 'object' && !isBytes(data) ? { type, ...data } : { type, data }
}
