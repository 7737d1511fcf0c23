import { Denial, SallyportError } from '../../wire/errors.ts'
import type { Clock } from '../../wire/clock.ts'
import { ClockSteps, type WallSpan } from '../runtime/clock-steps.ts'
import { pop, push } from '../runtime/heap.ts'
import { type Identity, issuedOf } from '../api/identity.ts'
import { NameFilter, namesPerFilter } from '../runtime/name-filter.ts'
import { newId } from '../runtime/id.ts'
import type { SocketFilter } from './registry.ts'
import type { Reporter } from '../api/events.ts'

/** A revocation. It is remembered until no credential that it ends can still be valid. */
export interface Revocation {
  readonly who: SocketFilter
  readonly reason: string
  /** When it was given, by the wall clock of the node that gave it. */
  readonly at: number
  /** For how long it is remembered from now on, in milliseconds. */
  readonly forMs: number
  /** The number of the command, counted from 1 over all access commands that this process has received. */
  readonly number: number
  /** Whether the command was read from a log, some time after it was given. */
  readonly isLate: boolean
}

/** An identity as authentication found it. */
export interface RevocationQuestion {
  readonly identity: Identity<unknown>
  readonly subject: string
  /**
   * How many access commands this process had received when authentication began. What authentication looked
   * up is at least as fresh as that.
   */
  readonly accessVersion: number
}

/** What the memory of revocations needs. */
export interface RevocationsParts {
  readonly clock: Clock
  readonly report: Reporter
  /** The first 16 hex digits of a SHA-256. */
  readonly fingerprint: (text: string) => string
}

/** How many revocations of each kind are remembered one by one, and in how many bytes. */
const mostKept = 100_000
const mostBytes = 32 * 1_048_576
/**
 * The bytes of one revocation beside its texts (a character is at most two bytes): measured, and rounded up.
 */
const bytesEach = 240
/** How many filters of names each kind may have for revocations beyond the bound: 8 MiB. */
const mostFilters = 32
/** A filter takes names for this part of the time for which its first name is still remembered. */
const filterPart = 1 / 8
/**
 * How many expired revocations each new one removes: more than are added, and without one long pause at the
 * end.
 */
const removedAtOnce = 4

/**
 * Remembers revocations. A revoked session or token is refused for good. Of a revoked user, every earlier
 * credential is refused, so that the user can sign in again. Every handshake is checked here, also one with a
 * cached verification.
 *
 * When does the credential of a user count as older than the revocation?
 *
 * - An identity that is looked up (`renew`, no `issuedAt`): when the revocation came after authentication had
 *   begun. Otherwise its store has just said that it is good.
 * - A dated identity (`issuedAt`): when its date is not later than the revocation. It is older, too, when the
 *   clock had shown its date before the clock was set back. When the revocation came after authentication had
 *   begun, it is older in any case. A revocation that was read from a log counts by its date alone.
 * - Any other identity: always.
 *
 * Events in this process are counted, and the time to remember is measured on the monotonic clock. Wall time
 * is compared with `issuedAt` alone, which comes from outside. A revocation that was given while the clock
 * was ahead refuses dates up to that time.
 *
 * Bounds: of each kind (users, sessions, tokens) 100,000 revocations are kept one by one, in 32 MiB. Beyond
 * that, the ones that end first go to filters of names (8 MiB). The filters still refuse all of them, and a
 * few other names by mistake, which is reported.
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

  /** Remembers a revocation, unless it is about one room only: authorization decides about that room. */
  add(revocation: Revocation): void {
    const { user, session, token, room, tenant } = revocation.who
    if (room !== undefined) return
    this.#steps.look()
    // all given keys must match: the narrowest key decides where it is stored
    if (token !== undefined) this.#tokens.add(keyOf(token, [session, user]), revocation)
    else if (session !== undefined) this.#sessions.add(keyOf(session, [user]), revocation)
    else if (user !== undefined) this.#users.add(keyOf(user, [tenant]), revocation)
  }

  /** The denial for an identity of this tenant; `null` when it is not revoked. */
  against({ identity, subject, accessVersion }: RevocationQuestion, tenant: string): Denial | null {
    this.#steps.look()
    if (this.#tokens.isEmpty && this.#sessions.isEmpty && this.#users.isEmpty) return null
    const { session, token } = identity
    const ended = this.#tokens.find(token, [session, subject]) ?? this.#sessions.find(session, [subject])
    if (ended !== null)
      return new Denial(401, 'revoked', ended, { challenge: 'Bearer error="invalid_token"' })
    const banned = this.#users.find(subject, [tenant], (command) => isOlder(identity, accessVersion, command))
    return banned === null ? null : new Denial(403, 'revoked', banned)
  }

  /** Notices a wall clock that was set while there are no handshakes. To be called from time to time. */
  look(): void {
    this.#steps.look()
  }

  /** How many are remembered one by one. */
  get size(): number {
    return this.#users.size + this.#sessions.size + this.#tokens.size
  }

  /** The bytes of those that are remembered one by one. */
  get bytes(): number {
    return this.#users.bytes + this.#sessions.bytes + this.#tokens.bytes
  }
}

/** When commands were given: one, or the latest of several. */
interface RevocationTime {
  at: number
  number: number
  /** The number of the latest command that was received live, not from a log; 0 when there is none. */
  live: number
  /** Dates after `at` that the clock had shown before it was set back. */
  doubtful: readonly WallSpan[]
  /** Until when it is remembered, on the monotonic clock. */
  until: number
}

