import fc from 'fast-check'
import { expect, test } from 'vitest'
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
import { testClock, testPort, visit, type TestClock } from '../../src/testing.ts'

// A model of who may be where, beside the real engine: after every step of a random story both must agree, and what is
// said is heard by exactly those who have the right at that moment. Two nodes share a layer, so orders cross between them.

const chat = contract('/ws/chat/:room', {
  client: { say: z.object({ text: z.string() }) },
  server: { said: z.object({ text: z.string() }) },
  grant: z.object({ canWrite: z.boolean() }),
})

type Right = 'none' | 'read' | 'write'
const users = ['ada', 'bob', 'eve'] as const
const rooms = ['lobby', 'board'] as const
const rights = ['none', 'read', 'write'] as const
const sessionsEach = 2

type Step =
  | { readonly do: 'signIn'; readonly user: number; readonly slot: number }
  | { readonly do: 'signOut'; readonly user: number; readonly slot: number; readonly told: boolean }
  | {
      readonly do: 'join'
      readonly user: number
      readonly slot: number
      readonly room: number
      readonly node: number
    }
  | { readonly do: 'leave' | 'say'; readonly which: number }
  | {
      readonly do: 'setRight'
      readonly user: number
      readonly room: number
      readonly right: number
      readonly told: boolean
    }
  | { readonly do: 'revoke' | 'kick'; readonly user: number; readonly room: number; readonly node: number }
  | { readonly do: 'pass'; readonly minutes: number }

const user = fc.nat(users.length - 1)
const room = fc.nat(rooms.length - 1)
const slot = fc.nat(sessionsEach - 1)
const node = fc.nat(1)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('signIn' as const), user, slot }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('signOut' as const), user, slot, told: fc.boolean() }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('join' as const), user, slot, room, node }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom('say' as const, 'say' as const, 'leave' as const),
      which: fc.nat(9),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('setRight' as const),
      user,
      room,
      right: fc.nat(2),
      told: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('revoke' as const, 'kick' as const), user, room, node }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('pass' as const), minutes: fc.integer({ min: 1, max: 5 }) }),
  },
)

interface Session {
  readonly id: string
  readonly issuedAt: number
  readonly expires: number
}

type Visitor = Awaited<
  ReturnType<typeof visit<'/ws/chat/:room', typeof chat.client, typeof chat.server, {}, Named>>
>
interface Named {
  readonly id: string
}

interface Inside {
  readonly user: string
  readonly room: string
  readonly session: Session
  readonly visitor: Visitor
  /** The right as both doors answered it last. */
  right: Right
  closed: boolean
}

const sessionMs = 8 * 60_000 + 30_000

/** What is true, and what the real system is told of it. */
class World {
  readonly clock: TestClock = testClock()
  readonly ports: readonly Port[]
  readonly sessions = new Map<string, Session>()
  readonly rights = new Map<string, Right>()
  readonly inside: Inside[] = []
  #count = 0

  constructor() {
    const layer = memory({ clock: this.clock })
    this.ports = ['one', 'two'].map((name) =>
      testPort({ layer, node: name, clock: this.clock, limits: { rate: null } }),
    )
  }

  readonly auth: Authenticator<Named> = async ({ headers }) => {
    const [name = '', key = ''] = (headers.get('x-session') ?? '').split('/')
    const read = (): Identity<Named> | null => {
      const session = this.sessions.get(`${name}/${key}`)
      if (session === undefined || session.expires <= this.clock.now()) return null
      const { id, issuedAt, expires } = session
      return {
        user: { id: name },
        session: id,
        issuedAt: new Date(issuedAt),
        expires: new Date(expires),
        renew: async () => (this.sessions.get(`${name}/${key}`)?.id === id ? read() : null),
      }
    }
    return read() ?? deny(401, 'no-session')
  }

  readonly endpoint = consumer(
    chat,
    {
      auth: this.auth,
      authorize: ({ user: who, params }) => grantOf(this.right(who.id, params.room)),
      lease: '60s',
    },
    (socket) => ({
      on: {
        say: async ({ text }) => {
          if (!socket.grant.canWrite) deny(403, 'read-only')
          await socket.group().send('said', { text })
        },
      },
    }),
  )

  right(who: string, where: string): Right {
    return this.rights.get(`${who}/${where}`) ?? 'none'
  }

  get present(): readonly Inside[] {
    return this.inside.filter(({ closed }) => !closed)
  }

