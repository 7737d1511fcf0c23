// npm run neighbour -w bench: what one signed-in user costs another. Prints a table; see README.md, "A neighbour".
import { setTimeout as after } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import WebSocket from 'ws'
import { describeMachine, loadAverages } from '../machine.ts'
import { assertMachine } from '../placement.ts'
import { attacked, type Deeds, startHouse } from './house.ts'
import type { AttackName } from './messages.ts'
import { type Reader, reader } from './readers.ts'
import { type RoundTrips, stranger } from './stranger.ts'

const usage = `npm run neighbour -w bench -- [options]

  --quick            2 seconds for each attack instead of 10: shows that everything works
  --help             this text`
const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
})
if (values.help) {
  console.log(usage)
  process.exit()
}
const seconds = values.quick ? 2 : 10
const mib = 2 ** 20
/** The goals: what another user's p99 may rise by, and what may be held for one identity. */
const goals = { addedMs: 10, heldBytes: 8 * mib }

interface Row {
  readonly name: AttackName
  readonly quiet: RoundTrips
  readonly during: RoundTrips
  readonly heldBytes: number
  readonly cpuMs: number
  readonly deeds: Deeds
  readonly note: string
}

assertMachine()
const { cpu, cores, system, kernel, node, commit } = describeMachine()
console.log(
  `${new Date().toISOString()}; ${cores} cores of ${cpu}, ${system}, Linux ${kernel}, Node ${node}, commit ${commit}`,
)
console.log(`load average ${loadAverages().join(' ')} before`)
const rows: Row[] = []
for (const name of ['waiting', 'unfit', 'bytes', 'crowd'] as const) rows.push(await measured(name))
console.log(['', ...tableOf(rows), ''].join('\n'))
console.log(await leaving())
console.log(await firstState())
console.log(`load average ${loadAverages().join(' ')} after`)
process.exit()

async function measured(name: AttackName): Promise<Row> {
  await using house = await startHouse()
  using other = await stranger(house.number)
  const readers = name === 'bytes' ? honestReaders(house.number) : []
  await after(1_000)
  other.take()
  await after(seconds * 500)
  const quiet = other.take()
  const before = await house.usage()
  const attack = attacked({ number: house.number, name, seconds })
  // before it ends, while what waits still waits
  await after((seconds - 1) * 1_000)
  const during = other.take()
  const held = await house.usage()
  const deeds = await attack
  for (const one of readers) one[Symbol.dispose]()
  const note =
    readers.length === 0
      ? ''
      : `${readers.filter(({ code }) => code !== null).length} of ${readers.length} readers closed`
  return {
    name,
    quiet,
    during,
    heldBytes: held.heldBytes - before.heldBytes,
    cpuMs: held.cpuMs - before.cpuMs,
    deeds,
    note,
  }
}

function honestReaders(number: number): readonly Reader[] {
  return Array.from({ length: 10 }, (_, at) => reader(number, '/ws/room/honest', `reader-${at}`, 4_000_000))
}

function tableOf(all: readonly Row[]): readonly string[] {
  const heads = [
    'one user',
    'p50 quiet',
    'p50 beside',
    'p99 quiet',
    'p99 beside',
    'goal',
    'MiB held',
    'server CPU',
    'sent',
    'errors',
    'closed',
    '',
  ]
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const cells = ({ name, quiet, during, heldBytes, cpuMs, deeds, note }: Row): readonly string[] => [
    name,
    quiet.p50Ms.toFixed(2),
    during.p50Ms.toFixed(2),
    quiet.p99Ms.toFixed(2),
    during.p99Ms.toFixed(2),
    during.p99Ms - quiet.p99Ms <= goals.addedMs ? 'met' : 'missed',
    `${(heldBytes / mib).toFixed(1)}${name === 'crowd' ? '' : heldBytes <= goals.heldBytes ? ' (met)' : ' (missed)'}`,
    `${(cpuMs / (seconds * 10)).toFixed(0)} %`,
    String(deeds.sent),
    String(deeds.errors),
    JSON.stringify(deeds.closes),
    note,
  ]
  return [line(heads), line(heads.map(() => '---')), ...all.map((row) => line(cells(row)))]
}

/** 90 messages, then the end of the socket, then a ban: what is published afterwards. */
async function leaving(): Promise<string> {
  await using house = await startHouse()
  const open = async (user: string): Promise<WebSocket> => {
    const socket = new WebSocket(`ws://127.0.0.1:${house.number}/ws/slow/leaving`, {
      headers: { 'x-user': user },
    })
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
    return socket
  }
  let heard = 0
  const [listener, banned] = [await open('listener'), await open('banned')]
  for (let count = 0; count < 90; count++)
    banned.send(JSON.stringify({ type: 'say', text: `message ${count}` }))
  banned.close()
  await new Promise((resolve) => banned.once('close', resolve))
  await after(500)
  const receipt = await house.revoke('banned')
  listener.on('message', () => heard++)
  await after(seconds * 1_000)
  listener.terminate()
  return `leaving: ${JSON.stringify(receipt)}, and ${heard} messages were published in the ${seconds} s after the ban`
}

/** A first state of 24 MB for a reader of 4 MB a second. */
async function firstState(): Promise<string> {
  await using house = await startHouse()
  using one = reader(house.number, '/ws/large', 'patient', 4_000_000)
  await after(8_000)
  return `first state: ${(one.bytes / 1e6).toFixed(1)} of 24 MB arrived, closed with ${one.code ?? 'nothing'}`
}
