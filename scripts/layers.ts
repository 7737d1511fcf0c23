// The rules of the house: wire knows nothing; core knows wire; auth, layers and transports know core but never each
// other; client knows only wire; assembly, server and testing put together; nothing imports upward, there is no cycle, not
// even of types, and no two exported types have one name.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sharedTypeNames } from './exported-names.ts'
import { cycleIn, importsBelow } from './import-graph.ts'

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
  assembly: ['core', 'wire', 'layers'],
  server: ['core', 'wire', 'transports', 'assembly'],
  testing: ['core', 'wire', 'layers', 'transports', 'server'],
  index: ['contract', 'core', 'wire', 'layers', 'server'],
}
/** The rooms of core: each imports only those before it. */
const rooms: readonly string[] = [
  'runtime',
  'api',
  'groups',
  'access',
  'server-context',
  'server-messenger',
  'admission',
  'socket',
  'endpoint',
]
/** Places that run anywhere: no module of Node and no package, but for types. */
const anywhere = new Set(['wire', 'contract', 'core', 'client', 'assembly'])

const graph = importsBelow(root)
const placeOf = (file: string): string => file.split('/')[0]?.replace(/\.ts$/, '') ?? ''
const roomOf = (file: string): string => file.split('/')[1]?.replace(/\.ts$/, '') ?? ''
const faults = [...graph].flatMap(([file, imports]) => imports.flatMap((imported) => fault(file, imported)))

function fault(file: string, imported: string): readonly string[] {
  const [from, to] = [placeOf(file), placeOf(imported)]
  if (!graph.has(imported)) {
    const typesOnly = imported === '@standard-schema/spec'
    return anywhere.has(from) && !typesOnly ? [`${file} must run anywhere, but imports '${imported}'`] : []
  }
  if (from === 'core' && to === 'core') return roomFault(file, imported)
  if (from === to || may[from]?.includes(to) === true) return []
  return [`${file} may not import ${imported}: ${from} knows ${may[from]?.join(', ') || 'nothing'}`]
}

function roomFault(file: string, imported: string): readonly string[] {
  const [from, to] = [rooms.indexOf(roomOf(file)), rooms.indexOf(roomOf(imported))]
  if (from === -1) return [`${file} stands in no room: core has ${rooms.join(', ')}`]
  if (to <= from) return []
  return [`${file} may not import ${imported}: that room is above its own`]
}

/** The public lists say what there is, and nothing else. */
function isList(file: string): boolean {
  const code = readFileSync(join(root, file), 'utf8').replace(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, '')
  return code.replace(/export (?:type )?(?:\*|\{[^}]*\}) from '[^']+'/g, '').trim() === ''
}

for (const file of ['index.ts', 'contract.ts']) if (!isList(file)) faults.push(`${file} may only re-export`)
for (const [name, files] of sharedTypeNames(root))
  faults.push(`the type ${name} is exported by ${files.join(' and ')}: two types need two names`)
const cycle = cycleIn(graph)
if (cycle !== null) faults.push(`a cycle of imports: ${cycle.join(' -> ')}`)
for (const line of faults) console.error(line)
console.log(`${graph.size} files, ${faults.length} faults`)
process.exitCode = faults.length === 0 ? 0 : 1
