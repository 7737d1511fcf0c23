import type { PresentMember } from '../../wire/frame.ts'
import type { TimerQueue } from '../runtime/timer-queue.ts'
import type { Clock, Timer } from '../../wire/clock.ts'
import type { Groups } from './groups.ts'
import type { Address } from './address.ts'
import { type Delivery, leaveTopic, type Unsubscribe } from '../api/layer.ts'
import type { LayerConnection } from './layer-connection.ts'
import type { Limits } from '../api/limits.ts'
import { memberOf, MemberTable, type Page, pageOf, type ShownMember } from './member-table.ts'
import { type Awaitable, isThenable } from '../runtime/awaitable.ts'
import { newId } from '../runtime/id.ts'
import { type PresenceContext, PresenceGroup } from './presence-group.ts'
import { packPresence, type PresenceMessage, type SnapshotPart, unpackPresence } from './presence-message.ts'
import { SnapshotParts } from './presence-nodes.ts'
import type { PresenceNow } from './presence-teller.ts'
import type { Reporter } from '../api/events.ts'

/** The presence of one socket in a group. It is hidden until it is taken. */
export interface PresenceEntry {
  /** Shows the socket to the other members. Called again to change what they see. */
  take(member: PresentMember): void
  /** Hides it at once. It can be taken again. */
  hide(): void
  /** The members now, for a socket that is told every change from now on. */
  now(): PresenceNow
  /**
   * Leaves the group. A subject without another socket stays visible for the grace time, so that a reload is
   * not seen.
   */
  leave(): void
}

/** What presence needs. */
export interface PresenceParts {
  readonly node: string
  readonly link: Pick<LayerConnection, 'publish' | 'subscribe' | 'nodes'>
  readonly groups: Groups
  readonly clock: Clock
  readonly timers: Pick<TimerQueue, 'after'>
  readonly limits: Pick<Limits, 'presenceGraceMs' | 'presenceMembers' | 'outboundBytes'>
  readonly report: Reporter
}

/** A group that this node watches. */
interface PresenceWatch {
  readonly group: PresenceGroup
  /** Ends the subscription, as soon as that has begun. */
  ready: Awaitable<Unsubscribe>
}

/** A request to all nodes for the members of one group. */
interface MembersQuestion {
  readonly unheard: Set<string>
  readonly found: MemberTable
  readonly parts: Map<string, SnapshotParts>
  readonly answered: () => void
}

/** For how long the answers of other nodes are awaited. */
const askMs = 1_000
/** How often the list of nodes is checked for those that have left. */
const tickMs = 1_000
/** How often each group sends a sign. */
const signMs = 30_000
/** The wait after a failed attempt to subscribe, unless a handshake needs it sooner. */
const listenAgainMs = 2_000
/** How often malformed messages are reported at most. */
const reportMs = 60_000
/** The topic on which every node gets requests. */
const questions = 'presence-questions'

/**
 * The members of all groups, by subject, so that all tabs of a user are one member. Each node knows its own
 * members and sends their changes to the others. When a node dies its members are removed, so a crash leaves
 * no dead members.
 */
export class Presence {
  readonly #parts: PresenceParts
  readonly #watches = new Map<string, PresenceWatch>()
  readonly #context: PresenceContext
  readonly #askings = new Map<string, MembersQuestion>()
  /** The name of this process. Each watch adds its number. */
  readonly #process = newId()
  #beginnings = 0
  #listening: Promise<void> | null = null
  #isListening = false
  #tick: Timer | null = null
  /** The groups that have not sent their sign in this round. */
  #unsigned: Iterator<PresenceWatch> = [].values()
  /** How many signs are due. */
  #signs = 0
  #listenAgain: Timer | null = null
  #malformed = 0
  #quietUntil = Number.NEGATIVE_INFINITY
  #closed = false

