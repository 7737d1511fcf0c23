import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const page = readFileSync('CONTRIBUTING.md', 'utf8')

/** The names of the scripts of a workspace, or of the package itself. */
function scriptsOf(workspace: string): readonly string[] {
  const manifest: { readonly scripts: object } = JSON.parse(readFileSync(`${workspace}/package.json`, 'utf8'))
  return Object.keys(manifest.scripts)
}

test('CONTRIBUTING.md has a row for each room of src/core, and for nothing else', () => {
  const [, table = ''] = /### The rooms of `src\/core`\n([^]*?)\n###/.exec(page) ?? []
  const rows = [...table.matchAll(/^\| `([\w.-]+)\/?`/gm)].map(([, room = '']) => room)
  expect(rows.toSorted()).toEqual(readdirSync('src/core').toSorted())
})

test('each command that CONTRIBUTING.md names is a script', () => {
  const named = [...page.matchAll(/npm run ([\w:]+)(?: -w (\w+))?/g)]
  expect(named.length).toBeGreaterThan(10)
  for (const [command, script, workspace = '.'] of named)
    expect(scriptsOf(workspace), command).toContain(script)
})
