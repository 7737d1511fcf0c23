import { expect } from 'vitest'
import { z } from 'zod'
import {
  type Authenticator,
  consumer,
  contract,
  deny,
  type Identity,
  memory,
  type Port,
} from '../../src/index.ts'
import { type Ask, testClock, type TestClock, testPort, visit } from '../../src/testing.ts'
import { type Manner, type Right, type Room, slots, type Step, type User, users } from './steps.ts'
import { type Credential, keyOf, Truth } from './truth.ts'

const chat = contract('/ws/chat/:room', {
  client: { say: z.object({ text: z.string() }), mumble: z.object({ text: z.string() }) },
  server: { said: z.object({ text: z.string() }) },
  grant: z.object({ canWrite: z.boolean() }),
})

/** A user as the first door loads it: the second one looks no further, so that a late answer of the first is a stale one. */
interface Person {
  readonly id: User
  readonly rights: Readonly<Record<Room, Right>>
}
type Visitor = Awaited<
  ReturnType<typeof visit<'/ws/chat/:room', typeof chat.client, typeof chat.server, {}, Person>>
>

/** Someone who has come in, as the model sees it. */
interface Inside {
  readonly room: Room
  readonly node: number
  readonly visitor: Visitor
  credential: Credential
  /** The right as both doors answered it last. */
  right: Right
  closed: boolean
  /** Whether that was their own wish: what they have said before is heard, as long as they had a right to say it. */
  left: boolean
  /** Whether that right has ended since. */
  silenced: boolean
}

/** Someone inside whose new credential the first door has not answered yet. */
interface Refreshing {
  readonly inside: Inside
  readonly credential: Credential
  readonly right: Right
  overtaken: boolean
  readonly answer: () => void
}

/** A message whose handler waits for something. */
interface Mumbling {
  readonly inside: Inside
  readonly text: string
  readonly sent: Promise<unknown>
  readonly goOn: () => void
}

/** Someone who waits at the second door, which has not answered yet. */
interface Knocking {
  readonly room: Room
  readonly node: number
  readonly credential: Credential
  /** The right as it was when the door was asked. */
  readonly right: Right
  /** Whether somebody has said meanwhile that rights have changed. */
  overtaken: boolean
  readonly visiting: Promise<Visitor>
  readonly answer: () => void
  /** Whom the client that comes in answers for. */
  readonly self: { inside: Inside | null }
}

const minuteMs = 60_000
const dayMs = 86_400_000

/**
 * The real system on a clock that stands still, two nodes on one layer, beside a model that says after each step who must
 * be inside, with which right, and who hears what.
 */
export class World {
  /** How much of interest has happened: a story of people who never come in proves nothing. */
  readonly happened = { cameIn: 0, heard: 0, refreshed: 0, revoked: 0 }
  readonly #clock: TestClock = testClock()
  readonly #truth = new Truth()
  readonly #ports: readonly Port[]
  readonly #inside: Inside[] = []
  readonly #knocking: Knocking[] = []
  readonly #refreshing: Refreshing[] = []
  readonly #mumbling: Mumbling[] = []
  /** Where the second door waits, when it does. */
  #gate: Promise<void> | null = null
  #manner: Manner = 'honest'
  /** Whether the first door takes its time with new credentials. */
  #dallies = false
  readonly #waits = new Map<string, Promise<void>>()
  #count = 0

