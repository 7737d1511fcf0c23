import { expect } from 'vitest'
import type { Receipt } from '../../src/core/api/receipt.ts'
import { Denial } from '../../src/index.ts'
import { type Ask, VisitRefused, testClock, type TestClock } from '../../src/testing.ts'
import { Member, type Times } from './member.ts'
import { chat, grantOf, System, type Visitor, type Way } from './system.ts'
import { type Manner, type Right, type Room, rooms, slots, type Step, type User, users } from './steps.ts'
import { type Credential, keyOf, OutsideState } from './outside-state.ts'

/** A member whose new credential is not authenticated yet, or the model has not heard the answer. */
interface Refreshing {
  readonly inside: Member
  readonly credential: Credential
  /** The question that it answers. */
  readonly nonce: string
  readonly right: Right
  readonly times: Times
  overtaken: boolean
  readonly answer: () => void
}

/** Whom the client that comes in answers for. */
interface Self {
  inside: Member | null
}

/** A user who wants in. */
interface Arrival {
  readonly credential: Credential
  readonly room: Room
  readonly node: number
  /** How many things had happened when authentication began, and whether it must know them. */
  readonly asked: number
  readonly isKnown: boolean
  /** The right as it was then. */
  readonly right: Right
  readonly self: Self
}

/** A user whose `authorize` has not answered yet. */
interface PendingArrival extends Arrival {
  /** Whether a step has said meanwhile that rights have changed. */
  overtaken: boolean
  readonly visiting: Promise<Visitor>
  readonly answer: () => void
}

/** Whether a user must be let in, must be refused, or either. */
type Verdict = 'in' | 'out' | 'either'

/** The least and the most that a receipt may say. */
type Range = readonly [least: number, most: number]
type Ranges = Readonly<Record<'closed' | 'changed' | 'dropped', Range>>

type Steps<D extends Step['do']> = Step & { readonly do: D }

/** No whole second, as some dates are. */
const start = Date.UTC(2026, 0, 1, 0, 0, 0, 345)
const minuteMs = 60_000
/** What comes after is apart by so much: dates are whole seconds. */
const apartMs = 1_000
const staysMs = 6_000
/** A ticket is not minted for what comes from so far in the future. */
const futureMs = 5_000
/** So much of one socket may wait. */
const mostSayings = 4

/**
 * The real system on a clock that stands still, two nodes on one layer, beside a model that says after each step who must
 * be inside, with which right, and who hears what. Where the system is free the model follows it: between two clocks, and
 * until a user is rechecked.
 */
export class ModelRun {
  /** How much of interest has happened: a story of people who never come in proves nothing. */
  readonly happened = {
    cameIn: 0,
    heard: 0,
    refreshed: 0,
    revoked: 0,
    ticketsIn: 0,
    ticketsOut: 0,
    mintedTooMany: 0,
    /** Refused, though the date of the credential is later than that of the revocation. */
    outDespiteDate: 0,
    /** Let in after a revocation, by a date, and a clock that was set. */
    inByDate: 0,
    /** Let in with a session from before a revocation, which the directory still has. */
    inByLookUp: 0,
    /** Refused because of a revocation that came while `authorize` was asked. */
    outByOrder: 0,
    /** Refused by its name, though its issuer's clock is ahead. */
    outByName: 0,
    endedByClock: 0,
    heardAfterLeaving: 0,
    droppedOfLeft: 0,
    /** Left to the system. */
    either: 0,
  }
  readonly #clock: TestClock = testClock(start)
  readonly #outsideState = new OutsideState(this.#clock)
  readonly #system = new System(this.#clock, this.#outsideState)
  readonly #inside: Member[] = []
  readonly #pending: PendingArrival[] = []
  readonly #refreshing: Refreshing[] = []
  #answered: Refreshing[] = []
  #manner: Manner = 'honest'
  /** Whether the authenticator takes its time with new credentials. */
  #dallies = false
  #count = 0

  constructor() {
    for (const user of users)
      for (const slot of slots) {
        this.#outsideState.signIn(user, slot)
        this.#issue(user, slot, 0)
      }
  }

