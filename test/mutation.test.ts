import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { accepted } from '../scripts/mutation/accepted.ts'
import { guarded } from '../scripts/mutation/guards.ts'
import { mutantsOf } from '../scripts/mutation/mutants.ts'

const root = resolve(import.meta.dirname, '..')
const tests = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => `test/${name}`)

test('every file of the mutation test is there, and so is each of its tests', () => {
  const missing = guarded.flatMap(({ file, tests: named }) => [
    ...(existsSync(join(root, file)) ? [] : [file]),
    ...named.filter((part) => !tests.some((name) => name.includes(part))),
  ])
  expect(missing).toEqual([])
})

test('every check that the mutation test accepts without a test is there', () => {
  const checks = new Set(
    guarded.flatMap(({ file }) =>
      mutantsOf(readFileSync(join(root, file), 'utf8')).map(({ what }) => `${file}: ${what}`),
    ),
  )
  expect([...accepted.keys()].filter((name) => !checks.has(name))).toEqual([])
})
