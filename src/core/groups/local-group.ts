import type { Contract } from '../../wire/contract.ts'
import { encodeMessage } from '../../wire/frame.ts'
import { encodePlain } from '../../wire/plain.ts'
import type { Payload } from '../../wire/body.ts'
import { type Connection, Packet } from '../api/connection.ts'
import type { Placing, Unsubscribe } from '../api/layer.ts'
import type { Awaitable } from '../runtime/awaitable.ts'
import { valuesOf, type OneOrMore, withoutValue, withValue, sizeOf } from '../runtime/one-or-more.ts'
import type { Address } from './address.ts'
import type { GroupMessage } from './group-message.ts'
import type { HistoryFeed } from './history-feed.ts'

/** A member of a group: a socket that gets its messages. */
export interface GroupMember {
  /** The id of the socket. */
  readonly id: string
  /** Whether that is the id of the socket. */
  isSocket(id: string): boolean
  /** The canonical path of the socket, for frames of groups that have no path. */
  readonly path: string
  /** Whether the socket speaks `sallyport.v1`; otherwise it gets bare messages. */
  readonly framed: boolean
  readonly connection: Pick<Connection, 'send'>
}

/** How a group on this node begins. */
export interface GroupBeginning {
  /** Makes the order of its kept messages; `null` without a history. */
  feed(group: LocalGroup): HistoryFeed | null
  /** Subscribes to its messages. */
  subscribe(group: LocalGroup, feed: HistoryFeed | null): Awaitable<Unsubscribe>
}

/** A group on this node: its address, which all its members share, and its members. */
export class LocalGroup implements Address {
  readonly key: string
  readonly path: string | null
  readonly contract: Contract
  /** How many sockets have reserved it and not left it. */
  holders = 0
  /** Ends the subscription, as soon as that has begun. */
  ready: Awaitable<Unsubscribe>
  /** The kept messages, in order; `null` without a history. */
  readonly #feed: HistoryFeed | null
  #members: OneOrMore<GroupMember>
  /** When each member joined, on the monotonic clock; `null` without a history. */
  readonly #since: Map<GroupMember, number> | null

  constructor({ key, path, contract }: Address, beginning: GroupBeginning) {
    this.key = key
    this.path = path
    this.contract = contract
    this.#feed = beginning.feed(this)
    this.#since = this.#feed === null ? null : new Map()
    this.ready = beginning.subscribe(this, this.#feed)
  }

  get members(): Iterable<GroupMember> {
    return valuesOf(this.#members)
  }

  /** @param now the time of the monotonic clock */
  add(member: GroupMember, now: number): void {
    this.#members = withValue(this.#members, member)
    this.#since?.set(member, now)
  }

  delete(member: GroupMember): void {
    this.#members = withoutValue(this.#members, member)
    this.#since?.delete(member)
  }

  /** How many members get a message. */
  receivers({ except }: GroupMessage): number {
    if (except === null) return sizeOf(this.#members)
    let count = 0
    for (const member of this.members) if (!member.isSocket(except)) count++
    return count
  }

  /** Takes a message that was sent, from here or from another node. Kept messages are put in their order. */
  hear(message: GroupMessage, placing: Placing | null): void {
    if (this.#feed === null) this.deliver(message, Number.POSITIVE_INFINITY)
    else this.#feed.hear(message, placing)
  }

  /**
   * Delivers a message to the members that had joined before it was sent: encoded at most once for each wire,
   * the same packet for all. The members of most groups share one path; those of a subject may differ, and
   * then it is encoded once for each run of members with the same path.
   */
  deliver(message: GroupMessage, sentAt: number): void {
    let plain: Packet | null = null
    let framed: Packet | null = null
    let framedPath = ''
    const { except } = message
    for (const member of this.members) {
      if ((except !== null && member.isSocket(except)) || !this.#hadJoined(member, sentAt)) continue
      if (!member.framed) {
        member.connection.send((plain ??= this.#packet(message, encodePlain(message.type, message.body))))
        continue
      }
      const path = this.path ?? member.path
      if (framed === null || framedPath !== path) {
        framed = this.#packet(message, framePayload(path, message))
        framedPath = path
      }
      member.connection.send(framed)
    }
  }

  #hadJoined(member: GroupMember, moment: number): boolean {
    return this.#since === null || (this.#since.get(member) ?? 0) <= moment
  }

  #packet({ slow, type, key }: GroupMessage, payload: Payload): Packet {
    return new Packet(payload, slow, slow === 'latest' ? `${this.key}/${type ?? ''}/${key}` : '')
  }
}

function framePayload(path: string, { type, body, at, trace }: GroupMessage): Payload {
  const extras = { ...(at === null ? {} : { at }), ...(trace === undefined ? {} : { trace }) }
  return encodeMessage({ in: path, type, ...extras }, body)
}
