import type { PresentMember } from '../../wire/frame.ts'
import type { Clock, Timer } from '../../wire/clock.ts'
import type { Address } from './address.ts'
import { Bucket } from '../runtime/token-bucket.ts'
import { MemberTable, pageOf, type ShownMember, shownMember } from './member-table.ts'
import { inParts, type PresenceMessage, type MembersRequest, type SnapshotPart } from './presence-message.ts'
import { type PeersOwner, PresencePeers } from './presence-peers.ts'
import { PresenceTeller, type TellerContext, type ToldGroup } from './presence-teller.ts'

/** A user with a socket here, or with one that has left a moment ago. */
interface Here {
  /** What is seen of the user here: what was shown last. */
  shown: ShownMember
  /** What each socket shows, the latest last. */
  readonly sockets: Map<string, ShownMember>
  leaving: Timer | null
}

/** What all watched groups of a node share. */
export interface PresenceContext extends TellerContext {
  readonly node: string
  readonly graceMs: number
  /** Tells all nodes that watch a group. */
  publish(address: Address, message: PresenceMessage): void
  /** Tells one node. */
  answer(node: string, part: SnapshotPart): void
  /** A user has gone: perhaps nothing holds the group any more. */
  emptied(group: PresenceGroup): void
}

/** What is a watched group's own. */
export interface PresenceGroupParts {
  readonly address: Address
  /** Names this beginning: the process, and the how manieth of it. */
  readonly life: string
  /** How many members clients are told by name. */
  readonly upTo: number
}

/**
 * The first 20 changes are told at the end of their turn; more are gathered for 50 ms: so many frames a second a group costs at
 * most, however many come and go.
 */
const pace = { most: 20, eachMs: 1_000, burst: 20 }

/** The highest version of another node that is counted on from: half of what a version may be. */
const highestVersion = 2 ** 51

/**
 * The presence of one group on this node: its own users, those of the others, and telling each of the other. Most groups are
 * small: what only some need is made when they need it.
 */
export class PresenceGroup implements PeersOwner, ToldGroup {
  readonly address: Address
  readonly upTo: number
  readonly table: MemberTable
  readonly teller: PresenceTeller
  /** How many rely on it: sockets that are in or on their way. */
  holders = 0
  /** When all nodes were asked, on the monotonic clock. */
  askedAt: number = Number.POSITIVE_INFINITY
  readonly #context: PresenceContext
  readonly #life: string
  readonly #here = new Map<string, Here>()
  readonly #pace: Bucket
  /** What the other nodes tell. */
  #peers: PresencePeers | null = null
  /** Users of this node whose change no other node has been told. */
  #untold: Set<string> | null = null
  /** How many changes the other nodes were told. */
  #n = 0
  /** The latest version that this node has given or heard. */
  #version = 0
  /** Whether what has changed is going to be told. */
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

  /** What this node shows. */
  *mine(): Iterable<ShownMember> {
    for (const { shown } of this.#here.values()) yield shown
  }

  /** Asks all nodes who they show. */
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
    // a node that shows nobody has nothing to say to a question to all
    else if (message.to === this.#context.node || (message.to === null && this.#here.size > 0))
      this.answer(message)
  }

  /** Tells one node who is shown here. */
  answer({ node: asker, id: re, page }: MembersRequest): void {
    // what is in the answer is not told once more
    this.#tellNodes()
    const parts = inParts(page === null ? this.mine() : pageOf(this.mine(), page))
    const fields = { ...this.#standpoint(this.#n), group: this.address.key, re, parts: parts.length }
    for (const [part, members] of parts.entries())
      this.#context.answer(asker, { kind: 's', ...fields, part, members })
  }

  /**
   * Another node answers the first question of this one: a user who came here while the answer was on its way came after what
   * it says, which this node could not know.
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

  /** A node has left. */
  forget(node: string): void {
    this.#peers?.forget(node)
  }

  /** Gives the sign by which others see that they have missed nothing, and looks after those of whom none has come. */
  giveSign(): void {
    this.#peers?.sweep()
    if (this.#n > 0) this.#publish({ kind: 'g', ...this.#standpoint(this.#n) })
  }

  /** Shows one socket of a user; once more with something new about it. */
  enter(socket: string, member: PresentMember): void {
    const { user } = member
    const shown = shownMember(member, ++this.#version)
    const { sockets, leaving } = this.#here.get(user) ?? {
      sockets: new Map<string, ShownMember>(),
      leaving: null,
    }
    leaving?.cancel()
    // set anew, it stands behind the other tabs
    sockets.delete(socket)
    sockets.set(socket, shown)
    this.#here.set(user, { shown, sockets, leaving: null })
    this.#changedHere(user)
  }

  /** Shows a socket no more, at once. */
  hide(socket: string, user: string): void {
    if (this.#withdraw(socket, user) !== null) this.#gone(user)
  }

  /** A socket has left: a user without another one is seen for the grace of a reload. */
  leave(socket: string, user: string): void {
    const here = this.#withdraw(socket, user)
    const { timers, graceMs } = this.#context
    if (here !== null) here.leaving = timers.after(graceMs, () => this.#gone(user))
  }

  /** What has changed is told at the end of the turn, or together with what else changes in the next 50 ms. */
  changed(): void {
    this.teller.changed()
    if (this.#isDue || this.#isClosed) return
    this.#isDue = true
    const now = this.clock.monotonic()
    if (this.#pace.take(now)) queueMicrotask(() => this.#tell())
    else this.#gathering = this.#context.timers.after(this.#pace.shortMs(now), () => this.#gathered())
  }

  /** Ends: the other nodes are told what they do not know yet. */
  close(): void {
    this.#tellNodes()
    this.stop()
  }

  /** Ends without a word. */
  stop(): void {
    this.#isClosed = true
    this.#gathering?.cancel()
    this.teller.close()
    for (const { leaving } of this.#here.values()) leaving?.cancel()
  }

  get #others(): PresencePeers {
    return (this.#peers ??= new PresencePeers(this))
  }

  /**
   * What this node shows from now on is later than all that it has heard. No honest version is near the end of what is read:
   * after one that is, other nodes would read nothing of this one.
   */
  #note(members: readonly ShownMember[]): void {
    for (const { version } of members)
      if (version <= highestVersion) this.#version = Math.max(this.#version, version)
  }

  /** Answers a user of whom this was the last socket; of any other it is seen what the other tabs show. */
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
