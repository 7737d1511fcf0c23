import type { TestClock } from '../../src/testing.ts'
import { type Right, type Room, type User, users } from './steps.ts'

/** What a user comes in with. */
export interface Credential {
  readonly kind: 'session' | 'token' | 'key' | 'ticket'
  readonly id: string
  readonly user: User
  /** The session that it is, or belongs to. */
  readonly session: string | null
  /** The token that it is, or that a ticket rests on. */
  readonly token: string | null
  /** When it says that it was issued; a session of the first device says nothing, nor does a key. */
  readonly date: number | null
  /** Whether that is by a clock which the servers have not seen. */
  readonly isForeign: boolean
  /** When it was issued in truth; of a ticket, when what it rests on was. */
  readonly issued: Moment
  /** By the wall clock. */
  readonly expires: number
  /** What is asked of a ticket beside. */
  readonly ticket: Ticket | null
}

export interface Ticket {
  readonly room: Room
  /** Where it was minted, and where it was brought to first. */
  readonly node: number
  usedAt: number | null
  readonly base: Credential
  /** By the wall clock, and by the monotonic one. */
  readonly until: number
  readonly due: number
}

/** A moment in truth: these are counted. */
export interface Moment {
  readonly number: number
  readonly stretch: Stretch
}

/** What the wall clock has shown without being set in between. */
interface Stretch {
  readonly from: number
  /** On the monotonic clock. */
  readonly since: number
  /** What it showed at the end, and for how long it went on; `null` for the present one. */
  ended: { readonly to: number; readonly lasted: number } | null
}

/** A revocation of a user. */
interface Ban {
  readonly number: number
  /** What the wall clock showed. */
  readonly at: number
  /** What it had shown before it was set for the last time. */
  readonly before: readonly Stretch[]
}

/** Whether a credential comes from before the revocations of its user, as far as that has to be known. */
export type Age = 'older' | 'younger' | 'doubtful'

/** A session lives so long, and a token of it, and a ticket. */
export const sessionMs: number = 8 * 60_000 + 30_000
export const tokenMs: number = 3 * 60_000 + 20_000
export const ticketMs: number = 90_500
/** So many tickets of one user may wait that one node has minted. */
export const mostTickets = 2

/** A server looks at its clocks at least so often: what the wall clock shows for less may go unnoticed. */
const seenMs = 5_001
/** By so much what a server takes for shown may reach beyond what was: between two looks, and for dates in whole seconds. */
const aroundMs = 7_000

/** What is true in the world outside: who has signed in, who may what, and what was taken away. No part of the system. */
export class OutsideState {
  /** The sessions of the directory, by user and slot. */
  readonly sessions = new Map<string, Credential>()
  /** The token that was issued last, by user and slot. */
  readonly tokens = new Map<string, Credential>()
  readonly keys = new Map<User, Credential>()
  /** Every token that was ever issued: a token needs no directory. */
  readonly issued = new Map<string, Credential>()
  readonly #clock: TestClock
  readonly #rights = new Map<string, Right>()
  readonly #revoked = new Set<string>()
  readonly #bans = new Map<User, readonly Ban[]>()
  readonly #tickets: Credential[] = []
  readonly #ended: Stretch[] = []
  #stretch: Stretch
  #ahead = 0
  #count = 0

