import { encodeFrame, type Member as Present } from '../wire/frame.ts'
import { isRecord, parseRecord } from '../wire/json.ts'
import type { Clock, Timer } from './clock.ts'
import { Packet } from './connection.ts'
import type { Groups } from './groups.ts'
import type { Address } from './keys.ts'
import { type Delivery, leaveTopic, type Unsubscribe } from './layer.ts'
import type { LayerConnection } from './layer-connection.ts'
import type { Reporter } from './report.ts'

/** What one socket shows of its user. */
interface Said extends Present {
  /** When, in wall time, and in any case after all that its node knew of: of two tabs the later one is seen, on every node. */
  readonly at: number
}

/** What nodes tell each other: my members now, or please tell me yours. */
type Notice =
  | { readonly kind: 'ask'; readonly node: string }
  | { readonly kind: 'state'; readonly node: string; readonly members: readonly Said[] }

interface Here {
  /** What is seen here: what was said last. */
  shown: Said
  /** What each socket shows, the latest last. */
  readonly sockets: Map<string, Said>
  leaving: Timer | null
}

interface Watch {
  readonly address: Address
  readonly here: Map<string, Here>
  readonly elsewhere: Map<string, readonly Said[]>
  /** What members have been told, spelled. */
  told: Map<string, { readonly info: string; readonly at: number }>
  /** How many rely on it: those who are here or on their way in, and those who ask. */
  holders: number
  /** The question to the other nodes that is under way. */
  asking: Promise<void> | null
  readonly ready: Promise<Unsubscribe>
}

/** A held place among the members of a group: nobody sees it before it is taken. */
export interface Spot {
  /** Shows one socket of a subject to the others; once more with something new about it. */
  take(member: Present): void
  /** Shows it no more, at once; it may be taken again. */
  hide(): void
  /** Gives the place up. Whoever has no other is seen for the grace of a reload. */
  leave(): void
}

/** What presence is made of. */
export interface PresenceParts {
  readonly node: string
  readonly link: LayerConnection
  readonly groups: Groups
  readonly clock: Clock
  readonly graceMs: number
  readonly report: Reporter
}

/** How often the nodes that others have told us of are compared with those that are alive. */
const sweepMs = 10_000
/** For how long a process that watches no group waits for the others' answers. */
const askMs = 1_000

/**
 * Who is here: by subject, so that all tabs of a user are one member. Each node knows its own members and tells the
 * others; a node that dies takes its members with it, so a crash leaves no ghosts.
 */
export class Presence {
  readonly #parts: PresenceParts
  readonly #watches = new Map<string, Watch>()
  #sweep: Timer | null = null
  #closed = false

  constructor(parts: PresenceParts) {
    this.#parts = parts
  }

  /** Holds a place for a socket: the group is watched from then on. @throws what the layer throws */
  async reserve(address: Address, socket: string): Promise<Spot> {
    const watch = this.#watch(address)
    watch.holders++
    try {
      await watch.ready
    } catch (error) {
      this.#release(watch)
      throw error
    }
    return this.#spot(watch, socket)
  }

  /** The members of a group as this node knows them. */
  members(address: Address): readonly Present[] {
    const watch = this.#watches.get(address.key)
    return watch === undefined ? [] : listed(merged(watch))
  }

  /** The members of a group, asking the other nodes when nobody here is in it. */
  async find(address: Address): Promise<readonly Present[]> {
    const known = this.#watches.get(address.key)
    if (known === undefined) return this.#findElsewhere(address)
    await known.asking
    return listed(merged(known))
  }

  /** Forgets everyone: the node leaves. */
  close(): void {
    this.#sweep?.cancel()
    for (const { here } of this.#watches.values()) for (const { leaving } of here.values()) leaving?.cancel()
    this.#watches.clear()
    this.#closed = true
  }

  async #findElsewhere(address: Address): Promise<readonly Present[]> {
    const others = this.#parts.link.nodes.filter((node) => node !== this.#parts.node)
    if (others.length === 0) return []
    const watch = this.#watch(address)
    watch.holders++
    try {
      await (watch.asking ??= watch.ready.then(() => this.#answered(watch, others)))
      return listed(merged(watch))
    } finally {
      watch.asking = null
      this.#release(watch)
    }
  }

  #watch(address: Address): Watch {
    const known = this.#watches.get(address.key)
    if (known !== undefined) return known
    const topic = topicOf(address)
    const hear = ({ bytes }: Delivery): void => this.#hear(address.key, bytes)
    const ready = this.#parts.link.subscribe(topic, hear)
    const watch: Watch = {
      address,
      here: new Map(),
      elsewhere: new Map(),
      told: new Map(),
      holders: 0,
      asking: null,
      ready,
    }
    this.#watches.set(address.key, watch)
    ready.then(
      () => this.#publish(watch, { kind: 'ask', node: this.#parts.node }),
      () => this.#forgetWatch(watch),
    )
    this.#sweep ??= this.#parts.clock.after(sweepMs, () => this.#sweepDead())
    return watch
  }

  #spot(watch: Watch, socket: string): Spot {
    let user: string | null = null
    let held = true
    return {
      take: (member) => {
        if (!held) return
        user = member.user
        this.#enter(watch, socket, member)
      },
      hide: () => {
        if (user !== null && this.#withdraw(watch, user, socket) !== null) this.#gone(watch, user)
        user = null
      },
      leave: () => {
        if (!held) return
        held = false
        if (user !== null) this.#leave(watch, user, socket)
        this.#release(watch)
      },
    }
  }

  #enter(watch: Watch, socket: string, { user, info }: Present): void {
    const at = Math.max(this.#parts.clock.now(), (watch.told.get(user)?.at ?? 0) + 1)
    const shown: Said = { user, info, at }
    const { sockets, leaving } = watch.here.get(user) ?? { sockets: new Map<string, Said>(), leaving: null }
    leaving?.cancel()
    // set anew, it stands behind the other tabs
    sockets.delete(socket)
    sockets.set(socket, shown)
    watch.here.set(user, { shown, sockets, leaving: null })
    this.#changed(watch)
  }

  #leave(watch: Watch, user: string, socket: string): void {
    const here = this.#withdraw(watch, user, socket)
    if (here !== null)
      here.leaving = this.#parts.clock.after(this.#parts.graceMs, () => this.#gone(watch, user))
  }

