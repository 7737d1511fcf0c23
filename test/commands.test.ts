import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const run = promisify(execFile)

test.each([
  ['fuzz', []],
  ['mutate', []],
  ['bench', []],
  ['access', ['-w', 'bench']],
  ['neighbour', ['-w', 'bench']],
] as const)('npm run %s with --help prints how it is used and runs nothing', async (name, of) => {
  const { stdout, stderr } = await run('npm', ['run', '-s', name, ...of, '--', '--help'])
  expect(stdout).toContain(['npm run', name, ...of, '--'].join(' '))
  expect(stdout).toContain('--help')
  expect(stderr).toBe('')
})

test.each([
  ['mutate', 'no-such-file', `no file that guards a door has 'no-such-file' in its name`],
  ['fuzz', '--seed=7', 'npm run fuzz -- [options]'],
] as const)('npm run %s fails when nothing would run: %s', async (name, argument, told) => {
  const failed = await run('npm', ['run', '-s', name, '--', argument]).catch((error: unknown) => error)
  expect(failed).toMatchObject({ code: 1 })
  expect(
    String(Reflect.get(Object(failed), 'stdout')) + String(Reflect.get(Object(failed), 'stderr')),
  ).toContain(told)
})
