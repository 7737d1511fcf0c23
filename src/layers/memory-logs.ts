import { TimerQueue } from '../core/runtime/timer-queue.ts'
import type { Clock, Timer } from '../wire/clock.ts'
import type { Keep, LogEntry, LogRange, LogRules, Placed } from '../core/api/layer.ts'
import type { Position } from '../wire/frame.ts'

/** The bounds of the logs of one space, in bytes of the heap. */
export interface LogBounds {
  /** What one log may hold. Beyond it the log loses its oldest entries. */
  readonly logBytes: number
  /**
   * What all logs may hold together; Infinity for no bound. Beyond it the log written longest ago loses its
   * entries.
   */
  readonly allBytes: number
}

/**
 * The bytes of the heap that an entry, an id, all ids of a log, and a log take beside their bytes and texts:
 * more than was measured on Node 24, so that the count is never below the truth
 * (test/layers/memory-bounds.test.ts).
 */
const [entryBytes, idBytes, idsBytes, logBytes] = [512, 80, 450, 700]
/** The part of all bytes that is for logs without entries, whose positions are still known. */
const emptyPart = 1 / 8
/**
 * An id is known for at least `idMs` and at most `maxIdMs` milliseconds, and for at most `idTimes` times
 * `size` messages, in each of two maps.
 */
const [idMs, maxIdMs, idTimes] = [60_000, 120_000, 10]
/** The part of a log's bytes that ids may take, in each of two maps. */
const idPart = 1 / 8
/** A log without entries is forgotten after it was not used for this many times the time of its entries. */
const idleTimes = 1.5
/** How often one log is checked at most. */
const tendMs = 1_000

/**
 * The logs of one space. Their content is counted in bytes and bounded. A log that has lost an entry says so:
 * a range is complete only if no message is missing in it.
 */
export class Logs {
  readonly #clock: Clock
  readonly #bounds: LogBounds
  readonly #instance: string
  readonly #timers: TimerQueue
  readonly #logs = new Map<string, Log>()
  /** The logs with entries. The one written longest ago is the first to lose them. */
  readonly #full = new Pool()
  /** The logs without entries. The one used longest ago is the first to be forgotten. */
  readonly #empty = new Pool()
  #made = 0
  /** When the latest message of the forgotten logs was appended. */
  #goneAt = Number.NEGATIVE_INFINITY

  /** @param instance the name of the layer, which makes its epochs unique */
  constructor(clock: Clock, instance: string, bounds: LogBounds) {
    this.#clock = clock
    this.#instance = instance
    this.#bounds = bounds
    this.#timers = new TimerQueue(clock)
  }

  /** The bytes of the heap that all logs hold, as counted. */
  get bytes(): number {
    return this.#full.bytes + this.#empty.bytes
  }

  /** Where a message with this id was placed; `null` when the id is not known. */
  placed(name: string, { id }: Keep): Placed | null {
    const log = this.#logs.get(name)
    const offset = log?.offsetOf(id)
    return log === undefined || offset === undefined ? null : { ...placing(log, offset), again: true }
  }

  /** Appends a message. The log keeps a copy. */
  append(name: string, value: Uint8Array, keep: Keep): Placed {
    const log = this.#log(name, keep)
    const now = this.#clock.monotonic()
    log.append(value, keep.id, now)
    log.trim(keep.size, this.#bounds.logBytes, now)
    this.#recount(log, true)
    this.#makeRoom()
    return { ...placing(log, log.last), again: false }
  }

  range(name: string, rules: LogRules, after: Position | 'all' | 'head'): LogRange {
    const log = this.#log(name, rules)
    const range = log.range(rules, after, this.#clock.monotonic())
    this.#recount(log, log.isEmpty)
    this.#makeRoom()
    return range
  }

  /**
   * The log of that name, made if there is none. A log without messages has a head too, to which the first
   * message will link.
   */
  #log(name: string, { forMs }: LogRules): Log {
    assertSpan(forMs)
    const now = this.#clock.monotonic()
    const known = this.#logs.get(name)
    const log = known ?? new Log(name, `${this.#instance}.${(++this.#made).toString(36)}`, this.#goneAt)
    log.usedAt = now
    log.forMs = Math.max(log.forMs, forMs)
    if (known !== undefined) return log
    this.#logs.set(name, log)
    log.alarm = this.#timers.after(log.restMs(now), () => this.#tend(log))
    return log
  }

  /** Drops what is too old. Each log has one timer, so that no search for old entries is needed. */
  #tend(log: Log): void {
    const now = this.#clock.monotonic()
    log.expire(now)
    this.#recount(log, false)
    if (log.isIdle(now)) this.#forget(log)
    else log.alarm = this.#timers.after(log.restMs(now), () => this.#tend(log))
  }

  #makeRoom(): void {
    const { allBytes } = this.#bounds
    for (
      let log = this.#full.first;
      log !== null && this.#full.bytes > allBytes * (1 - emptyPart);
      log = this.#full.first
    ) {
      log.drop()
      this.#recount(log, false)
    }
    for (
      let log = this.#empty.first;
      log !== null && this.#empty.bytes > allBytes * emptyPart;
      log = this.#empty.first
    )
      this.#forget(log)
  }