  async carryOut(step: Step): Promise<void> {
    switch (step.do) {
      case 'signIn':
        return void this.#outsideState.signIn(step.user, step.slot)
      case 'issue':
        return this.#issue(step.user, step.slot, step.ahead)
      case 'signOut':
        return this.#signOut(step)
      case 'join':
        return this.#join(step)
      case 'knock':
        return this.#knock(this.#held(step), step)
      case 'mint':
        return this.#mint(step)
      case 'redeem':
        return this.#redeem(step)
      case 'letIn':
        await this.#answerRefresh()
        return this.#letIn()
      case 'dally':
        this.#dallies = step.slow
        return
      case 'say':
        return this.#say(oneOf(this.#inside, step.which))
      case 'sayLater':
        return this.#sayLater(oneOf(this.#present, step.which))
      case 'hearOut':
        return this.#hearOut(this.#speaking)
      case 'leave':
        return this.#leave(oneOf(this.#present, step.which), step.how)
      case 'comeBack':
        return this.#comeBack(oneOf(this.#inside, step.which))
      case 'setRight':
        return this.#setRight(step)
      case 'revoke':
        return this.#revokeUser(step)
      case 'revokeToken':
        return this.#revokeToken(step)
      case 'kick':
        return this.#kick(step)
      case 'answer':
        this.#manner = step.manner
        return
      case 'pass':
        return this.#pass(step.minutes)
      case 'setClock':
        this.#outsideState.setClock(step.ahead)
        return this.#elapse(step.stays ? staysMs : 0)
    }
  }

  /** Model and system agree on the members inside: no more and no fewer. */
  async agree(): Promise<void> {
    await this.#elapse(0)
    for (const one of this.#inside) {
      const where = `${one.credential.user} in ${one.room} by ${one.credential.kind}`
      const [found, wanted] = [one.isReallyClosed, one.closed].map((is) => (is ? 'closed' : 'open'))
      expect(`${where}: ${found}`).toBe(`${where}: ${wanted}`)
      if (!one.closed) expect([where, one.visitor.grant]).toEqual([where, grantOf(one.right)])
    }
    expect(this.#system.connections).toBe(this.#present.length)
  }

  /** No member has heard anything that the model does not know of. */
  async silence(): Promise<void> {
    await this.#letAllIn()
    while (this.#speaking !== undefined) await this.#hearOut(this.#speaking)
    for (const { visitor } of this.#inside) await visitor.nothing()
  }

  get #present(): readonly Member[] {
    return this.#inside.filter(({ closed }) => !closed)
  }

  /** Whom the end of access reaches. */
  get #reached(): readonly Member[] {
    return this.#inside.filter(({ isReached }) => isReached)
  }

  /** The one whose handler is at work, of several the one who has come first. */
  get #speaking(): Member | undefined {
    return this.#inside.find(({ sayings }) => sayings.length > 0)
  }

  get #times(): Times {
    return { wall: this.#clock.now(), monotonic: this.#clock.monotonic() }
  }

  /** Lets time pass, and takes from the system what it was free to do meanwhile. */
  async #elapse(ms: number): Promise<void> {
    await this.#clock.advance(ms)
    for (const answered of this.#answered.splice(0)) this.#conclude(answered)
    for (const one of this.#reached) one.watch()
    for (const one of this.#present) if (one.follow()) this.happened.endedByClock++
  }

  #issue(user: User, slot: number, ahead: number): void {
    const session = this.#outsideState.sessions.get(keyOf(user, slot))
    if (
      session === undefined ||
      !this.#outsideState.isKnown(session) ||
      this.#outsideState.hasExpired(session)
    )
      return
    this.#outsideState.tokens.set(keyOf(user, slot), this.#outsideState.issue(session, ahead))
  }

  async #signOut({ user, slot, told }: Steps<'signOut'>): Promise<void> {
    const { sessions } = this.#outsideState
    const session = sessions.get(keyOf(user, slot))
    sessions.delete(keyOf(user, slot))
    if (session === undefined || !told) return
    this.#outsideState.revoke(session.id)
    const receipt = await this.#system.serverOf(0).revoke({ session: session.id, reason: 'signed out' })
    this.#ended(receipt, (one) => one.credential.session === session.id)
  }

