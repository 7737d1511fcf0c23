import type { PresentMember } from '../../wire/frame.ts'

/** A member as it is shown: encoded once for all readers. */
export interface ShownMember {
  readonly user: string
  /** The JSON of a {@link PresentMember}. */
  readonly json: string
  /** Bytes of that JSON. */
  readonly bytes: number
  /** Counts what is shown in its group: greater than every version that its node knew then. No clock has a part in it. */
  readonly version: number
}

/** Who came or changed (as JSON), and who went. */
export interface MemberChanges {
  readonly joins: readonly string[]
  readonly leaves: readonly string[]
}

/** A page of members in the order of their users. */
export interface Page {
  /** The user after whom it begins; `null` for the first page. */
  readonly after: string | null
  /** How many at most. */
  readonly limit: number
}

/** Encodes a member. The info must be JSON. */
export function shownMember({ user, info }: PresentMember, version: number): ShownMember {
  const json = JSON.stringify({ user, info })
  return { user, json, bytes: new TextEncoder().encode(json).length, version }
}

/** A member as it travels. */
export function memberOf({ json }: ShownMember): PresentMember {
  // written by `shownMember` from a member
  return JSON.parse(json) as PresentMember
}

/**
 * The members of one group as several nodes show them, each user once. A change costs a look at that user on each node, and no
 * walk over all members.
 */
export class MemberTable {
  readonly #mine: (user: string) => ShownMember | undefined
  /** Of the other nodes. Made when one of them shows somebody: most groups are small, and many are on one node alone. */
  #nodes: Map<string, Map<string, ShownMember>> | null = null
  /** Of each user what is seen, in the order in which the users came. */
  readonly #shown = new Map<string, ShownMember>()
  /** Users that have changed since the changes were taken, and what was seen of them then. */
  #changed: Map<string, string | null> | null = null
  #bytes = 0
  #list: string | null = null

  /** @param mine what this node shows of a user */
  constructor(mine: (user: string) => ShownMember | undefined) {
    this.#mine = mine
  }

  /** How many users are seen. */
  get size(): number {
    return this.#shown.size
  }

  /** Bytes of all that is seen. */
  get bytes(): number {
    return this.#bytes
  }

  /** Whether something has changed since the changes were taken. */
  get isChanged(): boolean {
    return this.#changed !== null
  }

  /** Everyone who is seen, in the order in which they came. */
  get members(): Iterable<ShownMember> {
    return this.#shown.values()
  }

  /** The same as JSON, with commas between them; joined once until something changes. */
  get list(): string {
    return (this.#list ??= Array.from(this.#shown.values(), ({ json }) => json).join(','))
  }

  /** What is seen of a user; `undefined` when it is not here. */
  get(user: string): ShownMember | undefined {
    return this.#shown.get(user)
  }

  /** Another node shows a user, or something new of it. */
  set(node: string, member: ShownMember): void {
    this.#nodes ??= new Map()
    const members = this.#nodes.get(node) ?? new Map<string, ShownMember>()
    this.#nodes.set(node, members.set(member.user, member))
    this.settle(member.user)
  }

  /** Another node shows a user no more. */
  delete(node: string, user: string): void {
    if (this.#nodes?.get(node)?.delete(user) === true) this.settle(user)
  }

  /** Another node shows these and no others. */
  replace(node: string, shown: readonly ShownMember[]): void {
    this.#nodes ??= new Map()
    const before = this.#nodes.get(node) ?? new Map<string, ShownMember>()
    const members = new Map(shown.map((member) => [member.user, member]))
    if (members.size > 0) this.#nodes.set(node, members)
    else this.#nodes.delete(node)
    for (const user of before.keys()) if (!members.has(user)) this.settle(user)
    for (const user of members.keys()) this.settle(user)
  }

  /** What has changed since this was called last; what has changed back is no change. */
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

  /** What this node shows of a user may have changed. */
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

/** Of several nodes that show a user the latest is seen; of one version the later text, so that all nodes see the same. */
function isLater(one: ShownMember, other: ShownMember): boolean {
  return one.version > other.version || (one.version === other.version && one.json > other.json)
}

/** How many candidates for a page are gathered before they are sorted. */
const gathered = 1_024

/** One page of members: a look at each member, and a sort of no more than the page and some candidates at a time. */
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