  constructor(clock: TestClock) {
    this.#clock = clock
    // the clock was right before anything began
    this.#stretch = { from: Number.NEGATIVE_INFINITY, since: clock.monotonic(), ended: null }
    for (const user of users) this.keys.set(user, this.#made({ kind: 'key', user, id: `key-of-${user}` }))
  }

  /** When the wall clock was set last, on the monotonic one. */
  get setAt(): number {
    return this.#stretch.since
  }

  /** Whether the wall clock was ever set. */
  get wasSet(): boolean {
    return this.#ended.length > 0
  }

  /** How many things have happened: what happens in this moment comes later than all of them. */
  moment(): Moment {
    return { number: ++this.#count, stretch: this.#stretch }
  }

  /** Sets the wall clock to so many milliseconds after the true time. */
  setClock(ahead: number): void {
    if (ahead === this.#ahead) return
    const [to, since] = [this.#clock.now(), this.#clock.monotonic()]
    this.#stretch.ended = { to, lasted: since - this.#stretch.since }
    this.#ended.push(this.#stretch)
    this.#clock.jump(ahead - this.#ahead)
    this.#ahead = ahead
    this.#stretch = { from: this.#clock.now(), since, ended: null }
  }

  right(user: User, room: Room): Right {
    return this.#rights.get(`${user}/${room}`) ?? 'write'
  }

  setRight(user: User, room: Room, right: Right): void {
    this.#rights.set(`${user}/${room}`, right)
  }

  signIn(user: User, slot: number): Credential {
    const [id, now] = [`s${this.#count}`, this.#clock.now()]
    const date = slot === 0 ? null : now
    const session = this.#made({ kind: 'session', user, id, session: id, date, expires: now + sessionMs })
    this.sessions.set(keyOf(user, slot), session)
    return session
  }

  /**
   * A token for a session, whether that is still there or not: who issues it has seen it a moment ago.
   *
   * @param ahead by how much the clock of the issuer is ahead of that of the servers
   */
  issue({ user, session }: Pick<Credential, 'user' | 'session'>, ahead = 0): Credential {
    const [id, now] = [`t${this.#count}`, this.#clock.now() + ahead]
    // an `iat` is a whole second
    const date = Math.floor(now / 1_000) * 1_000
    const expires = now + tokenMs
    const isForeign = ahead > 0
    const token = this.#made({ kind: 'token', user, id, session, token: id, date, expires, isForeign })
    this.issued.set(id, token)
    return token
  }

  /** A ticket as it was minted; where nothing says when the session began, it is as old as can be. */
  mint(id: string, base: Credential, { room, node }: Pick<Ticket, 'room' | 'node'>): void {
    const now = this.#clock.now()
    const until = Math.min(now + ticketMs, base.expires)
    const due = this.#clock.monotonic() + until - now
    const ticket = { room, node, usedAt: null, base, until, due }
    this.#tickets.push({ ...base, kind: 'ticket', id, date: base.date ?? 0, ticket })
  }

  /** The tickets that were brought to a server already, or those that were not. */
  tickets(used: boolean): readonly Credential[] {
    return this.#tickets.filter(({ ticket }) => (ticket?.usedAt !== null) === used)
  }

  /** A ticket is good once, whatever comes of it. */
  use({ ticket }: Credential, node: number): void {
    if (ticket !== null) ticket.usedAt ??= node
  }

  /**
   * Whether a node has minted as many tickets of a user as may wait. It does not hear of those that are used at another one,
   * and counts one less for each of another one that is used here.
   */
  isFull(user: User, node: number): boolean | null {
    const of = (fits: (ticket: Ticket) => boolean): number =>
      this.#tickets.filter((one) => one.user === user && one.ticket !== null && fits(one.ticket)).length
    const lives = ({ due }: Ticket): boolean => due > this.#clock.monotonic()
    const left = of((one) => one.node === node && one.usedAt !== node)
    const most = Math.min(
      left,
      of((one) => one.node === node && lives(one)),
    )
    const waiting = of((one) => one.node === node && lives(one) && one.usedAt === null)
    const usedHere = of((one) => one.node !== node && one.usedAt === node)
    if (most < mostTickets) return false
    return waiting - usedHere >= mostTickets ? true : null
  }

  revokeUser(user: User): void {
    const { number } = this.moment()
    const ban = { number, at: this.#clock.now(), before: [...this.#ended] }
    this.#bans.set(user, [...this.#bansOf(user), ban])
  }

  /** Revokes a session or a token. */
  revoke(id: string): void {
    this.#revoked.add(id)
  }

  /** Whether the directory still has it: a token and a key prove themselves. */
  isKnown({ kind, id, ticket }: Credential): boolean {
    if (ticket !== null) return this.isKnown(ticket.base)
    return kind !== 'session' || [...this.sessions.values()].some((session) => session.id === id)
  }

  hasExpired({ expires }: Credential): boolean {
    return expires <= this.#clock.now()
  }

  /** Whether the authenticator of a room knows its user now. */
  isKnownIn(room: Room, credential: Credential): boolean {
    const { ticket } = credential
    if (!this.isKnown(credential)) return false
    if (ticket === null) return !this.hasExpired(credential)
    if (ticket.usedAt !== null || ticket.room !== room) return false
    return ticket.until > this.#clock.now() && ticket.due > this.#clock.monotonic()
  }

  /** Whether it, or what it rests on, was revoked by its name. */
  isRevoked({ session, token }: Credential): boolean {
    return [session, token].some((name) => name !== null && this.#revoked.has(name))
  }

  /**
   * What has to be known of a credential that was brought at some moment.
   *
   * - One whose authentication began before a revocation is `older`.
   * - One with a date is older if that is no later, or if it was issued before and a server has seen its date go by.
   * - It is `younger` if it was issued afterwards, with a later date that no clock had shown before.
   * - One without a date is younger where it is looked up, and older where it is not.
   */
  age({ kind, date, isForeign, issued, user }: Credential, asked: number): Age {
    const bans = this.#bansOf(user)
    const last = bans.at(-1)
    if (last === undefined) return 'younger'
    if (kind === 'key' || asked < last.number) return 'older'
    if (date === null) return 'younger'
    if (bans.some(({ at }) => date <= at)) return 'older'
    if (issued.number < last.number) return !isForeign && wasSeen(issued.stretch) ? 'older' : 'doubtful'
    return bans.every((ban) => isClearOf(ban, date)) ? 'younger' : 'doubtful'
  }

  /** Whether its date alone does not tell that it is older than a revocation of its user. */
  looksYounger({ date, user }: Credential): boolean {
    return date !== null && this.#bansOf(user).every(({ at }) => date > at)
  }

  /** When a user was revoked last, if ever. */
  lastBan(user: User): number | null {
    return this.#bansOf(user).at(-1)?.number ?? null
  }

  #bansOf(user: User): readonly Ban[] {
    return this.#bans.get(user) ?? []
  }

  #made(what: Pick<Credential, 'kind' | 'id' | 'user'> & Partial<Credential>): Credential {
    const plain = { session: null, token: null, date: null, isForeign: false, ticket: null }
    return { ...plain, expires: Number.POSITIVE_INFINITY, issued: this.moment(), ...what }
  }
}

/** Whether the servers have looked at their clocks meanwhile. */
function wasSeen({ ended }: Stretch): boolean {
  return ended === null || ended.lasted >= seenMs
}

/** Whether a date is far from all that the wall clock had shown, before it was set for the last time, when a revocation was given. */
function isClearOf({ before }: Ban, date: number): boolean {
  return before.every(
    ({ from, ended }) => date < from - aroundMs || date > (ended?.to ?? Number.POSITIVE_INFINITY) + aroundMs,
  )
}

export function keyOf(user: User, slot: number): string {
  return `${user}/${slot}`
}