  #held({ user, slot, by }: Pick<Steps<'join' | 'mint'>, 'user' | 'slot' | 'by'>): Credential | undefined {
    const { sessions, tokens, keys } = this.#outsideState
    return by === 'key' ? keys.get(user) : { session: sessions, token: tokens }[by].get(keyOf(user, slot))
  }

  async #join(step: Steps<'join' | 'knock'>): Promise<void> {
    const credential = this.#held(step)
    if (credential !== undefined) await this.#comeIn(credential, step)
  }

  async #comeIn(credential: Credential, where: Pick<Way, 'room' | 'node'>): Promise<void> {
    const arrival = this.#arrive(credential, where)
    await this.#decide(arrival, this.#visit(arrival))
  }

  #arrive(credential: Credential, { room, node }: Pick<Way, 'room' | 'node'>): Arrival {
    const asked = this.#outsideState.moment().number
    const isKnown = this.#outsideState.isKnownIn(room, credential)
    const right = this.#outsideState.right(credential.user, room)
    this.#outsideState.use(credential, node)
    return { credential, room, node, asked, isKnown, right, self: { inside: null } }
  }

  #visit({ credential, room, node, self }: Arrival): Promise<Visitor> {
    const refresh = (ask: Ask): string | null =>
      self.inside === null ? null : this.#answer(self.inside, ask)
    return this.#system.visit(credential, { room, node, refresh })
  }

  /** Visits while `authorize` takes its time. */
  async #knock(credential: Credential | undefined, where: Pick<Way, 'room' | 'node'>): Promise<void> {
    if (credential === undefined || !this.#outsideState.isKnownIn(where.room, credential)) return
    const arrival = this.#arrive(credential, where)
    const { promise, resolve: answer } = Promise.withResolvers<void>()
    this.#system.gate = promise
    const visiting = this.#visit(arrival)
    visiting.catch(() => {})
    await this.#elapse(0)
    this.#system.gate = null
    this.#pending.push({ ...arrival, overtaken: false, visiting, answer })
  }

  /** `authorize` answers the visit that came first. */
  async #letIn(): Promise<void> {
    const pending = this.#pending.shift()
    if (pending === undefined) return
    pending.answer()
    const inside = await this.#decide(pending, pending.visiting)
    if (inside === null) return
    if (pending.overtaken) inside.asked('now')
    await this.#elapse(0)
  }

  async #letAllIn(): Promise<void> {
    while (this.#refreshing.length > 0) await this.#answerRefresh()
    while (this.#pending.length > 0) await this.#letIn()
  }

  /** The system lets a user in, or not, as it has to. */
  async #decide(arrival: Arrival, visiting: Promise<Visitor>): Promise<Member | null> {
    const { credential, room, node, right, self, isKnown, asked } = arrival
    const visitor = await this.#settled(visiting).catch((error: unknown) => {
      if (error instanceof VisitRefused && (error.status === 401 || error.status === 403)) return null
      throw error
    })
    const verdict = isKnown ? this.#verdict(credential, right, asked) : 'out'
    const [found, how] = [
      visitor === null ? 'out' : 'in',
      `${credential.user} into ${room} by ${credential.kind}`,
    ]
    if (verdict === 'either') this.happened.either++
    else expect(`${how}: ${found}`).toBe(`${how}: ${verdict}`)
    this.#noteWhy(arrival, verdict)
    if (visitor === null) return null
    const parts = { room, node, visitor, clock: this.#clock, outsideState: this.#outsideState }
    const inside = new Member(parts, credential, right)
    self.inside = inside
    this.#inside.push(inside)
    this.happened.cameIn++
    return inside
  }

  #verdict(credential: Credential, right: Right, asked: number): Verdict {
    if (right === 'none' || this.#outsideState.isRevoked(credential)) return 'out'
    const age = this.#outsideState.age(credential, asked)
    return age === 'younger' ? 'in' : age === 'older' ? 'out' : 'either'
  }

  #noteWhy({ credential, right, asked, isKnown }: Arrival, verdict: Verdict): void {
    const { happened } = this
    const { kind, user, date, isForeign, issued } = credential
    const lastBan = this.#outsideState.lastBan(user)
    const isRevoked = this.#outsideState.isRevoked(credential)
    if (!isKnown || right === 'none') return
    if (kind === 'ticket' && verdict === 'in') happened.ticketsIn++
    if (kind === 'ticket' && verdict === 'out') happened.ticketsOut++
    if (verdict === 'out' && isForeign && isRevoked) happened.outByName++
    if (isRevoked || lastBan === null) return
    if (verdict === 'out' && asked < lastBan) happened.outByOrder++
    else if (verdict === 'out' && this.#outsideState.looksYounger(credential)) happened.outDespiteDate++
    if (verdict === 'in' && date !== null && this.#outsideState.wasSet) happened.inByDate++
    if (verdict === 'in' && date === null && issued.number < lastBan) happened.inByLookUp++
  }

  /** What a client answers that is asked for a new credential; only an honest one may live on with it. */
  #answer(inside: Member, { nonce }: Ask): string | null {
    const { credential, visitor } = inside
    switch (this.#manner) {
      case 'silent':
        return null
      case 'stale':
        return credential.id
      case 'foreign':
        return this.#outsideState.issue({ ...credential, user: credential.user === 'eve' ? 'bob' : 'eve' }).id
      case 'replayed':
        visitor.raw(
          JSON.stringify({ op: 'auth', nonce: `${nonce}x`, token: this.#outsideState.issue(credential).id }),
        )
        return null
      case 'honest':
        return this.#refresh(inside, nonce)
    }
  }

  #refresh(inside: Member, nonce: string): string {
    const credential = this.#outsideState.issue(inside.credential)
    const right = inside.trueRight
    const times = this.#times
    const { promise, resolve: answer } = Promise.withResolvers<void>()
    const refreshing = { inside, credential, nonce, right, times, overtaken: false, answer }
    if (this.#dallies) {
      this.#system.waits.set(credential.id, promise)
      this.#refreshing.push(refreshing)
    } else this.#answered.push(refreshing)
    return credential.id
  }

  /** The authenticator answers the new credential that came first. */
  async #answerRefresh(): Promise<void> {
    const refreshing = this.#refreshing.shift()
    if (refreshing === undefined) return
    refreshing.answer()
    // how long it lives is measured when it is taken over
    this.#answered.push({ ...refreshing, times: this.#times })
    await this.#elapse(0)
  }

  /** What came of a new credential. */
  #conclude({ inside, credential, nonce, right, times, overtaken }: Refreshing): void {
    if (inside.closed || inside.left) return
    // one that ends no later than the one in use is refused
    if (credential.expires <= inside.credential.expires) return
    const now = overtaken ? inside.trueRight : right
    if (now === 'none' || (overtaken && this.#outsideState.hasExpired(credential))) return void inside.end()
    const verdict = this.#verdict(credential, now, credential.issued.number)
    const answer = inside.visitor.refreshes.find((one) => one.nonce === nonce)
    const isAccepted = answer !== undefined && answer.refused === undefined
    if (verdict === 'either') this.happened.either++
    else if (!inside.isReallyClosed) expect(isAccepted ? 'in' : 'out').toBe(verdict)
    if (!isAccepted) return
    inside.adopt(credential, now, times)
    this.happened.refreshed++
  }

  async #mint({ room, node, ...who }: Steps<'mint'>): Promise<void> {
    const base = this.#held(who)
    if (base === undefined || !this.#outsideState.isKnown(base) || this.#outsideState.hasExpired(base)) return
    const inFuture = (base.date ?? 0) - this.#clock.now()
    const isFull = this.#outsideState.isFull(base.user, node)
    const id = await this.#system.mint(base, room, node).catch((error: unknown) => {
      if (error instanceof Denial && (error.status === 401 || error.status === 429)) return null
      throw error
    })
    if (isFull === true) this.happened.mintedTooMany++
    if (isFull === true || inFuture > futureMs) expect(id).toBeNull()
    else if (isFull === false && inFuture <= 0) expect(id).not.toBeNull()
    if (id !== null) this.#outsideState.mint(id, base, { room, node })
  }

  /** Comes with a ticket: a new one or a used one, to where it is good or to another room. */
  async #redeem({ which, node, how, slow }: Steps<'redeem'>): Promise<void> {
    const credential = oneOf(this.#outsideState.tickets(how === 'again'), which)
    const good = credential?.ticket?.room
    if (credential === undefined || good === undefined) return
    const room = how === 'elsewhere' ? (rooms.find((other) => other !== good) ?? good) : good
    await (slow ? this.#knock(credential, { room, node }) : this.#comeIn(credential, { room, node }))
  }

  async #leave(inside: Member | undefined, how: 'closes' | 'vanishes'): Promise<void> {
    if (inside === undefined) return
    if (how === 'closes') inside.visitor.leave()
    else inside.visitor.cut()
    await inside.visitor.closed
    inside.closed = true
    inside.left = true
  }

  /** One who was inside once tries again with what they had. */
  async #comeBack(inside: Member | undefined): Promise<void> {
    if (inside?.closed === true) await this.#comeIn(inside.credential, inside)
  }

  async #say(inside: Member | undefined): Promise<void> {
    if (inside === undefined) return
    const text = `message ${++this.#count}`
    if (inside.closed) return inside.visitor.raw(JSON.stringify(sayFrame(inside.room, text)))
    // one handler at a time
    while (inside.sayings.length > 0) await this.#hearOut(inside)
    const saying = inside.visitor.send('say', { text })
    if (this.#outsideState.hasExpired(inside.credential)) return this.#speakTooLate(inside, saying)
    if (inside.right !== 'write') return this.#refused(saying)
    await this.#settled(saying)
    await this.#heard(inside, text)
  }

  /** Says something whose handler has to wait, and maybe for others of the same socket. */
  async #sayLater(inside: Member | undefined): Promise<void> {
    if (inside === undefined || inside.sayings.length >= mostSayings) return
    const text = `message ${++this.#count}`
    const { promise, resolve: goOn } = Promise.withResolvers<void>()
    this.#system.waits.set(text, promise)
    const sent = inside.visitor.send('sayLater', { text })
    sent.catch(() => {})
    if (this.#outsideState.hasExpired(inside.credential)) return this.#speakTooLate(inside, sent)
    inside.sayings.push({ text, sent, goOn })
    await this.#elapse(0)
  }

  /** The credential has ended, which the clock may not have told yet: nothing is heard with it. */
  async #speakTooLate(inside: Member, saying: Promise<unknown>): Promise<void> {
    inside.end()
    this.happened.endedByClock++
    await expect(this.#settled(saying)).rejects.toThrow('the socket has ended')
  }

  /** The handler at work goes on: in vain when the right of its sender has ended meanwhile. */
  async #hearOut(inside: Member | undefined): Promise<void> {
    const saying = inside?.sayings.shift()
    if (inside === undefined || saying === undefined) return
    const { right, trueRight, left, silenced } = inside
    const isFree = left && (inside.mayHaveEnded || inside.mayDiffer)
    const may = !silenced && (right === 'write' || (isFree && trueRight === 'write'))
    saying.goOn()
    await this.#clock.advance(0)
    const isHeard = this.#system.published.has(saying.text)
    if (may && isFree) this.happened.either++
    else expect([saying.text, isHeard]).toEqual([saying.text, may])
    if (isHeard && left) this.happened.heardAfterLeaving++
    if (!inside.closed) await (isHeard ? this.#settled(saying.sent) : this.#refused(saying.sent))
    if (isHeard) await this.#heard(inside, saying.text)
  }

  async #refused(saying: Promise<unknown>): Promise<void> {
    await expect(this.#settled(saying)).rejects.toMatchObject({ status: 403 })
  }

  /** What comes of something at this moment: a clock that stands still would let it hang for ever. */
  async #settled<T>(promise: Promise<T>): Promise<T> {
    const pending = this.#clock.advance(0).then(() => {
      throw new Error('nothing has come of it')
    })
    return Promise.race([promise, pending])
  }

  /** Everyone in the room hears it. */
  async #heard({ room }: Member, text: string): Promise<void> {
    for (const other of this.#present) {
      if (other.room !== room) continue
      expect(await other.visitor.next('said')).toEqual({ text })
      this.happened.heard++
    }
  }

  async #setRight({ user, room, right, told }: Steps<'setRight'>): Promise<void> {
    this.#outsideState.setRight(user, room, right)
    if (!told) return
    for (const one of [...this.#pending, ...this.#refreshing])
      if (one.credential.user === user) one.overtaken = true
    const receipt = await this.#system.serverOf(0).recheck({ user })
    const reached = this.#reached.filter((one) => one.credential.user === user)
    agreesWith(receipt, sum(reached.map((one) => rechecked(one))))
    await this.#elapse(apartMs)
  }

  async #revokeUser({ user, node }: Steps<'revoke' | 'kick'>): Promise<void> {
    this.#outsideState.revokeUser(user)
    const receipt = await this.#system.serverOf(node).revoke({ user, reason: 'revoked' })
    const isMeant = (one: Member): boolean => one.credential.user === user
    // a token that looks younger than its end is remembered by its name, as long as it is in use
    for (const one of this.#reached.filter(isMeant)) {
      const { token } = one.credential
      if (token !== null && one.isSurelyReached && this.#outsideState.looksYounger(one.credential))
        this.#outsideState.revoke(token)
    }
    this.#ended(receipt, isMeant)
    await this.#elapse(apartMs)
  }

  async #revokeToken({ user, slot, node }: Steps<'revokeToken'>): Promise<void> {
    const token = this.#outsideState.tokens.get(keyOf(user, slot))
    if (token === undefined) return
    this.#outsideState.revoke(token.id)
    const receipt = await this.#system.serverOf(node).revoke({ token: token.id, reason: 'stolen' })
    this.#ended(receipt, (one) => one.credential.token === token.id)
  }

  async #kick({ user, room, node }: Steps<'revoke' | 'kick'>): Promise<void> {
    for (const one of this.#pending)
      if (one.credential.user === user && one.room === room) one.overtaken = true
    const receipt = await this.#system.serverOf(node).revoke({ user, at: [chat, { room }], reason: 'kicked' })
    this.#ended(receipt, (one) => one.credential.user === user && one.room === room)
    await this.#elapse(apartMs)
  }

  /** Access has ended, of those who are inside and of those who have left and are not heard yet. */
  #ended(receipt: Receipt, isMeant: (one: Member) => boolean): void {
    const meant = this.#reached.filter(isMeant)
    const left = meant.filter((one) => one.left)
    this.happened.revoked += meant.length
    this.happened.droppedOfLeft += left.filter(({ sayings }) => sayings.length > 1).length
    agreesWith(receipt, sum(meant.map((one) => revoked(one))))
  }

  async #pass(minutes: number): Promise<void> {
    for (let minute = 0; minute < minutes; minute++) {
      await this.#letAllIn()
      await this.#elapse(minuteMs)
      // a lease of a minute is asked for within a minute
      for (const one of this.#reached) one.asked('lately')
    }
  }
}

