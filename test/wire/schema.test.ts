import { expect, test } from 'vitest'
import { z } from 'zod'
import { check, type Schema } from '../../src/wire/schema.ts'

test('the first three issues of a validator are said, with their paths', () => {
  const result = check(z.object({ list: z.array(z.string()) }), { list: [1, 'a', 2, 3, 4] })
  expect(result).toEqual({
    ok: false,
    issue: [0, 2, 3].map((at) => `list.${at}: Invalid input: expected string, received number`).join('; '),
  })
})

test.each([
  ['keys that the contract does not know', z.strictObject({}), { ['x'.repeat(60_000)]: 1 }],
  ['long keys', z.record(z.string(), z.string()), { ['x'.repeat(60_000)]: 1 }],
  ['deep paths', nested(60), nested60('x'.repeat(900))],
])('what is said of %s is short, however long the message was', (_, schema, value) => {
  const result = check(schema, value)
  expect(result.ok ? 0 : result.issue.length).toBeLessThan(1_300)
  expect(result.ok ? 0 : result.issue.length).toBeGreaterThan(0)
})

function nested(depth: number): Schema {
  let schema: z.ZodType = z.string()
  for (let level = 0; level < depth; level++) schema = z.record(z.string(), schema)
  return schema
}

function nested60(key: string): unknown {
  let value: unknown = 1
  for (let level = 0; level < 60; level++) value = { [key]: value }
  return value
}
