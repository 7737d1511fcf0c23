import { encodeFrame, encodeWithList } from '../../wire/frame.ts'
import type { TimerQueue } from '../runtime/timer-queue.ts'
import type { Clock, Timer } from '../../wire/clock.ts'
import { Packet } from '../api/connection.ts'
import type { GroupMember } from './local-group.ts'
import type { Address } from './address.ts'
import type { MemberTable } from './member-table.ts'

/** What a teller needs. */
export interface TellerContext {
  readonly groups: { local(key: string): Iterable<GroupMember> }
  readonly clock: Clock
  readonly timers: Pick<TimerQueue, 'after'>
  /** The most bytes of the list of members. */
  readonly listBytes: number
}

/** The group whose clients are told. */
export interface TellerGroup {
  readonly address: Address
  readonly table: MemberTable
  /** Up to how many members clients get a list. */
  readonly upTo: number
}

/** The members, as a client is told when it joins: a list as JSON, or only their number. */
export type PresenceNow = { readonly list: string } | { readonly count: number }

/** How often clients are told the number of members. */
const countMs = 1_000
/**
 * The shortest time for which clients are told only the number: when the list comes back, it is sent to all
 * of them.
 */
const calmMs = 10_000
/** The list comes back when it needs no more than this part of its bounds. */
const backAt = 0.75

/**
 * Tells the clients of a group on this node which members come, change and leave. All clients get the same
 * bytes. When the members are too many, or their list is too large, it tells only their number.
 */
export class PresenceTeller {
  readonly #context: TellerContext
  readonly #group: TellerGroup
  /** The sockets that joined after the last change, and so know it. */
  #fresh: Set<string> | null = null
  #isCounting = false
  #countingSince = 0
  #countedAt = 0
  /** The number that all clients here were told last; -1 when some of them were told another number. */
  #toldCount = 0
  #timer: Timer | null = null

  constructor(context: TellerContext, group: TellerGroup) {
    this.#context = context
    this.#group = group
  }

  /** The members now, for a socket that joins and will be told every change from now on. */
  now(socket: string): PresenceNow {
    const { table } = this.#group
    if (!this.#isCounting && !this.#fits(1)) this.#beginToCount()
    if (this.#isCounting) {
      // the joining client is told another number than the others were: the next number is sent even if they
      // know it
      if (table.size !== this.#toldCount) this.#toldCount = -1
      return { count: table.size }
    }
    if (table.isChanged) (this.#fresh ??= new Set()).add(socket)
    return { list: table.list }
  }

  /** Called when the table has changed: sockets that joined before do not know the change yet. */
  changed(): void {
    this.#fresh = null
  }

  /** Sends the changes since the last call. */
  tell(): void {
    if (this.#isCounting) return this.#countLater()
    if (!this.#fits(1)) return this.#beginToCount()
    const { joins, leaves } = this.#group.table.takeChanges()
    if (joins.length > 0 || leaves.length > 0)
      this.#send((path) => encodeWithList({ op: 'presence', in: path, leaves }, 'joins', joins.join(',')))
    this.#fresh = null
  }

  close(): void {
    this.#timer?.cancel()
  }

  /** Whether the list fits into this part of its bounds. */
  #fits(part: number): boolean {
    const { table, upTo } = this.#group
    const { listBytes } = this.#context
    return table.size <= upTo * part && table.bytes <= listBytes * part
  }

  #beginToCount(): void {
    this.#isCounting = true
    this.#countingSince = this.#now
    this.#count()
  }

  #countLater(): void {
    const { timers } = this.#context
    this.#timer ??= timers.after(Math.max(0, this.#countedAt + countMs - this.#now), () => this.#due())
  }

  #due(): void {
    this.#timer = null
    const isSmall = this.#fits(backAt)
    if (isSmall && this.#now - this.#countingSince >= calmMs) return this.#endCounting()
    this.#count()
    if (isSmall) this.#countLater()
  }

  #count(): void {
    const { table } = this.#group
    table.takeChanges()
    this.#fresh = null
    this.#countedAt = this.#now
    if (this.#toldCount === table.size) return
    this.#toldCount = table.size
    this.#send((path) => encodeFrame({ op: 'presence', in: path, count: table.size }))
  }

  #endCounting(): void {
    const { table } = this.#group
    table.takeChanges()
    this.#isCounting = false
    this.#toldCount = 0
    this.#send((path) => encodeWithList({ op: 'presence', in: path }, 'members', table.list))
  }

  get #now(): number {
    return this.#context.clock.monotonic()
  }

  #send(encode: (path: string) => string): void {
    const { address } = this.#group
    if (address.path === null) return
    const packet = new Packet(encode(address.path))
    for (const member of this.#context.groups.local(address.key))
      if (member.framed && this.#fresh?.has(member.id) !== true) member.connection.send(packet)
  }
}
