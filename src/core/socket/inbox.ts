/** A task of an inbox: one message and its handler. */
export interface InboxTask {
  /** The bytes that the task counts for while it waits. Read once, and only if the task has to wait. */
  readonly bytes: number
  /** Runs the handler. It settles when the handler has settled, and never rejects. */
  run(): void | Promise<void>
}

/** How much may wait before reading is paused. */
export interface InboxBounds {
  readonly messages: number
  readonly bytes: number
}

/** The parts that an inbox needs. */
export interface InboxParts {
  readonly bounds: InboxBounds
  readonly flow: { pause(): void; resume(): void }
  /**
   * The bytes that wait for the account of the socket: `take` before a task waits, `give` when it waits no
   * more.
   */
  readonly backlog: { take(bytes: number): boolean; give(bytes: number): void }
}

interface WaitingTask {
  readonly task: InboxTask
  readonly bytes: number
}

/**
 * The tasks that wait for the handlers of one channel. Handlers run one at a time, in order. Above a bound,
 * reading is paused until half of the tasks are done. A handler that awaits nothing runs at once, without a
 * turn in between.
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

  /** Whether this inbox has paused reading. Meanwhile the peer must not count as lost. */
  get paused(): boolean {
    return this.#paused
  }

  /**
   * Takes a task. The task waits while another one runs, and until the inbox is started.
   *
   * @returns false when the task would have to wait and its account has no room for it
   */
  add(task: InboxTask): boolean {
    if (this.#closed) return true
    if (!this.#busy && !this.#held) {
      this.#run(task)
      // a handler that makes its peer answer in the same turn has added more tasks; a handler that ends its
      // socket leaves `drained` waiting
      if (this.#waiting.length > 0 || this.#drained.length > 0) this.#next()
      return true
    }
    return this.#wait(task)
  }

  /** Begins to run tasks. Those that arrived before `open` was done have waited here. */
  start(): void {
    this.#held = false
    this.#next()
  }

  /** Whether no task runs and no task waits. */
  get isIdle(): boolean {
    return !this.#busy && this.#waiting.length === 0
  }

  /** Settles when no task runs and no task waits. */
  drained(): Promise<void> {
    if (this.isIdle) return Promise.resolve()
    return new Promise((resolve) => this.#drained.push(resolve))
  }

  /**
   * Forgets the tasks that wait; the task that runs continues.
   *
   * @returns how many tasks were forgotten
   */
  close(): number {
    const forgotten = this.#waiting.length
    this.#closed = true
    this.#waiting = []
    this.#parts.backlog.give(this.#bytes)
    this.#bytes = 0
    if (!this.#busy) this.#tell()
    return forgotten
  }

  #wait(task: InboxTask): boolean {
    const { bounds, flow, backlog } = this.#parts
    const { bytes } = task
    if (!backlog.take(bytes)) return false
    this.#waiting.push({ task, bytes })
    this.#bytes += bytes
    if (this.#paused || (this.#waiting.length < bounds.messages && this.#bytes < bounds.bytes)) return true
    this.#paused = true
    flow.pause()
    return true
  }

  #run(task: InboxTask): void {
    this.#busy = true
    const done = task.run()
    if (done === undefined) this.#busy = false
    else void done.then(this.#settled)
  }

  readonly #settled = (): void => {
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
      this.#run(next.task)
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
