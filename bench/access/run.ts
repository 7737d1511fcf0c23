// npm run access -w bench: how soon and at what cost access ends. Prints a table; see README.md, "Access that ends".
import { parseArgs } from 'node:util'
import { describeMachine, loadAverages } from '../machine.ts'
import { type AlarmCost, measureAlarms } from './alarms.ts'
import { type Expiry, measureExpiry } from './expiry.ts'
import { measureRevocation, type Revocation } from './revocation.ts'
import { inMemory, overSockets } from './venue.ts'

const modes = ['timers', 'revocation', 'expiry'] as const
const usage = `npm run access -w bench -- [options]

  --only a,b         these measurements alone: ${modes.join(' ')}
  --quick            a tenth of everything: shows that everything works
  --help             this text`
const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(usage)
  process.exit()
}
const asked = values.only?.split(',') ?? modes
const unknown = asked.find((one) => !modes.some((mode) => mode === one))
if (unknown !== undefined) throw new Error(`--only knows ${modes.join(', ')}, not '${unknown}'`)
const scale = values.quick ? 0.1 : 1

const { cpu, cores, system, kernel, node, commit } = describeMachine()
console.log(
  `${new Date().toISOString()}; ${cores} cores of ${cpu}, ${system}, Linux ${kernel}, Node ${node}, commit ${commit}`,
)
console.log(`load average ${loadAverages().join(' ')} before`)
if (asked.includes('timers')) printAlarms(await measureAlarms(100_000 * scale))
if (asked.includes('revocation')) {
  const rounds = [
    ...(await measureRevocation(2_000, overSockets)),
    ...(await measureRevocation(10_000 * scale, overSockets)),
  ]
  printRevocations(rounds)
}
if (asked.includes('expiry')) printExpiry(await measureExpiry(10_000 * scale, 60 * scale))
// last, because the memory of many wires is this process's own
if (asked.includes('revocation'))
  printRevocations([
    ...(await measureRevocation(10_000 * scale, inMemory)),
    ...(await measureRevocation(50_000 * scale, inMemory)),
  ])
console.log(`load average ${loadAverages().join(' ')} after`)
process.exit()

function table(heads: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  const cell = (value: string | number): string =>
    typeof value === 'number' ? value.toLocaleString('en', { maximumFractionDigits: 2 }) : value
  const line = (cells: readonly (string | number)[]): string => `| ${cells.map(cell).join(' | ')} |`
  console.log(['', line(heads), line(heads.map(() => '---')), ...rows.map(line), ''].join('\n'))
}

function printRevocations(rounds: readonly Revocation[]): void {
  table(
    [
      'wires',
      'open',
      'sockets of the user',
      'users revoked',
      'p50 ms',
      'p99 ms',
      'most ms',
      'receipt, p50 ms',
    ],
    rounds.map((one) => [
      one.venue,
      one.open,
      one.each,
      one.users,
      one.p50Ms,
      one.p99Ms,
      one.mostMs,
      one.receiptMs,
    ]),
  )
}

function printExpiry(one: Expiry): void {
  table(
    ['open', 'expire within s', 'p50 ms late', 'p99 ms late', 'most ms late', 'early'],
    [[one.open, one.overSeconds, one.p50Ms, one.p99Ms, one.mostMs, one.early]],
  )
}

function printAlarms(costs: readonly AlarmCost[]): void {
  table(
    ['', 'set', 'bytes each', 'ms to set', 'ms to call off', 'CPU ms to ring', 'p99 ms late'],
    costs.map((one) => [
      one.what,
      one.count,
      one.bytesEach,
      one.setMs,
      one.cancelMs,
      one.ringCpuMs,
      one.lateMs,
    ]),
  )
}
