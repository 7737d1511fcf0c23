import { TimerQueue } from '../core/runtime/timer-queue.ts'
import { type Clock, systemClock, type Timer } from '../wire/clock.ts'
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
} from '../core/api/layer.ts'
import { valuesOf, ManyByKey } from '../core/runtime/one-or-more.ts'
import { newId } from '../core/runtime/id.ts'
import { SallyportError } from '../wire/errors.ts'
import type { Position } from '../wire/frame.ts'
import { assertKind, checkedOptions, aString, having, type OptionKinds, wholeFrom } from '../wire/options.ts'
import { Logs } from './memory-logs.ts'

/** The bounds of a layer in memory, in bytes of the heap: the values, and what keeping them takes. */
export interface MemoryOptions {
  readonly clock?: Clock
  /** What all values and claims hold; beyond it `put` and `claim` fail with `ERR_LAYER`. 64 MiB. */
  readonly valueBytes?: number
  /** What the history of one group holds; beyond it the group loses its oldest messages. 1 MiB. */
  readonly groupBytes?: number
  /** What all histories hold; beyond it the group written longest ago loses its messages. 64 MiB. */
  readonly historyBytes?: number
  /** What each of the server's own logs holds, such as that of banned users; beyond it the log loses its oldest entries. 64 MiB. */
  readonly systemBytes?: number
}

const optionKinds: OptionKinds<MemoryOptions> = {
  clock: having('now', 'monotonic', 'after'),
  valueBytes: wholeFrom(1),
  groupBytes: wholeFrom(1),
  historyBytes: wholeFrom(1),
  systemBytes: wholeFrom(1),
}
const mebibyte = 1024 * 1024
/** For how long a node that was cut off still counts as alive. */
const nodeMs = 15_000

/**
 * A layer for one process, and for several servers in it. Nothing leaves the memory, and nothing survives the
 * process. Values that are kept are copied. Messages that are only delivered are not, so they must not be
 * changed afterwards.
 *
 * Each bound of {@link MemoryOptions} is separate: no history, value or ticket can push out a revocation. A
 * history that has lost a message to a bound says that it is not complete.
 * @throws TypeError when an option is unknown or of another kind
 *
 * @example sallyport({ layer: memory() })
 */
export function memory(options: MemoryOptions = {}): Layer {
  return new MemoryLayer(options)
}

/** A subscription to a topic. */
interface Subscriber {
  readonly link: MemoryLink
  readonly topic: string
  readonly hear: (delivery: Delivery) => void
  ended: boolean
  /** Whether a message that is not kept was lost since the last delivery. */
  hasMissed: boolean
}

/** The layer of {@link memory}, from which a test can cut nodes off. */
export class MemoryLayer implements Layer {
  readonly links: Set<MemoryLink> = new Set()
  readonly topics: ManyByKey<Subscriber> = new ManyByKey()
  readonly values: Values
  readonly logs: Readonly<Record<Space, Logs>>
  readonly #clock: Clock
  /** The nodes that were cut off, and the timer after which the others no longer count them. */
  readonly #away = new Map<string, Timer>()
  readonly #gone = new Set<string>()

  constructor(options: MemoryOptions = {}) {
    options = checkedOptions('memory()', options, optionKinds)
    const { clock = systemClock, valueBytes = 64 * mebibyte, groupBytes = mebibyte } = options
    const { historyBytes = 64 * mebibyte, systemBytes = 64 * mebibyte } = options
    const instance = newId()
    this.#clock = clock
    this.values = new Values(clock, valueBytes)
    this.logs = {
      history: new Logs(clock, instance, { logBytes: groupBytes, allBytes: historyBytes }),
      // the server has few of them, and none may push out another
      system: new Logs(clock, instance, { logBytes: systemBytes, allBytes: Number.POSITIVE_INFINITY }),
    }
  }

  async connect(node: string, hooks: LinkHooks): Promise<Link> {
    const link = new MemoryLink(this, node, hooks)
    if (this.isAway(node)) throw away(node)
    this.links.add(link)
    this.tellRoster()
    return link
  }

