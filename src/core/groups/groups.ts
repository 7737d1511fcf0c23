import { type Payload } from '../../wire/body.ts'
import { encodeMessage, type Position } from '../../wire/frame.ts'
import { encodePlain } from '../../wire/plain.ts'
import { type Connection, Packet } from '../api/connection.ts'
import type { Clock } from '../../wire/clock.ts'
import { type GroupMessage, packGroupMessage, unpackGroupMessage } from './group-message.ts'
import { HistoryFeed } from './history-feed.ts'
import type { Address } from './address.ts'
import {
  type Delivery,
  type Keep,
  leaveTopic,
  type Link,
  type LogRules,
  type Placed,
  type Placing,
  type Unsubscribe,
} from '../api/layer.ts'
import { type Awaitable, isThenable } from '../runtime/awaitable.ts'
import { newId } from '../runtime/id.ts'
import type { ServerEvent, Reporter } from '../api/events.ts'

/** A member of a group: a socket that gets its messages. */
export interface GroupMember {
  /** The id of the socket. */
  readonly id: string
  /** The canonical path of the socket, for frames of groups that have no path. */
  readonly path: string
  /** Whether the socket speaks `sallyport.v1`; otherwise it gets bare messages. */
  readonly framed: boolean
  readonly connection: Pick<Connection, 'send'>
}

/** A membership in a group: reserved before the handshake is accepted, taken after it. */
export interface GroupMembership {
  /** The address of the group; one object for all its members. */
  readonly address: Address
  take(member: GroupMember): void
  leave(): void
}

interface LocalGroup {
  readonly address: Address
  readonly members: Set<GroupMember>
  holders: number
  /** The kept messages of the group, in order; `null` without a history. */
  readonly feed: HistoryFeed | null
  /** When each member joined, on the monotonic clock; `null` without a history. */
  readonly since: Map<GroupMember, number> | null
  /** Ends the subscription, as soon as that has begun. */
  ready: Awaitable<Unsubscribe>
}

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
  readonly #rooms = new Map<string, LocalGroup>()
  /** The sends under way in each group with a history. */
  readonly #queues = new Map<string, SendQueue>()
  readonly #parts: GroupsParts
  readonly #link: Link
  readonly #report: Reporter

  constructor(parts: GroupsParts) {
    this.#parts = parts
    this.#link = parts.link
    this.#report = parts.report
  }

  /**
   * Subscribes to a group if this node has not yet, so that a member misses no message from now on. Answers
   * at once where it has.
   *
   * @throws (rejects with) the error of the layer
   */
  reserve(address: Address): Awaitable<GroupMembership> {
    const room = this.#room(address)
    room.holders++
    return isThenable(room.ready) ? this.#subscribed(room, room.ready) : this.#membership(room)
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
  local(key: string): ReadonlySet<GroupMember> {
    return this.#rooms.get(key)?.members ?? new Set()
  }

  /** How many groups have members on this node. */
  get size(): number {
    return this.#rooms.size
  }

  async #subscribed(room: LocalGroup, ready: Promise<Unsubscribe>): Promise<GroupMembership> {
    try {
      room.ready = await ready
    } catch (error) {
      this.#release(room)
      throw error
    }
    return this.#membership(room)
  }

  #membership(room: LocalGroup): GroupMembership {
    return new ReservedMembership(room, this.#parts.clock, this.#release)
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
    const room = this.#rooms.get(key)
    if (room === undefined || placed === null) return 0
    hear(room, message, placed)
    return receiversOf(room, message)
  }

  #deliver({ key }: Address, message: GroupMessage): Awaitable<number> {
    const room = this.#rooms.get(key)
    const receivers = room === undefined ? 0 : receiversOf(room, message)
    if (room !== undefined) hear(room, message, null)
    const published = this.#link.publish(key, () => packGroupMessage(message))
    return isThenable(published) ? published.then(() => receivers) : receivers
  }

  #room(address: Address): LocalGroup {
    const known = this.#rooms.get(address.key)
    if (known !== undefined) return known
    const feed = this.#feed(address, (message, sentAt) => deliver(room, message, sentAt))
    const subscribed = this.#link.subscribe(address.key, (delivery) => this.#hear(room, delivery))
    const ready = feed === null ? subscribed : this.#begun(address, { subscribed, feed })
    const room: LocalGroup = {
      address,
      members: new Set(),
      holders: 0,
      feed,
      since: feed === null ? null : new Map(),
      ready,
    }
    this.#rooms.set(address.key, room)
    return room
  }

  /** A group with a history is ready when it is known where that ends: the first message may be missed. */
  #begun(
    { contract }: Address,
    { subscribed, feed }: { readonly subscribed: Awaitable<Unsubscribe>; readonly feed: HistoryFeed },
  ): Awaitable<Unsubscribe> {
    const beginning = feed.begin()
    if (!isThenable(beginning)) return subscribed
    const begun = beginning.catch((error: unknown) => {
      this.#report(error, `reading where the history of ${contract.path} ends`)
    })
    return Promise.all([subscribed, begun]).then(([unsubscribe]) => unsubscribe)
  }

  #feed(address: Address, hand: (message: GroupMessage, sentAt: number) => void): HistoryFeed | null {
    const { contract, key } = address
    if (contract.history === undefined) return null
    const { link, clock } = this.#parts
    const lost = (kept: boolean, error: unknown): void => {
      if (error !== null) this.#report(error, `reading messages of ${contract.path} that were lost`)
      this.#missed(address, kept)
    }
    return new HistoryFeed({ link, clock, topic: key, rules: rulesOf(contract.history), deliver: hand, lost })
  }

  #missed({ contract }: Address, kept: boolean): void {
    this.#parts.emit({ type: 'missed', contract: contract.path, kept })
  }

  #hear(room: LocalGroup, { bytes, placed, lost }: Delivery): void {
    const { address } = room
    // a subscription may end after the next one to the same group has begun
    if (this.#rooms.get(address.key) !== room) return
    if (lost) this.#missed(address, false)
    const message = unpackGroupMessage(bytes)
    if (message === null)
      this.#report(
        new TypeError('a message from the layer is malformed'),
        `receiving for ${address.contract.path}`,
      )
    else hear(room, message, placed)
  }

  readonly #release = (room: LocalGroup): void => {
    if (--room.holders > 0) return
    this.#rooms.delete(room.address.key)
    leaveTopic(room.ready, (error) => this.#report(error, `leaving ${room.address.contract.path}`))
  }
}

