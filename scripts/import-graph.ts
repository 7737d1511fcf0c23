// What imports what: read from the sources, without running them.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

/** For each node what it imports. */
export type Graph = ReadonlyMap<string, readonly string[]>

/** The files below a folder, each with what it imports: other files by their path in the folder, packages by their name. */
export function importsBelow(root: string): Graph {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  )
  return new Map(files.map((file) => [file, importsOf(root, file)]))
}

function importsOf(root: string, file: string): readonly string[] {
  const source = readFileSync(join(root, file), 'utf8')
  const statements = source.matchAll(/^(?:import|export)\s(?:[^'"=()]*?\sfrom\s)?'([^'\n]+)'/gm)
  const expressions = source.matchAll(/^(?!\s*(?:\*|\/\/)).*\bimport\('([^'\n]+)'/gm)
  return [...statements, ...expressions].map(([, name = '']) =>
    name.startsWith('.') ? normalize(join(dirname(file), name)) : name,
  )
}

/** The same graph with its nodes put together; what a node imports of itself, or of outside, is left out. */
export function grouped(graph: Graph, groupOf: (node: string) => string): Graph {
  const groups = new Map<string, Set<string>>()
  for (const [node, imports] of graph) {
    const from = groupOf(node)
    const known = groups.get(from) ?? new Set()
    groups.set(from, known)
    for (const imported of imports)
      if (graph.has(imported) && groupOf(imported) !== from) known.add(groupOf(imported))
  }
  return new Map([...groups].map(([group, imports]) => [group, [...imports]]))
}

/** How many arrows there are between the nodes. */
export function arrowsIn(graph: Graph): number {
  return [...graph.values()].flat().filter((imported) => graph.has(imported)).length
}

/** A cycle, its first node repeated at its end; `null` when there is none. */
export function cycleIn(graph: Graph): readonly string[] | null {
  const done = new Set<string>()
  const from = (node: string, path: readonly string[]): readonly string[] | null => {
    if (path.includes(node)) return [...path.slice(path.indexOf(node)), node]
    if (done.has(node)) return null
    for (const imported of graph.get(node) ?? []) {
      const found = graph.has(imported) ? from(imported, [...path, node]) : null
      if (found !== null) return found
    }
    done.add(node)
    return null
  }
  return [...graph.keys()].map((node) => from(node, [])).find((found) => found !== null) ?? null
}

/** For each node the floor that it stands on: 1 for one that imports nothing, else one above the highest that it imports. */
export function floorsOf(graph: Graph): ReadonlyMap<string, number> {
  const floors = new Map<string, number>()
  const floorOf = (node: string): number => {
    const known = floors.get(node)
    if (known !== undefined) return known
    const below = (graph.get(node) ?? []).filter((imported) => graph.has(imported)).map(floorOf)
    const floor = 1 + Math.max(0, ...below)
    floors.set(node, floor)
    return floor
  }
  for (const node of graph.keys()) floorOf(node)
  return floors
}