  constructor(parts: PresenceParts) {
    const { node, groups, clock, timers, limits } = parts
    this.#parts = parts
    this.#context = {
      node,
      groups,
      clock,
      timers,
      graceMs: limits.presenceGraceMs,
      listBytes: limits.outboundBytes / 4,
      publish: (address, message) => this.#tell(topicOf(address), message),
      answer: (to, part) => this.#tell(answersTo(to), part),
      emptied: (group) => this.#dropIfIdle(group),
    }
  }

  /** Subscribes to the requests of other nodes, and to their answers. @throws the error of the layer */
  listen(): Promise<void> {
    return (this.#listening ??= this.#subscribe())
  }

  /**
   * Reserves the presence of a socket: the group is watched from then on. Answers at once where it is watched
   * already.
   * @param upTo up to how many members clients get a list; the first socket of a group on this node decides
   * it for all
   * @throws (rejects with) the error of the layer
   */
  reserve(address: Address, socket: string, upTo?: number): Awaitable<PresenceEntry> {
    const watch = this.#watch(address, upTo)
    watch.group.holders++
    const isReady = this.#isListening && !isThenable(watch.ready)
    return isReady ? new ReservedPresence(watch.group, socket, this.#release) : this.#watched(watch, socket)
  }

  async #watched(watch: PresenceWatch, socket: string): Promise<PresenceEntry> {
    try {
      await this.listen()
      await watch.ready
    } catch (error) {
      this.#release(watch.group)
      throw error
    }
    return new ReservedPresence(watch.group, socket, this.#release)
  }

  /**
   * The members of a group. Other nodes are asked where this one does not watch it. Without a page, in the
   * order in which they came; with one, in the order of their users.
   *
   * @throws the error of the layer
   */
  async find(address: Address, page: Page | null): Promise<readonly PresentMember[]> {
    const watch = this.#watches.get(address.key)
    const isKnown = watch !== undefined && this.#parts.clock.monotonic() - watch.group.askedAt >= askMs
    const all = isKnown ? watch.group.table.members : await this.#ask(address, page)
    return Array.from(page === null ? all : pageOf(all, page), memberOf)
  }

  /** Forgets all members, because the node leaves. */
  close(): void {
    this.#closed = true
    this.#tick?.cancel()
    this.#listenAgain?.cancel()
    for (const { group } of this.#watches.values()) group.stop()
    this.#watches.clear()
    for (const { answered } of this.#askings.values()) answered()
  }

  async #ask({ key: group }: Address, page: Page | null): Promise<Iterable<ShownMember>> {
    await this.listen()
    const { node, clock, link } = this.#parts
    const others = link.nodes.filter((other) => other !== node)
    if (others.length === 0) return this.#watches.get(group)?.group.table.members ?? []
    const id = newId()
    const done = Promise.withResolvers<void>()
    const found = new MemberTable(() => undefined)
    this.#askings.set(id, { unheard: new Set(others), found, parts: new Map(), answered: done.resolve })
    const late = clock.after(askMs, done.resolve)
    try {
      await link.publish(questions, () => packPresence({ kind: '?', node, id, group, to: null, page }))
      await done.promise
    } finally {
      late.cancel()
      this.#askings.delete(id)
    }
    // read last, so that members that have come here meanwhile are found too
    found.replace(node, Array.from(this.#watches.get(group)?.group.mine() ?? []))
    return found.members
  }

  async #subscribe(): Promise<void> {
    const { link, node } = this.#parts
    const begun = [
      Promise.resolve(link.subscribe(questions, (delivery) => this.#hearQuestion(delivery))),
      Promise.resolve(link.subscribe(answersTo(node), (delivery) => this.#hearAnswer(delivery))),
    ]
    try {
      await Promise.all(begun)
      this.#isListening = true
    } catch (error) {
      // it begins again, and no message is received twice
      this.#listening = null
      for (const ready of begun) this.#leave(ready)
      this.#listenLater()
      throw error
    }
  }

  /** Subscribes later. This node may not need it for long, but other nodes ask it for its members. */
  #listenLater(): void {
    if (this.#closed) return
    this.#listenAgain?.cancel()
    this.#listenAgain = this.#parts.clock.after(listenAgainMs, () => {
      this.listen().catch(() => {
        // it is tried again
      })
    })
  }

  async #begin(watch: PresenceWatch, ready: Promise<Unsubscribe>): Promise<void> {
    try {
      watch.ready = await ready
    } catch {
      // the callers that wait for it are told
      return this.#forget(watch)
    }
    if (this.#watches.get(watch.group.address.key) === watch) watch.group.begin()
  }

  #watch(address: Address, upTo = this.#parts.limits.presenceMembers): PresenceWatch {
    const known = this.#watches.get(address.key)
    if (known !== undefined) return known
    const ready = this.#parts.link.subscribe(topicOf(address), ({ bytes }) => this.#hear(address, bytes))
    const life = `${this.#process}.${++this.#beginnings}`
    const watch: PresenceWatch = { group: new PresenceGroup(this.#context, { address, life, upTo }), ready }
    this.#watches.set(address.key, watch)
    if (isThenable(ready)) void this.#begin(watch, ready)
    else watch.group.begin()
    this.#tickLater()
    return watch
  }

  #hear({ key, contract }: Address, bytes: Uint8Array): void {
    const message = this.#read(bytes, contract.path)
    if (message !== null) this.#watches.get(key)?.group.hear(message)
  }

  #hearQuestion({ bytes }: Delivery): void {
    const question = this.#read(bytes, 'a question of another node')
    if (question?.kind !== '?') return
    const watch = this.#watches.get(question.group)
    if (watch !== undefined) return watch.group.answer(question)
    const { node } = this.#parts
    const noMembers = { n: 0, part: 0, parts: 1, members: [] }
    this.#tell(answersTo(question.node), {
      kind: 's',
      node,
      life: this.#process,
      group: question.group,
      re: question.id,
      ...noMembers,
    })
  }

  #hearAnswer({ bytes }: Delivery): void {
    const answer = this.#read(bytes, 'an answer of another node')
    if (answer?.kind !== 's') return
    const asking = this.#askings.get(answer.re)
    if (asking === undefined) this.#watches.get(answer.group)?.group.hear(answer)
    else take(asking, answer)
  }

  #read(bytes: Uint8Array, of: string): PresenceMessage | null {
    const message = unpackPresence(bytes)
    if (message === null) this.#reportMalformed(of)
    return message
  }

  /** Reports at intervals: a writer to the layer could otherwise fill a log with reports. */
  #reportMalformed(of: string): void {
    this.#malformed++
    const now = this.#parts.clock.monotonic()
    if (now < this.#quietUntil) return
    this.#quietUntil = now + reportMs
    const others = this.#malformed === 1 ? '' : `, and ${this.#malformed - 1} others since the last report`
    this.#malformed = 0
    const error = new TypeError(`a message from the layer is malformed${others}`)
    this.#parts.report(error, `receiving presence: ${of}`)
  }

  #tell(topic: string, message: PresenceMessage): void {
    if (this.#closed) return
    const { link, report } = this.#parts
    const sent = link.publish(topic, () => packPresence(message))
    if (isThenable(sent)) sent.catch((error: unknown) => report(error, 'sending presence to other nodes'))
  }

  #tickLater(): void {
    if (this.#closed) return
    const { clock, link } = this.#parts
    const { nodes } = link
    this.#tick ??= clock.after(tickMs, () => this.#ticked(nodes))
  }

  #ticked(before: readonly string[]): void {
    this.#tick = null
    const { nodes } = this.#parts.link
    const gone = nodes === before ? [] : before.filter((node) => !nodes.includes(node))
    for (const node of gone) for (const { group } of this.#watches.values()) group.forget(node)
    this.#giveSigns()
    if (this.#watches.size > 0) this.#tickLater()
  }

  /** Sends the signs of groups in turn: all of them in 30 s, and never all at once. */
  #giveSigns(): void {
    for (this.#signs += this.#watches.size * (tickMs / signMs); this.#signs >= 1; this.#signs--) {
      let next = this.#unsigned.next()
      if (next.done === true) {
        this.#unsigned = this.#watches.values()
        next = this.#unsigned.next()
      }
      if (next.done === true) return
      next.value.group.giveSign()
    }
  }

  readonly #release = (group: PresenceGroup): void => {
    group.holders--
    this.#dropIfIdle(group)
  }

  #dropIfIdle(group: PresenceGroup): void {
    const watch = this.#watches.get(group.address.key)
    if (watch?.group !== group || !group.isIdle) return
    group.close()
    this.#forget(watch)
    this.#leave(watch.ready)
  }

  #leave(ready: Awaitable<Unsubscribe>): void {
    leaveTopic(ready, (error) => this.#parts.report(error, 'leaving presence'))
  }

  #forget(watch: PresenceWatch): void {
    watch.group.stop()
    const { key } = watch.group.address
    if (this.#watches.get(key) === watch) this.#watches.delete(key)
  }
}

