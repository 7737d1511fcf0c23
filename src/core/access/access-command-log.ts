import type { Position } from '../../wire/frame.ts'
import { SallyportError } from '../../wire/errors.ts'
import type { Clock } from '../../wire/clock.ts'
import type { Delivery, Link, LogRange, LogRules, Unsubscribe } from '../api/layer.ts'
import type { Reporter } from '../api/events.ts'

/** What a log of access commands needs. */
export interface AccessCommandLogParts {
  readonly link: Link
  readonly topic: string
  readonly rules: LogRules
  readonly clock: Clock
  /** Where a node that starts begins to read. */
  readonly from: 'all' | 'head'
  readonly report: Reporter
  /**
   * Takes each access command at least once.
   * @param ageMs how long ago the command was appended, when it was read from the log; `null` when it was
   * received as it was given
   */
  hear(bytes: Uint8Array, ageMs: number | null): void
}

/** How many entries are processed in one turn of the event loop. */
const atOnce = 1_000

/**
 * One of the logs that carry access commands to all nodes. A command that is received is processed at once.
 * When commands before it are missing, the log is read.
 */
export class AccessCommandLog {
  readonly #parts: AccessCommandLogParts
  /** The position up to which no command is missing; `null` before the log was read. */
  #last: Position | null = null
  #subscription: Promise<Unsubscribe> | null = null
  #reading: Promise<void> | null = null

  constructor(parts: AccessCommandLogParts) {
    this.#parts = parts
  }

  get topic(): string {
    return this.#parts.topic
  }

  get rules(): LogRules {
    return this.#parts.rules
  }

  /**
   * Subscribes, once, and reads the log. It may be called again after a failure. @throws what the layer
   * throws
   */
  async start(): Promise<void> {
    const { link, topic } = this.#parts
    this.#subscription ??= Promise.resolve(link.subscribe(topic, (delivery) => this.#heard(delivery))).catch(
      (error: unknown) => {
        this.#subscription = null
        throw error
      },
    )
    await this.#subscription
    await this.read()
  }

  /**
   * Reads what was appended since the last reading. One reading runs at a time. @throws the error of the layer
   */
  read(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = null
    })
    return this.#reading
  }

  #heard({ bytes, placed }: Delivery): void {
    this.#parts.hear(bytes, null)
    if (placed === null || this.#last === null || isSame(placed.at, this.#last)) return
    if (placed.prev !== null && isSame(placed.prev, this.#last)) this.#last = placed.at
    else
      this.read().catch((error: unknown) =>
        this.#parts.report(error, 'reading access commands that were lost'),
      )
  }

  async #read(): Promise<void> {
    const { hear, from } = this.#parts
    const { head, entries } = this.#last === null ? await this.#range(from) : await this.#after(this.#last)
    for (const [index, { value, ageMs }] of entries.entries()) {
      if (index > 0 && index % atOnce === 0) await this.#turn()
      hear(value, ageMs)
    }
    this.#last = head
  }

  /** Lets other work run: a log of 100,000 entries would block the process for a second. */
  #turn(): Promise<void> {
    return new Promise((resolve) => this.#parts.clock.after(0, resolve))
  }

  /**
   * The entries after a position. When some of them are missing, all entries of the log: a command takes
   * effect once, however often it is read.
   */
  async #after(position: Position): Promise<LogRange> {
    const range = await this.#parts.link.range(this.#parts.topic, this.#parts.rules, position)
    return range.complete ? range : this.#range('all')
  }

  async #range(from: 'all' | 'head'): Promise<LogRange> {
    const { link, topic, rules, report } = this.#parts
    const range = await link.range(topic, rules, from)
    if (from === 'all' && !range.complete)
      report(new SallyportError('ERR_LAYER', incomplete(topic, rules)), 'reading access commands')
    return range
  }
}

function isSame(one: Position, other: Position): boolean {
  return one.epoch === other.epoch && one.offset === other.offset && one.mark === other.mark
}

function incomplete(topic: string, { size }: LogRules): string {
  return (
    `the log '${topic}' has lost entries before their time: the layer keeps ${size} of them at most. A node that starts ` +
    "now does not know the missing entries. Let credentials expire sooner, and set 'remember' to the longest life of one"
  )
}
