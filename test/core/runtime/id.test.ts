import { expect, test } from 'vitest'
import { newId } from '../../../src/core/runtime/id.ts'

test('an id is 128 bits of base64url, and no two of many are the same', () => {
  const ids = Array.from({ length: 2_000 }, newId)
  expect(new Set(ids).size).toBe(2_000)
  for (const id of ids) {
    expect(id).toMatch(/^[\w-]{22}$/)
    // the one spelling of its bytes
    expect(Buffer.from(id, 'base64url').toString('base64url')).toBe(id)
  }
})

test('every bit of an id is as often 1 as 0, however many are drawn in a row', () => {
  const ones = Array.from({ length: 128 }, () => 0)
  const count = 8_000
  for (let drawn = 0; drawn < count; drawn++)
    for (const [index, byte] of Buffer.from(newId(), 'base64url').entries())
      for (let bit = 0; bit < 8; bit++)
        ones[index * 8 + bit] = (ones[index * 8 + bit] ?? 0) + ((byte >> bit) & 1)
  // 7 standard deviations: it fails once in a billion runs
  for (const of of ones) expect(Math.abs(of - count / 2)).toBeLessThan(7 * Math.sqrt(count / 4))
})
