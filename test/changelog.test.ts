import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { exportedNames, memberNames, sharedTypeNames } from '../scripts/exported-names.ts'

const root = resolve(import.meta.dirname, '..')
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Readonly<Record<string, string | { 'sallyport-src': string }>>
}
/** The names of each entry of the package. */
const entries = new Map(
  Object.entries(exports).flatMap(([path, target]) =>
    typeof target === 'string'
      ? []
      : [[`sallyport${path.slice(1)}`, exportedNames(join(root, target['sallyport-src']))]],
  ),
)

/** What is wrong with a row of the table of renamed names: `Type.member` is a member, anything else an export. */
function faultsOf(entry: string, before: string, now: string): readonly string[] {
  const names = entries.get(entry)
  if (names === undefined) return [`${entry} is no entry of the package`]
  const [type = '', member] = now.split('.')
  if (!names.has(type)) return [`${entry} does not export ${type}`]
  if (member === undefined) return names.has(before) ? [`${entry} still exports ${before}`] : []
  const members = memberNames(join(root, 'src'), type)
  if (!members.has(member)) return [`${type} has no ${member}`]
  const old = before.split('.')[1] ?? ''
  return members.has(old) ? [`${type} still has ${old}`] : []
}

test('each new name in the changelog is exported where it says, and no old name is', () => {
  const changelog = readFileSync(join(root, 'CHANGELOG.md'), 'utf8')
  const newest = changelog.slice(changelog.indexOf('\n## Unreleased')).split('\n## ')[1] ?? ''
  const rows = [...newest.matchAll(/^\| `(sallyport[^`]*)`\s*\| `([^`]+)`\s*\| `([^`]+)`\s*\|$/gm)]
  expect(rows.length).toBeGreaterThan(25)
  expect(rows.flatMap(([, entry = '', before = '', now = '']) => faultsOf(entry, before, now))).toEqual([])
})

test('a name that is still exported, is not exported, or is no member is told', () => {
  expect(faultsOf('sallyport', 'Socket', 'Server')).toEqual(['sallyport still exports Socket'])
  expect(faultsOf('sallyport', 'Port', 'Server2')).toEqual(['sallyport does not export Server2'])
  expect(faultsOf('sallyport', 'Socket.grant', 'Socket.server')).toEqual(['Socket still has grant'])
  expect(faultsOf('sallyport', 'Socket.port', 'Socket.ports')).toEqual(['Socket has no ports'])
  expect(faultsOf('sallyport/none', 'a', 'b')).toEqual(['sallyport/none is no entry of the package'])
})

test('a type name that two files export is found, and one in a comment or a list is not', () => {
  const folder = mkdtempSync(join(tmpdir(), 'names-'))
  mkdirSync(join(folder, 'inner'))
  writeFileSync(join(folder, 'a.ts'), 'export interface Timer {}\nexport const after = 1\n')
  writeFileSync(join(folder, 'inner/b.ts'), 'export type Timer = 1\n/*\nexport class Clock {}\n*/\n')
  writeFileSync(join(folder, 'c.ts'), "export type { Timer } from './a.ts'\nexport class Clock {}\n")
  expect([...sharedTypeNames(folder)].map(([name, files]) => [name, files.toSorted()])).toEqual([
    ['Timer', ['a.ts', 'inner/b.ts']],
  ])
  rmSync(folder, { recursive: true })
})
