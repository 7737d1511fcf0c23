import type { Position } from '../../wire/frame.ts'
import type { Clock } from '../../wire/clock.ts'
import { type GroupMessage, packGroupMessage, unpackGroupMessage } from './group-message.ts'
import { HistoryFeed } from './history-feed.ts'
import type { Address } from './address.ts'
import { type GroupBeginning, type GroupMember, LocalGroup } from './local-group.ts'
import {
  type Delivery,
  type Keep,
  leaveTopic,
  type Link,
  type LogRules,
  type Placed,
  type Unsubscribe,
} from '../api/layer.ts'
import { type Awaitable, isThenable } from '../runtime/awaitable.ts'
import { newId } from '../runtime/id.ts'
import { TransientMap } from '../runtime/transient.ts'
import type { ServerEvent, Reporter } from '../api/events.ts'

/**
 * The sends of a group under way, so that positions and delivery keep the order of `send`. Kept messages need
 * not wait for each other, because the layer keeps their order. A message that is not kept is delivered here
 * at once; so it waits for those before it, and those after it wait for it.
 */
interface SendQueue {
  /** Whether the last message is kept. */
  readonly isKept: boolean
  /** What the last message waited for. */
  readonly before: Promise<void> | undefined
  /** Settles when the last message and all before it are done. */
  readonly through: Promise<void>
}

/** A kept message of the history of a group. */
export interface HistoryEntry {
  readonly at: Position
  readonly message: GroupMessage
}

/** What groups need. */
export interface GroupsParts {
  readonly link: Link
  readonly clock: Clock
  readonly report: Reporter
  readonly emit: (event: ServerEvent) => void
}

