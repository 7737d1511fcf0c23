import { z } from 'zod'
import { tickets, type Tickets } from '../../src/auth/tickets.ts'
import {
  anyOf,
  type Authenticator,
  consumer,
  contract,
  deny,
  type Identity,
  memory,
  type Server,
} from '../../src/index.ts'
import { type Ask, type TestClock, type TestVisitor, testServer, visit } from '../../src/testing.ts'
import { carrierProtocol } from '../../src/wire/carrier.ts'
import type { Right, Room, User } from './steps.ts'
import { type Credential, mostTickets, ticketMs, type OutsideState } from './outside-state.ts'

export const chat = contract('/ws/chat/:room', {
  client: { say: z.object({ text: z.string() }), sayLater: z.object({ text: z.string() }) },
  server: { said: z.object({ text: z.string() }) },
  grant: z.object({ canWrite: z.boolean() }),
})

/** A user as the authenticator loads it: `authorize` looks no further, so that a late answer of the authenticator is a stale one. */
interface Person {
  readonly id: User
  readonly rights: Readonly<Record<Room, Right>>
}
export type Visitor = TestVisitor<typeof chat>

/** One node: a server, and what an application has put on it. */
interface Node {
  readonly server: Server
  readonly tickets: Tickets<Person>
  readonly endpoint: ReturnType<System['endpoint']>
}

/** Where a user wants in, and what answers for them there. */
export interface Way {
  readonly room: Room
  readonly node: number
  readonly refresh: (ask: Ask) => string | null
}

const dayMs = 86_400_000

/** The real system: one application on two nodes of one layer, which reads what is true in the world outside. */
export class System {
  /** What `authorize` waits for, when it does. */
  gate: Promise<void> | null = null
  /** What the authenticator waits for before it knows a token, and a handler before it goes on with a text. */
  readonly waits = new Map<string, Promise<void>>()
  /** The texts that handlers have published. */
  readonly published = new Set<string>()
  readonly #outsideState: OutsideState
  readonly #nodes: readonly Node[]

  constructor(clock: TestClock, outsideState: OutsideState) {
    this.#outsideState = outsideState
    const layer = memory({ clock })
    this.#nodes = ['one', 'two'].map((name) => {
      const server = testServer({ layer, node: name, clock, limits: { rate: null, handshakeMs: dayMs } })
      const office = tickets({
        store: server.store,
        user: ({ session, token }) => this.#personOf(session, token),
        ttl: `${ticketMs}ms`,
        perSubject: mostTickets,
        clock,
      })
      return { server, tickets: office, endpoint: this.endpoint(office) }
    })
  }

  /** How many sockets are open. */
  get connections(): number {
    return this.#nodes.reduce((sum, { server }) => sum + server.connections, 0)
  }

  serverOf(node: number): Server {
    return this.#node(node).server
  }

  visit({ kind, id }: Credential, { room, node, refresh }: Way): Promise<Visitor> {
    const headers = {
      session: { 'x-session': id },
      key: { 'x-key': id },
      token: { authorization: `Bearer ${id}` },
      ticket: { 'sec-websocket-protocol': carrierProtocol('ticket', id) },
    }[kind]
    const { server, endpoint } = this.#node(node)
    return visit(endpoint, { room }, { headers, server, refresh })
  }

  /** Mints a ticket, as a page of the application would that has authenticated who asks. */
  async mint({ user, session, token, date, expires }: Credential, room: Room, node: number): Promise<string> {
    const { ticket } = await this.#node(node).tickets.mint({
      subject: user,
      ...(session === null ? {} : { session }),
      ...(token === null ? {} : { token }),
      issuedAt: new Date(date ?? 0),
      expires: new Date(expires),
      origin: null,
      path: `/ws/chat/${room}`,
    })
    return ticket
  }

  endpoint(office: Tickets<Person>) {
    return consumer(
      chat,
      {
        auth: anyOf(office, this.#auth),
        authorize: async ({ user, params }) => {
          // the template of the path names no other
          const right = user.rights[params.room as Room]
          await this.gate
          return grantOf(right)
        },
        lease: '60s',
      },
      (socket) => {
        const publish = async (text: string): Promise<void> => {
          if (!socket.grant.canWrite) deny(403, 'read-only')
          await socket.group().send('said', { text })
          this.published.add(text)
        }
        return {
          on: {
            say: ({ text }) => publish(text),
            sayLater: async ({ text }) => {
              await this.waits.get(text)
              await publish(text)
            },
          },
        }
      },
    )
  }

  #node(node: number): Node {
    const found = this.#nodes[node]
    if (found === undefined) throw new TypeError(`there is no node ${node}`)
    return found
  }

  readonly #auth: Authenticator<Person> = async ({ headers, credentials }) => {
    const token = credentials.of('bearer')
    const read = (): Identity<Person> | null => {
      const found = this.#found(token, headers)
      const identity = this.#identityOf(found)
      // a key is looked up once
      return identity === null || found?.kind === 'key'
        ? identity
        : { ...identity, renew: async () => read() }
    }
    const identity = read() ?? deny(401, 'unknown-user')
    await this.waits.get(token ?? '')
    return identity
  }

  #found(token: string | null, headers: Headers): Credential | undefined {
    const { issued, sessions, keys } = this.#outsideState
    if (token !== null) return issued.get(token)
    const key = headers.get('x-key')
    const id = headers.get('x-session')
    const all = key === null ? sessions : keys
    return [...all.values()].find((one) => one.id === (key ?? id))
  }

  #identityOf(credential: Credential | undefined): Identity<Person> | null {
    if (credential === undefined || this.#outsideState.hasExpired(credential)) return null
    const { kind, user, session, token, date, expires } = credential
    return {
      user: kind === 'key' ? this.#livePerson(user) : this.#person(user),
      ...(session === null ? {} : { session }),
      ...(token === null ? {} : { token }),
      ...(date === null ? {} : { issuedAt: new Date(date) }),
      ...(expires === Number.POSITIVE_INFINITY ? {} : { expires: new Date(expires) }),
    }
  }

  /** The user of a ticket, while what it rests on is there. */
  #personOf(session: string | null, token: string | null): Person | null {
    const { issued, sessions } = this.#outsideState
    const base = token === null ? [...sessions.values()].find(({ id }) => id === session) : issued.get(token)
    return base === undefined ? null : this.#person(base.user)
  }

  #person(id: User): Person {
    return { id, rights: { ...this.#livePerson(id).rights } }
  }

  /** One whose rights are looked up whenever they are asked for. */
  #livePerson(id: User): Person {
    const right = (room: Room): Right => this.#outsideState.right(id, room)
    return {
      id,
      rights: {
        get lobby() {
          return right('lobby')
        },
        get board() {
          return right('board')
        },
      },
    }
  }
}

export function grantOf(right: Right): { canWrite: boolean } | null {
  return right === 'none' ? null : { canWrite: right === 'write' }
}
