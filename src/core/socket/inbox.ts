/** One piece of work: a handler for one message. */
export interface InboxTask {
  /** What it counts for while it waits; read once, when it has to. */
  readonly bytes: number
  /** Runs it. It settles when the handler has, and never rejects. */
  run(): void | Promise<void>
}

/** How much may wait before reading pauses. */
export interface InboxBounds {
  readonly messages: number
  readonly bytes: number
}

/** What an inbox works with. */
export interface InboxParts {
  readonly bounds: InboxBounds
  readonly flow: { pause(): void; resume(): void }
  /** What waits for the account of the socket: asked before a piece of work waits, told when it waits no more. */
  readonly backlog: { take(bytes: number): boolean; give(bytes: number): void }
}

interface WaitingTask {
  readonly work: InboxTask
  readonly bytes: number
}

/**
 * What waits for the one handler of a socket. Handlers run one at a time, in order; beyond a bound, reading pauses
 * until half of it is worked off. A handler that needs no wait is run at once, without a turn in between.
 */
export class Inbox {
  readonly #parts: InboxParts
  #waiting: WaitingTask[] = []
  #bytes = 0
  #drained: (() => void)[] = []
  #busy = false
  #paused = false
  #closed = false
  #held = true

  constructor(parts: InboxParts) {
    this.#parts = parts
  }

  /** Whether reading is paused by this inbox: a peer that cannot be heard is not dead. */
  get paused(): boolean {
    return this.#paused
  }

  /**
   * Takes work; it waits while another piece is being done, and until the inbox was started.
   *
   * @returns false when it would have to wait, and there is no room for it in the account
   */
  add(work: InboxTask): boolean {
    if (this.#closed) return true
    if (!this.#busy && !this.#held) {
      this.#run(work)
      // a handler that makes its peer answer in the same turn has added more; one that ends its socket is waited for
      if (this.#waiting.length > 0 || this.#drained.length > 0) this.#next()
      return true
    }
    return this.#wait(work)
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

  /** Forgets what waits; the piece that is being done goes on. @returns how many pieces were forgotten */
  close(): number {
    const forgotten = this.#waiting.length
    this.#closed = true
    this.#waiting = []
    this.#parts.backlog.give(this.#bytes)
    this.#bytes = 0
    if (!this.#busy) this.#tell()
    return forgotten
  }

  #wait(work: InboxTask): boolean {
    const { bounds, flow, backlog } = this.#parts
    const { bytes } = work
    if (!backlog.take(bytes)) return false
    this.#waiting.push({ work, bytes })
    this.#bytes += bytes
    if (this.#paused || (this.#waiting.length < bounds.messages && this.#bytes < bounds.bytes)) return true
    this.#paused = true
    flow.pause()
    return true
  }

  #run(work: InboxTask): void {
    this.#busy = true
    const done = work.run()
    if (done === undefined) this.#busy = false
    else void done.then(() => this.#settled())
  }

  #settled(): void {
    this.#busy = false
    this.#next()
  }

  #next(): void {
    while (!this.#busy) {
      const next = this.#waiting.shift()
      if (next === undefined) {
        this.#tell()
        break
      }
      this.#bytes -= next.bytes
      this.#parts.backlog.give(next.bytes)
      this.#run(next.work)
    }
    const { bounds, flow } = this.#parts
    if (!this.#paused || this.#waiting.length > bounds.messages / 2 || this.#bytes > bounds.bytes / 2) return
    this.#paused = false
    flow.resume()
  }

  #tell(): void {
    for (const resolve of this.#drained.splice(0)) resolve()
  }
}
