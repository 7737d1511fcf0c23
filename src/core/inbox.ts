/** One piece of work: a handler for one message. It settles when the handler has, and never rejects. */
export type Work = () => void | Promise<void>

/**
 * What waits for the one handler of a socket. Handlers run one at a time, in order; beyond the bound, reading pauses
 * until half of it is worked off. A handler that needs no wait is run at once, without a turn in between.
 */
export class Inbox {
  readonly #bound: number
  readonly #flow: { pause(): void; resume(): void }
  #waiting: Work[] = []
  #drained: (() => void)[] = []
  #busy = false
  #paused = false
  #closed = false
  #held = true

  constructor(bound: number, flow: { pause(): void; resume(): void }) {
    this.#bound = bound
    this.#flow = flow
  }

  /** Whether reading is paused by this inbox: a peer that cannot be heard is not dead. */
  get paused(): boolean {
    return this.#paused
  }

  /** Takes work; it waits while another piece is being done, and until the inbox was started. */
  add(work: Work): void {
    if (this.#closed) return
    if (!this.#busy && !this.#held && this.#waiting.length === 0) {
      this.#run(work)
      // a handler that makes its peer answer in the same turn has added more; one that ends its socket is waited for
      if (this.#waiting.length > 0 || this.#drained.length > 0) this.#next()
      return
    }
    this.#waiting.push(work)
    if (this.#paused || this.#waiting.length < this.#bound) return
    this.#paused = true
    this.#flow.pause()
  }

  /** Begins to work: what came before `open` was done has waited here. */
  start(): void {
    this.#held = false
    this.#next()
  }

  /** Settles when nothing is being done and nothing waits. */
  drained(): Promise<void> {
    if (!this.#busy && this.#waiting.length === 0) return Promise.resolve()
    return new Promise((resolve) => this.#drained.push(resolve))
  }

  /** Forgets what waits; the piece that is being done goes on. */
  close(): void {
    this.#closed = true
    this.#waiting = []
    if (!this.#busy) this.#tell()
  }

  #run(work: Work): void {
    this.#busy = true
    const done = work()
    if (done === undefined) this.#busy = false
    else void done.then(() => this.#settled())
  }

  #settled(): void {
    this.#busy = false
    this.#next()
  }

  #next(): void {
    while (!this.#busy) {
      const work = this.#waiting.shift()
      if (work === undefined) {
        this.#tell()
        break
      }
      this.#run(work)
    }
    if (!this.#paused || this.#waiting.length > this.#bound / 2) return
    this.#paused = false
    this.#flow.resume()
  }

  #tell(): void {
    for (const resolve of this.#drained.splice(0)) resolve()
  }
}
