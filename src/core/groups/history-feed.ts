import type { Position } from '../../wire/frame.ts'
import type { Clock } from '../../wire/clock.ts'
import { type Awaitable, isThenable } from '../runtime/awaitable.ts'
import { type GroupMessage, unpackGroupMessage } from './group-message.ts'
import type { Link, LogRange, LogRules, Placing } from '../api/layer.ts'

/** What a feed needs. */
export interface HistoryFeedParts {
  readonly link: Pick<Link, 'range'>
  readonly topic: string
  readonly rules: LogRules
  readonly clock: Pick<Clock, 'monotonic'>
  /** Delivers a message to those who were members at that moment of the monotonic clock. */
  deliver(message: GroupMessage, sentAt: number): void
  /**
   * Reports messages that members do not get: kept messages that could not be read again, or others that
   * could not wait.
   */
  lost(kept: boolean, error: unknown): void
}

/** A message as it was received; `placing` is `null` when it is not kept. */
interface HeardMessage {
  readonly message: GroupMessage
  readonly placing: Placing | null
  readonly sentAt: number
}

/** How many messages may wait while the log is read. Beyond it, those are read from the log as well. */
const mostWaiting = 64

/**
 * The messages of a group with a history, delivered in the order of its log. Each kept message names the one
 * before it. When that is not the one delivered last, the log is read, and messages that arrive meanwhile
 * wait.
 */
export class HistoryFeed {
  readonly #parts: HistoryFeedParts
  /** The position of the kept message that was delivered last, and when it was sent. */
  #last: Position | null = null
  #lastAt = 0
  /** The messages that wait; `null` while the log is not read. */
  #waiting: HeardMessage[] | null = null
  #hasOverflowed = false

  constructor(parts: HistoryFeedParts) {
    this.#parts = parts
  }

  /**
   * Notes the head of the log, so that a missed first message is noticed. When the head cannot be read, the
   * first message that arrives counts as the first.
   *
   * @throws (or rejects with) the error of the layer
   */
  begin(): Awaitable<void> {
    const { link, topic, rules } = this.#parts
    const range = link.range(topic, rules, 'head')
    return isThenable(range) ? range.then((read) => this.#begun(read)) : this.#begun(range)
  }

  hear(message: GroupMessage, placing: Placing | null): void {
    this.#offer({ message, placing, sentAt: this.#parts.clock.monotonic() })
  }

  #begun({ head }: LogRange): void {
    if (this.#last === null) this.#reach(head, this.#parts.clock.monotonic())
  }

  #offer(heard: HeardMessage): void {
    const { placing } = heard
    if (this.#waiting !== null) this.#wait(this.#waiting, heard)
    else if (placing === null || this.#follows(placing)) this.#take(heard)
    else if (!this.#isBehind(placing.at)) void this.#fill(heard)
  }

  #wait(waiting: HeardMessage[], heard: HeardMessage): void {
    if (waiting.push(heard) <= mostWaiting) return
    if (waiting.some(({ placing }) => placing === null)) this.#parts.lost(false, null)
    waiting.length = 0
    this.#hasOverflowed = true
  }

  #follows({ prev }: Placing): boolean {
    return this.#last === null || prev === null || isSame(prev, this.#last)
  }

  #isBehind({ epoch, offset }: Position): boolean {
    const last = this.#last
    return last !== null && last.epoch === epoch && offset <= last.offset
  }

  #reach(at: Position, sentAt: number): void {
    this.#last = at
    this.#lastAt = sentAt
  }

  /** Delivers a message, unless it was delivered already. */
  #take({ message, placing, sentAt }: HeardMessage): void {
    if (placing === null) return this.#parts.deliver(message, sentAt)
    if (this.#isBehind(placing.at)) return
    this.#reach(placing.at, sentAt)
    this.#parts.deliver({ ...message, at: placing.at }, sentAt)
  }

  /** Reads the messages that are missing before this one. When that fails, members continue without them. */
  async #fill(unlinked: HeardMessage): Promise<void> {
    const waiting = (this.#waiting = [unlinked])
    let isWhole = true
    try {
      do {
        this.#hasOverflowed = false
        await this.#read(waiting, unlinked.placing)
      } while (this.#hasOverflowed)
    } catch (error) {
      isWhole = false
      this.#parts.lost(true, error)
    }
    this.#waiting = null
    // the first kept message is delivered whatever the log has before it; behind it another one may be
    // missing
    const first = waiting.findIndex(({ placing }) => placing !== null)
    for (const [index, heard] of waiting.entries())
      if (isWhole && index > first) this.#offer(heard)
      else this.#take(heard)
  }

  /**
   * The range to read, and its start. A log that was quiet for longer than it keeps entries may have been
   * forgotten, and has then begun again.
   */
  #from(placing: Placing | null): Position | 'all' {
    const { rules, clock } = this.#parts
    if (this.#last === null) return 'all'
    const isQuiet = clock.monotonic() - this.#lastAt >= rules.forMs
    return isQuiet && placing?.at.epoch !== this.#last.epoch ? 'all' : this.#last
  }

  /** Delivers what the log has up to the first kept message that waits. */
  async #read(waiting: readonly HeardMessage[], unlinked: Placing | null): Promise<void> {
    const { link, topic, rules, clock, lost } = this.#parts
    const { entries, complete } = await link.range(topic, rules, this.#from(unlinked))
    if (!complete) lost(true, null)
    const now = clock.monotonic()
    const until = waiting.find(({ placing }) => placing !== null)?.placing?.at
    for (const { at, prev, value, ageMs } of entries) {
      if (until !== undefined && isSame(at, until)) return
      const message = unpackGroupMessage(value)
      if (message !== null) this.#take({ message, placing: { at, prev }, sentAt: now - ageMs })
      else if (!this.#isBehind(at)) this.#reach(at, now - ageMs)
    }
  }
}

function isSame(one: Position, other: Position): boolean {
  return one.epoch === other.epoch && one.offset === other.offset && one.mark === other.mark
}
