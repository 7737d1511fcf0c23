import type { Bench } from './bench.ts'
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

/** What the generator is asked for connections that come in with valid tokens and stay. */
export function staying(bench: Bench): {
  readonly binary: string
  readonly tokens: string
  readonly origin: boolean
  readonly priority: boolean
} {
  const { priority } = bench.arguments
  return { binary: bench.binary, tokens: bench.tokens.valid, origin: true, priority }
}
