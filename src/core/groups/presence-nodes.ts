import type { Clock } from '../../wire/clock.ts'
import type { MemberTable, ShownMember } from './member-table.ts'
import { newId } from '../runtime/id.ts'
import type { Delta, Sign, SnapshotPart, Standpoint } from './presence-message.ts'

/** The state of another node, as this node knows it. */
interface PresenceNode {
  readonly life: string
  /** The number of the last change that was applied. */
  n: number
  heardAt: number
  /** Whether a snapshot was requested, and changes wait for it. */
  isAsked: boolean
  askedAt: number
  /** The id of the last request. */
  question: string
  waiting: Delta[]
  readonly parts: SnapshotParts
}

/** The group for which the other nodes are followed. */
export interface PresenceNodesOwner {
  readonly table: MemberTable
  readonly clock: Pick<Clock, 'monotonic'>
  /** The id of the request to all nodes, sent when the group began to be watched. */
  readonly firstQuestion: string
  /** When that request was sent, on the monotonic clock. */
  readonly askedAt: number
  /** Asks one node for all its entries. */
  ask(id: string, to: string): void
  /** Takes the first answer of a node. */
  introduced(members: readonly ShownMember[]): void
  /** Called when the table has changed. */
  changed(): void
}

/** The shortest time between two requests to a node. */
const askAgainMs = 1_000
/**
 * A node with members sends a sign every 36 s at most. After two and a half of those without a sign, it
 * counts as a node without members.
 */
const silentMs = 90_000
/**
 * How many changes of one node may wait for its snapshot. Beyond it they are dropped, and the node is asked
 * again.
 */
const mostWaiting = 256

/**
 * The entries of other nodes in one group. Each node counts its changes, so a lost change is noticed at the
 * next one, or at the next sign. Then the node is asked for all its entries.
 */
export class PresenceNodes {
  readonly #owner: PresenceNodesOwner
  readonly #states = new Map<string, PresenceNode>()

  constructor(owner: PresenceNodesOwner) {
    this.#owner = owner
  }

  delta(delta: Delta): void {
    const state = this.#stateOf(delta)
    if (state === null || delta.n <= state.n) return
    if (!state.isAsked && delta.n === state.n + 1) return this.#apply(state, delta)
    if (state.waiting.push(delta) > mostWaiting) state.waiting = []
    this.#ask(delta.node, state)
  }

  snapshot(part: SnapshotPart): void {
    const { node, re, n } = part
    // the answer to an earlier request may be older than what is known
    if (re !== this.#owner.firstQuestion && re !== this.#states.get(node)?.question) return
    const state = this.#stateOf(part)
    if (state === null || n < state.n) return
    const members = state.parts.add(part)
    if (members === null) return
    state.n = n
    state.isAsked = false
    this.#owner.table.replace(node, members)
    if (re === this.#owner.firstQuestion) this.#owner.introduced(members)
    this.#owner.changed()
    for (const delta of state.waiting.splice(0)) this.delta(delta)
  }

  sign(sign: Sign): void {
    const state = this.#stateOf(sign)
    if (state !== null && (state.isAsked || sign.n > state.n)) this.#ask(sign.node, state)
  }

  /** Removes the members of a node that has left. */
  forget(node: string): void {
    if (!this.#states.delete(node)) return
    this.#owner.table.replace(node, [])
    this.#owner.changed()
  }

  /** Forgets nodes that were silent for long, and asks again where no answer came. */
  sweep(): void {
    for (const [node, state] of this.#states) {
      if (this.#now - state.heardAt > silentMs) this.forget(node)
      else if (state.isAsked) this.#ask(node, state)
    }
  }

  get #now(): number {
    return this.#owner.clock.monotonic()
  }

  /**
   * The current state of the node. After a new beginning it has no entries yet. `null` for a message from
   * before its last beginning.
   */
  #stateOf({ node, life, n }: Standpoint): PresenceNode | null {
    const known = this.#states.get(node)
    if (known?.life === life) {
      known.heardAt = this.#now
      return known
    }
    if (known !== undefined && isEarlier(life, known.life)) return null
    this.forget(node)
    const { askedAt } = this.#owner
    // a node that began before the request to all nodes answers that request
    const isAsked = n > 1
    const state: PresenceNode = {
      life,
      n: 0,
      heardAt: this.#now,
      isAsked,
      askedAt: isAsked ? askedAt : Number.NEGATIVE_INFINITY,
      question: '',
      waiting: [],
      parts: new SnapshotParts(),
    }
    this.#states.set(node, state)
    return state
  }

  #apply(state: PresenceNode, { node, n, join, leave }: Delta): void {
    const { table } = this.#owner
    state.n = n
    for (const user of leave) table.delete(node, user)
    for (const member of join) table.set(node, member)
    this.#owner.changed()
  }

  #ask(node: string, state: PresenceNode): void {
    state.isAsked = true
    if (this.#now - state.askedAt < askAgainMs) return
    state.askedAt = this.#now
    state.question = newId()
    this.#owner.ask(state.question, node)
  }
}

/** Puts the parts of the answer of one node together. */
export class SnapshotParts {
  #of = ''
  readonly #got = new Map<number, readonly ShownMember[]>()

  /** Returns all members when this was the last missing part. */
  add({ re, life, n, part, parts, members }: SnapshotPart): readonly ShownMember[] | null {
    const of = `${re} ${life} ${n} ${parts}`
    if (of !== this.#of) this.#got.clear()
    this.#of = of
    this.#got.set(part, members)
    if (this.#got.size < parts) return null
    const all = [...this.#got.values()].flat()
    this.#got.clear()
    return all
  }
}

/**
 * Whether one beginning of a process was before another one of it. Beginnings of two processes do not
 * compare.
 */
function isEarlier(one: string, other: string): boolean {
  const [process, count] = lifeOf(one)
  const [otherProcess, otherCount] = lifeOf(other)
  return process === otherProcess && count < otherCount
}

function lifeOf(life: string): readonly [process: string, count: number] {
  const end = life.lastIndexOf('.')
  return [life.slice(0, end), Number(life.slice(end + 1))]
}
