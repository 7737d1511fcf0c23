import { Alarms } from '../core/alarms.ts'
import { type Clock, systemClock, type Timer } from '../core/clock.ts'
import type {
  Delivery,
  Keep,
  Layer,
  Link,
  LinkHooks,
  LogRange,
  LogRules,
  Placed,
  Space,
  Unsubscribe,
} from '../core/layer.ts'
import { newId } from '../core/new-id.ts'
import { SallyportError } from '../wire/errors.ts'
import type { Position } from '../wire/frame.ts'
import { assertOptions, having, type Kinds, wholeFrom } from '../wire/options.ts'
import { Logs } from './memory-logs.ts'

/** The bounds of a layer in memory. Bytes are those of the heap: what is kept, and what keeping it takes. */
export interface MemoryOptions {
  readonly clock?: Clock
  /** How many values and claims are kept at most; beyond it `put` and `claim` fail. 100,000. */
  readonly values?: number
  /** How many bytes values and claims hold at most, with the same consequence. 64 MiB. */
  readonly valueBytes?: number
  /** How many bytes the history of one group holds at most; beyond it the group loses its oldest messages. 1 MiB. */
  readonly groupBytes?: number
  /** How many bytes all histories hold at most; beyond it the group written longest ago loses its messages. 64 MiB. */
  readonly historyBytes?: number
  /** How many bytes each of the server's own logs holds at most, such as that of banned users. 64 MiB. */
  readonly systemBytes?: number
}

const optionKinds: Kinds<MemoryOptions> = {
  clock: having('now', 'monotonic', 'after'),
  values: wholeFrom(1),
  valueBytes: wholeFrom(1),
  groupBytes: wholeFrom(1),
  historyBytes: wholeFrom(1),
  systemBytes: wholeFrom(1),
}
const mebibyte = 1024 * 1024

/**
 * A layer for one process, and for several servers inside one: nothing leaves memory, nothing survives the process. What is
 * kept is copied; what is only handed on is not, so no one may change it afterwards.
 *
 * Each bound of {@link MemoryOptions} is one of its own: no history, value or ticket can push out a revocation. A history that
 * has lost a message to a bound says that it is not complete.
 *
 * @throws TypeError when an option is unknown or of another kind
 * @example sallyport({ layer: memory() })
 */
export function memory(options: MemoryOptions = {}): Layer {
  assertOptions('memory()', options, optionKinds)
  const shared = new Shared(options)
  return { connect: async (node, hooks) => new MemoryLink(shared, node, hooks) }
}

/** One who hears a topic. */
interface Subscriber {
  readonly link: MemoryLink
  readonly hear: (delivery: Delivery) => void
  ended: boolean
}

/** What the links of one layer share. */
class Shared {
  readonly links = new Set<MemoryLink>()
  readonly topics = new Map<string, Set<Subscriber>>()
  readonly values: Values
  readonly logs: Readonly<Record<Space, Logs>>

  constructor({ clock = systemClock, ...bounds }: MemoryOptions) {
    const { values = 100_000, valueBytes = 64 * mebibyte, groupBytes = mebibyte } = bounds
    const { historyBytes = 64 * mebibyte, systemBytes = 64 * mebibyte } = bounds
    this.values = new Values(clock, { count: values, bytes: valueBytes })
    const instance = newId()
    this.logs = {
      history: new Logs(clock, instance, { logBytes: groupBytes, allBytes: historyBytes }),
      // the server has a few of them, and none may push out another
      system: new Logs(clock, instance, { logBytes: systemBytes, allBytes: Number.POSITIVE_INFINITY }),
    }
  }

  tellRoster(): void {
    const nodes = [...new Set([...this.links].map(({ node }) => node))]
    for (const { hooks } of this.links) hooks.health({ state: 'up', nodes, detail: 'in this process' })
  }

  /** Microtasks run in the order in which they were queued, so each subscriber keeps the order of publication. */
  deliver(topic: string, from: MemoryLink | null, make: () => Delivery): void {
    let made: Delivery | undefined
    for (const subscriber of this.topics.get(topic) ?? []) {
      if (subscriber.link.node === from?.node) continue
      const delivery = (made ??= make())
      queueMicrotask(() => subscriber.ended || subscriber.hear(delivery))
    }
  }
}

class MemoryLink implements Link {
  readonly node: string
  readonly hooks: LinkHooks
  readonly #shared: Shared
  readonly #ends = new Set<Unsubscribe>()

  constructor(shared: Shared, node: string, hooks: LinkHooks) {
    this.node = node
    this.hooks = hooks
    this.#shared = shared
    shared.links.add(this)
    shared.tellRoster()
  }

  async publish(topic: string, pack: () => Uint8Array, keep?: Keep): Promise<Placed | null> {
    this.#assertOpen()
    if (keep !== undefined) return this.#keep(topic, pack, keep)
    this.#shared.deliver(topic, this, () => ({ bytes: pack(), placed: null, lost: false }))
    return null
  }

