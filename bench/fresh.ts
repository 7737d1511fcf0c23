import type { Bench } from './bench.ts'
import type { Request } from './generator.ts'
import type { Peer } from './peer.ts'
import { type Server, startServer } from './server.ts'

/** Uses a server of its own, which collects garbage before its memory is read. */
export async function withFresh<T>(
  peer: Peer,
  { bench, flags = [] }: { readonly bench: Bench; readonly flags?: readonly string[] },
  use: (server: Server) => Promise<T>,
): Promise<T> {
  const { priority } = bench.arguments
  const { secret } = bench.tokens
  const server = await startServer(peer, { secret, priority, collects: true, flags })
  try {
    return await use(server)
  } finally {
    await server.stop()
  }
}

/** What the generator is asked for connections that come in with valid tokens, step by step, and stay. */
export function staying(
  mode: 'hold' | 'grow',
  steps: readonly number[],
  { bench, settings }: { readonly bench: Bench; readonly settings: Readonly<Record<string, number>> },
): Request {
  const n = Math.max(...steps)
  const settle = bench.sizes.settleSeconds
  return {
    binary: bench.binary,
    mode,
    settings: { n, steps: steps.join(','), settle, climit: 120, ...settings },
    tokens: bench.tokens.valid,
    origin: true,
    priority: bench.arguments.priority,
  }
}