/**
 * A class, because each socket has at least two memberships, and closures with their shared context are
 * larger.
 */
class ReservedMembership implements GroupMembership {
  readonly #room: LocalGroup
  readonly #clock: Clock
  readonly #release: (room: LocalGroup) => void
  #member: GroupMember | null = null
  #held = true

  constructor(room: LocalGroup, clock: Clock, release: (room: LocalGroup) => void) {
    this.#room = room
    this.#clock = clock
    this.#release = release
  }

  get address(): Address {
    return this.#room.address
  }

  take(member: GroupMember): void {
    if (!this.#held) return
    this.#member = member
    this.#room.members.add(member)
    this.#room.since?.set(member, this.#clock.monotonic())
  }

  leave(): void {
    if (!this.#held) return
    this.#held = false
    if (this.#member !== null) {
      this.#room.members.delete(this.#member)
      this.#room.since?.delete(this.#member)
    }
    this.#release(this.#room)
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

function hear(room: LocalGroup, message: GroupMessage, placing: Placing | null): void {
  if (room.feed === null) deliver(room, message, Number.POSITIVE_INFINITY)
  else room.feed.hear(message, placing)
}

function receiversOf({ members }: LocalGroup, { except }: GroupMessage): number {
  let count = 0
  for (const { id } of members) if (id !== except) count++
  return count
}

/**
 * Delivers a message to the members that had joined before it was sent: encoded at most once for each wire,
 * the same packet for all.
 */
function deliver(room: LocalGroup, message: GroupMessage, sentAt: number): void {
  const { address, members, since } = room
  const { except } = message
  const plain = lazily(() => packet(address, message, encodePlain(message.type, message.body)))
  const framed = byPath((path) => packet(address, message, framePayload(path, message)))
  for (const member of members) {
    if (member.id === except || (since?.get(member) ?? 0) > sentAt) continue
    member.connection.send(member.framed ? framed(address.path ?? member.path) : plain())
  }
}

function framePayload(path: string, { type, body, at, trace }: GroupMessage): Payload {
  const extras = { ...(at === null ? {} : { at }), ...(trace === undefined ? {} : { trace }) }
  return encodeMessage({ in: path, type, ...extras }, body)
}

function packet(address: Address, { slow, type, key }: GroupMessage, payload: Payload): Packet {
  return new Packet(payload, slow, slow === 'latest' ? `${address.key}/${type ?? ''}/${key}` : '')
}

function lazily<T>(make: () => T): () => T {
  let made: T | undefined
  return () => (made ??= make())
}

/**
 * Makes a value once for each run of members with the same path. The members of most groups share one path;
 * only those of a subject may differ.
 */
function byPath<T>(make: (path: string) => T): (path: string) => T {
  let last: { readonly path: string; readonly made: T } | undefined
  return (path) => {
    if (last?.path !== path) last = { path, made: make(path) }
    return last.made
  }
}