  async subscribe(topic: string, hear: (delivery: Delivery) => void): Promise<Unsubscribe> {
    this.#assertOpen()
    const { topics } = this.#shared
    const subscriber: Subscriber = { link: this, hear, ended: false }
    const subscribers = topics.get(topic) ?? new Set()
    topics.set(topic, subscribers.add(subscriber))
    const end = (): void => {
      subscriber.ended = true
      this.#ends.delete(end)
      subscribers.delete(subscriber)
      if (subscribers.size === 0 && topics.get(topic) === subscribers) topics.delete(topic)
    }
    this.#ends.add(end)
    return end
  }

  async range(topic: string, rules: LogRules, after: Position | 'all' | 'head'): Promise<LogRange> {
    this.#assertOpen()
    return this.#shared.logs[rules.space].range(topic, rules, after)
  }

  async put(key: string, value: Uint8Array, ttlMs: number): Promise<void> {
    this.#assertOpen()
    this.#shared.values.put(key, value, ttlMs)
  }

  async take(key: string): Promise<Uint8Array | null> {
    this.#assertOpen()
    return this.#shared.values.take(key)
  }

  async claim(key: string, owner: string, ttlMs: number): Promise<{ readonly token: number } | null> {
    this.#assertOpen()
    return this.#shared.values.claim(key, owner, ttlMs)
  }

  async close(): Promise<void> {
    if (!this.#shared.links.delete(this)) return
    for (const end of this.#ends) end()
    this.#shared.tellRoster()
  }

  #keep(topic: string, pack: () => Uint8Array, keep: Keep): Placed {
    const logs = this.#shared.logs[keep.space]
    const known = logs.placed(topic, keep)
    if (known !== null) return known
    const bytes = pack()
    const placed = logs.append(topic, bytes, keep)
    const { at, prev } = placed
    this.#shared.deliver(topic, null, () => ({ bytes, placed: { at, prev }, lost: false }))
    return placed
  }

  #assertOpen(): void {
    if (!this.#shared.links.has(this))
      throw new SallyportError('ERR_CLOSED', `the link of node '${this.node}' is closed`)
  }
}

interface Held {
  readonly until: number
  readonly bytes: number
  readonly timer: Timer
}

interface KeptValue extends Held {
  readonly value: Uint8Array
}

interface Claim extends Held {
  readonly owner: string
  readonly token: number
}

/** What a value or a claim takes in the heap beside its bytes and texts. */
const heldBytes = 600

/** Values and claims: each ends by an alarm, on the monotonic clock, so that what is over never has to be looked for. */
class Values {
  readonly #clock: Clock
  readonly #alarms: Alarms
  readonly #most: { readonly count: number; readonly bytes: number }
  readonly #values = new Map<string, KeptValue>()
  readonly #claims = new Map<string, Claim>()
  #bytes = 0
  #tokens = 0

  constructor(clock: Clock, most: { readonly count: number; readonly bytes: number }) {
    this.#clock = clock
    this.#alarms = new Alarms(clock)
    this.#most = most
  }

  put(key: string, value: Uint8Array, ttlMs: number): void {
    const held = this.#hold(this.#values, key, { ttlMs, size: value.length })
    if (held !== null) this.#values.set(key, { ...held, value: new Uint8Array(value) })
  }

  take(key: string): Uint8Array | null {
    const kept = this.#live(this.#values, key)
    this.#drop(this.#values, key)
    return kept?.value ?? null
  }

  claim(key: string, owner: string, ttlMs: number): { readonly token: number } | null {
    const holder = this.#live(this.#claims, key)
    if (holder !== null && holder.owner !== owner) return null
    const held = this.#hold(this.#claims, key, { ttlMs, size: 2 * owner.length })
    if (held === null) return null
    const token = holder?.token ?? ++this.#tokens
    this.#claims.set(key, { ...held, owner, token })
    return { token }
  }

  #live<T extends Held>(all: ReadonlyMap<string, T>, key: string): T | null {
    const held = all.get(key)
    return held === undefined || held.until <= this.#clock.monotonic() ? null : held
  }

  /** Makes room under a key, in place of what is there; `null` when nothing is to be held any more. */
  #hold(all: Map<string, Held>, key: string, { ttlMs, size }: { ttlMs: number; size: number }): Held | null {
    if (!(ttlMs >= 0 && ttlMs < Number.POSITIVE_INFINITY))
      throw new TypeError(`a value is kept for milliseconds, not for ${ttlMs}`)
    const bytes = heldBytes + 2 * key.length + size
    if (ttlMs > 0) this.#assertRoom(bytes, all.get(key))
    this.#drop(all, key)
    if (ttlMs === 0) return null
    this.#bytes += bytes
    const timer = this.#alarms.after(ttlMs, () => this.#drop(all, key))
    return { until: this.#clock.monotonic() + ttlMs, bytes, timer }
  }

  #drop(all: Map<string, Held>, key: string): void {
    const held = all.get(key)
    if (held === undefined) return
    all.delete(key)
    held.timer.cancel()
    this.#bytes -= held.bytes
  }

  #assertRoom(bytes: number, instead: Held | undefined): void {
    const count = this.#values.size + this.#claims.size + (instead === undefined ? 1 : 0)
    const total = this.#bytes + bytes - (instead?.bytes ?? 0)
    if (count <= this.#most.count && total <= this.#most.bytes) return
    throw new SallyportError(
      'ERR_LAYER',
      `the memory layer is full: it keeps ${this.#most.count} values of ${this.#most.bytes} bytes at most`,
    )
  }
}
