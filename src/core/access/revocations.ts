import { Denial, SallyportError } from '../../wire/errors.ts'
import type { Clock } from '../../wire/clock.ts'
import { ClockSteps, type WallSpan } from '../runtime/clock-steps.ts'
import { pop, push } from '../runtime/heap.ts'
import type { Identity } from '../api/identity.ts'
import { NameFilter, namesPerFilter } from '../runtime/name-filter.ts'
import { newId } from '../runtime/id.ts'
import type { SocketFilter } from './registry.ts'
import type { Reporter } from '../api/events.ts'

/** An end of access that is remembered until nothing that it ends can still be valid. */
export interface Revocation {
  readonly who: SocketFilter
  readonly reason: string
  /** When it was given, by the wall clock of the node that gave it. */
  readonly at: number
  /** For how long it is remembered from now on, in milliseconds. */
  readonly forMs: number
  /** Which one it is of all orders that this process has heard, counted from 1. */
  readonly number: number
  /** Whether it was read in a log, some time after it was given. */
  readonly isLate: boolean
}

/** An identity as the first door knew it. */
export interface RevocationQuestion {
  readonly identity: Identity<unknown>
  readonly subject: string
  /** How many orders this process had heard when the first door was asked: what was looked up is as fresh as that. */
  readonly accessVersion: number
}

/** What revocations are remembered with. */
export interface RevocationsParts {
  readonly clock: Clock
  readonly report: Reporter
  /** The first 16 hex digits of a SHA-256. */
  readonly fingerprint: (text: string) => string
}

/** How many of a kind are remembered one by one, and in how many bytes. */
const mostKept = 100_000
const mostBytes = 32 * 1_048_576
/** What one costs beside its texts, of which a character is two bytes at most: measured, and rounded up. */
const bytesEach = 240
/** How many filters a kind may have for those beyond the bound: 8 MiB. */
const mostFilters = 32
/** A filter takes names for this part of the time that the first one is still remembered. */
const filterPart = 1 / 8
/** How many that are over each new one removes: more than come, and no pause at the end of many. */
const removedAtOnce = 4

/**
 * What was revoked. A revoked session or token is refused for good; of a revoked user every credential from before, so that
 * signing in again is possible. A cached verification does not help: this is asked at every handshake.
 *
 * Which came first, the credential of a user or the revocation, is found out so:
 *
 * | the identity | heard before its door was asked | heard afterwards |
 * | --- | --- | --- |
 * | looked up (`renew`, no `issuedAt`) | let in: its store has just said that it is good | refused |
 * | dated (`issuedAt`) | refused when its date is no later, or one that the clock had shown before it was set back | refused; by its date alone when the order was read in a log |
 * | neither | refused | refused |
 *
 * What happens in this process is counted, and a time to remember is measured on the monotonic clock. Wall time meets
 * `issuedAt` alone, which comes from outside. A revocation that was given while the clock was ahead refuses dates up to
 * that time.
 *
 * Bounded: of each kind (users, sessions, tokens) 100,000 are kept one by one, in 32 MiB. Of more, those that end first
 * go to filters of names (8 MiB), which still refuse them all, and some others by mistake; the reporter is told.
 */
export class Revocations {
  readonly #users: RevocationKind
  readonly #sessions: RevocationKind
  readonly #tokens: RevocationKind
  readonly #steps: ClockSteps

  constructor(parts: RevocationsParts) {
    this.#steps = new ClockSteps(parts.clock)
    this.#users = new RevocationKind('users', parts, this.#steps)
    this.#sessions = new RevocationKind('sessions', parts, this.#steps)
    this.#tokens = new RevocationKind('tokens', parts, this.#steps)
  }

  /** Remembers, unless it is about one room only: who may come back there is for the second door to say. */
  add(revocation: Revocation): void {
    const { user, session, token, room, tenant } = revocation.who
    if (room !== undefined) return
    this.#steps.look()
    // keys are ANDed: the narrowest says most
    if (token !== undefined) this.#tokens.add(keyOf(token, [session, user]), revocation)
    else if (session !== undefined) this.#sessions.add(keyOf(session, [user]), revocation)
    else if (user !== undefined) this.#users.add(keyOf(user, [tenant]), revocation)
  }

