import { expect, test } from 'vitest'
import { AllocationCount } from '../../bench/peers/allocation-count.ts'

const thousandNumbers = Array.from({ length: 1_000 }, (_, index) => index)

/** Allocates so many bytes, eight for each number; each array is garbage when the next one is made. */
function allocate(bytes: number): number {
  let kept = 0
  for (let made = 0; made < bytes; made += 8_000) kept += thousandNumbers.slice().length
  return kept
}

test('bytes are counted over many collections, whatever of them is garbage by then', () => {
  const count = new AllocationCount()
  expect(allocate(300_000_000)).toBe(37_500_000)
  const { allocatedBytes, collections } = count.stop()
  expect(collections).toBeGreaterThan(2)
  expect(allocatedBytes).toBeGreaterThan(300_000_000)
  expect(allocatedBytes).toBeLessThan(315_000_000)
})

test('bytes are counted when nothing is collected meanwhile', () => {
  const count = new AllocationCount()
  const held = Array.from({ length: 100 }, () => thousandNumbers.slice())
  const { allocatedBytes } = count.stop()
  expect(held).toHaveLength(100)
  expect(allocatedBytes).toBeGreaterThan(800_000)
  expect(allocatedBytes).toBeLessThan(2_000_000)
})
