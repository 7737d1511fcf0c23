import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Backoff } from '../../src/client/backoff.ts'

const delays = (random: () => number, count: number): number[] => {
  const backoff = new Backoff({ minMs: 500, maxMs: 20_000, random })
  return Array.from({ length: count }, () => backoff.next())
}

describe('backoff', () => {
  test('every delay lies between the least and the most', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 60 }),
        (chances) => {
          const given = chances.values()
          for (const delay of delays(() => given.next().value ?? 0, chances.length)) {
            expect(delay).toBeGreaterThanOrEqual(500)
            expect(delay).toBeLessThanOrEqual(20_000)
          }
        },
      ),
    )
  })

  test('the ceiling doubles up to the most', () => {
    expect(delays(() => 1, 6)).toEqual([2000, 4000, 8000, 16_000, 20_000, 20_000])
  })

  test('chance decides over the whole span', () => {
    expect(delays(() => 0, 3)).toEqual([500, 500, 500])
    expect(delays(() => 0.5, 2)).toEqual([1250, 2250])
  })

  test('a most below the least is never undercut', () => {
    const backoff = new Backoff({ minMs: 500, maxMs: 1000, random: () => 1 })
    expect(backoff.next()).toBe(1000)
  })

  test('it begins anew after a reset', () => {
    const backoff = new Backoff({ minMs: 500, maxMs: 20_000, random: () => 1 })
    backoff.next()
    backoff.next()
    backoff.reset()
    expect(backoff.next()).toBe(2000)
  })

  test('clients that fail together come back spread out', () => {
    const firsts = Array.from({ length: 1000 }, () => delays(Math.random, 1)[0] ?? 0)
    const fullest = Math.max(
      ...Array.from(
        { length: 15 },
        (_, i) => firsts.filter((ms) => Math.floor((ms - 500) / 100) === i).length,
      ),
    )
    expect(fullest).toBeLessThan(200)
  })
})