  /** Cuts a node off: it sends and gets nothing, and after 15 seconds the others no longer count it. */
  cut(node: string): void {
    assertKind('the node of cut()', node, aString)
    if (this.isAway(node)) return
    const timer = this.#clock.after(nodeMs, () => {
      this.#gone.add(node)
      this.tellRoster()
    })
    this.#away.set(node, timer)
    this.tellRoster()
  }

  /** Reconnects a node. */
  restore(node: string): void {
    assertKind('the node of restore()', node, aString)
    this.#away.get(node)?.cancel()
    this.#away.delete(node)
    this.#gone.delete(node)
    this.tellRoster()
  }

  /** Whether a node is cut off. */
  isAway(node: string): boolean {
    return this.#away.has(node)
  }

  /** Tells every link which nodes count as alive. A link that is cut off is told that its layer is down. */
  tellRoster(): void {
    const names = [...this.links].map(({ node }) => node)
    const nodes = [...new Set(names)].filter((node) => !this.#gone.has(node))
    for (const link of this.links) link.tell(nodes)
  }

  /**
   * Microtasks run in the order in which they were queued, so each subscriber gets messages in the order of
   * publication.
   */
  deliver(topic: string, from: string | null, make: () => Delivery): void {
    let made: Delivery | undefined
    for (const subscriber of valuesOf(this.topics.get(topic))) {
      if (subscriber.link.node === from) continue
      const delivery = (made ??= make())
      if (!this.isAway(subscriber.link.node)) queueMicrotask(() => hand(subscriber, delivery))
      else if (delivery.placed === null) subscriber.hasMissed = true
    }
  }
}

function hand(subscriber: Subscriber, delivery: Delivery): void {
  if (subscriber.ended) return
  const { hasMissed } = subscriber
  subscriber.hasMissed = false
  subscriber.hear(hasMissed ? { ...delivery, lost: true } : delivery)
}

function away(node: string): SallyportError {
  return new SallyportError('ERR_LAYER', `the layer is away from node '${node}'`)
}

class MemoryLink implements Link {
  readonly node: string
  readonly #hooks: LinkHooks
  readonly #layer: MemoryLayer
  #known: readonly string[] = []

  constructor(layer: MemoryLayer, node: string, hooks: LinkHooks) {
    this.node = node
    this.#hooks = hooks
    this.#layer = layer
  }