/** The groups of a server: delivers to members on this node, and through the layer to those on all others. */
export class Groups {
  readonly #groups = new TransientMap<string, LocalGroup>()
  /** The sends under way in each group with a history. */
  readonly #queues = new Map<string, SendQueue>()
  readonly #parts: GroupsParts
  readonly #link: Link
  readonly #report: Reporter
  readonly #beginning: GroupBeginning = {
    feed: (group) => this.#feed(group),
    subscribe: (group, feed) => this.#subscribe(group, feed),
  }

  constructor(parts: GroupsParts) {
    this.#parts = parts
    this.#link = parts.link
    this.#report = parts.report
  }

  /**
   * Subscribes to a group if this node has not yet, so that a member misses no message from now on. Answers
   * at once where it has. Each call needs one call of `leave`, also where no member has joined.
   *
   * @throws (rejects with) the error of the layer
   */
  reserve(address: Address): Awaitable<LocalGroup> {
    const group = this.#groups.get(address.key) ?? this.#begin(address)
    group.holders++
    return isThenable(group.ready) ? this.#subscribed(group, group.ready) : group
  }

  /** Adds a member to a group that was reserved for it. */
  join(group: LocalGroup, member: GroupMember): void {
    group.add(member, this.#parts.clock.monotonic())
  }

  /** Gives a group back, and takes the member out of it. The last one ends the subscription. */
  leave(group: LocalGroup, member: GroupMember | null): void {
    if (member !== null) group.delete(member)
    if (--group.holders > 0) return
    this.#groups.delete(group.key)
    leaveTopic(group.ready, (error) => this.#report(error, `leaving ${group.contract.path}`))
  }

  /**
   * Sends to all members: to local ones at once, to the others through the layer. Answers how many members it
   * has here when the layer has accepted it.
   *
   * @throws (rejects with) the error of the layer
   */
  send(address: Address, message: GroupMessage, kept: boolean): Awaitable<number> {
    const { history } = address.contract
    if (history === undefined) return this.#deliver(address, message)
    const queue = this.#queues.get(address.key)
    const send = (): Awaitable<number> =>
      kept
        ? this.#keep(address, message, { ...rulesOf(history), id: newId() })
        : this.#deliver(address, message)
    if (queue !== undefined) {
      const before = kept && queue.isKept ? queue.before : queue.through
      const sending = sentAfter(before, send)
      return this.#queue(address.key, sending, { isKept: kept, before, earlier: queue.through })
    }
    const sending = send()
    if (!kept || !isThenable(sending)) return sending
    return this.#queue(address.key, sending, { isKept: true, before: undefined, earlier: undefined })
  }

  /** The kept messages of a group after a position, oldest first. */
  async history(
    address: Address,
    after: Position | null,
  ): Promise<{ readonly complete: boolean; readonly kept: readonly HistoryEntry[] }> {
    const { history } = address.contract
    if (history === undefined) return { complete: after === null, kept: [] }
    const { entries, complete } = await this.#link.range(address.key, rulesOf(history), after ?? 'all')
    const kept = entries.flatMap(({ at, value }) => {
      const message = unpackGroupMessage(value)
      return message === null ? [] : [{ at, message }]
    })
    return { complete, kept }
  }

  /** The members of a group on this node. */
  local(key: string): Iterable<GroupMember> {
    return this.#groups.get(key)?.members ?? []
  }

  /** How many groups have members on this node. */
  get size(): number {
    return this.#groups.size
  }

  async #subscribed(group: LocalGroup, ready: Promise<Unsubscribe>): Promise<LocalGroup> {
    try {
      group.ready = await ready
      return group
    } catch (error) {
      this.leave(group, null)
      throw error
    }
  }

  /** Notes a send that is under way, so that later ones can wait for it. */
  async #queue(
    key: string,
    sending: Promise<number>,
    { isKept, before, earlier }: Omit<SendQueue, 'through'> & { readonly earlier: Promise<void> | undefined },
  ): Promise<number> {
    const through = settledAfter(earlier, sending)
    this.#queues.set(key, { isKept, before, through })
    try {
      return await sending
    } finally {
      void through.then(() => this.#queues.get(key)?.through === through && this.#queues.delete(key))
    }
  }

  /**
   * Appends and publishes in one step. Members here get the message when the layer delivers it, or when its
   * publication is answered, whichever comes first.
   */
  #keep(address: Address, message: GroupMessage, keep: Keep): Awaitable<number> {
    const placed = this.#link.publish(address.key, () => packGroupMessage(message), keep)
    if (isThenable(placed)) return placed.then((at) => this.#kept(address, message, at))
    return this.#kept(address, message, placed)
  }

  #kept({ key }: Address, message: GroupMessage, placed: Placed | null): number {
    const group = this.#groups.get(key)
    if (group === undefined || placed === null) return 0
    group.hear(message, placed)
    return group.receivers(message)
  }

  #deliver({ key }: Address, message: GroupMessage): Awaitable<number> {
    const group = this.#groups.get(key)
    const receivers = group?.receivers(message) ?? 0
    group?.hear(message, null)
    const published = this.#link.publish(key, () => packGroupMessage(message))
    return isThenable(published) ? published.then(() => receivers) : receivers
  }

  #begin(address: Address): LocalGroup {
    const group = new LocalGroup(address, this.#beginning)
    this.#groups.set(group.key, group)
    return group
  }

  /** A group with a history is ready when it is known where that ends: the first message may be missed. */
  #subscribe(group: LocalGroup, feed: HistoryFeed | null): Awaitable<Unsubscribe> {
    const subscribed = this.#link.subscribe(group.key, (delivery) => this.#hear(group, delivery))
    const beginning = feed?.begin()
    if (!isThenable(beginning)) return subscribed
    const begun = beginning.catch((error: unknown) =>
      this.#report(error, `reading where the history of ${group.contract.path} ends`),
    )
    return Promise.all([subscribed, begun]).then(([unsubscribe]) => unsubscribe)
  }

  #feed(group: LocalGroup): HistoryFeed | null {
    const { contract, key } = group
    if (contract.history === undefined) return null
    const { link, clock } = this.#parts
    const deliver = (message: GroupMessage, sentAt: number): void => group.deliver(message, sentAt)
    const lost = (kept: boolean, error: unknown): void => {
      if (error !== null) this.#report(error, `reading messages of ${contract.path} that were lost`)
      this.#missed(group, kept)
    }
    return new HistoryFeed({ link, clock, topic: key, rules: rulesOf(contract.history), deliver, lost })
  }

  #missed({ contract }: Address, kept: boolean): void {
    this.#parts.emit({ type: 'missed', contract: contract.path, kept })
  }

  #hear(group: LocalGroup, { bytes, placed, lost }: Delivery): void {
    // a subscription may end after the next one to the same group has begun
    if (this.#groups.get(group.key) !== group) return
    if (lost) this.#missed(group, false)
    const message = unpackGroupMessage(bytes)
    if (message !== null) return group.hear(message, placed)
    this.#report(
      new TypeError('a message from the layer is malformed'),
      `receiving for ${group.contract.path}`,
    )
  }
}

async function sentAfter(before: Promise<void> | undefined, send: () => Awaitable<number>): Promise<number> {
  await before
  return send()
}

/** Resolves without a value, so that a group with sends at all times does not keep their results. */
async function settledAfter(before: Promise<void> | undefined, sending: Promise<unknown>): Promise<void> {
  await before
  // a failed send is reported to its own caller
  await sending.catch(() => {})
}

function rulesOf({ size, forMs }: { readonly size: number; readonly forMs: number }): LogRules {
  return { space: 'history', size, forMs }
}
