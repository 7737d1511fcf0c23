import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const page = readFileSync('SECURITY.md', 'utf8')
// the table of promises; others on the page are about something else
const [promised = ''] = page.split('\nA test looks every one of these up')
const rows = [...promised.matchAll(/^\| (?!against|---)(.+?) +\| .+? +\| (.+?) +\|$/gm)]
const proofs = [...page.matchAll(/\[`([\w/-]+)`\]\(([\w/.-]+)\) "([^"]+)"/g)]

test('every promise on the page has a test', () => {
  expect(rows.length).toBeGreaterThan(20)
  for (const [, threat, shown = ''] of rows)
    expect([threat, shown]).toEqual([threat, expect.stringMatching(/\) "/)])
})

test.for(proofs.map(([, name, file, title]) => [title, name, file] as const))(
  '"%s" is a test of %s',
  ([title, name, file]) => {
    // or a suite that several files run
    expect([`test/${name}.test.ts`, `test/${name}.ts`]).toContain(file)
    expect(existsSync(file ?? '')).toBe(true)
    const source = readFileSync(file ?? '', 'utf8')
    const inQuotes = [`'${title}'`, `"${title}"`, `\`${title}\``]
    const calls = inQuotes.map((one) => source.indexOf(one)).filter((index) => index !== -1)
    // the text that a test or a group of tests is called with, and not a comment
    expect(
      calls.some((index) =>
        /(?:test|describe|\]\)|\)\))(?:\.\w+)*\(\s*$|\)\(\s*$/.test(source.slice(0, index)),
      ),
    ).toBe(true)
  },
)
