// Finds words that make a sentence hard to read, and test titles that are too long.
import { globSync, readFileSync } from 'node:fs'

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

const files = globSync(pages)
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => !skipped.test(file))
const findings = files.flatMap(findingsIn)
for (const { file, line, what } of findings) console.error(`${file}:${line}: ${what}`)
console.log(`prose: ${files.length} files, ${findings.length} findings`)
process.exitCode = findings.length > 0 ? 1 : 0
