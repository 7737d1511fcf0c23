import type { Bench } from './bench.ts'
import { staying, withFresh } from './fresh.ts'
import { generate } from './generator.ts'
import { type Peer, referencePeer } from './peer.ts'
import { rotated, serverSeconds } from './rounds.ts'
import { type Spread, spread } from './statistics.ts'

/** How soon everybody is back after a restart (S). */
export interface Storm {
  readonly peer: string
  readonly connections: number
  /** From the first connection until all have had their welcome. */
  readonly seconds: Spread
  /** Those seconds by those of the reference in the same round; `null` without it. */
  readonly ratio: Spread | null
  /** From the start of the process until it listens. */
  readonly startMs: Spread
  readonly microseconds: Spread
  /** Connections that were refused or broken, over all rounds; each of them tried again. */
  readonly failures: number
}

interface Return {
  readonly seconds: number
  readonly startMs: number
  readonly microseconds: number
  readonly failures: number
}

/** How many are on their way at once: within the default limit of each of eight addresses. */
export const atOnce = 256

/**
 * Measures the time in which all connections of a server come back after its restart: a fresh process, cold, and so many
 * clients that connect as fast as they are let in.
 */
export async function measureStorms(bench: Bench): Promise<readonly Storm[]> {
  const { peers, windows: rounds } = bench.arguments
  const all = new Map<string, Return[]>(peers.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++)
    for (const peer of rotated(peers, round)) all.get(peer.name)?.push(await measureStorm(peer, bench))
  return peers.map(({ name }) => stormOf(name, all, bench))
}

async function measureStorm(peer: Peer, bench: Bench): Promise<Return> {
  return await withFresh(peer, { bench }, async (server) => {
    const n = bench.sizes.idle
    const windows = await generate(server, staying('hold', [n], { bench, settings: { cc: atOnce } }))
    const ramp = windows.find(({ mode }) => mode === 'ramp')
    if (ramp === undefined) throw new Error(`the generator brought nobody back to ${peer.name}`)
    bench.progress(`S: ${peer.name} has ${n.toLocaleString('en')} back after ${ramp.ramp_s.toFixed(1)} s`)
    return {
      seconds: ramp.ramp_s,
      startMs: server.startMs,
      microseconds: (serverSeconds(ramp, bench) * 1e6) / ramp.count,
      failures: ramp.retries + ramp.errors,
    }
  })
}

function stormOf(peer: string, all: ReadonlyMap<string, readonly Return[]>, bench: Bench): Storm {
  const returns = all.get(peer) ?? []
  const reference = all.get(referencePeer)
  const over = (figure: (one: Return) => number): Spread => spread(returns.map(figure))
  return {
    peer,
    connections: bench.sizes.idle,
    seconds: over(({ seconds }) => seconds),
    ratio:
      reference === undefined
        ? null
        : spread(returns.map(({ seconds }, round) => seconds / (reference[round]?.seconds ?? Number.NaN))),
    startMs: over(({ startMs }) => startMs),
    microseconds: over(({ microseconds }) => microseconds),
    failures: returns.reduce((sum, { failures }) => sum + failures, 0),
  }
}
