// Finds words that make a sentence hard to read, and test titles that are too long. `--write` lowers the counts that are allowed.
import { globSync, readFileSync, writeFileSync } from 'node:fs'

const pages =
  '{*.md,src/**/*.ts,{test,showcase,examples}/**/*.{ts,tsx,js,mjs,css,html,md,py},docs/*.md,scripts/**/*.ts}'
const skipped = /(?:^|\/)(?:node_modules|dist|\.next)\/|^scripts\/prose\.ts$|^docs\/security-evidence\.md$/
/** A sentence may break where a comment continues on its next line. */
const words = new RegExp(
  String.raw`\b(?:whoever|nobody|somebody|none of|of whom|it is said)\b`.replaceAll(' ', String.raw`[\s*/]+`),
  'gi',
)
/** Also the title that follows the table of `test.each(...)`. */
const title = /(?:\b(?:test|it)(?:\.\w+)?|\))\(\s*(?<quote>['"`])(?<text>(?:(?!\k<quote>)[^\\\n]|\\.)*)/g
const longestTitle = 90
const allowedPath = new URL('prose-allowed.json', import.meta.url)

interface Finding {
  readonly file: string
  readonly line: number
  readonly what: string
}

function findingsIn(file: string): readonly Finding[] {
  const text = readFileSync(file, 'utf8')
  const at = (index: number, what: string): Finding => ({
    file,
    line: text.slice(0, index).split('\n').length,
    what,
  })
  const hard = [...text.matchAll(words)].map((match) =>
    at(match.index, `the word "${match[0].replaceAll(/[\s*/]+/g, ' ')}"`),
  )
  const titles = file.endsWith('.test.ts') ? [...text.matchAll(title)] : []
  const long = titles
    .filter((match) => (match.groups?.['text'] ?? '').length > longestTitle)
    .map((match) => at(match.index, `a test title of ${match.groups?.['text']?.length} characters`))
  return [...hard, ...long]
}

/** The folder that a file is counted under: two levels, such as `src/auth`. */
function folderOf(file: string): string {
  return file.split('/').slice(0, -1).slice(0, 2).join('/') || '.'
}

const files = globSync(pages)
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => !skipped.test(file))
const byFolder = Map.groupBy(files.flatMap(findingsIn), ({ file }) => folderOf(file))
/** How many findings each folder may still have. A folder that is not named may have none. */
const allowed = JSON.parse(readFileSync(allowedPath, 'utf8')) as Readonly<Record<string, number>>

let failed = false
for (const folder of new Set([...byFolder.keys(), ...Object.keys(allowed)])) {
  const found = byFolder.get(folder) ?? []
  const limit = allowed[folder] ?? 0
  if (found.length > limit) {
    failed = true
    for (const { file, line, what } of found) console.error(`${file}:${line}: ${what}`)
    console.error(`${folder}: ${found.length} findings, ${limit} are allowed`)
  } else if (found.length < limit) {
    console.log(
      `${folder}: ${found.length} findings, ${limit} are allowed: run node scripts/prose.ts --write`,
    )
  }
}
if (process.argv.includes('--write')) {
  const lowered = [...byFolder].flatMap(([folder, { length }]) => {
    const limit = Math.min(length, allowed[folder] ?? 0)
    return limit > 0 ? [[folder, limit] as const] : []
  })
  const sorted = lowered.toSorted(([one], [other]) => (one < other ? -1 : 1))
  writeFileSync(allowedPath, `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`)
}
const total = [...byFolder.values()].reduce((sum, { length }) => sum + length, 0)
console.log(`prose: ${files.length} files, ${total} findings`)
process.exitCode = failed ? 1 : 0