/** A revocation that is remembered by itself. Its place in the heap is corrected only when it is `due`. */
class RememberedRevocation implements RevocationTime {
  readonly key: string
  reason: string
  at: number
  number: number
  live: number
  doubtful: readonly WallSpan[]
  until: number
  due: number

  constructor(key: string, reason: string, { at, number, live, doubtful, until }: RevocationTime) {
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

/** Several revocations that are remembered together, by their names alone. */
interface Forgotten extends RevocationTime {
  readonly names: NameFilter
  /** Until when names may be added. */
  readonly opensUntil: number
}

/** The revocations of one kind: of users, sessions or tokens. */
class RevocationKind {
  readonly #what: string
  readonly #parts: RevocationsParts
  readonly #steps: ClockSteps
  readonly #kept = new Map<string, RememberedRevocation>()
  readonly #heap: RememberedRevocation[] = []
  #forgotten: readonly Forgotten[] = []
  #bytes = 0
  /**
   * A secret of the process: an attacker cannot choose names that a filter confuses with those of a victim.
   */
  readonly #seed = newId()

  constructor(what: string, parts: RevocationsParts, steps: ClockSteps) {
    this.#what = what
    this.#parts = parts
    this.#steps = steps
  }

  get size(): number {
    return this.#kept.size
  }

  get isEmpty(): boolean {
    return this.#kept.size === 0 && this.#forgotten.length === 0
  }

  get bytes(): number {
    return this.#bytes
  }

  /**
   * Remembers a revocation, in the place of an earlier one with exactly the same key: a narrow one does not
   * replace a wide one.
   */
  add(key: string, { reason, at, forMs, number, isLate }: Revocation): void {
    const now = this.#parts.clock.monotonic()
    this.#removeEnded(now)
    const [live, doubtful] = [isLate ? 0 : number, this.#steps.doubtfulAfter(at)]
    const command = new RememberedRevocation(key, reason, { at, number, live, doubtful, until: now + forMs })
    const known = this.#kept.get(key)
    if (known === undefined) this.#keep(command)
    // a command that is read again, or was given before the known one, adds nothing
    else if (!isLate || at > known.at) this.#renew(known, command)
    while (this.#kept.size > mostKept || this.#bytes > mostBytes) this.#makeRoom(now)
  }

  /**
   * The reason of a command that ends access, or `null`.
   * @param beside other keys that a command about this name may have: any of them, or none
   */
  find(
    name: string | undefined,
    beside: readonly (string | undefined)[],
    ends: (command: RevocationTime) => boolean = () => true,
  ): string | null {
    if (name === undefined || this.isEmpty) return null
    const now = this.#parts.clock.monotonic()
    for (const key of keysOf(name, beside)) {
      const known = this.#kept.get(key)
      if (known !== undefined && known.until > now && ends(known)) return known.reason
      if (this.#isForgotten(key, (some) => some.until > now && ends(some))) return mistakable
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

  #keep(kept: RememberedRevocation): void {
    this.#kept.set(kept.key, kept)
    this.#bytes += bytesOf(kept)
    push(this.#heap, kept)
  }

  /** Renews a known revocation. It is put in its new place in the heap when it is due. */
  #renew(known: RememberedRevocation, command: RememberedRevocation): void {
    this.#bytes -= bytesOf(known)
    if (command.at >= known.at) known.reason = command.reason
    merge(known, command, this.#steps)
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
    merge(forgotten, first, this.#steps)
  }

  #delete(kept: RememberedRevocation): void {
    this.#kept.delete(kept.key)
    this.#bytes -= bytesOf(kept)
  }

  /** The filter for the next name. Few names at a time share the date of the latest. */
  #open({ at, number, live, doubtful, until }: RememberedRevocation, now: number): Forgotten {
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

/** The reason for a name that a filter contains: it may be there by mistake. */
const mistakable = 'sign in again'

function tooMany(what: string): string {
  return (
    `more than ${mostKept} revocations of ${what}, or ${mostBytes} bytes of them, are remembered: the revocations that end first ` +
    'are still refused, and so are a few other users by mistake, who have to sign in again. Let credentials expire sooner, ' +
    "and set 'remember' to the longest life of one"
  )
}

/** Takes over what a later revocation of the same name, or of a name in the same filter, refuses. */
function merge(into: RevocationTime, command: RevocationTime, steps: ClockSteps): void {
  into.at = Math.max(into.at, command.at)
  into.number = Math.max(into.number, command.number)
  into.live = Math.max(into.live, command.live)
  into.until = Math.max(into.until, command.until)
  into.doubtful = steps.doubtfulAfter(into.at)
}

/** Whether a credential may be older than a revocation of its user. */
function isOlder(identity: Identity<unknown>, accessVersion: number, command: RevocationTime): boolean {
  const date = issuedOf(identity)
  if (date === null) return identity.renew === undefined || accessVersion < command.number
  if (accessVersion < command.live || date <= command.at) return true
  return command.doubtful.some(({ from, to }) => from <= date && date <= to)
}

function keyOf(name: string, beside: readonly (string | undefined)[]): string {
  return JSON.stringify([name, ...beside.map((one) => one ?? null)])
}

/** The keys of all revocations about a name: with any of the other keys, or none. */
function keysOf(name: string, beside: readonly (string | undefined)[]): readonly string[] {
  let chosen: readonly (readonly (string | null)[])[] = [[name]]
  for (const one of beside) {
    const without = chosen.map((names) => [...names, null])
    chosen = one === undefined ? without : [...without, ...chosen.map((names) => [...names, one])]
  }
  return chosen.map((names) => JSON.stringify(names))
}

function bytesOf({ key, reason }: RememberedRevocation): number {
  return bytesEach + 2 * (key.length + reason.length)
}
