import { randomUUID } from 'node:crypto'
import { type Clock, systemClock } from '../core/clock.ts'
import type { Bus, Layer, LogEntry, LogRange, Store, Unsubscribe } from '../core/layer.ts'
import { SallyportError } from '../wire/errors.ts'
import type { Position } from '../wire/frame.ts'

/** The bounds of a layer in memory. */
export interface MemoryOptions {
  readonly clock?: Clock
  /** How many values and claims are kept at most; beyond it `put` and `claim` fail. 100,000. */
  readonly values?: number
  /** How many logs are kept at most; beyond it the one that was written longest ago goes. 10,000. */
  readonly logs?: number
  /** How many bytes all logs hold at most, with the same consequence. 256 MiB. */
  readonly logBytes?: number
}

/**
 * A layer for one process, and for several servers inside one: nothing leaves memory, nothing survives the
 * process. Bytes are handed on as they are, so whoever publishes or stores them must not change them
 * afterwards.
 *
 * @example sallyport({ layer: memory() })
 */
export function memory(options: MemoryOptions = {}): Layer {
  const clock = options.clock ?? systemClock
  const exchange = new Exchange()
  return { store: new MemoryStore(clock, options), bus: (node) => new MemoryBus(exchange, node) }
}

/** One who hears a topic. */
interface Hearer {
  readonly node: string
  readonly hear: (bytes: Uint8Array) => void
  ended: boolean
}

/** What the buses of one layer share. */
class Exchange {
  readonly topics = new Map<string, Set<Hearer>>()
  readonly buses = new Set<MemoryBus>()
}

class MemoryBus implements Bus {
  readonly #exchange: Exchange
  readonly #node: string
  readonly #ends = new Set<Unsubscribe>()

  constructor(exchange: Exchange, node: string) {
    this.#exchange = exchange
    this.#node = node
    exchange.buses.add(this)
  }

  get node(): string {
    return this.#node
  }

