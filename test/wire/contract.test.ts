import { type } from 'arktype'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { binary, contract, event, rawKind, shapeOf, text } from '../../src/wire/contract.ts'
import { check } from '../../src/wire/schema.ts'

const object = z.object({ text: z.string() })

const reserved = (name: string): readonly (() => unknown)[] => [
  () => contract('/a', { client: { [name]: object } }),
  () => contract('/a', { server: { [name]: object } }),
  () => contract('/a', { calls: { [name]: { input: object, output: object } } }),
  () => contract('/a', { audiences: [name] }),
]

describe('a contract', () => {
  test('is plain data with defaults', () => {
    const bare = contract('/ws/bell', {})
    expect(bare).toMatchObject({ path: '/ws/bell', client: {}, server: {}, calls: {}, audiences: [] })
    expect([bare.grant, bare.presence, bare.history]).toEqual([undefined, undefined, undefined])
  })

  test('keeps 100 messages for 5 minutes when it has a history that says no more', () => {
    expect(contract('/a', { history: {} }).history).toEqual({ size: 100, forMs: 300_000 })
    expect(contract('/a', { history: { size: 5, for: '1h' } }).history).toEqual({ size: 5, forMs: 3_600_000 })
  })

  test('finds the schema and the rules of a message by its name alone', () => {
    const typing = event(object, { keep: false, slow: 'drop' })
    const { server } = contract('/a', { server: { said: object, typing } })
    expect(shapeOf(server, 'said')).toEqual({ schema: object, rules: {} })
    expect(shapeOf(server, 'typing')).toEqual(typing)
    for (const other of ['nothing', 'constructor', '__proto__', 'toString', 'hasOwnProperty', '', null])
      expect(shapeOf(server, other)).toBeNull()
  })

  test('finds an unnamed shape without a name only', () => {
    expect(shapeOf(object, null)).toEqual({ schema: object, rules: {} })
    expect(shapeOf(object, '~standard')).toBeNull()
  })

  test.each(['error', '', '1a', 'a b', 'a/b', '\u00e9', 'x'.repeat(65), '~standard1'])(
    'does not take the name %j for anything',
    (name) => {
      for (const make of reserved(name)) expect(make).toThrow(TypeError)
    },
  )

  test('refuses a schema that is always asynchronous already at start', () => {
    const slow = z.object({ text: z.string() }).refine(async () => true)
    const standard = {
      '~standard': { version: 1, vendor: 'x', validate: async (value: unknown) => ({ value }) },
    } as const
    expect(() => contract('/a', { client: { say: standard } })).toThrow(/asynchronous/)
    expect(() => check(slow, { text: 'a' })).toThrow()
  })

  test('keeps the schemas that it has checked, whatever getters answer later', () => {
    const slow = {
      '~standard': { version: 1, vendor: 'x', validate: async (value: unknown) => ({ value }) },
    } as const
    // what it answers first is fine, and what it answers later is not
    const once = <K extends string>(name: K): { readonly [N in K]: typeof object } => {
      let reads = 0
      // a property of that name, with a schema at the first look
      return Object.defineProperty({}, name, {
        enumerable: true,
        get: () => (reads++ === 0 ? object : slow),
      }) as { readonly [N in K]: typeof object }
    }
    const { server, client, calls } = contract('/a', {
      server: once('said'),
      client: { say: Object.assign(once('schema'), { rules: {} }) },
      calls: { add: Object.assign(once('input'), { output: object }) },
    })
    expect([server.said, client.say.schema, calls.add.input]).toEqual([object, object, object])
  })

  test('refuses a malformed path and a malformed duration', () => {
    const malformed: string = 'a'
    expect(() => contract(malformed, {})).toThrow(TypeError)
    expect(() => contract('/a', { history: { for: -1 } })).toThrow(TypeError)
  })
})

describe('a schema', () => {
  test.each([
    ['zod', z.object({ text: z.string(), deep: z.object({ n: z.number() }) })],
    ['valibot', v.object({ text: v.string(), deep: v.object({ n: v.number() }) })],
    ['arktype', type({ text: 'string', deep: { n: 'number' } })],
  ])('of %s is asked as it is, and names what is wrong and where', (_name, schema) => {
    expect(check(schema, { text: 'a', deep: { n: 1 } })).toEqual({
      ok: true,
      value: { text: 'a', deep: { n: 1 } },
    })
    const wrong = check(schema, { text: 'a', deep: { n: 'x' } })
    expect(wrong).toMatchObject({ ok: false, issue: expect.stringContaining('deep.n') as unknown })
  })

  test('names three issues at most', () => {
    const many = z.object(Object.fromEntries('abcdef'.split('').map((key) => [key, z.string()])))
    const verdict = check(many, {})
    expect(verdict.ok ? 0 : verdict.issue.split('; ').length).toBe(3)
  })

  test('of raw bytes or text takes nothing else', () => {
    expect([rawKind(binary), rawKind(text), rawKind(object)]).toEqual(['binary', 'text', null])
    expect(check(binary, Uint8Array.of(1)).ok).toBe(true)
    expect(check(binary, 'text').ok).toBe(false)
    expect(check(text, 'text').ok).toBe(true)
    expect(check(text, Uint8Array.of(1)).ok).toBe(false)
  })
})
