import { expect, test } from 'vitest'
import { TransientSet } from '../../../src/core/runtime/transient.ts'
import {
  valuesOf,
  type OneOrMore,
  ManyByKey,
  includes,
  withoutValue,
  withValue,
  sizeOf,
} from '../../../src/core/runtime/one-or-more.ts'

interface Item {
  readonly n: number
}

const items = Array.from({ length: 12 }, (_, n): Item => ({ n }))
const numbers = (few: OneOrMore<Item>) => [...valuesOf(few)].map(({ n }) => n)
const upTo = (count: number) => Array.from({ length: count }, (_, n) => n)

test('values keep their order and are held once, however many there are and however they go', () => {
  let few: OneOrMore<Item>
  for (const [index, item] of items.entries()) {
    expect(includes(few, item)).toBe(false)
    few = withValue(withValue(few, item), item)
    expect(includes(few, item)).toBe(true)
    expect([numbers(few), sizeOf(few)]).toEqual([upTo(index + 1), index + 1])
  }
  for (const [index, item] of items.entries()) {
    few = withoutValue(withoutValue(few, item), item)
    expect([numbers(few), sizeOf(few)]).toEqual([upTo(12).slice(index + 1), 11 - index])
  }
  expect(few).toBeUndefined()
})

test.each([1, 2, 8])('of %i values each can go, and what they were is kept by who reads it', (count) => {
  const all = items.slice(0, count)
  for (const gone of all) {
    const few = all.reduce<OneOrMore<Item>>((some, item) => withValue(some, item), undefined)
    const before = valuesOf(few)
    expect(numbers(withoutValue(few, gone))).toEqual(upTo(count).filter((n) => n !== gone.n))
    expect([...before]).toEqual(all)
  }
})

test('one value needs no list, and eight no set', () => {
  const [one] = items
  if (one === undefined) throw new Error('there are items')
  expect(withValue(undefined, one)).toBe(one)
  const eight = items.slice(0, 8).reduce<OneOrMore<Item>>((some, item) => withValue(some, item), undefined)
  expect(Array.isArray(eight)).toBe(true)
  expect(withValue(eight, items[8] ?? one)).toBeInstanceOf(TransientSet)
  expect(withoutValue(withValue(one, items[1] ?? one), one)).toBe(items[1])
})

test('a key without values is forgotten', () => {
  const byKey = new ManyByKey<Item>()
  for (const item of items) byKey.add('all', item)
  for (const item of items.slice(0, 2)) byKey.add('two', item)
  expect([byKey.size, [...byKey.values()].length, sizeOf(byKey.get('two'))]).toEqual([2, 14, 2])
  for (const item of items.slice(0, 3)) byKey.delete('two', item)
  expect([byKey.size, byKey.get('two'), sizeOf(byKey.get('all'))]).toEqual([1, undefined, 12])
  byKey.delete('none', items[0] ?? { n: 0 })
  expect(byKey.size).toBe(1)
})