  constructor() {
    const layer = memory({ clock: this.#clock })
    this.#ports = ['one', 'two'].map((name) =>
      testPort({ layer, node: name, clock: this.#clock, limits: { rate: null, handshakeMs: dayMs } }),
    )
    for (const user of users)
      for (const slot of slots) {
        this.#truth.signIn(user, slot, this.#now)
        this.#issue(user, slot)
      }
  }

  async carryOut(step: Step): Promise<void> {
    switch (step.do) {
      case 'signIn':
        await this.#later()
        return void this.#truth.signIn(step.user, step.slot, this.#now)
      case 'issue':
        await this.#later()
        return this.#issue(step.user, step.slot)
      case 'signOut':
        return this.#signOut(step.user, step.slot, step.told)
      case 'join':
        return this.#join(step)
      case 'knock':
        return this.#knock(step)
      case 'letIn':
        await this.#answerRefresh()
        return this.#letIn()
      case 'dally':
        this.#dallies = step.slow
        return
      case 'say':
        return this.#say(oneOf(this.#inside, step.which))
      case 'mumble':
        return this.#mumble(oneOf(this.#present, step.which))
      case 'hearOut':
        return this.#hearOut()
      case 'leave':
        return this.#leave(oneOf(this.#present, step.which))
      case 'comeBack':
        return this.#comeBack(oneOf(this.#inside, step.which))
      case 'setRight':
        return this.#setRight(step)
      case 'revoke':
        return this.#revokeUser(step.user, step.node)
      case 'revokeToken':
        return this.#revokeToken(this.#truth.tokens.get(keyOf(step.user, step.slot)), step.node)
      case 'kick':
        return this.#kick(step)
      case 'answer':
        this.#manner = step.manner
        return
      case 'pass':
        return this.#pass(step.minutes)
    }
  }

  /** Model and system agree on who is inside, and on nobody else. */
  async agree(): Promise<void> {
    await this.#clock.advance(0)
    for (const one of this.#inside) {
      const where = `${one.credential.user} in ${one.room} by ${one.credential.kind}`
      const ended = one.visitor.closed.then(() => true)
      const isClosed = await Promise.race([ended, Promise.resolve().then(() => Promise.resolve(false))])
      expect(`${where}: ${isClosed ? 'closed' : 'open'}`).toBe(`${where}: ${one.closed ? 'closed' : 'open'}`)
      if (!one.closed) expect([where, one.visitor.grant]).toEqual([where, grantOf(one.right)])
    }
    const open = this.#ports.reduce((sum, port) => sum + port.connections, 0)
    expect(open).toBe(this.#present.length)
  }

  /** Nobody has heard anything that the model does not know of. */
  async silence(): Promise<void> {
    await this.#letAllIn()
    await this.#hearAllOut()
    for (const { visitor } of this.#inside) await visitor.nothing()
  }

  get #now(): number {
    return this.#clock.now()
  }

  get #present(): readonly Inside[] {
    return this.#inside.filter(({ closed }) => !closed)
  }

  /** Whom the end of access reaches: who is inside, and who has left while a handler is at work on what they said. */
  get #reached(): readonly Inside[] {
    const atWork = new Set(this.#mumbling.map(({ inside }) => inside))
    return this.#inside.filter((one) => !one.closed || (one.left && atWork.has(one)))
  }

  /** What is said in one moment counts for who is asked in it: what comes after is apart by so much. */
  async #later(): Promise<void> {
    await this.#clock.advance(1)
    this.#expireAll()
  }

  #issue(user: User, slot: number): void {
    const session = this.#truth.sessions.get(keyOf(user, slot))
    if (session !== undefined && this.#truth.isGood(session, this.#now))
      this.#truth.tokens.set(keyOf(user, slot), this.#truth.issue(session, this.#now))
  }

  async #signOut(user: User, slot: number, told: boolean): Promise<void> {
    const { sessions } = this.#truth
    const session = sessions.get(keyOf(user, slot))
    sessions.delete(keyOf(user, slot))
    if (session === undefined || !told) return
    this.#truth.revoke(session.id)
    await this.#ports[0]?.revoke({ session: session.id, reason: 'signed out' })
    this.#closeRevoked()
  }

  async #join({ user, slot, room, node, by }: Step & { readonly do: 'join' | 'knock' }): Promise<void> {
    const { sessions, tokens } = this.#truth
    const credential = (by === 'session' ? sessions : tokens).get(keyOf(user, slot))
    if (credential !== undefined) await this.#comeIn(credential, room, node)
  }

