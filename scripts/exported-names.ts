// What the sources export: read from their text, without running them, so that types are found as well as values.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const declaration =
  /^export (?:declare )?(?:abstract )?(?:async )?(?:interface|type|class|const|let|function\*?) (\w+)/gm
const list = /^export (?:type )?\{([^}]*)\}/gm
const everything = /^export \* from '([^']+)'/gm
const typeDeclaration = /^export (?:declare )?(?:abstract )?(?:interface|type|class) (\w+)/gm

/** All names that a module exports, types included; what it re-exports with `export *` too. */
export function exportedNames(file: string): ReadonlySet<string> {
  const code = codeOf(file)
  const declared = [...code.matchAll(declaration)].map(([, name = '']) => name)
  const listed = [...code.matchAll(list)].flatMap(([, names = '']) => names.split(',').map(listedName))
  const passedOn = [...code.matchAll(everything)].flatMap(([, from = '']) => [
    ...exportedNames(join(dirname(file), from)),
  ])
  return new Set([...declared, ...listed, ...passedOn].filter((name) => name !== ''))
}

/** The names of exported types (classes included) that several files below a folder declare, each with those files. */
export function sharedTypeNames(root: string): ReadonlyMap<string, readonly string[]> {
  const files = new Map<string, string[]>()
  for (const [file, code] of sourcesBelow(root))
    for (const [, name = ''] of code.matchAll(typeDeclaration))
      files.set(name, [...(files.get(name) ?? []), file])
  return new Map([...files].filter(([, declaring]) => declaring.length > 1))
}

/** The names of the fields and methods of an exported interface, class or type, wherever below a folder it is declared. */
export function memberNames(root: string, type: string): ReadonlySet<string> {
  const declared = new RegExp(`^export (?:abstract )?(?:interface|type|class) ${type}\\b`, 'm')
  for (const code of sourcesBelow(root).values()) {
    const start = code.search(declared)
    if (start === -1) continue
    const [own = ''] = code
      .slice(start + 1)
      .split(/^(?:export|interface|type|class|const|function|declare)\b/m, 1)
    return new Set([...own.matchAll(/^\s{2,}(?:readonly )?(\w+)\??[:(]/gm)].map(([, name = '']) => name))
  }
  return new Set()
}

function sourcesBelow(root: string): ReadonlyMap<string, string> {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  )
  return new Map(files.map((file) => [file, codeOf(join(root, file))]))
}

/** A list may rename (`a as b`) and mark types (`type a`). */
function listedName(entry: string): string {
  return (
    entry
      .trim()
      .replace(/^type /, '')
      .split(' as ')
      .at(-1) ?? ''
  )
}

/** A source without its comments, in whose examples `export` may stand at the start of a line. */
function codeOf(file: string): string {
  return readFileSync(file, 'utf8').replace(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, '')
}
