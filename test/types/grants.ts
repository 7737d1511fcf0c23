// What `authorize` may answer where the grant of a contract is a bare string, number or boolean, and what `socket.grant` is then.
import { expectTypeOf } from 'vitest'
import { z } from 'zod'
import { type Authenticator, consumer, contract, deny, endpoint, requireScopes, text } from '../../src/index.ts'

declare const auth: Authenticator<{ readonly id: string; readonly level: number }>
declare const db: { role(user: string): Promise<'read' | 'write' | null>; title(user: string): Promise<string | null> }
const lines = { client: text, server: text }
const board = contract('/ws/board', { ...lines, grant: z.enum(['read', 'write', 'own']) })
const named = contract('/ws/named', { ...lines, grant: z.string() })
const level = contract('/ws/level', { ...lines, grant: z.number() })
const flag = contract('/ws/flag', { ...lines, grant: z.boolean() })
const seat = contract('/ws/seat', { ...lines, grant: z.literal([1, 2, null]) })
const mixed = contract('/ws/mixed', { ...lines, grant: z.union([z.literal('all'), z.object({ until: z.number() })]) })
const loose = contract('/ws/loose', { ...lines, grant: z.any() })
const told = contract('/ws/told', { ...lines, grant: z.object({ canWrite: z.boolean() }) })
const untold = contract('/ws/untold', lines)

/** A table; what it is given is a check of the compiler's. */
const table = (..._: readonly unknown[]) => ({ message: () => {} })
const loop = async (..._: readonly unknown[]): Promise<void> => {}

