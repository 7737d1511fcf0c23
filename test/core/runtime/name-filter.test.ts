import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { NameFilter, namesPerFilter } from '../../../src/core/runtime/name-filter.ts'

const digest = (name: string): string => createHash('sha256').update(name).digest('hex').slice(0, 16)

test('a filter never loses a name, and takes few others for its own, up to what it was made for', () => {
  const filter = new NameFilter()
  const names = Array.from({ length: namesPerFilter }, (_, count) => digest(`name-${count}`))
  for (const name of names) filter.add(name)
  expect(filter.size).toBe(namesPerFilter)
  expect(names.filter((name) => !filter.has(name))).toEqual([])
  const others = Array.from({ length: namesPerFilter }, (_, count) => digest(`other-${count}`))
  expect(others.filter((name) => filter.has(name)).length).toBeLessThan(50)
})

test('a filter that is empty has no name', () => {
  expect(new NameFilter().has(digest('name'))).toBe(false)
})
