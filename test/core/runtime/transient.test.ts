import { expect, test } from 'vitest'
import { TransientMap, TransientSet } from '../../../src/core/runtime/transient.ts'

test('a transient map holds what a Map holds, in its order, through thousands of additions', () => {
  const map = new TransientMap<string, number>()
  const plain = new Map<string, number>()
  for (let n = 0; n < 5_000; n++) {
    const key = `key ${(n * 7) % 900}`
    if (n % 3 === 0) expect(map.delete(key)).toBe(plain.delete(key))
    else {
      map.set(key, n)
      plain.set(key, n)
    }
    expect([map.size, map.get(key)]).toEqual([plain.size, plain.get(key)])
  }
  expect([...map]).toEqual([...plain])
  expect([...map.values()]).toEqual([...plain.values()])
})

test('a transient set holds what a Set holds, in its order, through thousands of additions', () => {
  const set = new TransientSet([900, 901])
  const plain = new Set([900, 901])
  for (let n = 0; n < 5_000; n++) {
    const value = (n * 7) % 900
    if (n % 3 === 0) expect(set.delete(value)).toBe(plain.delete(value))
    else expect(set.add(value)).toBe(set)
    if (n % 3 !== 0) plain.add(value)
    expect([set.size, set.has(value)]).toEqual([plain.size, plain.has(value)])
  }
  expect([...set]).toEqual([...plain])
  expect([...set.values()]).toEqual([...plain])
})

interface Both {
  readonly map: TransientMap<number, number>
  readonly set: TransientSet<number>
}

function fill({ map, set }: Both, from: number, to: number): void {
  for (let n = from; n < to; n++) {
    map.set(n, n)
    set.add(n)
  }
}

function filled(to: number): Both {
  const both = { map: new TransientMap<number, number>(), set: new TransientSet<number>() }
  fill(both, 0, to)
  return both
}

test('a loop may empty the collection that it walks', () => {
  const { map, set } = filled(300)
  for (const [key] of map) map.delete(key)
  for (const value of set) set.delete(value)
  expect([map.size, set.size]).toEqual([0, 0])
})

test('a collection moves to a new table after as many additions as it has entries, at least 128', () => {
  const both = filled(300)
  const { map, set } = both
  // an iterator goes on in the table in which it began
  const walks = [map[Symbol.iterator](), set.values()]
  fill(both, 300, 1_000)
  for (const walk of walks) expect([...walk].length).toBeLessThan(1_000)
  expect([map.size, set.size]).toEqual([1_000, 1_000])
})