  /** Answers a user of whom this was the last socket; of any other it is seen what the other tabs show. */
  #withdraw(watch: Watch, user: string, socket: string): Here | null {
    const here = watch.here.get(user)
    if (here === undefined || !here.sockets.delete(socket) || this.#closed) return null
    const latest = [...here.sockets.values()].at(-1)
    if (latest === undefined) return here
    if (latest.at < here.shown.at) {
      here.shown = latest
      this.#changed(watch)
    }
    return null
  }

  #gone(watch: Watch, user: string): void {
    watch.here.delete(user)
    this.#changed(watch)
    this.#dropIfIdle(watch)
  }

  #changed(watch: Watch): void {
    this.#publish(watch, { kind: 'state', node: this.#parts.node, members: mine(watch) })
    this.#tell(watch)
  }

  #hear(key: string, bytes: Uint8Array): void {
    const watch = this.#watches.get(key)
    const notice = noticeOf(bytes)
    if (watch === undefined || notice === null) return
    if (notice.kind === 'ask')
      return this.#publish(watch, { kind: 'state', node: this.#parts.node, members: mine(watch) })
    watch.elsewhere.set(notice.node, notice.members)
    this.#tell(watch)
  }

  /** Tells local members what has changed since they were told last. */
  #tell(watch: Watch): void {
    const now = merged(watch)
    const told = new Map([...now].map(([user, { info, at }]) => [user, { info: JSON.stringify(info), at }]))
    const joins = listed(now).filter(({ user }) => watch.told.get(user)?.info !== told.get(user)?.info)
    const leaves = [...watch.told.keys()].filter((user) => !now.has(user))
    watch.told = told
    const { path, key } = watch.address
    if (path === null || (joins.length === 0 && leaves.length === 0)) return
    const packet = new Packet(encodeFrame({ op: 'presence', in: path, joins, leaves }))
    for (const member of this.#parts.groups.local(key)) if (member.framed) member.connection.send(packet)
  }

  #publish(watch: Watch, notice: Notice): void {
    if (this.#closed) return
    const pack = (): Uint8Array => new TextEncoder().encode(JSON.stringify(notice))
    this.#parts.link
      .publish(topicOf(watch.address), pack)
      .catch((error: unknown) => this.#parts.report(error, 'telling other nodes who is here'))
  }

  #answered(watch: Watch, others: readonly string[]): Promise<void> {
    const { clock } = this.#parts
    return new Promise((resolve) => {
      const poll = (left: number): void => {
        if (left <= 0 || others.every((node) => watch.elsewhere.has(node))) resolve()
        else clock.after(10, () => poll(left - 10))
      }
      poll(askMs)
    })
  }

  #sweepDead(): void {
    this.#sweep = null
    const alive = new Set(this.#parts.link.nodes)
    for (const watch of this.#watches.values()) this.#forget(watch, alive)
    if (this.#watches.size > 0 && !this.#closed)
      this.#sweep ??= this.#parts.clock.after(sweepMs, () => this.#sweepDead())
  }

  #forget(watch: Watch, alive: ReadonlySet<string>): void {
    const dead = [...watch.elsewhere.keys()].filter((node) => !alive.has(node))
    for (const node of dead) watch.elsewhere.delete(node)
    if (dead.length > 0) this.#tell(watch)
  }

  #release(watch: Watch): void {
    watch.holders--
    this.#dropIfIdle(watch)
  }

  #dropIfIdle(watch: Watch): void {
    if (watch.here.size > 0 || watch.holders > 0) return
    this.#forgetWatch(watch)
    leaveTopic(watch.ready, (error) => this.#parts.report(error, 'leaving presence'))
  }

  #forgetWatch(watch: Watch): void {
    const { key } = watch.address
    if (this.#watches.get(key) === watch) this.#watches.delete(key)
  }
}

function topicOf(address: Address): string {
  return `presence/${address.key}`
}

function mine(watch: Watch): readonly Said[] {
  return [...watch.here.values()].map(({ shown }) => shown)
}

/** The members as peers know them. */
function listed(members: ReadonlyMap<string, Said>): readonly Present[] {
  return [...members.values()].map(({ user, info }) => ({ user, info }))
}

/** Each subject once, as it was shown last; of two at the same time this node's own wins. */
function merged(watch: Watch): ReadonlyMap<string, Said> {
  const latest = new Map<string, Said>()
  for (const said of [...[...watch.elsewhere.values()].flat(), ...mine(watch)])
    if (said.at >= (latest.get(said.user)?.at ?? 0)) latest.set(said.user, said)
  return latest
}

function noticeOf(bytes: Uint8Array): Notice | null {
  const { kind, node, members } = parseRecord(new TextDecoder().decode(bytes)) ?? {}
  if (typeof node !== 'string') return null
  if (kind === 'ask') return { kind, node }
  if (kind !== 'state' || !Array.isArray(members)) return null
  return { kind, node, members: members.filter(isRecord).flatMap(saidOf) }
}

function saidOf({ user, info, at }: Readonly<Record<string, unknown>>): readonly Said[] {
  return typeof user === 'string' && typeof at === 'number' ? [{ user, info, at }] : []
}