  async carryOut(one: Step): Promise<void> {
    switch (one.do) {
      case 'signIn': {
        const now = this.clock.now()
        await this.clock.advance(1)
        this.sessions.set(`${users[one.user]}/${one.slot}`, {
          id: `s${++this.#count}`,
          issuedAt: now + 1,
          expires: now + 1 + sessionMs,
        })
        return
      }
      case 'signOut':
        return this.#signOut(`${users[one.user]}/${one.slot}`, one.told)
      case 'join':
        return this.#join(one)
      case 'leave':
        return this.#leave(this.present[one.which])
      case 'say':
        return this.#say(this.present[one.which])
      case 'setRight': {
        const [who = '', where = ''] = [users[one.user], rooms[one.room]]
        this.rights.set(`${who}/${where}`, rights[one.right] ?? 'none')
        if (one.told) await this.#recheck(who)
        return
      }
      case 'revoke': {
        const who = users[one.user] ?? ''
        await this.ports[one.node]?.revoke({ user: who, reason: 'revoked' })
        await this.clock.advance(1)
        for (const inside of this.present) if (inside.user === who) inside.closed = true
        // what was issued before is worth nothing any more
        for (const key of this.sessions.keys()) if (key.startsWith(`${who}/`)) this.sessions.delete(key)
        return
      }
      case 'kick': {
        const [who = '', where = ''] = [users[one.user], rooms[one.room]]
        await this.ports[one.node]?.revoke({ user: who, at: [chat, { room: where }], reason: 'kicked' })
        for (const inside of this.present)
          if (inside.user === who && inside.room === where) inside.closed = true
        return
      }
      case 'pass':
        return this.#pass(one.minutes)
    }
  }

  async #signOut(key: string, told: boolean): Promise<void> {
    const session = this.sessions.get(key)
    this.sessions.delete(key)
    if (session === undefined || !told) return
    await this.ports[0]?.revoke({ session: session.id, reason: 'signed out' })
    for (const inside of this.present) if (inside.session.id === session.id) inside.closed = true
  }

  async #join({
    user: index,
    slot: key,
    room: place,
    node: port,
  }: Step & { readonly do: 'join' }): Promise<void> {
    const [who = '', where = ''] = [users[index], rooms[place]]
    const session = this.sessions.get(`${who}/${key}`)
    const may =
      session !== undefined && session.expires > this.clock.now() && this.right(who, where) !== 'none'
    const knocking = visit(
      this.endpoint,
      { room: where },
      { headers: { 'x-session': `${who}/${key}` }, port: this.ports[port] as Port },
    )
    if (!may || session === undefined) return expect(knocking).rejects.toThrow()
    const visitor = await knocking
    this.inside.push({
      user: who,
      room: where,
      session,
      visitor,
      right: this.right(who, where),
      closed: false,
    })
  }

  async #leave(inside: Inside | undefined): Promise<void> {
    if (inside === undefined) return
    inside.visitor.leave()
    await inside.visitor.closed
    inside.closed = true
  }

  async #say(inside: Inside | undefined): Promise<void> {
    if (inside === undefined) return
    const text = `message ${++this.#count}`
    const saying = inside.visitor.send('say', { text })
    if (inside.right !== 'write') return expect(saying).rejects.toMatchObject({ status: 403 })
    await saying
    for (const other of this.present)
      if (other.room === inside.room) expect(await other.visitor.next('said')).toEqual({ text })
  }

  /** Both doors are asked again for everybody that this is about. */
  #asked(inside: Inside): void {
    const { session, user: who, room: where } = inside
    const alive =
      [...this.sessions.values()].some(({ id }) => id === session.id) && session.expires > this.clock.now()
    inside.right = this.right(who, where)
    inside.closed ||= !alive || inside.right === 'none'
  }

  async #recheck(who: string): Promise<void> {
    await this.ports[0]?.recheck({ user: who })
    for (const inside of this.present) if (inside.user === who) this.#asked(inside)
  }

  async #pass(minutes: number): Promise<void> {
    for (let minute = 0; minute < minutes; minute++) {
      // a lease of a minute is asked for within a minute
      await this.clock.advance(60_000)
      for (const inside of this.present) this.#asked(inside)
    }
  }

  /** Model and system agree on who is inside, and nobody has heard what was not for them. */
  async agree(): Promise<void> {
    expect(this.ports.reduce((sum, port) => sum + port.connections, 0)).toBe(this.present.length)
    for (const inside of this.inside) {
      const state = await Promise.race([
        inside.visitor.closed.then(() => 'closed'),
        Promise.resolve('open').then((open) => open),
      ])
      expect(`${inside.user} in ${inside.room} ${state}`).toBe(
        `${inside.user} in ${inside.room} ${inside.closed ? 'closed' : 'open'}`,
      )
    }
  }

  async silence(): Promise<void> {
    for (const { visitor } of this.inside) await visitor.nothing()
  }
}

function grantOf(right: Right): { canWrite: boolean } | null {
  return right === 'none' ? null : { canWrite: right === 'write' }
}

/** How many stories are told: few in every run, as many as you like by hand. */
const stories = Number(process.env['SALLYPORT_STORIES'] ?? 60)

test('whatever happens in whatever order, nobody hears or says anything without the right to', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 50, size: 'max' }), async (story) => {
      const world = new World()
      for (const one of story) {
        await world.carryOut(one)
        await world.agree()
      }
      await world.silence()
    }),
    { numRuns: stories },
  )
}, 600_000)