  /** Why an identity of this tenant is refused now, or `null`. */
  against({ identity, subject, accessVersion }: RevocationQuestion, tenant: string): Denial | null {
    this.#steps.look()
    const { session, token } = identity
    const ended = this.#tokens.find(token, [session, subject]) ?? this.#sessions.find(session, [subject])
    if (ended !== null)
      return new Denial(401, 'revoked', ended, { challenge: 'Bearer error="invalid_token"' })
    const banned = this.#users.find(subject, [tenant], (order) => isOlder(identity, accessVersion, order))
    return banned === null ? null : new Denial(403, 'revoked', banned)
  }

  /** Notices a wall clock that was set while no handshake comes: to be called from time to time. */
  look(): void {
    this.#steps.look()
  }

  /** How many are remembered one by one. */
  get size(): number {
    return this.#users.size + this.#sessions.size + this.#tokens.size
  }

  /** What those cost, counted in bytes. */
  get bytes(): number {
    return this.#users.bytes + this.#sessions.bytes + this.#tokens.bytes
  }
}

/** When orders were given: one, or the latest of several. */
interface When {
  at: number
  number: number
  /** The number of the latest that was heard as it was given; 0 when there is none. */
  live: number
  /** Dates after `at` that the clock had shown before it was set back. */
  doubtful: readonly WallSpan[]
  /** Until when it is remembered, on the monotonic clock. */
  until: number
}

/** One that is remembered by itself. Nothing is done about its end before it is `due`. */
class RevocationTable implements When {
  readonly key: string
  reason: string
  at: number
  number: number
  live: number
  doubtful: readonly WallSpan[]
  until: number
  due: number

  constructor(key: string, reason: string, { at, number, live, doubtful, until }: When) {
    this.key = key
    this.reason = reason
    this.at = at
    this.number = number
    this.live = live
    this.doubtful = doubtful
    this.until = until
    this.due = until
  }
}

/** Several that are remembered together, by their names alone. */
interface Forgotten extends When {
  readonly names: NameFilter
  /** Until when it takes further names. */
  readonly opensUntil: number
}

/** The revocations of users, of sessions or of tokens. */
class RevocationKind {
  readonly #what: string
  readonly #parts: RevocationsParts
  readonly #steps: ClockSteps
  readonly #kept = new Map<string, RevocationTable>()
  readonly #heap: RevocationTable[] = []
  #forgotten: readonly Forgotten[] = []
  #bytes = 0
  /** Unknown to others: an attacker cannot choose names that meet those of a victim in a filter. */
  readonly #seed = newId()

  constructor(what: string, parts: RevocationsParts, steps: ClockSteps) {
    this.#what = what
    this.#parts = parts
    this.#steps = steps
  }

