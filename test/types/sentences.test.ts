import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '../..')
// inside the repository, so that packages are found as a user's are
mkdirSync(join(root, 'node_modules/.cache'), { recursive: true })
const folder = mkdtempSync(join(root, 'node_modules/.cache/sentences-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** What the compiler says of a program: the first line of each error, by the number of its line. */
function errorsOf(program: string): ReadonlyMap<number, string> {
  writeFileSync(join(folder, 'program.ts'), program)
  const options = { noEmit: true, skipLibCheck: true, types: ['node'], allowImportingTsExtensions: true }
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      extends: join(root, 'tsconfig.base.json'),
      compilerOptions: { ...options, typeRoots: [join(root, 'node_modules/@types')] },
      include: ['*.ts'],
    }),
  )
  const first = /^\S*program\.ts\((\d+),\d+\): error TS\d+: (.*)$/gm
  return new Map([...printed().matchAll(first)].map(([, line, said = '']) => [Number(line), said]))
}

function printed(): string {
  try {
    const args = ['-p', folder, '--pretty', 'false']
    return execFileSync(join(root, 'node_modules/.bin/tsc'), args, { encoding: 'utf8' })
  } catch (error) {
    // what the compiler prints is in the error of the process that failed
    return String((error as { stdout?: unknown }).stdout)
  }
}

test.each(['contracts.ts', 'options.ts'])(
  'the compiler says each fault in %s in the first line of its error',
  (file) => {
    const source = readFileSync(join(import.meta.dirname, file), 'utf8')
    const lines = source
      .replace('../../src/index.ts', 'sallyport')
      .replaceAll(/'\.\.\/\.\.\/src\/(auth\/[a-z-]+)\.ts'/g, "'sallyport/$1'")
      .split('\n')
      .map((line) => line.replace('// @ts-expect-error ', '// '))
    const wanted = lines.flatMap((line, index) =>
      source.split('\n')[index]?.startsWith('// @ts-expect-error ') === true
        ? [{ line: index + 2, sentence: line.slice(3) }]
        : [],
    )
    const errors = errorsOf(lines.join('\n'))
    expect(wanted.length).toBeGreaterThan(20)
    for (const { line, sentence } of wanted) expect(`${line}: ${errors.get(line)}`).toContain(sentence)
    const others = [...errors].filter(([line]) => !wanted.some((one) => one.line === line))
    expect(others).toEqual([])
  },
  120_000,
)
