import type { PresentMember } from '../../wire/frame.ts'
import type { Clock, Timer } from '../../wire/clock.ts'
import type { Address } from './address.ts'
import { Bucket } from '../runtime/token-bucket.ts'
import { MemberTable, pageOf, type ShownMember, shownMember } from './member-table.ts'
import { inParts, type PresenceMessage, type MembersRequest, type SnapshotPart } from './presence-message.ts'
import { type PresenceNodesOwner, PresenceNodes } from './presence-nodes.ts'
import { PresenceTeller, type TellerContext, type TellerGroup } from './presence-teller.ts'

/** A user with a socket here, or with one that has just left. */
interface Here {
  /** The visible entry of the user here: the one that was shown last. */
  shown: ShownMember
  /** The entry of each socket, the latest last. */
  readonly sockets: Map<string, ShownMember>
  leaving: Timer | null
}

/** What all watched groups of a node share. */
export interface PresenceContext extends TellerContext {
  readonly node: string
  readonly graceMs: number
  /** Sends a message to all nodes that watch a group. */
  publish(address: Address, message: PresenceMessage): void
  /** Sends a part of a snapshot to one node. */
  answer(node: string, part: SnapshotPart): void
  /** Called when a user has left: the group may have no sockets any more. */
  emptied(group: PresenceGroup): void
}

/** What belongs to one watched group. */
export interface PresenceGroupParts {
  readonly address: Address
  /** The name of this watch: the process, and the number of the watch in it. */
  readonly life: string
  /** Up to how many members clients get a list. */
  readonly upTo: number
}

/**
 * The first 20 changes are sent at the end of their turn; further ones are collected for 50 ms. So a group
 * costs at most this many frames a second, however many members come and go.
 */
const pace = { most: 20, eachMs: 1_000, burst: 20 }

/** The highest version of another node that is counted on from: half of what a version may be. */
const highestVersion = 2 ** 51

/**
 * The presence of one group on this node: its own users, those of other nodes, and the exchange between the
 * nodes. Most groups are small, so the parts that few groups need are made on demand.
 */
export class PresenceGroup implements PresenceNodesOwner, TellerGroup {
  readonly address: Address
  readonly upTo: number
  readonly table: MemberTable
  readonly teller: PresenceTeller
  /** How many sockets use it: open ones, and those whose handshake is under way. */
  holders = 0
  /** When all nodes were asked, on the monotonic clock. */
  askedAt: number = Number.POSITIVE_INFINITY
  readonly #context: PresenceContext
  readonly #life: string
  readonly #here = new Map<string, Here>()
  readonly #pace: Bucket
  /** The presence on other nodes. */
  #nodes: PresenceNodes | null = null
  /** The users of this node whose change was not yet sent to other nodes. */
  #untold: Set<string> | null = null
  /** How many changes were sent to other nodes. */
  #n = 0
  /** The latest version that this node has given or received. */
  #version = 0
  /** Whether the sending of changes is scheduled. */
  #isDue = false
  #gathering: Timer | null = null
  #isClosed = false

