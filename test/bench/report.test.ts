import { expect, test } from 'vitest'
import {
  crowdedSection,
  garbageSection,
  memorySections,
  stormsSection,
  waitingSection,
} from '../../bench/report/fresh.ts'
import { quantile, spread } from '../../bench/statistics.ts'

const same = (value: number) => spread([value])

test('a spread has the middle value, or the mean of the two in the middle', () => {
  expect(spread([9, 1, 4])).toEqual({ median: 4, least: 1, most: 9 })
  expect(spread([4, 1]).median).toBe(2.5)
  expect(quantile([4, 3, 2, 1], 0.5)).toBe(2)
})

test('bytes are printed whole, beside those of ws', () => {
  const [, table] = garbageSection([
    { peer: 'ws', each: [{ id: 'A', bytes: 30_000 }] },
    { peer: 'sallyport', each: [{ id: 'A', bytes: 45_000.4 }] },
  ])
  expect(table).toContain('| sallyport | 45,000 | 1.50× |')
})

test('bytes are printed without a ratio when ws was not asked for', () => {
  const [, table] = garbageSection([{ peer: 'sallyport', each: [{ id: 'A', bytes: 45_000 }] }])
  expect(table).toContain('| sallyport | 45,000 | – |')
})

test('a section that was not measured is left out', () => {
  expect(garbageSection([])).toEqual([])
  expect(waitingSection([])).toEqual([])
  expect(memorySections([])).toEqual([])
  expect(crowdedSection([])).toEqual([])
  expect(stormsSection([])).toEqual([])
})

test('memory with a small young generation has a table of its own, with its own ws', () => {
  const one = { connections: 10_000, baselineKb: 0, residentKb: 0, kbEachLater: 1, rampPerSecond: 1 }
  const sections = memorySections([
    { ...one, id: 'D', peer: 'ws', kbEach: 10, heapBytesEach: 3_000 },
    { ...one, id: 'D', peer: 'bun', kbEach: 5, heapBytesEach: null },
    { ...one, id: 'Ds', peer: 'ws', kbEach: 8, heapBytesEach: 3_000 },
    { ...one, id: 'Ds', peer: 'sallyport', kbEach: 12, heapBytesEach: 6_000 },
  ])
  expect(sections).toHaveLength(4)
  expect(sections[1]).toContain('| bun | 10,000 | 5 | 0.50× | 1 | 1.00× | – | – |')
  expect(sections[3]).toContain('| sallyport | 10,000 | 12 | 1.50× | 1 | 1.00× | 6,000 | 2.00× |')
})

test('the cost of a message is beside that of one which waits alone', () => {
  const [, table] = waitingSection([
    { waiting: 1, rate: same(100), microseconds: same(20) },
    { waiting: 256, rate: same(100), microseconds: same(50) },
  ])
  expect(table).toContain('| 256 | 100 | 50 | 2.50× |')
})
