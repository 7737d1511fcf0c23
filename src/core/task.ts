import { Denial } from '../wire/errors.ts'
import { isRecord } from '../wire/json.ts'
import type { TraceContext } from '../wire/trace.ts'
import { heapBytes } from './heap-bytes.ts'
import type { Work } from './inbox.ts'

/** What a task runs in: the socket whose peer has sent it. */
export interface TaskHost {
  /** Whether the socket has ended: nobody waits for an answer any more. */
  readonly ended: boolean
  /** Runs the handler. */
  handle(task: Task, data: unknown): unknown
  /** The handler has answered. */
  answered(task: Task, value: unknown): void
  /** The handler has thrown, or the call was cancelled. */
  threw(task: Task, error: unknown): void
  /** It is over, in any way. */
  done(task: Task): void
}

/** What is known of a message or a call when it is taken. */
export interface TaskParts {
  readonly kind: 'message' | 'call'
  readonly type: string | null
  /** Under which its sender hears of it; `null` when it does not want to. */
  readonly id: string | null
  /** The validated value. */
  readonly data: unknown
  readonly parent: TraceContext | null
  /** The size of its payload on the wire. */
  readonly bytes: number
}

/** What a task holds beside its data: itself, its id, and its place in a trace. */
const recordBytes = 320
/** A message may hold so many times in the heap what it counts for. */
const heapShare = 4

/**
 * A message or a call on its way to its handler. Of all that its peer has sent it holds the validated value alone. It is a
 * class because closures that are made in one scope share one context in V8: where one of them waits, the raw message, what
 * was parsed of it and what the schema threw away are all held with it, which was 763 KB for a message of 60 KB.
 */
export class Task implements Work {
  readonly kind: 'message' | 'call'
  readonly type: string | null
  readonly id: string | null
  readonly parent: TraceContext | null
  readonly #host: TaskHost
  readonly #wireBytes: number
  #data: unknown
  /** Made when a handler runs that takes it: a call that waits needs none. */
  #abort: AbortController | null = null
  #isCancelled = false

  constructor(host: TaskHost, { kind, type, id, data, parent, bytes }: TaskParts) {
    this.#host = host
    this.kind = kind
    this.type = type
    this.id = id
    this.parent = parent
    this.#wireBytes = bytes
    this.#data = data
  }

  /** Its size on the wire, or a quarter of what it holds in the heap where that is more. */
  get bytes(): number {
    return Math.max(this.#wireBytes, Math.ceil((recordBytes + heapBytes(this.#data)) / heapShare))
  }

  /** Aborted when the call is cancelled. */
  get signal(): AbortSignal {
    return (this.#abort ??= new AbortController()).signal
  }

  /** The answer is not wanted any more. A handler at work is told so; one that has not begun does not run. */
  cancel(): void {
    this.#isCancelled = true
    this.#abort?.abort()
  }

  run(): void | Promise<void> {
    try {
      const result = this.#isCancelled ? undefined : this.#handle()
      if (isThenable(result)) return this.#await(result)
      this.#answer(result)
    } catch (error) {
      this.#throw(error)
    }
    this.#host.done(this)
  }

  #handle(): unknown {
    const data = this.#data
    // the handler holds what it still needs
    this.#data = undefined
    return this.#host.handle(this, data)
  }

  async #await(result: PromiseLike<unknown>): Promise<void> {
    try {
      this.#answer(await result)
    } catch (error) {
      this.#throw(error)
    }
    this.#host.done(this)
  }

  #answer(value: unknown): void {
    if (!this.#isCancelled) this.#host.answered(this, value)
    else if (!this.#host.ended) this.#host.threw(this, cancelled())
  }

  /** Whatever a handler throws because its call was called off is no fault of the server. */
  #throw(error: unknown): void {
    this.#host.threw(this, this.#isCancelled && !this.#host.ended ? cancelled() : error)
  }
}

function cancelled(): Denial {
  return new Denial(499, 'cancelled', 'the call was cancelled')
}

/** A promise of whatever make: query builders answer their own, which run only when they are awaited. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return isRecord(value) && typeof value['then'] === 'function'
}