/** A class, because closures with their shared context are larger. */
class ReservedPresence implements PresenceEntry {
  readonly #group: PresenceGroup
  readonly #socket: string
  readonly #release: (group: PresenceGroup) => void
  #user: string | null = null
  #held = true

  constructor(group: PresenceGroup, socket: string, release: (group: PresenceGroup) => void) {
    this.#group = group
    this.#socket = socket
    this.#release = release
  }

  take(member: PresentMember): void {
    if (!this.#held) return
    this.#user = member.user
    this.#group.enter(this.#socket, member)
  }

  hide(): void {
    if (this.#user !== null) this.#group.hide(this.#socket, this.#user)
    this.#user = null
  }

  now(): PresenceNow {
    return this.#group.teller.now(this.#socket)
  }

  leave(): void {
    if (!this.#held) return
    this.#held = false
    if (this.#user !== null) this.#group.leave(this.#socket, this.#user)
    this.#release(this.#group)
  }
}

function topicOf(address: Address): string {
  return `presence/${address.key}`
}

function answersTo(node: string): string {
  return `presence-answers/${node}`
}

function take({ unheard, found, parts, answered }: MembersQuestion, answer: SnapshotPart): void {
  const { node } = answer
  const collected = parts.get(node) ?? new SnapshotParts()
  parts.set(node, collected)
  const members = collected.add(answer)
  if (members === null) return
  found.replace(node, members)
  unheard.delete(node)
  if (unheard.size === 0) answered()
}