  async publish(topic: string, pack: () => Uint8Array): Promise<void> {
    this.#assertOpen()
    let bytes: Uint8Array | undefined
    for (const hearer of this.#exchange.topics.get(topic) ?? []) {
      if (hearer.node === this.#node) continue
      const packed = (bytes ??= pack())
      // microtasks run in the order in which they were queued, so each hearer keeps the order of publication
      queueMicrotask(() => hearer.ended || hearer.hear(packed))
    }
  }

  async subscribe(topic: string, hear: (bytes: Uint8Array) => void): Promise<Unsubscribe> {
    this.#assertOpen()
    const { topics } = this.#exchange
    const hearer: Hearer = { node: this.#node, hear, ended: false }
    const hearers = topics.get(topic) ?? new Set()
    topics.set(topic, hearers.add(hearer))
    const end = (): void => {
      hearer.ended = true
      this.#ends.delete(end)
      hearers.delete(hearer)
      if (hearers.size === 0 && topics.get(topic) === hearers) topics.delete(topic)
    }
    this.#ends.add(end)
    return end
  }

  async nodes(): Promise<readonly string[]> {
    this.#assertOpen()
    return [...new Set([...this.#exchange.buses].map(({ node }) => node))]
  }

  async close(): Promise<void> {
    this.#exchange.buses.delete(this)
    for (const end of this.#ends) end()
  }

  #assertOpen(): void {
    if (!this.#exchange.buses.has(this))
      throw new SallyportError('ERR_CLOSED', `the bus of node '${this.#node}' is closed`)
  }
}

interface Kept {
  readonly value: Uint8Array
  until: number
}

interface Claim {
  readonly owner: string
  readonly until: number
}

interface Log {
  readonly epoch: string
  /** The offset of the last entry that was appended, kept or not. */
  last: number
  bytes: number
  /** Nothing before this offset is kept. */
  first: number
  /** By offset. */
  readonly entries: Map<number, { readonly value: Uint8Array; readonly until: number }>
}

const sweepMs = 30_000

class MemoryStore implements Store {
  readonly #clock: Clock
  readonly #most: { readonly values: number; readonly logs: number; readonly logBytes: number }
  readonly #values = new Map<string, Kept>()
  readonly #claims = new Map<string, Claim>()
  /** In the order of the last append. */
  readonly #logs = new Map<string, Log>()
  #logBytes = 0
  #isSweeping = false

  constructor(
    clock: Clock,
    { values = 100_000, logs = 10_000, logBytes = 256 * 1024 * 1024 }: MemoryOptions,
  ) {
    this.#clock = clock
    this.#most = { values, logs, logBytes }
  }

  async put(key: string, value: Uint8Array, ttlMs: number): Promise<void> {
    this.#makeRoom(this.#values.has(key))
    this.#values.set(key, { value, until: this.#until(ttlMs) })
  }

  async take(key: string): Promise<Uint8Array | null> {
    const kept = this.#live(key)
    this.#values.delete(key)
    return kept?.value ?? null
  }

  async expire(key: string, ttlMs: number): Promise<boolean> {
    const kept = this.#live(key)
    if (kept === null) return false
    kept.until = this.#until(ttlMs)
    return true
  }

  async claim(key: string, owner: string, ttlMs: number): Promise<boolean> {
    const held = this.#claims.get(key)
    if (held !== undefined && held.owner !== owner && held.until > this.#clock.now()) return false
    this.#makeRoom(held !== undefined)
    this.#claims.set(key, { owner, until: this.#until(ttlMs) })
    return true
  }

  async append(
    name: string,
    value: Uint8Array,
    rules: { readonly size: number; readonly forMs: number },
  ): Promise<Position> {
    const until = this.#until(rules.forMs)
    const log = this.#logs.get(name) ?? {
      epoch: randomUUID(),
      last: 0,
      first: 1,
      bytes: 0,
      entries: new Map(),
    }
    log.last++
    log.entries.set(log.last, { value, until })
    this.#count(log, value.length)
    this.#trim(log, rules.size)
    // last in the map is last to go
    this.#logs.delete(name)
    this.#logs.set(name, log)
    this.#dropOldLogs()
    return { epoch: log.epoch, offset: log.last }
  }

  async range(name: string, after: Position | null): Promise<LogRange> {
    const log = this.#logs.get(name)
    if (log === undefined) return { epoch: '', entries: [], complete: after === null }
    const from = after?.epoch === log.epoch && after.offset <= log.last ? after.offset : null
    const now = this.#clock.now()
    const entries: LogEntry[] = []
    for (let offset = Math.max(log.first, (from ?? 0) + 1); offset <= log.last; offset++) {
      const entry = log.entries.get(offset)
      if (entry !== undefined && entry.until > now) entries.push({ offset, value: entry.value })
    }
    const isKnown = after === null || from !== null
    return { epoch: log.epoch, entries, complete: isKnown && (from ?? 0) + entries.length === log.last }
  }

  /** Drops the oldest beyond a size, and whatever is over before them. */
  #trim(log: Log, size: number): void {
    const now = this.#clock.now()
    for (; log.first <= log.last; log.first++) {
      const entry = log.entries.get(log.first)
      if (entry === undefined) continue
      if (log.entries.size <= size && entry.until > now) return
      this.#drop(log, log.first)
    }
  }

  #drop(log: Log, offset: number): void {
    this.#count(log, -(log.entries.get(offset)?.value.length ?? 0))
    log.entries.delete(offset)
  }

  #count(log: Log, bytes: number): void {
    log.bytes += bytes
    this.#logBytes += bytes
  }

  #dropOldLogs(): void {
    for (const [name, log] of this.#logs) {
      if (this.#logs.size <= this.#most.logs && this.#logBytes <= this.#most.logBytes) return
      this.#trim(log, 0)
      this.#logs.delete(name)
    }
  }

  #live(key: string): Kept | null {
    const kept = this.#values.get(key)
    return kept === undefined || kept.until <= this.#clock.now() ? null : kept
  }

  #until(ttlMs: number): number {
    if (!(ttlMs >= 0)) throw new TypeError(`a value is kept for milliseconds, not for ${ttlMs}`)
    this.#sweepLater()
    return this.#clock.now() + ttlMs
  }

  #makeRoom(isThere: boolean): void {
    if (isThere || this.#values.size + this.#claims.size < this.#most.values) return
    this.#dropExpired()
    if (this.#values.size + this.#claims.size < this.#most.values) return
    throw new SallyportError(
      'ERR_LAYER',
      `the memory layer is full: it keeps ${this.#most.values} values at most`,
    )
  }

  #sweepLater(): void {
    if (this.#isSweeping) return
    this.#isSweeping = true
    this.#clock.after(sweepMs, () => {
      this.#isSweeping = false
      this.#dropExpired()
      if (this.#values.size + this.#claims.size + this.#logBytes > 0) this.#sweepLater()
    })
  }

  #dropExpired(): void {
    const now = this.#clock.now()
    for (const [key, { until }] of this.#values) if (until <= now) this.#values.delete(key)
    for (const [key, { until }] of this.#claims) if (until <= now) this.#claims.delete(key)
    for (const log of this.#logs.values())
      for (const [offset, { until }] of log.entries) if (until <= now) this.#drop(log, offset)
  }
}
