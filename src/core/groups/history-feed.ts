import type { Position } from '../../wire/frame.ts'
import type { Clock } from '../../wire/clock.ts'
import { type Dispatch, unpackDispatch } from './envelope.ts'
import type { Link, LogRules, Placing } from '../api/layer.ts'

/** What a feed is made of. */
export interface HistoryFeedParts {
  readonly link: Pick<Link, 'range'>
  readonly topic: string
  readonly rules: LogRules
  readonly clock: Pick<Clock, 'monotonic'>
  /** Hands a message to those who were members at that moment of the monotonic clock. */
  deliver(dispatch: Dispatch, saidAt: number): void
  /** Messages are lost for the members: kept ones cannot be read again; others could not wait. */
  lost(kept: boolean, error: unknown): void
}

/** A message as it was heard; `placing` is `null` where it is not kept. */
interface HeardMessage {
  readonly dispatch: Dispatch
  readonly placing: Placing | null
  readonly saidAt: number
}

/** How many messages wait at most while others are read; beyond it what waits is read as well. */
const mostWaiting = 64

/**
 * The messages of a group with a history, in the order of its log. Each kept message names the one before it: where that is not
 * the one that was handed on last, the log is read, and what comes meanwhile waits.
 */
export class HistoryFeed {
  readonly #parts: HistoryFeedParts
  /** The position of the kept message that was handed on last, and when it was said. */
  #last: Position | null = null
  #lastAt = 0
  /** What waits; `null` while nothing is read. */
  #waiting: HeardMessage[] | null = null
  #hasOverflowed = false

  constructor(parts: HistoryFeedParts) {
    this.#parts = parts
  }

  /**
   * Notes where the log ends, so that it shows when the first message is missed. Where that cannot be read, the first one that is
   * heard counts as the first.
   *
   * @throws what the layer throws
   */
  async begin(): Promise<void> {
    const { link, topic, rules } = this.#parts
    const { head } = await link.range(topic, rules, 'head')
    if (this.#last === null) this.#reach(head, this.#parts.clock.monotonic())
  }

  hear(dispatch: Dispatch, placing: Placing | null): void {
    this.#offer({ dispatch, placing, saidAt: this.#parts.clock.monotonic() })
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

  #reach(at: Position, saidAt: number): void {
    this.#last = at
    this.#lastAt = saidAt
  }

  /** Hands a message on, unless it was handed on already. */
  #take({ dispatch, placing, saidAt }: HeardMessage): void {
    if (placing === null) return this.#parts.deliver(dispatch, saidAt)
    if (this.#isBehind(placing.at)) return
    this.#reach(placing.at, saidAt)
    this.#parts.deliver({ ...dispatch, at: placing.at }, saidAt)
  }

  /** Reads what is missing before a message. Where that fails, members go on without it. */
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
    // the first kept one is handed on whatever the log has before it; behind it another may be missing
    const first = waiting.findIndex(({ placing }) => placing !== null)
    for (const [index, heard] of waiting.entries())
      if (isWhole && index > first) this.#offer(heard)
      else this.#take(heard)
  }

  /** What is to be read, from where. A log that was quiet for longer than it keeps anything may have been forgotten, and begun anew. */
  #from(placing: Placing | null): Position | 'all' {
    const { rules, clock } = this.#parts
    if (this.#last === null) return 'all'
    const isQuiet = clock.monotonic() - this.#lastAt >= rules.forMs
    return isQuiet && placing?.at.epoch !== this.#last.epoch ? 'all' : this.#last
  }

  /** Hands on what the log has up to the first kept message that waits. */
  async #read(waiting: readonly HeardMessage[], unlinked: Placing | null): Promise<void> {
    const { link, topic, rules, clock, lost } = this.#parts
    const { entries, complete } = await link.range(topic, rules, this.#from(unlinked))
    if (!complete) lost(true, null)
    const now = clock.monotonic()
    const until = waiting.find(({ placing }) => placing !== null)?.placing?.at
    for (const { at, prev, value, ageMs } of entries) {
      if (until !== undefined && isSame(at, until)) return
      const dispatch = unpackDispatch(value)
      if (dispatch !== null) this.#take({ dispatch, placing: { at, prev }, saidAt: now - ageMs })
      else if (!this.#isBehind(at)) this.#reach(at, now - ageMs)
    }
  }
}

function isSame(one: Position, other: Position): boolean {
  return one.epoch === other.epoch && one.offset === other.offset && one.mark === other.mark
}
