import { runInNewContext } from 'node:vm'
import { type } from 'arktype'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { consumer, contract, type Schema } from '../../../src/index.ts'
import { testServer, visit } from '../../../src/testing.ts'
import { ada, byName } from '../support/members.ts'

// The same endpoint thrice: what a handler is given is typed by each validator, or this file does not compile.
const byZod = contract('/ws/zod/:room', {
  client: { say: z.object({ text: z.string().min(1) }) },
  server: { said: z.object({ text: z.string() }) },
  calls: { double: { input: z.object({ n: z.number() }), output: z.number() } },
  grant: z.object({ canWrite: z.boolean() }),
  presence: z.object({ name: z.string() }),
})
const byValibot = contract('/ws/valibot/:room', {
  client: { say: v.object({ text: v.pipe(v.string(), v.minLength(1)) }) },
  server: { said: v.object({ text: v.string() }) },
  calls: { double: { input: v.object({ n: v.number() }), output: v.number() } },
  grant: v.object({ canWrite: v.boolean() }),
  presence: v.object({ name: v.string() }),
})
const byArktype = contract('/ws/arktype/:room', {
  client: { say: type({ text: 'string >= 1' }) },
  server: { said: type({ text: 'string' }) },
  calls: { double: { input: type({ n: 'number' }), output: type('number') } },
  grant: type({ canWrite: 'boolean' }),
  presence: type({ name: 'string' }),
})

const demands = {
  auth: byName,
  authorize: () => ({ canWrite: true }),
  presence: ({ user }: { readonly user: { readonly name: string } }) => ({ name: user.name }),
}
const rooms = {
  zod: consumer(byZod, demands, (socket) => ({
    on: { say: ({ text }) => socket.group().send('said', { text: text.toUpperCase() }) },
    calls: { double: ({ n }) => 2 * n },
  })),
  valibot: consumer(byValibot, demands, (socket) => ({
    on: { say: ({ text }) => socket.group().send('said', { text: text.toUpperCase() }) },
    calls: { double: ({ n }) => 2 * n },
  })),
  arktype: consumer(byArktype, demands, (socket) => ({
    on: { say: ({ text }) => socket.group().send('said', { text: text.toUpperCase() }) },
    calls: { double: ({ n }) => 2 * n },
  })),
}

const visits = {
  zod: () => visit(rooms.zod, { room: 'a' }, { user: ada }),
  valibot: () => visit(rooms.valibot, { room: 'a' }, { user: ada }),
  arktype: () => visit(rooms.arktype, { room: 'a' }, { user: ada }),
}

describe.each(Object.entries(visits))('an endpoint whose contract is written with %s', (_, open) => {
  test('checks messages, calls, grant and presence by it', async () => {
    const alice = await open()
    expect(alice.grant).toEqual({ canWrite: true })
    expect(alice.members).toEqual([{ user: '1', info: { name: 'Ada' } }])
    await alice.send('say', { text: 'hello' })
    expect(await alice.next('said')).toEqual({ text: 'HELLO' })
    expect(await alice.call('double', { n: 21 })).toBe(42)
  })

  test('refuses what does not fit, naming the field', async () => {
    const alice = await open()
    await expect(alice.send('say', { text: '' })).rejects.toMatchObject({
      status: 400,
      reason: 'invalid-message',
      message: expect.stringContaining('text') as unknown,
    })
    await expect(alice.call('double', { n: 'x' as never })).rejects.toMatchObject({ status: 400 })
    await alice.nothing()
  })
})

test('a schema of valibot that is always asynchronous is refused where the contract is made', () => {
  const late = v.objectAsync({
    text: v.pipeAsync(
      v.string(),
      v.checkAsync(async () => true),
    ),
  })
  expect(() => contract('/ws/late', { client: { say: late } })).toThrow(/synchronous/)
})

test('a verdict that comes as the promise of another realm lets nothing in', async () => {
  const faults: unknown[] = []
  const handled: unknown[] = []
  const later: unknown = runInNewContext('Promise.resolve({ issues: [{ message: "no" }] })')
  // only known for what it is when there is a value, as a refinement of zod is
  const odd = {
    '~standard': {
      version: 1,
      vendor: 'odd',
      validate: (value: unknown) => (value === undefined ? { issues: [{ message: 'no' }] } : later),
    },
  } as unknown as Schema<{ text: string }>
  const asking = consumer(contract('/ws/odd', { client: { say: odd } }), { auth: byName }, () => ({
    on: { say: (message) => void handled.push(message) },
  }))
  const server = testServer({ report: (error) => faults.push(error) })
  const alice = await visit(asking, {}, { user: ada, server })
  await expect(alice.send('say', { text: 'a' })).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  expect(handled).toEqual([])
  expect(faults).toEqual([expect.objectContaining({ name: 'TypeError' })])
})
