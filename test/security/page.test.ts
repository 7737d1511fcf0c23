import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { allProofs, evidencePage, proofsIn, withProofs } from '../../scripts/evidence.ts'

const summary = readFileSync('SECURITY.md', 'utf8')
const evidence = readFileSync(evidencePage, 'utf8')
const anchorOf = (heading: string): string => heading.toLowerCase().replaceAll(' ', '-')
const headings = [...evidence.matchAll(/^## (.+)$/gm)].map(([, heading = '']) => heading)

test('the evidence page lists the tests behind each promise: else run npm run evidence', () => {
  expect(allProofs().length).toBeGreaterThan(150)
  expect(withProofs(evidence, allProofs())).toBe(evidence)
})

test('SECURITY.md links each part of the evidence page, and no other', () => {
  const linked = [...summary.matchAll(/\(docs\/security-evidence\.md#([\w-]+)\)/g)].map(
    ([, anchor]) => anchor,
  )
  expect(linked).toEqual(headings.map(anchorOf))
})

test('SECURITY.md can be read in one go: it has 12 KB at most', () => {
  expect(Buffer.byteLength(summary)).toBeLessThanOrEqual(12_000)
})

const promise = '## Part\n\n### a-promise\n\n**An attack.** An answer.\n'
const proof = { promise: 'a-promise', file: 'test/some.test.ts', title: 'a *title*' }

test('a list is replaced by the tests that there are', () => {
  const stale = `${promise}\n- [\`old\`](../test/old.test.ts) "gone"\n\n## Next\n`
  const listed = `${promise}\n- [\`some\`](../test/some.test.ts) "a \\*title\\*"\n\n## Next\n`
  expect(withProofs(stale, [proof])).toBe(listed)
})

test('a promise without a test is refused', () => {
  expect(() => withProofs(promise, [])).toThrow('no test proves a-promise')
})

test('a promise that stands on the page twice is refused', () => {
  expect(() => withProofs(`${promise}\n${promise}`, [proof])).toThrow('promises a-promise twice')
})

test('a test that proves what is not promised is refused', () => {
  expect(() => withProofs(promise, [proof, { ...proof, promise: 'another' }])).toThrow('proves another')
})

test.each([
  ["test('heard', () => {})", 'heard'],
  ['  test("it\'s heard", () => {})', "it's heard"],
  ['test(`heard`, () => {})', 'heard'],
  ["describe('heard', () => {})", 'heard'],
  ["test.skipIf(gone)('heard', () => {})", 'heard'],
  ["test.for([\n  [tokenOf('x'), 'table'],\n] as const)(\n  '%s is heard',\n  () => {})", '%s is heard'],
])('a tag names the test below it: %s', (code, title) => {
  const source = `  // proves: one, two\n${code}\ntest('the next', () => {})\n`
  expect(proofsIn('test/some.test.ts', source)).toEqual([
    { promise: 'one', file: 'test/some.test.ts', title },
    { promise: 'two', file: 'test/some.test.ts', title },
  ])
})

test.each([
  'const heard = 1',
  "test.skip('heard', () => {})",
  "test.todo('heard')",
  "test.fails('heard', () => {})",
  "describe.skip('heard', () => {})",
  'test(named, () => {})',
  "// test('heard', () => {})",
])('a tag above what is no running test with a title is refused: %s', (code) => {
  const source = `// proves: one\n${code}\ntest('the next', () => {})\n`
  expect(() => proofsIn('test/some.test.ts', source)).toThrow('has no test below // proves: one')
})
