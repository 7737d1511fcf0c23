// The server sides of five applications, and what must not compile: checked by the compiler alone.
import {
  type Authenticator,
  anyOf,
  binary,
  consumer,
  contract,
  deny,
  endpoint,
  event,
  optional,
  type Messenger,
  type Server,
  router,
  sallyport,
  type SocketOf,
} from '../../src/index.ts'
import { visit } from '../../src/testing.ts'

import { z } from 'zod'
type User = { readonly id: string; readonly name: string; readonly role: 'user' | 'analyst' | 'admin' }
declare const member: Authenticator<User>
declare const bearer: Authenticator<User & { readonly scopes: readonly string[] }>
declare const db: {
  membership(u: string, r: string): Promise<{ canWrite: boolean; joinedAt: Date } | null>
  save(r: string, m: object): Promise<{ id: string; at: number }>
  page(r: string, before?: string): Promise<{ id: string; text: string }[]>
  byName(n: string): Promise<User | null>
  notice(u: string, t: string): Promise<{ id: string; text: string }>
  unread(u: string): Promise<number>
  read(u: string, id: string): Promise<void>
  share(u: string, d: string): Promise<'owner' | 'editor' | 'viewer' | null>
}

// ── 1 notifications ──
export const notifications = contract('/ws/notifications', {
  client: { read: z.object({ id: z.string() }) },
  server: {
    notified: z.object({ id: z.string(), text: z.string() }),
    unread: z.object({ count: z.number() }),
  },
  history: { size: 100, for: '5m' },
})
export const bell = consumer(notifications, { auth: member }, (socket) => ({
  open: async () => socket.send('unread', { count: await db.unread(socket.user.id) }),
  on: {
    read: async ({ id }) => {
      await db.read(socket.user.id, id)
      await socket.server
        .user(notifications, socket.user.id)
        .send('unread', { count: await db.unread(socket.user.id) })
    },
  },
}))
// ── 2 chat, with mentions ──
export const chat = contract('/ws/chat/:room', {
  client: { say: z.object({ text: z.string().min(1).max(2000) }), typing: z.object({}) },
  server: {
    said: z.object({ id: z.string(), from: z.string(), text: z.string(), at: z.number() }),
    typing: event(z.object({ from: z.string() }), { keep: false, slow: 'drop' }),
  },
  calls: {
    history: {
      input: z.object({ before: z.string().optional() }),
      output: z.array(z.object({ id: z.string(), text: z.string() })),
    },
  },
  grant: z.object({ canWrite: z.boolean() }),
  history: { size: 100, for: '5m' },
})
export const room = consumer(
  chat,
  {
    auth: anyOf(bearer, member),
    authorize: ({ user, params }) => db.membership(user.id, params.room),
    presence: ({ user }) => ({ name: user.name }),
  },
  (socket) => {
    const room = socket.group()
    return {
      on: {
        say: async ({ text }) => {
          if (!socket.grant.canWrite) deny(403, 'read-only')
          const { id, at } = await db.save(socket.params.room, { text })
          await room.send('said', { id, at, text, from: socket.user.name })
          const who = await db.byName(text)
          if (who !== null)
            await socket.server.user(notifications, who.id).send('notified', await db.notice(who.id, text))
        },
        typing: () => room.send('typing', { from: socket.user.name }, { except: socket }),
      },
      calls: {
        history: ({ before }, { signal }) => {
          signal.throwIfAborted()
          return db.page(socket.params.room, before)
        },
      },
    }
  },
)
// ── 3 dashboard, panels by permission ──
export const dashboard = contract('/ws/dashboard', {
  server: {
    health: event(z.object({ cpu: z.number() }), { slow: 'latest' }),
    usage: event(z.object({ user: z.string(), n: z.number() }), { slow: 'latest' }),
    security: z.object({ event: z.string() }),
  },
  audiences: ['health', 'usage', 'security'],
  grant: z.object({ panels: z.array(z.enum(['health', 'usage', 'security'])) }),
})
export const panels = consumer(
  dashboard,
  {
    auth: member,
    authorize: ({ user }) => ({
      panels:
        user.role === 'admin'
          ? ['health', 'usage', 'security']
          : user.role === 'analyst'
            ? ['health', 'usage']
            : ['health'],
    }),
    audience: ({ grant }) => grant.panels,
  },
  (socket) => ({
    open: () => {
      const p: readonly string[] = socket.grant.panels
      p.length
    },
  }),
)
export function sample(server: Server): NodeJS.Timeout {
  return setInterval(() => {
    void server.group(dashboard, {}, 'health').send('health', { cpu: 1 }, { key: 'cpu' })
    void server.group(dashboard, {}, 'security').send('security', { event: 'x' })
  }, 1000)
}
// ── 4 editor: binary, live downgrade ──
export const notes = contract('/ws/notes/:id', {
  client: binary,
  server: binary,
  grant: z.object({ canWrite: z.boolean() }),
})
declare function doc(id: string): {
  receive(b: Uint8Array, may: boolean): { reply?: Uint8Array; others?: Uint8Array }
  hello(): Uint8Array
}
export const editor = endpoint(
  notes,
  {
    auth: member,
    authorize: async ({ user, params }) => {
      const role = await db.share(user.id, params.id)
      return role && { canWrite: role !== 'viewer' }
    },
  },
  async (socket) => {
    const d = doc(socket.params.id)
    socket.send(d.hello())
    for await (const bytes of socket) {
      // bytes: Uint8Array
      const { reply, others } = d.receive(bytes, socket.grant.canWrite)
      if (reply) socket.send(reply)
      if (others) await socket.group().send(others, { except: socket })
    }
  },
)
// ── 5 game: JSON in, binary snapshots out, spectators ──
export const game = contract('/ws/game/:match', {
  client: { input: z.object({ seq: z.number().int(), keys: z.number().int().min(0).max(15) }) },
  server: {
    snapshot: event(binary, { slow: 'latest', keep: false }),
    keyframe: event(binary, { keep: false }),
    score: z.object({ seat: z.number(), points: z.number() }),
  },
  audiences: ['players', 'spectators'],
  grant: z.object({ seat: z.number().nullable() }),
})
declare const matches: {
  seat(match: string, user: string): number | null
  hold(match: string, seat: number, ms: number): void
  free(match: string, seat: number): void
  input(match: string, seat: number, seq: number, keys: number): void
  run(match: string, server: Messenger): void
}
export const match = consumer(
  game,
  {
    auth: member,
    limits: { rate: { each: '1s', most: 90 } },
    authorize: ({ user, params }) => ({ seat: matches.seat(params.match, user.id) }),
    audience: ({ grant }) => [grant.seat === null ? 'spectators' : 'players'],
  },
  (socket) => ({
    open: () => matches.run(socket.params.match, socket.server),
    close: ({ mayReturn }) => {
      const s = socket.grant.seat
      if (s !== null)
        mayReturn ? matches.hold(socket.params.match, s, 20_000) : matches.free(socket.params.match, s)
    },
    on: {
      input: ({ seq, keys }) =>
        socket.grant.seat === null
          ? deny(403, 'spectator')
          : matches.input(socket.params.match, socket.grant.seat, seq, keys),
    },
  }),
)
export function tick(server: Messenger, m: string, bytes: Uint8Array): void {
  void server.group(game, { match: m }, 'players').send('snapshot', bytes)
  void server.group(game, { match: m }).send('score', { seat: 1, points: 2 })
}
// ── assembly without a cycle ──
const server = sallyport({ origins: [] })
server.serve(router([bell, room, panels, editor, match]))
sample(server)
// ── a handler in a file of its own ──
export async function remember(socket: SocketOf<typeof room>, text: string): Promise<void> {
  const { name }: User = socket.user
  const canWrite: boolean = socket.grant.canWrite
  if (canWrite) await socket.group().send('said', { id: name, from: name, text, at: 0 })
}
export const louder = consumer(chat, { auth: member, authorize: () => ({ canWrite: true }) }, (socket) => ({
  on: {
    say: async ({ text }) => {
      await shout(socket, text)
    },
    typing: () => {},
  },
  calls: { history: () => [] },
}))
async function shout(socket: SocketOf<typeof louder>, text: string): Promise<void> {
  await socket.group().send('said', { id: '', from: socket.user.name, text: text.toUpperCase(), at: 0 })
}
// ── the article's unnamed shape ──
export const article = contract('/ws/chat/:room/', {
  client: z.object({ message: z.string() }),
  server: z.object({ message: z.string(), username: z.string().optional() }),
})
export const django = consumer(
  article,
  { auth: optional(member), authorize: ({ user }) => user !== null, refuse: { code: 4003 } },
  (s) => ({
    open: () => s.send({ message: `Welcome, ${s.user?.name}!` }),
    message: ({ message }) => s.group().send({ message }),
  }),
)
// ── a test ──
const t = await visit(room, { room: 'lobby' }, { user: { id: '1', name: 'ada', role: 'user' } })
t.send('say', { text: 'hi' })
const n = await t.next()
if (n.type === 'said') n.at.toFixed()
// ── must not compile ──
// @ts-expect-error wrong user
await visit(room, { room: 'lobby' }, { user: { id: 1 } })
// @ts-expect-error misspelt param
await visit(room, { rom: 'lobby' }, { user: { id: '1', name: '', role: 'user' } })
// @ts-expect-error nothing returned
consumer(chat, { auth: member, authorize: ({ user }) => { user.id } }, (s) => ({ on: { say() {}, typing() {} }, calls: { history: () => [] } }))
// @ts-expect-error named message that is an array
contract('/x', { client: { a: z.array(z.string()) } })
// @ts-expect-error own field `type`
contract('/x', { client: { a: z.object({ type: z.string() }) } })
// @ts-expect-error audience misspelt
server.group(dashboard, {}, 'secrity')
// @ts-expect-error no auth
consumer(notifications, {}, () => ({ on: { read() {} } }))
// @ts-expect-error missing handler
consumer(chat, { auth: member, authorize: () => ({ canWrite: true }) }, () => ({ on: { say() {} }, calls: { history: () => [] } }))
// @ts-expect-error loop form on a contract with calls
endpoint(chat, { auth: member, authorize: () => ({ canWrite: true }) }, async (s) => { for await (const m of s) m.type })
// @ts-expect-error contract says grant, none is given
consumer(chat, { auth: member }, () => ({ on: { say() {}, typing() {} }, calls: { history: () => [] } }))
// @ts-expect-error wrong binary
await server.group(notes, { id: 'x' }).send('text')

