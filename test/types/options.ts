// Options and handlers: what is inferred of them, and what the compiler says first of what is wrong: sentences.test.ts reads it here.
import { expectTypeOf } from 'vitest'
import { z } from 'zod'
import { anyOf, anyone, type Authenticator, consumer, contract, endpoint, type EndpointOptions, type HandlerTable, type LoopSocket, optional, type Socket, type SocketOf, text } from '../../src/index.ts'
import { jwt } from '../../src/auth/jwt.ts'
import { sessions } from '../../src/auth/sessions.ts'

interface User {
  readonly id: string
}
interface Robot {
  readonly serial: number
}
declare const member: Authenticator<User>
declare const robot: Authenticator<Robot>
const chat = contract('/ws/chat/:room', {
  client: { say: z.object({ text: z.string() }), typing: z.object({}) },
  server: { said: z.object({ text: z.string() }) },
  calls: { history: { input: z.object({}), output: z.array(z.string()) } },
  grant: z.object({ canWrite: z.boolean() }),
})
const plain = contract('/ws/plain', { client: { say: z.object({ text: z.string() }) } })
const lines = contract('/ws/lines', { client: text, server: text })
const on = { say() {}, typing() {} }
const calls = { history: () => [] }
const authorize = (): { canWrite: boolean } => ({ canWrite: true })

// ── a socket, options and a table are named after their contract ──
type Grant = { canWrite: boolean }
export const room = consumer(chat, { auth: member, authorize }, (socket) => {
  expectTypeOf(socket).toEqualTypeOf<Socket<typeof chat, User, Grant>>()
  return { on, calls }
})
expectTypeOf<SocketOf<typeof room>>().toEqualTypeOf<Socket<typeof chat, User, Grant>>()
endpoint(lines, { auth: anyone }, async (socket) => {
  expectTypeOf(socket).toEqualTypeOf<LoopSocket<typeof lines, null, true>>()
})
const options: EndpointOptions<typeof chat, User, Grant> = { auth: member, authorize }
const table: HandlerTable<typeof chat, Grant> = { on, calls, change: (grant) => grant.canWrite }
consumer(chat, { ...options, authorize }, () => table)

// ── an authenticator written inline ──
consumer(plain, { auth: async () => ({ user: { name: 'a' } }) }, ({ user }) => ({ on: { say: () => user.name.length } }))
consumer(plain, { auth: async ({ headers }) => (headers.has('x') ? { user: { name: 'a' }, expires: new Date() } : null) }, ({ user }) => ({ on: { say: () => user.name.length } }))
consumer(chat, { auth: async ({ headers }) => ({ user: { name: String(headers.get('x')) } }), authorize: ({ user }) => ({ canWrite: user.name === 'a' }) }, ({ user, grant }) => ({ on: { say: ({ text }) => text.length + user.name.length, typing: () => grant.canWrite }, calls }))
endpoint(lines, { auth: async ({ headers }) => ({ user: { name: String(headers.get('x')) } }), authorize: ({ user }) => user.name }, async ({ user, grant }) => expectTypeOf(grant).toEqualTypeOf(user.name))
consumer(chat, { auth: anyOf(member, robot), authorize: ({ user }) => ('id' in user ? authorize() : null) }, ({ user }) => ({ on, calls, open: () => expectTypeOf(user).toEqualTypeOf<User | Robot>() }))
consumer(chat, { auth: optional(member), authorize: ({ user }) => user && { canWrite: user.id === 'a' } }, ({ user }) => ({ on, calls, open: () => expectTypeOf(user).toEqualTypeOf<User | null>() }))
consumer(chat, { auth: anyOf(member, async ({ origin }) => ({ user: { id: String(origin) } })), authorize: ({ user }) => ({ canWrite: user.id === 'a' }) }, () => ({ on, calls }))
consumer(chat, { auth: ({ id }) => ({ user: { name: id } }), authorize: ({ user }) => ({ canWrite: user.name === 'a' }) }, ({ user }) => ({ on, calls, open: () => user.name.length }))
const jwks = new URL('https://id.example/jwks')
consumer(chat, { auth: jwt({ issuer: 'https://id.example', audience: 'b', jwks, user: ({ sub }) => ({ id: sub }) }), authorize: ({ user }) => ({ canWrite: user.id === 'a' }) }, () => ({ on, calls }))
consumer(chat, { auth: sessions({ cookie: 'a', load: async (id) => ({ userId: id }), user: async ({ userId }) => ({ id: userId, name: 'a' }) }), authorize: ({ user }) => ({ canWrite: user.name === 'a' }) }, () => ({ on, calls }))
// @ts-expect-error Type 'Promise<{ id: string; }>' is not assignable to type 'Identity<unknown> | Promise<Identity<unknown> | null> | null'
consumer(plain, { auth: async ({ id }) => ({ id }) }, () => ({ on }))
// @ts-expect-error Type '{ name: string; }' is not assignable to type 'Identity<unknown> | Promise<Identity<unknown> | null> | null'
consumer(plain, { auth: ({ id }) => ({ name: id }) }, () => ({ on }))
// @ts-expect-error Property 'nmae' does not exist on type '{ name: string; }'
consumer(plain, { auth: async ({ id }) => ({ user: { name: id } }) }, ({ user }) => ({ on: { say: () => user.nmae } }))

