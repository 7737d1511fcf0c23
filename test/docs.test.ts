import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { closeCodes, retryAfterClose } from '../src/contract.ts'

const root = resolve(import.meta.dirname, '..')
const pages = [
  'README.md',
  'PROTOCOL.md',
  'SECURITY.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'examples/README.md',
  ...readdirSync(join(root, 'docs')).flatMap((name) => (name.endsWith('.md') ? [`docs/${name}`] : [])),
]
// inside the repository, so that packages are found as a user's are
mkdirSync(join(root, 'node_modules/.cache'), { recursive: true })
const folder = mkdtempSync(join(root, 'node_modules/.cache/docs-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A code block of a page that is a whole program: it begins with an import, or with a comment that names its file. */
interface Program {
  readonly file: string
  readonly code: string
}

function programs(page: string): readonly Program[] {
  const blocks = readFileSync(join(root, page), 'utf8').matchAll(
    /^```ts\n((?:\/\/ (\S+\.ts)\n)?import [\s\S]*?)^```$/gm,
  )
  return [...blocks].map(([, code = '', file], index) => ({ file: file ?? `block-${index}.ts`, code }))
}

test('every program in the documentation compiles under strict options', () => {
  let count = 0
  for (const page of pages) {
    // a folder for each page: its files import each other
    const place = join(folder, page.replaceAll(/\W/g, '-'))
    mkdirSync(place)
    for (const { file, code } of programs(page)) {
      writeFileSync(join(place, file), `${code}\nexport {}\n`)
      count++
    }
  }
  expect(count).toBeGreaterThan(5)
  const options = {
    noEmit: true,
    skipLibCheck: true,
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')],
  }
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      extends: join(root, 'tsconfig.base.json'),
      compilerOptions: { ...options, allowImportingTsExtensions: true },
      include: ['*/*.ts'],
    }),
  )
  const output = (() => {
    try {
      return execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', folder], { encoding: 'utf8' })
    } catch (error) {
      // what the compiler prints is in the error of the process that failed
      return String((error as { stdout?: unknown }).stdout)
    }
  })()
  expect(output).toBe('')
})

const taught = [
  ...pages,
  ...filesBelow('showcase/src').filter((name) => name.endsWith('/contract.ts')),
  ...filesBelow('examples').filter((name) => name.endsWith('.ts')),
  ...filesBelow('src').filter((name) => name.endsWith('.ts')),
]

test('every string and array in an example has a maximum, so that readers write one too', () => {
  const unbounded = taught.flatMap((page) => {
    const text = readFileSync(join(root, page), 'utf8')
    // in the sources, what docblocks show
    const shown = page.startsWith('src/')
      ? text.split('\n').filter((line) => /^\s*\*/.test(line))
      : text.split('\n')
    return shown.filter((line) => !hasMaxima(line)).map((line) => `${page}: ${line.trim()}`)
  })
  expect(unbounded).toEqual([])
})

/** Whether each string and array of a line says how long it may be. */
function hasMaxima(line: string): boolean {
  const chains = line.matchAll(/z\.(?:string\(\)|array\((?:[^()]|\([^()]*\))*\))((?:\.\w+\([^()]*\))*)/g)
  return [...chains].every(([, chain = '']) => /\.(?:max|length|regex)\(/.test(chain))
}

function filesBelow(place: string): readonly string[] {
  const options = { recursive: true, encoding: 'utf8' } as const
  return readdirSync(join(root, place), options).flatMap((name) =>
    name.includes('node_modules') ? [] : [`${place}/${name}`],
  )
}

test('every link between the pages leads somewhere', () => {
  const dead = pages.flatMap((page) => {
    const links = readFileSync(join(root, page), 'utf8').matchAll(
      /\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g,
    )
    return [...links].flatMap(([, to = '', heading]) => {
      const target = to === '' ? join(root, page) : join(root, page, '..', to)
      const isSound = heading === undefined ? isThere(target) : anchorsOf(target).includes(heading)
      return isSound ? [] : [`${page}: ${to}${heading === undefined ? '' : `#${heading}`}`]
    })
  })
  expect(dead).toEqual([])
})

/** The headings of a page as GitHub names them in a link. */
function anchorsOf(path: string): readonly string[] {
  const headings = readFileSync(path, 'utf8').matchAll(/^#{1,6} (.+)$/gm)
  return [...headings].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

test('the list of pages has every page', () => {
  const list = readFileSync(join(root, 'docs/README.md'), 'utf8')
  const unlisted = readdirSync(join(root, 'docs')).filter(
    (name) => name.endsWith('.md') && name !== 'README.md' && !list.includes(`](${name})`),
  )
  expect(unlisted).toEqual([])
})

test('the page on the client has a row for each code of an error, each state and each option', () => {
  const page = readFileSync(join(root, 'docs/client.md'), 'utf8')
  const rows = [...page.matchAll(/^\| `([^|]+)` *\|/gm)].flatMap(([, cell = '']) => cell.split(/`, `|[:(]/))
  const names = [
    ...members('src/wire/errors.ts', 'type ErrorCode', /'(ERR_\w+)'/g),
    ...members('src/client/channel.ts', 'type State', /'(\w+)'/g),
    ...members('src/client/channel.ts', 'interface Snapshot', /readonly (\w+):/g),
    // time is for tests alone
    ...members('src/client/client.ts', 'interface ClientOptions', /readonly (?!clock)(\w+)\?:/g),
  ]
  expect(names.length).toBeGreaterThan(25)
  expect(names.filter((name) => !rows.includes(name))).toEqual([])
})

test('the page on the client says of each close code what the client does', () => {
  const [, table = ''] = /## What follows a close code\n([\s\S]*?)\n## /.exec(
    readFileSync(join(root, 'docs/client.md'), 'utf8'),
  ) ?? ['']
  const rows = [...table.matchAll(/^\| (.*?) *\| (asks once|waits|is) /gm)]
  const said = (code: number): string | undefined => rows.find(([, codes = '']) => covers(codes, code))?.[2]
  const verbs = { reauthenticate: 'asks once', retry: 'waits', stop: 'is' }
  const all = [...closeCodes.map(({ code }) => code), 1005, 1006, 1014, 4000, 4499, 4500, 4599, 4600]
  const wrong = all.filter((code) => said(code) !== verbs[retryAfterClose(code)])
  expect(rows).toHaveLength(5)
  expect(wrong).toEqual([])
})

/** Whether a cell such as `1001, 4500 to 4599` names a code. */
function covers(cell: string, code: number): boolean {
  if (cell.startsWith('any other')) return true
  return [...cell.matchAll(/(\d{4})(?: to (\d{4}))?/g)].some(
    ([, from, to = from]) => Number(from) <= code && code <= Number(to),
  )
}

/** The names in a declaration of a file, which ends before the next empty line. */
function members(file: string, declaration: string, name: RegExp): readonly string[] {
  const source = readFileSync(join(root, file), 'utf8')
  const start = source.indexOf(`export ${declaration}`)
  return [...source.slice(start, source.indexOf('\n\n', start)).matchAll(name)].map(([, found = '']) => found)
}

function isThere(path: string): boolean {
  try {
    readFileSync(path)
    return true
  } catch (error) {
    return (error as { code?: string }).code === 'EISDIR'
  }
}