  /** Tells its node the state of the link, and the nodes that are alive. */
  tell(nodes: readonly string[]): void {
    if (this.#layer.isAway(this.node))
      return this.#hooks.health({ state: 'down', nodes: this.#known, detail: 'it was cut off' })
    this.#known = nodes
    this.#hooks.health({ state: 'up', nodes, detail: 'in this process' })
  }

  publish(topic: string, pack: () => Uint8Array, keep?: Keep): Placed | null {
    this.#assertReaches()
    if (keep !== undefined) return this.#keep(topic, pack, keep)
    // a layer with one node has no other subscriber
    if (this.#layer.links.size > 1) this.#tellOthers(topic, pack)
    return null
  }

  subscribe(topic: string, hear: (delivery: Delivery) => void): Unsubscribe {
    this.#assertReaches()
    const subscriber: Subscriber = { link: this, topic, hear, ended: false, hasMissed: false }
    this.#layer.topics.add(topic, subscriber)
    return () => this.#end(subscriber)
  }

  range(topic: string, rules: LogRules, after: Position | 'all' | 'head'): LogRange {
    this.#assertReaches()
    return this.#layer.logs[rules.space].range(topic, rules, after)
  }

  async put(key: string, value: Uint8Array, ttlMs: number): Promise<void> {
    this.#assertReaches()
    this.#layer.values.put(key, value, ttlMs)
  }

  async take(key: string): Promise<Uint8Array | null> {
    this.#assertReaches()
    return this.#layer.values.take(key)
  }

  async claim(key: string, owner: string, ttlMs: number): Promise<{ readonly token: number } | null> {
    this.#assertReaches()
    return this.#layer.values.claim(key, owner, ttlMs)
  }

  close(): void {
    if (!this.#layer.links.delete(this)) return
    const own = [...this.#layer.topics.values()].filter(({ link }) => link === this)
    for (const subscriber of own) this.#end(subscriber)
    this.#layer.tellRoster()
  }

  /** Ends a subscription: it hears nothing from now on, also of what was published before. */
  #end(subscriber: Subscriber): void {
    subscriber.ended = true
    this.#layer.topics.delete(subscriber.topic, subscriber)
  }

  /** Delivers a message that is not kept to all nodes but its own. */
  #tellOthers(topic: string, pack: () => Uint8Array): void {
    this.#layer.deliver(topic, this.node, () => ({ bytes: pack(), placed: null, lost: false }))
  }

  #keep(topic: string, pack: () => Uint8Array, keep: Keep): Placed {
    const logs = this.#layer.logs[keep.space]
    const known = logs.placed(topic, keep)
    if (known !== null) return known
    const bytes = pack()
    const placed = logs.append(topic, bytes, keep)
    const { at, prev } = placed
    this.#layer.deliver(topic, null, () => ({ bytes, placed: { at, prev }, lost: false }))
    return placed
  }

  #assertReaches(): void {
    if (!this.#layer.links.has(this))
      throw new SallyportError('ERR_CLOSED', `the link of node '${this.node}' is closed`)
    if (this.#layer.isAway(this.node)) throw away(this.node)
  }
}

interface HeldLock {
  readonly until: number
  readonly bytes: number
  readonly timer: Timer
}

interface KeptValue extends HeldLock {
  readonly value: Uint8Array
}

interface Claim extends HeldLock {
  readonly owner: string
  readonly token: number
}

/**
 * The bytes of the heap that a value and a claim take beside their bytes and texts: more than was measured.
 */
const [valueOwnBytes, claimOwnBytes] = [850, 500]

/**
 * Values and claims. Each ends by a timer on the monotonic clock, so that no search for old ones is needed.
 */
class Values {
  readonly #clock: Clock
  readonly #timers: TimerQueue
  readonly #mostBytes: number
  readonly #values = new Map<string, KeptValue>()
  readonly #claims = new Map<string, Claim>()
  #bytes = 0
  #tokens = 0

  constructor(clock: Clock, mostBytes: number) {
    this.#clock = clock
    this.#timers = new TimerQueue(clock)
    this.#mostBytes = mostBytes
  }

  put(key: string, value: Uint8Array, ttlMs: number): void {
    const held = this.#hold(this.#values, key, { ttlMs, bytes: valueOwnBytes + value.length })
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
    const held = this.#hold(this.#claims, key, { ttlMs, bytes: claimOwnBytes + 2 * owner.length })
    if (held === null) return null
    const token = holder?.token ?? ++this.#tokens
    this.#claims.set(key, { ...held, owner, token })
    return { token }
  }

  #live<T extends HeldLock>(all: ReadonlyMap<string, T>, key: string): T | null {
    const held = all.get(key)
    return held === undefined || held.until <= this.#clock.monotonic() ? null : held
  }

  /** Makes room for a key, in place of its old value; `null` when nothing is to be kept. */
  #hold(
    all: Map<string, HeldLock>,
    key: string,
    asked: { readonly ttlMs: number; readonly bytes: number },
  ): HeldLock | null {
    const { ttlMs } = asked
    if (!(ttlMs >= 0 && ttlMs < Number.POSITIVE_INFINITY))
      throw new TypeError(`a value is kept for milliseconds, not for ${ttlMs}`)
    const bytes = asked.bytes + 2 * key.length
    if (ttlMs > 0) this.#assertRoom(bytes - (all.get(key)?.bytes ?? 0))
    this.#drop(all, key)
    if (ttlMs === 0) return null
    this.#bytes += bytes
    const timer = this.#timers.after(ttlMs, () => this.#drop(all, key))
    return { until: this.#clock.monotonic() + ttlMs, bytes, timer }
  }

  #drop(all: Map<string, HeldLock>, key: string): void {
    const held = all.get(key)
    if (held === undefined) return
    all.delete(key)
    held.timer.cancel()
    this.#bytes -= held.bytes
  }

  #assertRoom(more: number): void {
    if (this.#bytes + more <= this.#mostBytes) return
    throw new SallyportError(
      'ERR_LAYER',
      `the memory layer is full: values and claims hold ${this.#mostBytes} bytes at most`,
    )
  }
}