// ── auth and authorize ──
// @ts-expect-error Property 'auth' is missing in type '{}' but required in type 'EndpointOptions<
consumer(plain, {}, () => ({ on: { say() {} } }))
// @ts-expect-error Property 'auth' is missing in type '{ authorize: () => true; }' but required in type 'EndpointOptions<
consumer(plain, { authorize: () => true }, () => ({ on: { say() {} } }))
// @ts-expect-error Property 'auth' is missing in type '{}' but required in type 'EndpointOptions<
endpoint(lines, {}, async (socket) => { for await (const line of socket) socket.send(line) })
// @ts-expect-error Needs<"auth, and authorize, which answers the grant of the contract">
consumer(chat, {}, () => ({ on, calls }))
// @ts-expect-error Needs<"auth, and authorize, which answers the grant of the contract">
consumer(chat, { authorize }, () => ({ on, calls }))
// @ts-expect-error Needs<"auth, and authorize, which answers the grant of the contract">
consumer(chat, { auth: member }, () => ({ on, calls }))
// @ts-expect-error Needs<"auth, and authorize, which answers the grant of the contract">
consumer(chat, { auth: async ({ id }) => ({ user: id }) }, ({ user }) => ({ on: { say: ({ text }) => text + user, typing() {} }, calls }))
// @ts-expect-error Needs<"auth, and authorize, which answers the grant of the contract">
endpoint(contract('/ws/own', { client: text, grant: z.string() }), { auth: member }, async () => {})
// @ts-expect-error "authorize returned nothing: return the grant, or null to refuse"
consumer(plain, { auth: member, authorize: ({ user }) => { user.id } }, () => ({ on: { say() {} } }))
// @ts-expect-error Object literal may only specify known properties, but 'authorise' does not exist in type 'EndpointOptions<
consumer(plain, { auth: member, authorise: () => true }, () => ({ on: { say() {} } }))
// @ts-expect-error "a contract with calls needs a consumer: a loop cannot answer calls"
endpoint(chat, { auth: member, authorize }, async () => {})

// ── handlers that are missing, and handlers that would never be called ──
// @ts-expect-error "the consumer has no handler 'say' under 'on'"
consumer(plain, { auth: member }, () => ({}))
// @ts-expect-error "the consumer has no handler 'say' under 'on'"
consumer(plain, { auth: member }, () => ({ on: {} }))
// @ts-expect-error "the consumer has no handler 'typing' under 'on'"
consumer(chat, { auth: member, authorize }, () => ({ on: { say: ({ text }) => text }, calls }))
// @ts-expect-error "the consumer has no handler 'typing' under 'on'"
consumer(chat, { auth: member, authorize: ({ user }) => ({ canWrite: user.id === 'a' }) }, (socket) => { const { grant } = socket; return { on: { say: ({ text }) => grant.canWrite && text }, calls } })
// @ts-expect-error "the consumer has no handler 'history' under 'calls'"
consumer(chat, { auth: member, authorize }, () => ({ on: { say: ({ text }) => text, typing() {} } }))
// @ts-expect-error "the consumer has no handler 'history' under 'calls'"
consumer(chat, { auth: member, authorize }, () => ({ on, calls: {} }))
// @ts-expect-error "the consumer has no handler 'message'"
consumer(lines, { auth: member }, () => ({}))
// @ts-expect-error "the contract has no such message or call"
consumer(plain, { auth: member }, () => ({ on: { say: ({ text }) => text, shout() {} } }))
// @ts-expect-error "the contract has no such message or call"
consumer(chat, { auth: member, authorize }, () => ({ on, calls: { history: () => [], histories: () => [] } }))
// @ts-expect-error "the contract has no such message or call"
consumer(lines, { auth: member }, () => ({ message() {}, on: { say() {} } }))
// @ts-expect-error "a table has no such handler"
consumer(plain, { auth: member }, () => ({ opne() {}, on: { say: ({ text }) => text } }))
// @ts-expect-error Type 'number' is not assignable to type '(message: { text: string; }) => unknown'
consumer(plain, { auth: member }, () => ({ on: { say: 5 } }))
// @ts-expect-error Type '() => number[]' is not assignable to type '(input: Record<string, never>,
consumer(chat, { auth: member, authorize }, () => ({ on, calls: { history: () => [5] } }))
