import { isRecord } from '../../wire/json.ts'
import type { TraceContext } from '../../wire/trace.ts'
import { heapBytes } from '../runtime/heap-bytes.ts'
import type { InboxTask } from './inbox.ts'

/** What runs the handler of a task. */
export interface TaskRunner {
  /** It settles when the handler has, and never rejects. */
  run(task: Task): void | Promise<void>
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
export class Task implements InboxTask {
  readonly kind: 'message' | 'call'
  readonly type: string | null
  readonly id: string | null
  readonly parent: TraceContext | null
  readonly #runner: TaskRunner
  readonly #wireBytes: number
  /** The validated value; nothing once a handler has it. */
  data: unknown
  isCancelled = false
  /** Made when a handler runs that takes it: a call that waits needs none. */
  #abort: AbortController | null = null

  constructor(runner: TaskRunner, { kind, type, id, data, parent, bytes }: TaskParts) {
    this.#runner = runner
    this.kind = kind
    this.type = type
    this.id = id
    this.parent = parent
    this.#wireBytes = bytes
    this.data = data
  }

  /** Its size on the wire, or a quarter of what it holds in the heap where that is more. */
  get bytes(): number {
    return Math.max(this.#wireBytes, Math.ceil((recordBytes + heapBytes(this.data)) / heapShare))
  }

  /** Aborted when the call is cancelled. */
  get signal(): AbortSignal {
    return (this.#abort ??= new AbortController()).signal
  }

  /** The answer is not wanted any more. A handler at work is told so; one that has not begun does not run. */
  cancel(): void {
    this.isCancelled = true
    this.#abort?.abort()
  }

  run(): void | Promise<void> {
    return this.#runner.run(this)
  }
}

/** A promise of whatever make: query builders answer their own, which run only when they are awaited. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return isRecord(value) && typeof value['then'] === 'function'
}