// ── one of a set of strings: what can be answered, and no more ──
consumer(board, { auth, authorize: () => 'read' }, ({ grant }) => table(expectTypeOf(grant).toEqualTypeOf<'read'>()))
consumer(board, { auth, authorize: async () => 'read' }, ({ grant }) => table(expectTypeOf(grant).toEqualTypeOf<'read'>()))
consumer(board, { auth, authorize: async () => { return 'read' } }, ({ grant }) => table(expectTypeOf(grant).toEqualTypeOf<'read'>()))
consumer(board, { auth, authorize: ({ user }) => { return user.level > 9 ? 'own' : false } }, ({ grant }) => table(expectTypeOf(grant).toEqualTypeOf<'own'>()))
consumer(board, { auth, authorize: ({ user }) => (user.level > 1 ? 'write' : 'read') }, ({ grant }) => table(expectTypeOf(grant).toEqualTypeOf<'read' | 'write'>()))
consumer(board, { auth, authorize: async ({ why }) => (why === 'open' ? 'read' : null) }, ({ grant }) => table(expectTypeOf(grant).toEqualTypeOf<'read'>()))
consumer(board, { auth, authorize: async ({ user }) => user.level > 1 && 'own' }, ({ grant }) => table(expectTypeOf(grant).toEqualTypeOf<'own'>()))
consumer(board, { auth, authorize: ({ user }) => db.role(user.id) }, ({ grant }) => table(expectTypeOf(grant).toEqualTypeOf<'read' | 'write'>()))
consumer(board, { auth, authorize: async ({ user }) => (await db.role(user.id)) ?? deny(403, 'no-role') }, ({ grant }) => table(expectTypeOf(grant).toEqualTypeOf<'read' | 'write'>()))
consumer(board, { auth, authorize: async ({ user }) => { if (user.level > 9) return 'own'; return db.role(user.id) } }, ({ grant }) => table(expectTypeOf(grant).toEqualTypeOf<'read' | 'write' | 'own'>()))
consumer(board, { auth, authorize: async ({ scopes }) => { requireScopes('board')({ scopes }); return 'write' } }, ({ grant }) => table(expectTypeOf(grant).toEqualTypeOf<'write'>()))
consumer(board, { auth, authorize: () => Promise.withResolvers<'read' | 'own'>().promise }, ({ grant }) => table(expectTypeOf(grant).toEqualTypeOf<'read' | 'own'>()))
consumer(board, { auth, authorize: async () => 'read', presence: ({ grant }) => ({ as: expectTypeOf(grant).toEqualTypeOf<'read'>() }) }, () => table())
endpoint(board, { auth, authorize: async () => 'read' }, ({ grant }) => loop(expectTypeOf(grant).toEqualTypeOf<'read'>()))
endpoint(board, { auth, authorize: async ({ user }) => (user.level > 1 ? 'write' : null) }, ({ grant }) => loop(expectTypeOf(grant).toEqualTypeOf<'write'>()))
endpoint(board, { auth, authorize: ({ user }) => { return user.level > 9 ? 'own' : 'read' } }, ({ grant }) => loop(expectTypeOf(grant).toEqualTypeOf<'read' | 'own'>()))
// ── any string ──
consumer(named, { auth, authorize: async ({ why }) => (why === 'open' ? 'x' : null) }, ({ grant }) => table(grant.length))
consumer(named, { auth, authorize: ({ user }) => `a${user.id}` }, ({ grant }) => table(expectTypeOf(grant).toEqualTypeOf<string>()))
consumer(named, { auth, authorize: async ({ user }) => `a${user.id}` }, ({ grant }) => table(expectTypeOf(grant).toEqualTypeOf<string>()))
consumer(named, { auth, authorize: async ({ user }) => { return db.title(user.id) } }, ({ grant }) => table(expectTypeOf(grant).toEqualTypeOf<string>()))
consumer(named, { auth, authorize: ({ why }) => (why === 'open' ? 'x' : Promise.withResolvers<string>().promise) }, ({ grant }) => table(expectTypeOf(grant).toEqualTypeOf<string>()))
endpoint(named, { auth, authorize: async ({ user }) => `a${user.id}` }, ({ grant }) => loop(expectTypeOf(grant).toEqualTypeOf<string>()))
// ── numbers and booleans: 0 is a grant, false is none ──
consumer(level, { auth, authorize: async ({ user }) => user.level }, ({ grant }) => table(expectTypeOf(grant).toEqualTypeOf<number>()))
consumer(level, { auth, authorize: async () => 0 }, ({ grant }) => table(grant.toFixed()))
consumer(level, { auth, authorize: ({ user }) => { return user.level > 1 ? 1 : null } }, ({ grant }) => table(grant.toFixed()))
endpoint(level, { auth, authorize: ({ user }) => user.level }, ({ grant }) => loop(expectTypeOf(grant).toEqualTypeOf<number>()))
consumer(flag, { auth, authorize: async ({ user }) => user.level > 1 }, ({ grant }) => table(expectTypeOf(grant).toEqualTypeOf<true>()))
consumer(flag, { auth, authorize: async () => true }, ({ grant }) => table(expectTypeOf(grant).toEqualTypeOf<true>()))
endpoint(flag, { auth, authorize: ({ user }) => user.level > 1 }, ({ grant }) => loop(expectTypeOf(grant).toEqualTypeOf<true>()))
consumer(seat, { auth, authorize: async () => 2 }, ({ grant }) => table(expectTypeOf(grant).toEqualTypeOf<2>()))
// ── a string or an object, anything, and nothing told ──
consumer(mixed, { auth, authorize: async () => 'all' }, ({ grant }) => table(expectTypeOf(grant).toEqualTypeOf<'all'>()))
consumer(mixed, { auth, authorize: async ({ user }) => (user.level > 1 ? 'all' : { until: 5 }) }, ({ grant }) => table(grant === 'all' || grant.until))
consumer(loose, { auth, authorize: async ({ user }) => user.level }, ({ grant }) => table(grant.toFixed()))
consumer(told, { auth, authorize: () => ({ canWrite: true, since: 5 }) }, ({ grant }) => table(grant.canWrite, grant.since.toFixed()))
consumer(told, { auth, authorize: async ({ user }) => ({ canWrite: user.level > 1 }) }, ({ grant }) => table(expectTypeOf(grant).toEqualTypeOf<{ canWrite: boolean }>()))
consumer(untold, { auth, authorize: ({ user }) => db.role(user.id) }, ({ grant }) => table(expectTypeOf(grant).toEqualTypeOf<'read' | 'write'>()))
consumer(untold, { auth }, ({ grant }) => table(expectTypeOf(grant).toEqualTypeOf<true>()))
// ── must not compile ──
// @ts-expect-error not in the set
consumer(board, { auth, authorize: () => 'raed' }, () => table())
// @ts-expect-error nor in a promise
consumer(board, { auth, authorize: async () => 'raed' }, () => table())
// @ts-expect-error nor at times
consumer(board, { auth, authorize: async ({ user }) => (user.level > 1 ? 'raed' : null) }, () => table())
// @ts-expect-error nor in a loop
endpoint(board, { auth, authorize: async ({ user }) => (user.level > 1 ? 'raed' : null) }, () => loop())
// @ts-expect-error an arbitrary string is not in the set
consumer(board, { auth, authorize: ({ user }) => user.id }, () => table())
// @ts-expect-error a number is no string
consumer(named, { auth, authorize: async ({ user }) => user.level }, () => table())
// @ts-expect-error a field of another type
consumer(told, { auth, authorize: async () => ({ canWrite: 1 }) }, () => table())
// @ts-expect-error nothing returned
consumer(named, { auth, authorize: ({ user }) => { user.id } }, () => table())
// @ts-expect-error nothing promised
consumer(board, { auth, authorize: async ({ user }) => { user.id } }, () => table())
// @ts-expect-error nothing returned to a loop
endpoint(level, { auth, authorize: () => {} }, () => loop())
// @ts-expect-error the contract says grant, none is given
consumer(board, { auth }, () => table())
// @ts-expect-error nor to a loop
endpoint(named, { auth }, () => loop())
// @ts-expect-error the grant is no more than can be answered
consumer(board, { auth, authorize: () => 'read' }, ({ grant }) => table(grant === 'own'))
