import type { Position } from '../../wire/frame.ts'
import { SallyportError } from '../../wire/errors.ts'
import type { Clock } from '../../wire/clock.ts'
import type { Delivery, Link, LogRange, LogRules, Unsubscribe } from '../api/layer.ts'
import type { Reporter } from '../api/events.ts'

/** What one log of orders is made of. */
export interface AccessCommandLogParts {
  readonly link: Link
  readonly topic: string
  readonly rules: LogRules
  readonly clock: Clock
  /** Where a node that starts begins to read. */
  readonly from: 'all' | 'head'
  readonly report: Reporter
  /**
   * Hears each order at least once.
   *
   * @param ageMs how long ago it was kept, when it was read in the log; `null` when it is heard as it is given
   */
  hear(bytes: Uint8Array, ageMs: number | null): void
}

/** How many entries are handed on in one turn. */
const atOnce = 1_000

/**
 * One of the logs through which orders reach all nodes. What is heard is handed on at once; where something was lost before it,
 * the log is read.
 */
export class AccessCommandLog {
  readonly #parts: AccessCommandLogParts
  /** Up to where nothing is missing; `null` before the log was read. */
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

  /** Listens, once, and reads what is kept. It may be tried again. @throws what the layer throws */
  async start(): Promise<void> {
    this.#subscription ??= this.#parts.link
      .subscribe(this.#parts.topic, (delivery) => this.#heard(delivery))
      .catch((error: unknown) => {
        this.#subscription = null
        throw error
      })
    await this.#subscription
    await this.read()
  }

  /** Reads what was kept since; one reading at a time. @throws what the layer throws */
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
    else this.read().catch((error: unknown) => this.#parts.report(error, 'reading orders that were lost'))
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

  /** Lets others have their turn: a log of 100,000 entries would hold up a process for a second. */
  #turn(): Promise<void> {
    return new Promise((resolve) => this.#parts.clock.after(0, resolve))
  }

  /** What followed a position; all that is kept, when some of that is missing: an order counts once, however often it is read. */
  async #after(position: Position): Promise<LogRange> {
    const range = await this.#parts.link.range(this.#parts.topic, this.#parts.rules, position)
    return range.complete ? range : this.#range('all')
  }

  async #range(from: 'all' | 'head'): Promise<LogRange> {
    const { link, topic, rules, report } = this.#parts
    const range = await link.range(topic, rules, from)
    if (from === 'all' && !range.complete)
      report(new SallyportError('ERR_LAYER', incomplete(topic, rules)), 'reading orders')
    return range
  }
}

function isSame(one: Position, other: Position): boolean {
  return one.epoch === other.epoch && one.offset === other.offset && one.mark === other.mark
}

function incomplete(topic: string, { size }: LogRules): string {
  return (
    `the log '${topic}' has lost entries before their time: the layer keeps ${size} of them at most. A node that starts ` +
    "now does not know of what is missing. Let credentials expire sooner, and set 'remember' to the longest life of one"
  )
}
