// The one rule of the house: wire knows nothing; core knows wire; auth, layers and transports know core but never each
// other; client knows only wire; server and testing assemble; nothing imports upward, and there is no cycle, not even of types.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

const root = 'src'
/** Which places a place may import from, beside itself. */
const may: Readonly<Record<string, readonly string[]>> = {
  wire: [],
  contract: ['wire'],
  core: ['wire'],
  client: ['wire'],
  auth: ['core', 'wire'],
  layers: ['core', 'wire'],
  transports: ['core', 'wire'],
  otel: ['core', 'wire'],
  server: ['core', 'wire', 'layers', 'transports'],
  testing: ['core', 'wire', 'layers', 'transports', 'server'],
  index: ['contract', 'core', 'wire', 'layers', 'server'],
}
/** Places that run anywhere: no module of Node and no package, but for types. */
const anywhere = new Set(['wire', 'contract', 'core', 'client'])

const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
const placeOf = (file: string): string => file.split('/')[0]?.replace(/\.ts$/, '') ?? ''
const graph = new Map(files.map((file) => [file, importsOf(file)]))
const faults = [...graph].flatMap(([file, imports]) => imports.flatMap((imported) => fault(file, imported)))

function importsOf(file: string): readonly string[] {
  const source = readFileSync(join(root, file), 'utf8')
  const statements = source.matchAll(/^(?:import|export)\s(?:[^'"=()]*?\sfrom\s)?'([^'\n]+)'/gm)
  const expressions = source.matchAll(/^(?!\s*(?:\*|\/\/)).*\bimport\('([^'\n]+)'/gm)
  return [...statements, ...expressions].map(([, name = '']) =>
    name.startsWith('.') ? normalize(join(dirname(file), name)) : name,
  )
}

function fault(file: string, imported: string): readonly string[] {
  const [from, to] = [placeOf(file), placeOf(imported)]
  if (!graph.has(imported)) {
    const typesOnly = imported === '@standard-schema/spec'
    return anywhere.has(from) && !typesOnly ? [`${file} must run anywhere, but imports '${imported}'`] : []
  }
  if (from === to || may[from]?.includes(to) === true) return []
  return [`${file} may not import ${imported}: ${from} knows ${may[from]?.join(', ') || 'nothing'}`]
}

function cycleFrom(file: string, path: readonly string[], done: Set<string>): readonly string[] | null {
  if (path.includes(file)) return [...path.slice(path.indexOf(file)), file]
  if (done.has(file)) return null
  for (const imported of graph.get(file) ?? []) {
    const found = graph.has(imported) ? cycleFrom(imported, [...path, file], done) : null
    if (found !== null) return found
  }
  done.add(file)
  return null
}

/** The public lists say what there is, and nothing else. */
function isList(file: string): boolean {
  const code = readFileSync(join(root, file), 'utf8').replace(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, '')
  return code.replace(/export (?:type )?(?:\*|\{[^}]*\}) from '[^']+'/g, '').trim() === ''
}

for (const file of ['index.ts', 'contract.ts']) if (!isList(file)) faults.push(`${file} may only re-export`)
const done = new Set<string>()
const cycle = files.map((file) => cycleFrom(file, [], done)).find((found) => found !== null) ?? null
if (cycle !== null) faults.push(`a cycle of imports: ${cycle.join(' -> ')}`)
for (const line of faults) console.error(line)
console.log(`${files.length} files, ${faults.length} faults`)
process.exitCode = faults.length === 0 ? 0 : 1
