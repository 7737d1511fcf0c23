// Writes into docs/security-evidence.md which tests are behind each promise: npm run evidence
// A test says it in the line above: `// proves: foreign-page`, with the heading of the promise, or of several with commas.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The page whose lists of tests are generated. */
export const evidencePage: string = fileURLToPath(new URL('../docs/security-evidence.md', import.meta.url))

/** A test, or a group of tests, that is behind a promise. */
export interface Proof {
  readonly promise: string
  /** Its path from the root of the repository. */
  readonly file: string
  readonly title: string
}

const root = fileURLToPath(new URL('..', import.meta.url))
const tag = /^[ \t]*\/\/ proves: (.+)\n/gm
/** The text from one test to the next. */
const nextTest = /\n(?=[ \t]*(?:test|describe)\b)/
/** A test that runs: a test that is skipped, not written yet or expected to fail is behind no promise. */
const running = /^[ \t]*(?:test|describe)(?!\.(?:skip|todo|fails)\b)[.(]/
/** The title is the first text that the test itself is called with; its table of cases may come before. */
const title = /(?:^[ \t]*(?:test|describe)(?:\.\w+)*|\))\(\s*(?:'([^'\\\n]+)'|"([^"\\\n]+)"|`([^`\\]+)`)/

/**
 * What the tests of a file say that they prove.
 *
 * @throws Error when a tag has no running test right below it
 */
export function proofsIn(file: string, source: string): readonly Proof[] {
  return [...source.matchAll(tag)].flatMap((found) => {
    const [line, promises = ''] = found
    const [test = ''] = source.slice(found.index + line.length).split(nextTest, 1)
    const [, single, double, template] = (running.test(test) && title.exec(test)) || []
    const named = single ?? double ?? template
    if (named === undefined) throw new Error(`${file} has no test below ${line.trim()}`)
    return promises.split(', ').map((promise) => ({ promise, file, title: named }))
  })
}

/** The proofs in all files below `test/`, by path and then by their order in the file. */
export function allProofs(): readonly Proof[] {
  const files = readdirSync(`${root}/test`, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.includes('node_modules'))
    .toSorted()
  return files.flatMap((name) => proofsIn(`test/${name}`, readFileSync(`${root}/test/${name}`, 'utf8')))
}

/**
 * The page with the list of tests below each promise brought up to date. Each heading of the third level is a promise.
 *
 * @throws Error when a promise has no test or stands there twice, or a test proves what the page does not promise
 */
export function withProofs(page: string, proofs: readonly Proof[]): string {
  const [head = '', ...sections] = page.split(/^(?=##)/m)
  const promised = sections.flatMap((section) => /^### (.+)/.exec(section)?.[1] ?? [])
  const twice = promised.find((promise, at) => promised.indexOf(promise) < at)
  if (twice !== undefined) throw new Error(`the page promises ${twice} twice`)
  for (const { promise, file } of proofs)
    if (!promised.includes(promise))
      throw new Error(`${file} proves ${promise}, which the page does not promise`)
  return head + sections.map((section) => filled(section, proofs)).join('')
}

function filled(section: string, proofs: readonly Proof[]): string {
  const [, promise] = /^### (.+)/.exec(section) ?? []
  if (promise === undefined) return section
  const lines = proofs.filter((proof) => proof.promise === promise).map(listed)
  if (lines.length === 0) throw new Error(`no test proves ${promise}`)
  return `${section.replaceAll(/^- \[.*\n/gm, '').trimEnd()}\n\n${lines.join('\n')}\n\n`
}

function listed({ file, title: named }: Proof): string {
  const name = file.replace(/^test\/|(?:\.test)?\.ts$/g, '')
  return `- [\`${name}\`](../${file}) "${named.replaceAll(/[_*<[\]]/g, String.raw`\$&`)}"`
}

if (import.meta.main) writeFileSync(evidencePage, withProofs(readFileSync(evidencePage, 'utf8'), allProofs()))