  #forget(log: Log): void {
    log.alarm?.cancel()
    log.pool?.remove(log)
    this.#logs.delete(log.name)
    this.#goneAt = Math.max(this.#goneAt, log.goneAt)
  }

  /** @param isLatest whether it is the last of its pool from now on */
  #recount(log: Log, isLatest: boolean): void {
    const pool = log.isEmpty ? this.#empty : this.#full
    if (log.pool === pool && !isLatest) return pool.recount(log)
    log.pool?.remove(log)
    pool.add(log)
  }
}

interface Entry {
  readonly value: Uint8Array
  /** On the monotonic clock. */
  readonly at: number
}

class Log {
  readonly name: string
  readonly epoch: string
  /** The offset of the last message that was appended, kept or not. */
  last = 0
  /** The longest time for which a caller has asked to keep entries. */
  forMs = 0
  /** When it was written or read last. */
  usedAt = 0
  /** When the latest of the dropped messages was appended. */
  goneAt: number
  alarm: Timer | null = null
  /** Its place in a pool. */
  pool: Pool | null = null
  older: Log | null = null
  newer: Log | null = null
  counted = 0
  /** The kept entries, without a gap; dropped ones are `undefined` until the array is cut. */
  #entries: (Entry | undefined)[] = []
  /** The index of the first kept entry. */
  #first = 0
  #entryBytes = 0
  #ids: Ids | null = null

  constructor(name: string, epoch: string, goneAt: number) {
    this.name = name
    this.epoch = epoch
    this.goneAt = goneAt
  }

  /** The bytes of the heap that it holds, itself included. */
  get bytes(): number {
    return logBytes + 2 * this.name.length + this.#entryBytes + (this.#ids?.bytes ?? 0)
  }

  get isEmpty(): boolean {
    return this.#first === this.#entries.length
  }

  offsetOf(id: string): number | undefined {
    return this.#ids?.offsetOf(id)
  }

  append(value: Uint8Array, id: string, now: number): void {
    this.last++
    // copied: the bytes may be a small part of a large buffer, which would be kept whole
    this.#entries.push({ value: new Uint8Array(value), at: now })
    this.#entryBytes += entryBytes + value.length
    this.#ids ??= new Ids(now)
    this.#ids.note(id, this.last)
  }

