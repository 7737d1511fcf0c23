import { encodeFrame, encodeWithList } from '../../wire/frame.ts'
import type { TimerQueue } from '../runtime/timer-queue.ts'
import type { Clock, Timer } from '../../wire/clock.ts'
import { Packet } from '../api/connection.ts'
import type { Groups } from './groups.ts'
import type { Address } from './address.ts'
import type { MemberTable } from './member-table.ts'

/** What telling clients needs. */
export interface TellerContext {
  readonly groups: Groups
  readonly clock: Clock
  readonly timers: Pick<TimerQueue, 'after'>
  /** How many bytes the list of members may have. */
  readonly listBytes: number
}

/** Whose members are told. */
export interface ToldGroup {
  readonly address: Address
  readonly table: MemberTable
  /** How many members clients are told by name. */
  readonly upTo: number
}

/** Who is here, as a client is told that comes in: a list of members as JSON, or only how many. */
export type PresenceNow = { readonly list: string } | { readonly count: number }

/** How often clients are told how many are here. */
const countMs = 1_000
/** For how long they are told only that, at least: a full list goes to everyone when it comes back. */
const calmMs = 10_000
/** The list comes back when so much of its bounds is enough. */
const backAt = 0.75

/**
 * Tells the members of a group on this node who comes, changes and leaves, the same bytes for all. Where they are too many for
 * that, or their list too large, it tells how many they are.
 */
export class PresenceTeller {
  readonly #context: TellerContext
  readonly #group: ToldGroup
  /** Sockets that came in after the last change: they know it. */
  #fresh: Set<string> | null = null
  #isCounting = false
  #countingSince = 0
  #countedAt = 0
  /** The number that everyone here was told last; -1 when some were told another one. */
  #toldCount = 0
  #timer: Timer | null = null

  constructor(context: TellerContext, group: ToldGroup) {
    this.#context = context
    this.#group = group
  }

  /** Who is here now, for a socket that comes in and will hear of every change from now on. */
  now(socket: string): PresenceNow {
    const { table } = this.#group
    if (!this.#isCounting && !this.#fits(1)) this.#beginToCount()
    if (this.#isCounting) {
      // whoever comes in hears another number than the last that all were told: the next is told though it may be that one again
      if (table.size !== this.#toldCount) this.#toldCount = -1
      return { count: table.size }
    }
    if (table.isChanged) (this.#fresh ??= new Set()).add(socket)
    return { list: table.list }
  }

  /** The table has changed: sockets that came in before do not know it yet. */
  changed(): void {
    this.#fresh = null
  }

  /** Tells what has changed since this was called last. */
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

  /** Whether this part of the bounds is enough. */
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
