import { expect, test } from 'vitest'
import { andThen, isThenable } from '../../../src/core/runtime/awaitable.ts'

const doubled = (value: number): number => value * 2

test('what follows from a value is there in the same turn, and without a promise', () => {
  expect(andThen(21, doubled)).toBe(42)
  expect(() =>
    andThen(21, () => {
      throw new Error('no')
    }),
  ).toThrow('no')
})

test('what follows from a promise of any kind comes by a promise', async () => {
  const query = {
    // oxlint-disable-next-line unicorn/no-thenable -- a promise of a kind of its own
    then: (resolve: (value: number) => void) => resolve(21),
  } as unknown as Promise<number>
  expect(await andThen(Promise.resolve(21), doubled)).toBe(42)
  expect(await andThen(query, doubled)).toBe(42)
  expect(await andThen(21, async (value) => doubled(value))).toBe(42)
  await expect(andThen(Promise.reject(new Error('no')), doubled)).rejects.toThrow('no')
})

test('a promise is what has a then, be it an object or a function', () => {
  // oxlint-disable-next-line unicorn/no-thenable -- a promise of a kind of its own
  for (const one of [Promise.resolve(1), { then: doubled }, Object.assign(() => 1, { then: doubled })])
    expect(isThenable(one)).toBe(true)
  // oxlint-disable-next-line unicorn/no-thenable -- an object that is no promise
  for (const one of [null, undefined, 'then', 7, [], {}, { then: true }, doubled])
    expect(isThenable(one)).toBe(false)
})