  constructor(context: PresenceContext, { address, life, upTo }: PresenceGroupParts) {
    this.#context = context
    this.address = address
    this.upTo = upTo
    this.#life = life
    this.table = new MemberTable((user) => this.#here.get(user)?.shown)
    this.teller = new PresenceTeller(context, this)
    this.#pace = new Bucket(pace, context.clock.monotonic())
  }

  get clock(): Clock {
    return this.#context.clock
  }

  get firstQuestion(): string {
    return this.#life
  }

  get isIdle(): boolean {
    return this.holders === 0 && this.#here.size === 0
  }

  /** The entries of this node. */
  *mine(): Iterable<ShownMember> {
    for (const { shown } of this.#here.values()) yield shown
  }

  /** Asks all nodes for their entries. */
  begin(): void {
    this.askedAt = this.clock.monotonic()
    this.ask(this.firstQuestion, null)
  }

  ask(id: string, to: string | null): void {
    const { node } = this.#context
    this.#publish({ kind: '?', node, id, group: this.address.key, to, page: null })
  }

  hear(message: PresenceMessage): void {
    if (message.kind === 'd') this.#note(message.join)
    if (message.kind === 's') this.#note(message.members)
    if (message.kind === 'd') this.#others.delta(message)
    else if (message.kind === 'g') this.#others.sign(message)
    else if (message.kind === 's') this.#others.snapshot(message)
    // a node without entries does not answer a question to all nodes
    else if (message.to === this.#context.node || (message.to === null && this.#here.size > 0))
      this.answer(message)
  }

  /** Sends the entries of this node to one node. */
  answer({ node: asker, id: re, page }: MembersRequest): void {
    // changes that the answer includes are not sent once more
    this.#tellNodes()
    const parts = inParts(page === null ? this.mine() : pageOf(this.mine(), page))
    const fields = { ...this.#standpoint(this.#n), group: this.address.key, re, parts: parts.length }
    for (const [part, members] of parts.entries())
      this.#context.answer(asker, { kind: 's', ...fields, part, members })
  }

  /**
   * Takes the first answer of another node. A user that came here while the answer was under way came after
   * its entries, but this node could not know their versions.
   */
  introduced(members: readonly ShownMember[]): void {
    for (const { user, version } of members) {
      const here = this.#here.get(user)
      const latest = here === undefined ? undefined : [...here.sockets].at(-1)
      if (here === undefined || latest === undefined || here.shown.version > version) continue
      here.shown = { ...here.shown, version: ++this.#version }
      here.sockets.set(latest[0], here.shown)
      this.#changedHere(user)
    }
  }

  /** Removes the entries of a node that has left. */
  forget(node: string): void {
    this.#nodes?.forget(node)
  }

  /** Sends a sign by which other nodes notice a missed change, and checks the signs of the others. */
  giveSign(): void {
    this.#nodes?.sweep()
    if (this.#n > 0) this.#publish({ kind: 'g', ...this.#standpoint(this.#n) })
  }

  /** Shows one socket of a user. Called again to change its entry. */
  enter(socket: string, member: PresentMember): void {
    const { user } = member
    const shown = shownMember(member, ++this.#version)
    const { sockets, leaving } = this.#here.get(user) ?? {
      sockets: new Map<string, ShownMember>(),
      leaving: null,
    }
    leaving?.cancel()
    // deleted and set again, so that it comes after the other tabs
    sockets.delete(socket)
    sockets.set(socket, shown)
    this.#here.set(user, { shown, sockets, leaving: null })
    this.#changedHere(user)
  }

  /** Hides a socket at once. */
  hide(socket: string, user: string): void {
    if (this.#withdraw(socket, user) !== null) this.#gone(user)
  }

  /**
   * Removes a socket that has left. A user without another one stays visible for the grace time, so that a
   * reload is not seen.
   */
  leave(socket: string, user: string): void {
    const here = this.#withdraw(socket, user)
    const { timers, graceMs } = this.#context
    if (here !== null) here.leaving = timers.after(graceMs, () => this.#gone(user))
  }

  /**
   * Schedules the sending of changes: at the end of the turn, or together with other changes in the next 50
   * ms.
   */
  changed(): void {
    this.teller.changed()
    if (this.#isDue || this.#isClosed) return
    this.#isDue = true
    const now = this.clock.monotonic()
    if (this.#pace.take(now)) queueMicrotask(() => this.#tell())
    else this.#gathering = this.#context.timers.after(this.#pace.shortMs(now), () => this.#gathered())
  }

  /** Ends the watch, and sends the changes that other nodes do not know yet. */
  close(): void {
    this.#tellNodes()
    this.stop()
  }

  /** Ends the watch without a message. */
  stop(): void {
    this.#isClosed = true
    this.#gathering?.cancel()
    this.teller.close()
    for (const { leaving } of this.#here.values()) leaving?.cancel()
  }

  get #others(): PresenceNodes {
    return (this.#nodes ??= new PresenceNodes(this))
  }

  /**
   * The changes of this node from now on are later than all changes that it knows. No correct version is near
   * the largest number: after such a version, other nodes would ignore every change of this node.
   */
  #note(members: readonly ShownMember[]): void {
    for (const { version } of members)
      if (version <= highestVersion) this.#version = Math.max(this.#version, version)
  }

  /**
   * Removes the entry of a socket. Returns the user when this was its last socket; otherwise the entry of
   * another tab becomes visible.
   */
  #withdraw(socket: string, user: string): Here | null {
    const here = this.#here.get(user)
    if (here === undefined || !here.sockets.delete(socket) || this.#isClosed) return null
    const latest = [...here.sockets.values()].at(-1)
    if (latest === undefined) return here
    if (latest.version < here.shown.version) {
      here.shown = latest
      this.#changedHere(user)
    }
    return null
  }

  #gone(user: string): void {
    this.#here.delete(user)
    this.#changedHere(user)
    this.#context.emptied(this)
  }

  #changedHere(user: string): void {
    this.table.settle(user)
    this.#untold = (this.#untold ?? new Set()).add(user)
    this.changed()
  }

  #gathered(): void {
    this.#gathering = null
    this.#pace.take(this.clock.monotonic())
    this.#tell()
  }

  #tell(): void {
    this.#isDue = false
    if (this.#isClosed) return
    this.#tellNodes()
    this.teller.tell()
  }

  #tellNodes(): void {
    if (this.#untold === null) return
    const users = [...this.#untold]
    this.#untold = null
    const join = users.flatMap((user) => this.#here.get(user)?.shown ?? [])
    let leave = users.filter((user) => !this.#here.has(user))
    for (const part of inParts(join)) {
      this.#publish({ kind: 'd', ...this.#standpoint(++this.#n), join: part, leave })
      leave = []
    }
  }

  #standpoint(n: number): { readonly node: string; readonly life: string; readonly n: number } {
    return { node: this.#context.node, life: this.#life, n }
  }

  #publish(message: PresenceMessage): void {
    this.#context.publish(this.address, message)
  }
}
