import { parseArgs } from 'node:util'
import { hasBun, installBun } from './bun.ts'
import { type Peer, peers, peersHere } from './peer.ts'
import { type WorkloadId, workloadIds } from './workloads.ts'

/** What the command line asks for. */
export interface Arguments {
  /** A smoke run: one short window, small rooms. Its figures say that everything works, and nothing else. */
  readonly quick: boolean
  readonly only: readonly WorkloadId[]
  readonly peers: readonly Peer[]
  /** How many windows the median is of. */
  readonly windows: number
  /** Seconds of one window, and of the warm-up before it. */
  readonly seconds: number
  readonly warm: number
  /** Handshakes: the seconds of a fresh process that count as cold, and the seconds of load after which it is warm. */
  readonly coldSeconds: number
  readonly warmAfterSeconds: number
  /** Whether servers and generator get a raised priority. */
  readonly priority: boolean
}

/** What `--help` prints. */
export const usage = `npm run bench -- [options]

  --quick            one short window, small rooms: shows that everything works
  --only A,F,B1      these workloads alone: ${workloadIds.join(' ')}
  --peers ws,...     these servers alone: ${peers.map(nameOf).join(' ')} (where Bun is installed)
  --windows N        windows for each figure; 3
  --seconds S        length of a window; 1.2
  --priority         raise the priority of servers and generator (needs root)
  --help             this text`

/**
 * Reads the command line; `null` when it asks for help.
 *
 * @throws Error that says what is wrong with it
 */
export function readArguments(args: readonly string[]): Arguments | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      priority: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      only: { type: 'string' },
      peers: { type: 'string' },
      windows: { type: 'string' },
      seconds: { type: 'string' },
    },
  })
  if (values.help) return null
  const { quick, priority } = values
  return {
    quick,
    priority,
    only: values.only === undefined ? workloadIds : chosen('only', values.only, workloadIds, (id) => id),
    peers: values.peers === undefined ? peersHere() : installed(chosen('peers', values.peers, peers, nameOf)),
    windows: number('windows', values.windows, { fallback: quick ? 1 : 3, least: 1, most: 99, whole: true }),
    seconds: number('seconds', values.seconds, { fallback: quick ? 0.2 : 1.2, least: 0.1, most: 60 }),
    warm: quick ? 0.05 : 0.6,
    coldSeconds: quick ? 0.4 : 3,
    warmAfterSeconds: quick ? 0.2 : 10,
  }
}

function nameOf({ name }: Peer): string {
  return name
}

function installed(asked: readonly Peer[]): readonly Peer[] {
  if (hasBun() || asked.every(({ runtime }) => runtime !== 'bun')) return asked
  throw new Error(`Bun is not installed here: ${installBun}`)
}

function chosen<T>(option: string, text: string, all: readonly T[], named: (one: T) => string): readonly T[] {
  const names = text.split(',')
  const unknown = names.find((name) => !all.some((one) => named(one) === name))
  if (unknown === undefined) return all.filter((one) => names.includes(named(one)))
  throw new Error(`--${option} knows ${all.map(named).join(', ')}, not '${unknown}'`)
}

interface Bounds {
  readonly fallback: number
  readonly least: number
  readonly most: number
  readonly whole?: boolean
}

function number(option: string, text: string | undefined, bounds: Bounds): number {
  const value = text === undefined ? bounds.fallback : Number(text)
  const fits = value >= bounds.least && value <= bounds.most
  if (fits && (bounds.whole !== true || Number.isInteger(value))) return value
  throw new Error(`--${option} is a number from ${bounds.least} to ${bounds.most}, not '${text ?? ''}'`)
}
