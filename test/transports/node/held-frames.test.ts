import { expect, test } from 'vitest'
import { HeldFrames } from '../../../src/transports/node/held-frames.ts'

test('a frame that waits is not copied, because many readers may share it', () => {
  const held = new HeldFrames()
  const frame = Buffer.alloc(5_000, 'x')
  held.hold(frame)
  expect(held.slice().buffer).toBe(frame.buffer)
})

test('64 small frames that wait become one, and come out in order', () => {
  const held = new HeldFrames()
  for (let count = 0; count < 130; count++) held.hold(Buffer.of(count))
  expect(held.bytes).toBe(130)
  const frames = held.takeAll()
  expect(frames.map(({ length }) => length)).toEqual([64, 64, 1, 1])
  expect(Array.from(Buffer.concat(frames))).toEqual(Array.from({ length: 130 }, (_, index) => index))
  expect(held.bytes).toBe(0)
})
