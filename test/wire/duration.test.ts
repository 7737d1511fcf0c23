import { expect, test } from 'vitest'
import { type Duration, milliseconds } from '../../src/wire/duration.ts'

test.each<[Duration, number]>([
  [250, 250],
  [0, 0],
  ['250ms', 250],
  ['30s', 30_000],
  ['1.5s', 1_500],
  ['5m', 300_000],
  ['2h', 7_200_000],
  ['1d', 86_400_000],
])('%s is %d milliseconds', (duration, ms) => {
  expect(milliseconds(duration)).toBe(ms)
})

test.each([
  '',
  '30',
  's',
  '-5s',
  '1e3s',
  '5 s',
  '5S',
  '5w',
  ' 5s',
  '5s\n',
  '.5s',
  'Infinitys',
  -1,
  Number.NaN,
  Infinity,
])('%j is no duration', (wrong) => {
  // what a configuration file may hold
  expect(() => milliseconds(wrong as Duration)).toThrow(TypeError)
})