// @ts-expect-error an unknown message type in `send`
await server.group(notifications).send('notify', { id: '', text: '' })
// @ts-expect-error wrong data in `send`
await server.group(notifications).send('unread', { count: 'many' })
// @ts-expect-error a param is missing
server.group(chat)
// @ts-expect-error a param of another name
server.group(chat, { rom: 'lobby' })
// @ts-expect-error a reserved name
contract('/x', { server: { error: z.object({}) } })
// @ts-expect-error an unknown call
await t.call('histories', {})
// @ts-expect-error sending before the handshake is over
router([async (handshake) => handshake.send('said', {})])
// @ts-expect-error an answer of the wrong shape
consumer(chat, { auth: member, authorize: () => ({ canWrite: 'yes' }) }, () => ({ on: { say() {}, typing() {} }, calls: { history: () => [] } }))
// @ts-expect-error a message in `on` that the contract does not know
consumer(notifications, { auth: member }, () => ({ on: { read() {}, raed() {} } }))
// @ts-expect-error the same with an authorize, whose grant is inferred
consumer(chat, { auth: member, authorize: () => ({ canWrite: true }) }, () => ({ on: { say() {}, typing() {}, shout() {} }, calls: { history: () => [] } }))
// @ts-expect-error a call that the contract does not know
consumer(chat, { auth: member, authorize: () => ({ canWrite: true }) }, () => ({ on: { say() {}, typing() {} }, calls: { history: () => [], histories: () => [] } }))
// @ts-expect-error a misspelt `open`, which would never run
consumer(notifications, { auth: member }, () => ({ opne() {}, on: { read() {} } }))
// @ts-expect-error named handlers beside an unnamed shape
consumer(article, { auth: member }, () => ({ message() {}, on: { say() {} } }))
// @ts-expect-error a message that the server does not send, from a handler
consumer(notifications, { auth: member }, (socket) => ({ on: { read: () => socket.send('raed', { count: 1 }) } }))
