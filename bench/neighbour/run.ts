// npm run neighbour -w bench: what one signed-in user costs another. Prints a table, and exits with 1 when a goal is missed;
// see README.md, "A neighbour".
import { parseArgs } from 'node:util'
import { describeMachine, loadAverages } from '../machine.ts'
import { assertMachine, raisePriority } from '../placement.ts'
import { median } from '../statistics.ts'
import { attackNames, withoutGoal } from './messages.ts'
import { addedMs, heldBytes, type Length, measured, type Row, waitingBytes } from './rounds.ts'
import { firstState, leaving } from './scenes.ts'

const usage = `npm run neighbour -w bench -- [options]

  --quick         two short rounds: shows that everything works
  --only NAME     this row alone, more than once for more: ${attackNames.join(', ')}
  --priority      raise the priority of the processes (needs root)
  --help          this text`

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    priority: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [...attackNames] },
  },
})
if (values.help) {
  console.log(usage)
  process.exit(0)
}
const length: Length = values.quick
  ? { quietMs: 400, seconds: 2, rounds: 2 }
  : { quietMs: 2_000, seconds: 6, rounds: 3 }

const heads = [
  'one user',
  'p50 quiet',
  'p50 beside',
  'p99 quiet',
  'p99 beside',
  'added cold',
  'added',
  'rounds',
  'MiB held',
  'MiB waiting',
  'server CPU',
  'sent',
  'errors',
  'closed',
  '',
]

assertMachine()
// the server inherits it
if (values.priority) raisePriority(process.pid)
const { cpu, cores, system, kernel, node, commit } = describeMachine()
console.log(
  `${new Date().toISOString()}; ${cores} cores of ${cpu}, ${system}, Linux ${kernel}, Node ${node}, commit ${commit}`,
)
console.log(`load average ${loadAverages().join(' ')} before`)
const line = (cells: readonly string[]): void => console.log(`| ${cells.join(' | ')} |`)
const rows: Row[] = []
line(heads)
line(heads.map(() => '---'))
for (const name of attackNames) {
  if (!values.only.includes(name)) continue
  const row = await measured(name, length)
  rows.push(row)
  line(cellsOf(row))
}
const scenes = [await leaving(length.seconds), await firstState(values.quick ? 12_000_000 : 4_000_000)]
for (const { told } of scenes) console.log(told)
console.log(`load average ${loadAverages().join(' ')} after`)
const misses = [...rows.flatMap((row) => row.missed), ...scenes.flatMap((scene) => scene.missed ?? [])]
console.log(misses.length === 0 ? 'every goal is met' : ['missed:', ...misses].join('\n- '))
process.exit(misses.length === 0 ? 0 : 1)

function cellsOf({ name, cold, rounds, note, missed }: Row): readonly string[] {
  const middle = (of: (round: Row['rounds'][number]) => number, digits = 2): string =>
    median(rounds.map(of)).toFixed(digits)
  const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1)
  const all = rounds.map(({ quiet, during }) => (during.p99Ms - quiet.p99Ms).toFixed(1))
  return [
    name,
    middle(({ quiet }) => quiet.p50Ms),
    middle(({ during }) => during.p50Ms),
    middle(({ quiet }) => quiet.p99Ms),
    middle(({ during }) => during.p99Ms),
    addedMs([cold]).toFixed(1),
    addedMs(rounds).toFixed(1),
    all.join(', '),
    mib(heldBytes(rounds)),
    mib(waitingBytes(rounds)),
    `${middle(({ cpuMs }) => cpuMs / (length.seconds * 10), 0)} %`,
    middle(({ counts }) => counts.sent, 0),
    middle(({ counts }) => counts.errors, 0),
    JSON.stringify(rounds.at(-1)?.counts.closes ?? {}),
    withoutGoal[name] ?? [note, ...missed].join(' '),
  ]
}
