import type { TraceContext } from '../../wire/trace.ts'
import { heapBytes } from '../runtime/heap-bytes.ts'
import type { InboxTask } from './inbox.ts'

/** What runs the handler of a task. */
export interface TaskRunner {
  /** It settles when the handler has, and never rejects. */
  run(task: Task): void | Promise<void>
}

/** What a peer has asked for: a message or a call. */
export interface TaskCommand {
  readonly do: 'message' | 'call'
  readonly type: string | null
  /** The id that its sender gave it; `null` when the sender wants no answer. */
  readonly id: string | null
}

/** The memory of a task beside its data: the object, the id, and the trace context. */
const recordBytes = 320
/** A message may hold this many times its counted size in the heap. */
const heapShare = 4

/**
 * A message or a call on its way to its handler. Of the payload it holds the validated value alone. It is a
 * class, because closures of one scope share one context in V8. A closure that waits would hold the raw
 * message, its parsed form and the parts that the schema removed. That was 763 KB for a message of 60 KB.
 */
export class Task implements InboxTask {
  readonly kind: 'message' | 'call'
  readonly type: string | null
  readonly id: string | null
  /** The trace context of its sender, where there is a tracer. */
  parent: TraceContext | null = null
  /** The size of its payload on the wire. */
  wireBytes = 0
  readonly #runner: TaskRunner
  /** The validated value; nothing once a handler has it. */
  data: unknown
  isCancelled = false
  /** Made when a handler asks for the signal: a call that waits needs none. */
  #abort: AbortController | null = null

  constructor(runner: TaskRunner, command: TaskCommand, data: unknown) {
    this.#runner = runner
    this.kind = command.do
    this.type = command.type
    this.id = command.id
    this.data = data
  }

  /** The size on the wire, or a quarter of the size in the heap if that is larger. */
  get bytes(): number {
    return Math.max(this.wireBytes, Math.ceil((recordBytes + heapBytes(this.data)) / heapShare))
  }

  /** Aborted when the call is cancelled. */
  get signal(): AbortSignal {
    return (this.#abort ??= new AbortController()).signal
  }

  /** Cancels the call. A running handler is told by its signal; a handler that has not begun does not run. */
  cancel(): void {
    this.isCancelled = true
    this.#abort?.abort()
  }

  run(): void | Promise<void> {
    return this.#runner.run(this)
  }
}
