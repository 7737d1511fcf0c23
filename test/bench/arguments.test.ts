import { expect, test } from 'vitest'
import { readArguments } from '../../bench/arguments.ts'

test('without arguments every workload is measured, over three windows', () => {
  const asked = readArguments([])
  expect(asked).toMatchObject({ quick: false, windows: 3, coldSeconds: 3, warmAfterSeconds: 10 })
  expect(asked?.only).toEqual(expect.arrayContaining(['A', 'Fb', 'G', 'Q', 'Ds', 'H', 'S']))
  expect(asked?.peers.map(({ name }) => name)).toEqual(expect.arrayContaining(['ws', 'sallyport']))
})

test('workloads and peers keep their order, whatever the order in which they are asked for', () => {
  const asked = readArguments(['--only', 'S,A', '--peers', 'sallyport,ws'])
  expect(asked?.only).toEqual(['A', 'S'])
  expect(asked?.peers.map(({ name }) => name)).toEqual(['ws', 'sallyport'])
})

test.each([
  [['--only', 'A,Z'], `--only knows A, F, Fb, G, `],
  [['--peers', 'nginx'], `--peers knows ws, socket.io, sallyport, bun, not 'nginx'`],
  [['--windows', '1.5'], `--windows is a number from 1 to 99, not '1.5'`],
  [['--seconds', '0'], `--seconds is a number from 0.1 to 60, not '0'`],
])('%j is refused with what would be right', (args, told) => {
  expect(() => readArguments(args)).toThrow(told)
})
