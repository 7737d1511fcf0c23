import { setTimeout as after } from 'node:timers/promises'
import { median } from '../statistics.ts'
import { attacked, type AttackCounts, type ServerProcess, startServer } from './server-process.ts'
import { type AttackName, withoutGoal } from './messages.ts'
import { type Reader, reader } from './readers.ts'
import { type RoundTrips, type Strangers, strangers } from './stranger.ts'

const mib = 2 ** 20
/** The goals for one user: by what the p99 of others may rise, and what may be held and may wait for it. */
export const goals = { addedMs: 10, heldBytes: 8 * mib, waitingBytes: 2 * mib }

/** How long a measurement takes. */
export interface Length {
  readonly quietMs: number
  readonly seconds: number
  readonly rounds: number
}

/** One round: others beside a quiet server, and then beside the attack. */
export interface Round {
  readonly quiet: RoundTrips
  readonly during: RoundTrips
  readonly heldBytes: number
  readonly waitingBytes: number
  readonly cpuMs: number
  readonly counts: AttackCounts
}

/** What one attack has done to others. */
export interface Row {
  readonly name: AttackName
  /** The first round of the server process, before its code is compiled; the goals are about the rounds after it. */
  readonly cold: Round
  readonly rounds: readonly Round[]
  readonly note: string
  /** The goals that are missed, in words. */
  readonly missed: readonly string[]
}

/**
 * Measures an attack over some rounds at one server. Where a goal is missed as many rounds more are measured, and all of them count: on a
 * machine that does other work a round may show that work.
 */
export async function measured(name: AttackName, length: Length): Promise<Row> {
  await using server = await startServer()
  using others = await strangers(server.number)
  const readers = name === 'bytes' ? honestReaders(server.number) : []
  await after(length.quietMs)
  const cold = await round(name, length, { server, others })
  const rounds: Round[] = []
  const isMany = name === 'crowd'
  const hasGoal = !Object.hasOwn(withoutGoal, name)
  const measure = async (): Promise<void> => {
    for (let count = 0; count < (isMany ? 1 : length.rounds); count++)
      rounds.push(await round(name, length, { server, others }))
  }
  await measure()
  if (hasGoal && missedBy(name, rounds).length > 0) await measure()
  const closed = readers.filter(({ code }) => code !== null).length
  for (const one of readers) one[Symbol.dispose]()
  const missed = hasGoal ? [...missedBy(name, rounds)] : []
  if (closed > 0) missed.push(`${name}: ${closed} of ${readers.length} readers were closed, and none may be`)
  return {
    name,
    cold,
    rounds,
    missed,
    note: readers.length === 0 ? '' : `${closed} of ${readers.length} readers closed`,
  }
}

async function round(
  name: AttackName,
  { quietMs, seconds }: Length,
  { server, others }: { readonly server: ServerProcess; readonly others: Strangers },
): Promise<Round> {
  others.take()
  await after(quietMs)
  const quiet = others.take()
  const before = await server.usage()
  const { begun, counts } = attacked({ number: server.number, name, seconds })
  await begun
  others.take()
  // before it ends, while what waits still waits
  await after(seconds * 900)
  const during = others.take()
  const held = await server.usage()
  return {
    quiet,
    during,
    heldBytes: held.heldBytes - before.heldBytes,
    waitingBytes: held.waitingBytes,
    cpuMs: held.cpuMs - before.cpuMs,
    counts: await counts,
  }
}

function missedBy(name: AttackName, rounds: readonly Round[]): readonly string[] {
  const [added, held, waiting] = [addedMs(rounds), heldBytes(rounds), waitingBytes(rounds)]
  const misses: string[] = []
  if (!(added <= goals.addedMs))
    misses.push(`${name}: the p99 of others rose by ${added.toFixed(1)} ms, at most ${goals.addedMs} may be`)
  if (held > goals.heldBytes)
    misses.push(`${name}: ${(held / mib).toFixed(1)} MiB of heap are held, at most 8 may be`)
  if (waiting > goals.waitingBytes)
    misses.push(`${name}: ${(waiting / mib).toFixed(2)} MiB have waited, at most 2 may`)
  return misses
}

/** By how much the p99 of others rose: the median of the rounds. */
export function addedMs(rounds: readonly Round[]): number {
  return median(rounds.map(({ quiet, during }) => during.p99Ms - quiet.p99Ms))
}

/** What the heap has held: the median of the rounds. */
export function heldBytes(rounds: readonly Round[]): number {
  return median(rounds.map((one) => one.heldBytes))
}

/** The most that has waited in a round. */
export function waitingBytes(rounds: readonly Round[]): number {
  return Math.max(...rounds.map((one) => one.waitingBytes))
}

function honestReaders(number: number): readonly Reader[] {
  return Array.from({ length: 10 }, (_, at) => reader(number, '/ws/room/honest', `reader-${at}`, 4_000_000))
}
