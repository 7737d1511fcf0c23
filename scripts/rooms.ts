// Prints how src/core is built: its rooms, the floor that each stands on, and what each imports.
import { arrowsIn, cycleIn, floorsOf, type Graph, grouped, importsBelow } from './import-graph.ts'

const files = importsBelow('src/core')
/** A folder is a room; a file beside the folders is one by itself. */
const rooms = grouped(files, (file) => file.split('/')[0]?.replace(/\.ts$/, '') ?? '')

function summary(name: string, graph: Graph): string {
  const cycle = cycleIn(graph)
  const floors = cycle === null ? Math.max(...floorsOf(graph).values()) : 'no'
  const cycles = cycle === null ? 'no cycle' : `a cycle: ${cycle.join(' -> ')}`
  return `${name}: ${graph.size}, ${floors} floors, ${arrowsIn(graph)} arrows, ${cycles}`
}

const floors = cycleIn(rooms) === null ? floorsOf(rooms) : new Map<string, number>()
const byFloor = [...rooms].sort(([one], [other]) => (floors.get(one) ?? 0) - (floors.get(other) ?? 0))
for (const [room, imports] of byFloor) {
  const size = [...files.keys()].filter((file) => file === `${room}.ts` || file.startsWith(`${room}/`)).length
  console.log(
    `${floors.get(room) ?? '?'}  ${room} (${size}) imports ${imports.toSorted().join(', ') || 'nothing'}`,
  )
}
console.log(summary('rooms', rooms))
console.log(summary('files', files))