  async #comeIn(credential: Credential, room: Room, node: number): Promise<void> {
    const { user } = credential
    const self = { inside: null as Inside | null }
    const may = this.#truth.isGood(credential, this.#now) && this.#truth.right(user, room) !== 'none'
    const visiting = this.#visit(credential, room, node, self)
    if (!may) return expect(visiting).rejects.toThrow()
    this.#admit({ credential, room, node, right: this.#truth.right(user, room), self }, await visiting)
  }

  /** Knocks while the second door takes its time. */
  async #knock({ user, slot, room, node, by }: Step & { readonly do: 'join' | 'knock' }): Promise<void> {
    const { sessions, tokens } = this.#truth
    const credential = (by === 'session' ? sessions : tokens).get(keyOf(user, slot))
    if (credential === undefined || !this.#truth.isGood(credential, this.#now)) return
    const { promise, resolve: answer } = Promise.withResolvers<void>()
    const self = { inside: null }
    this.#gate = promise
    const visiting = this.#visit(credential, room, node, self)
    visiting.catch(() => {})
    await this.#clock.advance(0)
    this.#gate = null
    const right = this.#truth.right(user, room)
    this.#knocking.push({ credential, room, node, right, overtaken: false, visiting, answer, self })
  }

  /** The second door answers whoever has knocked first. */
  async #letIn(): Promise<void> {
    const knocking = this.#knocking.shift()
    if (knocking === undefined) return
    const { credential, right, overtaken, visiting, answer } = knocking
    answer()
    if (right === 'none' || this.#truth.isRevoked(credential)) return expect(visiting).rejects.toThrow()
    const inside = this.#admit(knocking, await visiting)
    await this.#clock.advance(0)
    if (overtaken) this.#asked(inside)
    this.#expireAll()
  }

  async #letAllIn(): Promise<void> {
    while (this.#refreshing.length > 0) await this.#answerRefresh()
    while (this.#knocking.length > 0) await this.#letIn()
  }

  #visit(credential: Credential, room: Room, node: number, self: { readonly inside: Inside | null }) {
    const { kind, id } = credential
    return visit(
      this.#endpoint,
      { room },
      {
        headers: kind === 'session' ? { 'x-session': id } : { authorization: `Bearer ${id}` },
        // the nodes are two, and so are their numbers
        port: this.#ports[node] as Port,
        refresh: (ask) => (self.inside === null ? null : this.#answer(self.inside, ask)),
      },
    )
  }

  #admit(
    { room, node, credential, right, self }: Omit<Knocking, 'overtaken' | 'visiting' | 'answer'>,
    visitor: Visitor,
  ): Inside {
    const inside = { room, node, credential, right, visitor, closed: false, left: false, silenced: false }
    self.inside = inside
    this.#inside.push(inside)
    this.happened.cameIn++
    return inside
  }

  /** What a client answers that is asked for a new credential; only an honest one may live on with it. */
  #answer(inside: Inside, { nonce }: Ask): string | null {
    const { credential, visitor } = inside
    switch (this.#manner) {
      case 'silent':
        return null
      case 'stale':
        return credential.id
      case 'foreign':
        return this.#truth.issue(
          { ...credential, user: credential.user === 'eve' ? 'bob' : 'eve' },
          this.#now,
        ).id
      case 'replayed':
        visitor.raw(JSON.stringify({ op: 'auth', nonce: `${nonce}x`, token: this.#fresh(credential).id }))
        return null
      case 'honest':
        return this.#refresh(inside, this.#fresh(credential)).id
    }
  }

  #adopt(inside: Inside, credential: Credential, right: Right): void {
    inside.credential = credential
    inside.right = right
    inside.closed ||= right === 'none'
    this.happened.refreshed++
  }

  #refresh(inside: Inside, credential: Credential): Credential {
    const right = this.#truth.right(credential.user, inside.room)
    if (this.#dallies) {
      const { promise, resolve: answer } = Promise.withResolvers<void>()
      this.#waits.set(credential.id, promise)
      this.#refreshing.push({ inside, credential, right, overtaken: false, answer })
    } else this.#adopt(inside, credential, right)
    return credential
  }

  /** The first door answers to whoever's new credential it was given first. */
  async #answerRefresh(): Promise<void> {
    const refreshing = this.#refreshing.shift()
    if (refreshing === undefined) return
    const { inside, credential, overtaken, answer } = refreshing
    answer()
    await this.#clock.advance(0)
    if (inside.closed || this.#truth.isRevoked(credential)) return
    const right = overtaken ? this.#truth.right(credential.user, inside.room) : refreshing.right
    this.#adopt(inside, credential, right)
  }

  #fresh(credential: Credential): Credential {
    return this.#truth.issue(credential, this.#now)
  }

  async #leave(inside: Inside | undefined): Promise<void> {
    if (inside === undefined || inside.closed) return
    inside.visitor.leave()
    await inside.visitor.closed
    inside.closed = true
    inside.left = true
  }

  /** Who was inside once tries again with what it had. */
  async #comeBack(inside: Inside | undefined): Promise<void> {
    if (inside?.closed === true) await this.#comeIn(inside.credential, inside.room, inside.node)
  }

  async #say(inside: Inside | undefined): Promise<void> {
    if (inside === undefined) return
    const text = `message ${++this.#count}`
    if (inside.closed) return inside.visitor.raw(JSON.stringify(sayFrame(inside.room, text)))
    // one handler at a time
    await this.#hearAllOut()
    const saying = inside.visitor.send('say', { text })
    if (inside.right !== 'write') return expect(saying).rejects.toMatchObject({ status: 403 })
    await saying
    await this.#heard(inside, text)
  }

  /** Says something whose handler has to wait. */
  async #mumble(inside: Inside | undefined): Promise<void> {
    if (inside === undefined || inside.closed || this.#mumbling.some((one) => one.inside === inside)) return
    const text = `message ${++this.#count}`
    const { promise, resolve: goOn } = Promise.withResolvers<void>()
    this.#waits.set(text, promise)
    const sent = inside.visitor.send('mumble', { text })
    sent.catch(() => {})
    await this.#clock.advance(0)
    this.#mumbling.push({ inside, text, sent, goOn })
  }

  /** The handler that has waited longest goes on: in vain when the right of its sender has ended meanwhile. */
  async #hearOut(): Promise<void> {
    const mumbling = this.#mumbling.shift()
    if (mumbling === undefined) return
    const { inside, text, sent, goOn } = mumbling
    goOn()
    await this.#clock.advance(0)
    if (inside.silenced || (inside.closed && !inside.left)) return
    if (inside.right !== 'write')
      return expect(sent).rejects.toMatchObject(inside.left ? {} : { status: 403 })
    if (!inside.left) await sent
    await this.#heard(inside, text)
  }

  /** Everyone in the room hears it. */
  async #heard({ room }: Inside, text: string): Promise<void> {
    for (const other of this.#present) {
      if (other.room !== room) continue
      expect(await other.visitor.next('said')).toEqual({ text })
      this.happened.heard++
    }
  }

  async #hearAllOut(): Promise<void> {
    while (this.#mumbling.length > 0) await this.#hearOut()
  }

  async #setRight({ user, room, right, told }: Step & { readonly do: 'setRight' }): Promise<void> {
    this.#truth.setRight(user, room, right)
    if (!told) return
    for (const one of [...this.#knocking, ...this.#refreshing])
      if (one.credential.user === user) one.overtaken = true
    await this.#ports[0]?.recheck({ user })
    for (const one of this.#reached) if (one.credential.user === user) this.#asked(one)
    await this.#later()
  }

  async #revokeUser(user: User, node: number): Promise<void> {
    this.#truth.revokeUser(user, this.#now)
    await this.#ports[node]?.revoke({ user, reason: 'revoked' })
    this.#closeRevoked()
    await this.#later()
  }

  async #revokeToken(token: Credential | undefined, node: number): Promise<void> {
    if (token === undefined) return
    this.#truth.revoke(token.id)
    await this.#ports[node]?.revoke({ token: token.id, reason: 'stolen' })
    this.#closeRevoked()
  }

  async #kick({ user, room, node }: Step & { readonly do: 'revoke' | 'kick' }): Promise<void> {
    for (const one of this.#knocking)
      if (one.credential.user === user && one.room === room) one.overtaken = true
    await this.#ports[node]?.revoke({ user, at: [chat, { room }], reason: 'kicked' })
    for (const one of this.#reached) if (one.credential.user === user && one.room === room) end(one)
    await this.#later()
  }

  async #pass(minutes: number): Promise<void> {
    for (let minute = 0; minute < minutes; minute++) {
      await this.#letAllIn()
      await this.#clock.advance(minuteMs)
      // a lease of a minute is asked for within a minute
      for (const one of this.#reached) this.#asked(one)
    }
  }

  #closeRevoked(): void {
    for (const one of this.#reached) {
      if (!this.#truth.isRevoked(one.credential)) continue
      end(one)
      this.happened.revoked++
    }
  }

  #expireAll(): void {
    for (const one of this.#reached) if (one.credential.expires <= this.#now) end(one)
  }

  /** Both doors are asked again. */
  #asked(one: Inside): void {
    this.#expireAll()
    one.right = this.#truth.right(one.credential.user, one.room)
    if (!this.#truth.isKnown(one.credential) || one.right === 'none') end(one)
  }

  readonly #auth: Authenticator<Person> = async ({ headers, credentials }) => {
    const token = credentials.of('bearer')
    const id = headers.get('x-session')
    const read = (): Identity<Person> | null => {
      const found =
        token === null
          ? [...this.#truth.sessions.values()].find((one) => one.id === id)
          : this.#truth.issued.get(token)
      const identity = this.#identityOf(found)
      return identity && { ...identity, renew: async () => read() }
    }
    const identity = read() ?? deny(401, 'nobody')
    await this.#waits.get(token ?? '')
    return identity
  }

  #identityOf(credential: Credential | undefined): Identity<Person> | null {
    if (credential === undefined || credential.expires <= this.#now) return null
    const { kind, id, user, session, issuedAt, expires } = credential
    const right = (room: Room): Right => this.#truth.right(user, room)
    return {
      user: { id: user, rights: { lobby: right('lobby'), board: right('board') } },
      session,
      issuedAt: new Date(issuedAt),
      expires: new Date(expires),
      ...(kind === 'token' ? { token: id } : {}),
    }
  }

  readonly #endpoint = consumer(
    chat,
    {
      auth: this.#auth,
      authorize: async ({ user, params }) => {
        const right = user.rights[params.room as Room]
        await this.#gate
        return grantOf(right)
      },
      lease: '60s',
    },
    (socket) => ({
      on: {
        say: async ({ text }) => {
          if (!socket.grant.canWrite) deny(403, 'read-only')
          await socket.group().send('said', { text })
        },
        mumble: async ({ text }) => {
          await this.#waits.get(text)
          if (!socket.grant.canWrite) deny(403, 'read-only')
          await socket.group().send('said', { text })
        },
      },
    }),
  )
}

/** Access has ended. */
function end(one: Inside): void {
  one.closed = true
  one.silenced = one.left
}

/** Any of a list, unless it is empty. */
function oneOf<T>(list: readonly T[], which: number): T | undefined {
  return list[which % list.length]
}

function sayFrame(room: Room, text: string): object {
  return { op: 'msg', in: `/ws/chat/${room}`, type: 'say', data: { text } }
}

function grantOf(right: Right): { canWrite: boolean } | null {
  return right === 'none' ? null : { canWrite: right === 'write' }
}