  /** Forgets old ids, and drops the oldest entries beyond the number or the bytes. */
  trim(size: number, most: number, now: number): void {
    this.#ids?.rotate(size, most * idPart, now)
    while (!this.isEmpty && (this.#entries.length - this.#first > size || this.bytes > most)) this.drop()
  }

  /** Drops the oldest entry. */
  drop(): void {
    const entry = this.#entries[this.#first]
    if (entry === undefined) return
    this.#entries[this.#first++] = undefined
    this.#entryBytes -= entryBytes + entry.value.length
    this.goneAt = entry.at
    if (this.#first < 32 || 2 * this.#first < this.#entries.length) return
    this.#entries = this.#entries.slice(this.#first)
    this.#first = 0
  }

  /** Drops entries that are too old for all callers. */
  expire(now: number): void {
    for (let at = this.#oldestAt; at !== null && now - at >= this.forMs; at = this.#oldestAt) this.drop()
    if (now - this.usedAt >= maxIdMs) this.#ids = null
  }

  /** The milliseconds until it has something to drop, or is idle. */
  restMs(now: number): number {
    const at = this.#oldestAt
    const restMs = at === null ? this.usedAt + idleTimes * this.forMs - now : at + this.forMs - now
    return Math.max(tendMs, this.#ids === null ? restMs : Math.min(restMs, maxIdMs))
  }

  /** Whether it may be forgotten: it was not used for longer than it keeps entries. */
  isIdle(now: number): boolean {
    return this.isEmpty && this.#ids === null && now - this.usedAt >= idleTimes * this.forMs
  }

  range({ forMs }: LogRules, after: Position | 'all' | 'head', now: number): LogRange {
    const { epoch } = this
    const head = { epoch, offset: this.last }
    if (after === 'head') return { head, complete: true, entries: [] }
    const from = after === 'all' ? null : this.#offset(after)
    const kept = this.#after(from ?? 0, { forMs, now })
    const first = kept[0]?.at.offset ?? this.last + 1
    if (after === 'all') return { head, complete: now - this.goneAt >= forMs, entries: kept }
    return { head, complete: from !== null && first === from + 1, entries: kept }
  }

  get #oldestAt(): number | null {
    return this.#entries[this.#first]?.at ?? null
  }

  /** `null` for a position that this log has not had. */
  #offset({ epoch, offset, mark }: Position): number | null {
    const isOwn = epoch === this.epoch && mark === undefined
    return isOwn && Number.isSafeInteger(offset) && offset >= 0 && offset <= this.last ? offset : null
  }

  #after(from: number, { forMs, now }: { forMs: number; now: number }): LogEntry[] {
    const base = this.last + 1 - this.#entries.length
    const given: LogEntry[] = []
    for (let index = Math.max(this.#first, from + 1 - base); index < this.#entries.length; index++) {
      const entry = this.#entries[index]
      if (entry === undefined || now - entry.at >= forMs) continue
      given.push({ ...placing(this, base + index), value: entry.value, ageMs: now - entry.at })
    }
    return given
  }
}

/**
 * Where messages were placed, by their ids, in two maps. A whole map is forgotten at a time, so that no
 * search for old ids is needed.
 */
class Ids {
  #latest = new Map<string, number>()
  #older = new Map<string, number>()
  #latestBytes = 0
  #olderBytes = 0
  #rotatedAt: number

  constructor(now: number) {
    this.#rotatedAt = now
  }

  get bytes(): number {
    return idsBytes + this.#latestBytes + this.#olderBytes
  }

  offsetOf(id: string): number | undefined {
    return this.#latest.get(id) ?? this.#older.get(id)
  }

  note(id: string, offset: number): void {
    this.#latest.set(id, offset)
    this.#latestBytes += idBytes + 2 * id.length
  }

  rotate(size: number, most: number, now: number): void {
    const { size: known } = this.#latest
    const isOld = known >= size && now - this.#rotatedAt >= idMs
    if (!isOld && known < idTimes * Math.max(1, size) && this.#latestBytes <= most) return
    this.#older = this.#latest
    this.#olderBytes = this.#latestBytes
    this.#latest = new Map()
    this.#latestBytes = 0
    this.#rotatedAt = now
  }
}

/** Logs in the order of their last use, with the bytes that they hold. */
class Pool {
  bytes = 0
  first: Log | null = null
  #last: Log | null = null

  /** Adds a log as the last. */
  add(log: Log): void {
    log.pool = this
    log.older = this.#last
    log.newer = null
    if (this.#last === null) this.first = log
    else this.#last.newer = log
    this.#last = log
    log.counted = 0
    this.recount(log)
  }

  recount(log: Log): void {
    const { bytes } = log
    this.bytes += bytes - log.counted
    log.counted = bytes
  }

  remove(log: Log): void {
    if (log.older === null) this.first = log.newer
    else log.older.newer = log.newer
    if (log.newer === null) this.#last = log.older
    else log.newer.older = log.older
    this.bytes -= log.counted
    log.pool = null
  }
}

function placing({ epoch }: Log, offset: number): { readonly at: Position; readonly prev: Position } {
  return { at: { epoch, offset }, prev: { epoch, offset: offset - 1 } }
}

/** @throws TypeError when it is no span of time: a log must not forget at once, or never, by mistake */
function assertSpan(ms: number): void {
  if (!(ms > 0 && ms < Number.POSITIVE_INFINITY))
    throw new TypeError(`a log keeps for milliseconds, not for ${ms}`)
}