/** What a receipt says of one whose access is ended. */
function revoked(one: Member): Ranges {
  const isSure = one.isSurelyReached
  const dropped = one.end()
  return { closed: [isSure ? 1 : 0, 1], changed: [0, 0], dropped: [isSure ? dropped : 0, dropped] }
}

/** What a receipt says of a socket that is rechecked. */
function rechecked(one: Member): Ranges {
  const isSure = !one.left || !(one.mayHaveEnded || one.mayDiffer)
  const { right, left } = one
  const mayBeOver = left && one.mayHaveEnded
  const dropped = one.asked('now')
  const closed = one.silenced ? 1 : 0
  const changed = one.silenced || (isSure && one.right === right) ? 0 : 1
  const range = (most: number): Range => [isSure && !mayBeOver ? most : 0, most]
  return { closed: range(closed), changed: range(changed), dropped: range(dropped) }
}

function sum(all: readonly Ranges[]): Ranges {
  const of = (what: keyof Ranges): Range => [
    all.reduce((total, one) => total + one[what][0], 0),
    all.reduce((total, one) => total + one[what][1], 0),
  ]
  return { closed: of('closed'), changed: of('changed'), dropped: of('dropped') }
}

function agreesWith({ nodes, silent, ...counts }: Receipt, ranges: Ranges): void {
  expect([[...nodes].sort(), silent]).toEqual([['one', 'two'], []])
  for (const [what, [least, most]] of Object.entries(ranges) as [keyof Ranges, Range][]) {
    const said = counts[what]
    expect([what, Math.min(most, Math.max(least, said))]).toEqual([what, said])
  }
}

/** Any of a list, unless it is empty: 0 is the last. */
function oneOf<T>(list: readonly T[], which: number): T | undefined {
  return list[list.length - 1 - (which % list.length)]
}

function sayFrame(room: Room, text: string): object {
  return { op: 'msg', in: `/ws/chat/${room}`, type: 'say', data: { text } }
}