  get size(): number {
    return this.#kept.size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Remembers one, in the place of an earlier one about exactly the same: a narrow one takes the place of no wide one. */
  add(key: string, { reason, at, forMs, number, isLate }: Revocation): void {
    const now = this.#parts.clock.monotonic()
    this.#removeEnded(now)
    const [live, doubtful] = [isLate ? 0 : number, this.#steps.doubtfulAfter(at)]
    const order = new RevocationTable(key, reason, { at, number, live, doubtful, until: now + forMs })
    const known = this.#kept.get(key)
    if (known === undefined) this.#keep(order)
    // one that is read again, or was given before the one that is known, says nothing new
    else if (!isLate || at > known.at) this.#renew(known, order)
    while (this.#kept.size > mostKept || this.#bytes > mostBytes) this.#makeRoom(now)
  }

  /**
   * The reason of an order that ends access, or `null`.
   *
   * @param beside what an order about a name may name as well: any of it, or none
   */
  find(
    name: string | undefined,
    beside: readonly (string | undefined)[],
    ends: (order: When) => boolean = () => true,
  ): string | null {
    if (name === undefined || (this.#kept.size === 0 && this.#forgotten.length === 0)) return null
    const now = this.#parts.clock.monotonic()
    for (const key of keysOf(name, beside)) {
      const known = this.#kept.get(key)
      if (known !== undefined && known.until > now && ends(known)) return known.reason
      if (this.#isForgotten(key, (some) => some.until > now && ends(some))) return unsure
    }
    return null
  }

  #isForgotten(key: string, ends: (some: Forgotten) => boolean): boolean {
    const asked = this.#forgotten.filter(ends)
    if (asked.length === 0) return false
    const digest = this.#digest(key)
    return asked.some(({ names }) => names.has(digest))
  }

  #digest(key: string): string {
    return this.#parts.fingerprint(this.#seed + key)
  }

  #keep(kept: RevocationTable): void {
    this.#kept.set(kept.key, kept)
    this.#bytes += bytesOf(kept)
    push(this.#heap, kept)
  }

  /** It stays where it is in the heap: when it is due, it is put where it belongs. */
  #renew(known: RevocationTable, order: RevocationTable): void {
    this.#bytes -= bytesOf(known)
    if (order.at >= known.at) known.reason = order.reason
    take(known, order, this.#steps)
    this.#bytes += bytesOf(known)
  }

  #removeEnded(now: number): void {
    for (let count = 0; count < removedAtOnce; count++) {
      const [first] = this.#heap
      if (first === undefined || first.due > now) return
      pop(this.#heap)
      if (first.until <= now) this.#delete(first)
      else {
        first.due = first.until
        push(this.#heap, first)
      }
    }
  }

  #makeRoom(now: number): void {
    const [first] = this.#heap
    if (first === undefined) return
    pop(this.#heap)
    this.#delete(first)
    if (first.until <= now) return
    const forgotten = this.#open(first, now)
    forgotten.names.add(this.#digest(first.key))
    take(forgotten, first, this.#steps)
  }

  #delete(kept: RevocationTable): void {
    this.#kept.delete(kept.key)
    this.#bytes -= bytesOf(kept)
  }

  /** Where the next name goes: few at a time share the date of the latest. */
  #open({ at, number, live, doubtful, until }: RevocationTable, now: number): Forgotten {
    this.#forgotten = this.#forgotten.filter((some) => some.until > now)
    const last = this.#forgotten.at(-1)
    const isOpen = last !== undefined && last.opensUntil > now && last.names.size < namesPerFilter
    if (last !== undefined && (isOpen || this.#forgotten.length >= mostFilters)) return last
    const names = new NameFilter()
    const opened = { at, number, live, doubtful, until, names, opensUntil: now + (until - now) * filterPart }
    this.#forgotten = [...this.#forgotten, opened]
    this.#parts.report(
      new SallyportError('ERR_CONFIGURATION', tooMany(this.#what)),
      'remembering revocations',
    )
    return opened
  }
}

/** The reason for a name that is among those that are remembered together: it may be there by mistake. */
const unsure = 'sign in again'

function tooMany(what: string): string {
  return (
    `more than ${mostKept} revocations of ${what}, or ${mostBytes} bytes of them, are remembered: those that end first ` +
    'are still refused, and so are a few others by mistake, who have to sign in again. Let credentials expire sooner, ' +
    "and set 'remember' to the longest life of one"
  )
}

/** Lets one stand for another as well: it refuses whatever either does. */
function take(into: When, order: When, steps: ClockSteps): void {
  into.at = Math.max(into.at, order.at)
  into.number = Math.max(into.number, order.number)
  into.live = Math.max(into.live, order.live)
  into.until = Math.max(into.until, order.until)
  into.doubtful = steps.doubtfulAfter(into.at)
}

/** Whether nothing shows that a credential is younger than an order about its user. */
function isOlder({ issuedAt, renew }: Identity<unknown>, accessVersion: number, order: When): boolean {
  if (issuedAt === undefined) return renew === undefined || accessVersion < order.number
  const date = issuedAt.getTime()
  if (accessVersion < order.live || date <= order.at) return true
  return order.doubtful.some(({ from, to }) => from <= date && date <= to)
}

function keyOf(name: string, beside: readonly (string | undefined)[]): string {
  return JSON.stringify([name, ...beside.map((one) => one ?? null)])
}

/** The keys of all orders that are about a name: with any of what is beside it, or none. */
function keysOf(name: string, beside: readonly (string | undefined)[]): readonly string[] {
  let chosen: readonly (readonly (string | null)[])[] = [[name]]
  for (const one of beside) {
    const without = chosen.map((names) => [...names, null])
    chosen = one === undefined ? without : [...without, ...chosen.map((names) => [...names, one])]
  }
  return chosen.map((names) => JSON.stringify(names))
}

function bytesOf({ key, reason }: RevocationTable): number {
  return bytesEach + 2 * (key.length + reason.length)
}
