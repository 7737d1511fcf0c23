import type { Bench } from './bench.ts'
import { withFresh } from './fresh.ts'
import type { Window } from './generator.ts'
import { slowPeer } from './peer.ts'
import { measureWindow, serverSeconds } from './rounds.ts'
import type { Server } from './server.ts'
import { type Spread, spread } from './statistics.ts'
import { toSlowHandler } from './workloads.ts'

/** What a message costs when so many of the same sender are on their way to a handler that is slow (Q). */
export interface Waiting {
  readonly waiting: number
  readonly rate: Spread
  readonly microseconds: Spread
}

/**
 * Measures how the cost of a message grows with those that wait beside it. Only Sallyport has such a queue: one that
 * hands a message over when the handler of the one before it is done.
 */
export async function measureWaiting(bench: Bench): Promise<readonly Waiting[]> {
  return await withFresh(slowPeer, { bench }, async (server) => {
    const { warmAfterSeconds } = bench.arguments
    await measure(16, server, { bench, warm: warmAfterSeconds })
    const results = new Map<number, Window[]>(bench.sizes.waiting.map((count) => [count, []]))
    for (let round = 0; round < bench.arguments.windows; round++)
      for (const [count, windows] of results)
        windows.push(await measure(count, server, { bench, warm: bench.arguments.warm }))
    return [...results].map(([count, windows]) => waitingOf(count, windows, bench))
  })
}

async function measure(
  count: number,
  server: Server,
  { bench, warm }: { readonly bench: Bench; readonly warm: number },
): Promise<Window> {
  const window = await measureWindow(toSlowHandler(count), server, {
    bench,
    times: { warm, dur: bench.arguments.seconds },
  })
  bench.progress(`Q: ${count} on their way, ${Math.round(window.rate).toLocaleString('en')} messages/s`)
  return window
}

function waitingOf(waiting: number, windows: readonly Window[], bench: Bench): Waiting {
  return {
    waiting,
    rate: spread(windows.map(({ rate }) => rate)),
    microseconds: spread(windows.map((window) => (serverSeconds(window, bench) * 1e6) / window.count)),
  }
}
