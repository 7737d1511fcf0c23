import type { PresentMember } from '../../wire/frame.ts'

/** A member as readers see it, encoded once for all of them. */
export interface ShownMember {
  readonly user: string
  /** The JSON of a {@link PresentMember}. */
  readonly json: string
  /** The bytes of that JSON. */
  readonly bytes: number
  /**
   * Counts the changes of a group: greater than every version that its node knew before. It does not depend
   * on a clock.
   */
  readonly version: number
}

/** The members that came or changed, as JSON, and the users that left. */
export interface MemberChanges {
  readonly joins: readonly string[]
  readonly leaves: readonly string[]
}

/** A page of members in the order of their users. */
export interface Page {
  /** The user after which the page begins; `null` for the first page. */
  readonly after: string | null
  /** At most this many members. */
  readonly limit: number
}

/** Encodes a member. The info must be JSON. */
export function shownMember({ user, info }: PresentMember, version: number): ShownMember {
  const json = JSON.stringify({ user, info })
  return { user, json, bytes: new TextEncoder().encode(json).length, version }
}

/** Decodes a member. */
export function memberOf({ json }: ShownMember): PresentMember {
  // `shownMember` has written it from a member
  return JSON.parse(json) as PresentMember
}

/**
 * The members of one group, merged from several nodes, each user once. A change costs one look-up of that
 * user on each node, and no walk over all members.
 */
export class MemberTable {
  readonly #mine: (user: string) => ShownMember | undefined
  /**
   * The members on other nodes. Made when another node shows a member: most groups are small, and many are on
   * one node alone.
   */
  #nodes: Map<string, Map<string, ShownMember>> | null = null
  /** The visible entry of each user, in the order in which the users came. */
  readonly #shown = new Map<string, ShownMember>()
  /** The users that have changed since the changes were taken, each with its entry from before. */
  #changed: Map<string, string | null> | null = null
  #bytes = 0
  #list: string | null = null

  /** @param mine the entry of a user on this node */
  constructor(mine: (user: string) => ShownMember | undefined) {
    this.#mine = mine
  }

  /** How many users are visible. */
  get size(): number {
    return this.#shown.size
  }

  /** The bytes of all visible entries. */
  get bytes(): number {
    return this.#bytes
  }

  /** Whether something has changed since the changes were taken. */
  get isChanged(): boolean {
    return this.#changed !== null
  }

  /** All visible entries, in the order in which the users came. */
  get members(): Iterable<ShownMember> {
    return this.#shown.values()
  }

  /** All visible entries as JSON, with commas between them; joined again only after a change. */
  get list(): string {
    return (this.#list ??= Array.from(this.#shown.values(), ({ json }) => json).join(','))
  }

  /** The visible entry of a user; `undefined` when the user is not present. */
  get(user: string): ShownMember | undefined {
    return this.#shown.get(user)
  }

  /** Sets the entry of a user on another node. */
  set(node: string, member: ShownMember): void {
    this.#nodes ??= new Map()
    const members = this.#nodes.get(node) ?? new Map<string, ShownMember>()
    this.#nodes.set(node, members.set(member.user, member))
    this.settle(member.user)
  }

  /** Removes the entry of a user on another node. */
  delete(node: string, user: string): void {
    if (this.#nodes?.get(node)?.delete(user) === true) this.settle(user)
  }

  /** Replaces all entries of another node. */
  replace(node: string, shown: readonly ShownMember[]): void {
    this.#nodes ??= new Map()
    const before = this.#nodes.get(node) ?? new Map<string, ShownMember>()
    const members = new Map(shown.map((member) => [member.user, member]))
    if (members.size > 0) this.#nodes.set(node, members)
    else this.#nodes.delete(node)
    for (const user of before.keys()) if (!members.has(user)) this.settle(user)
    for (const user of members.keys()) this.settle(user)
  }

  /** The changes since the last call. A change that was undone is none. */
  takeChanges(): MemberChanges {
    const joins: string[] = []
    const leaves: string[] = []
    for (const [user, before] of this.#changed ?? []) {
      const now = this.#shown.get(user)?.json ?? null
      if (now === before) continue
      if (now === null) leaves.push(user)
      else joins.push(now)
    }
    this.#changed = null
    return { joins, leaves }
  }

  /** Updates the visible entry of a user that may have changed on this node. */
  settle(user: string): void {
    let latest = this.#mine(user)
    for (const members of this.#nodes?.values() ?? []) {
      const member = members.get(user)
      if (member !== undefined && (latest === undefined || isLater(member, latest))) latest = member
    }
    this.#show(user, latest)
  }

  #show(user: string, member: ShownMember | undefined): void {
    const before = this.#shown.get(user)
    if (before === member) return
    if (member === undefined) this.#shown.delete(user)
    else this.#shown.set(user, member)
    this.#bytes += (member?.bytes ?? 0) - (before?.bytes ?? 0)
    if (before?.json === member?.json) return
    this.#list = null
    this.#changed ??= new Map()
    if (!this.#changed.has(user)) this.#changed.set(user, before?.json ?? null)
  }
}

/**
 * When several nodes show a user, the latest version is visible; of equal versions the greater text, so that
 * all nodes see the same.
 */
function isLater(one: ShownMember, other: ShownMember): boolean {
  return one.version > other.version || (one.version === other.version && one.json > other.json)
}

/** How many candidates for a page are collected before they are sorted. */
const gathered = 1_024

/**
 * One page of members. It looks at each member, and sorts no more than the page and some candidates at a
 * time.
 */
export function pageOf(members: Iterable<ShownMember>, { after, limit }: Page): readonly ShownMember[] {
  let page: readonly ShownMember[] = []
  let more: ShownMember[] = []
  for (const member of members) {
    const last = page[limit - 1]
    const isBehind = last !== undefined && member.user >= last.user
    if (isBehind || (after !== null && member.user <= after)) continue
    if (more.push(member) < Math.max(limit, gathered)) continue
    page = [...page, ...more].sort(byUser).slice(0, limit)
    more = []
  }
  return [...page, ...more].sort(byUser).slice(0, limit)
}

/** By code units, which is the same on every node. */
function byUser(one: ShownMember, other: ShownMember): number {
  return one.user < other.user ? -1 : one.user > other.user ? 1 : 0
}
