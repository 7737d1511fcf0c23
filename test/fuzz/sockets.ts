import { connect, type Socket } from 'node:net'
import { setTimeout as after } from 'node:timers/promises'
import type { SallyportEvent } from '../../src/index.ts'
import { goodbye } from '../transports/node/raw-client.ts'
import type { Campaign } from './campaign.ts'
import { keysOf, oddHead } from './heads.ts'
import { fuzzServer } from './test-server.ts'
import { neighbour } from './neighbour.ts'
import { outcomeOf } from './oracles.ts'
import { Random } from './random.ts'

/** How long a handshake may take here, and the close of who was refused. */
const [handshakeMs, closeMs] = [1_000, 1_000]
/** What the last word to a peer that does not hang up, and a busy machine, may add. */
const graceMs = 3_000

/**
 * Odd bytes over TCP: each connection ends within the time of a handshake, no client is in without a key, nothing is reported, and
 * a client that behaves is served all the while.
 */
export async function socketCampaign(seed: number): Promise<Campaign> {
  const keys = keysOf(seed)
  const { server, faults, takeEvents } = fuzzServer(keys, { handshakeMs, closeMs })
  const { port: number } = await server.listen(0)
  const next = await neighbour(`ws://127.0.0.1:${number}/ws/lines`, { 'x-api-key': keys.key })
  const events = new Map<string, SallyportEvent[]>()
  const eventsOf = (address: string): readonly SallyportEvent[] => {
    for (const event of takeEvents())
      if ('address' in event) events.set(event.address, [...(events.get(event.address) ?? []), event])
    const own = events.get(address) ?? []
    events.delete(address)
    return own
  }
  return {
    name: 'sockets',
    atOnce: 32,
    async tell(index) {
      const random = new Random(seed, index)
      const head = oddHead(keys, random)
      // an address of its own for each story tells whose events they are
      const address = `127.${[16, 8, 0].map((bits) => ((index + 256) >> bits) & 0xff).join('.')}`
      try {
        const visit = { number, address, pieces: pieces(head, random), resets: random.percent(5) }
        const said = await visited(visit)
        const [fault] = faults.splice(0)
        if (fault !== undefined) throw new Error('something was reported', { cause: fault })
        return visit.resets
          ? 'reset'
          : outcomeOf({ head: sent(visit.pieces), said, events: eventsOf(address) }, keys)
      } catch (error) {
        throw new Error(`seed ${seed}, socket ${index}: ${String(error)}\n${JSON.stringify(head)}`, {
          cause: error,
        })
      }
    },
    async end() {
      try {
        await next.leave(graceMs)
        if (server.connections > 0) throw new Error(`${server.connections} sockets are left`)
      } finally {
        await server.close({ drain: 0 })
      }
    },
  }
}

/** A request in one or several pieces: with bytes of a protocol behind it, cut in its midst, or with a bit turned over. */
function pieces(head: string, random: Random): readonly Buffer[] {
  const bytes = Buffer.from(head, 'latin1')
  if (random.percent(5)) return [bytes.subarray(0, random.below(bytes.length))]
  if (random.percent(10)) {
    const at = random.below(bytes.length)
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8))
  }
  const whole = random.percent(20) ? Buffer.concat([bytes, random.bytes(random.below(40))]) : bytes
  const cuts = Array.from({ length: random.percent(30) ? 1 + random.below(4) : 0 }, () =>
    random.below(whole.length),
  )
  const ends = [...cuts.sort((one, other) => one - other), whole.length]
  return ends.map((end, at) => whole.subarray(ends[at - 1] ?? 0, end))
}

/** What was sent, as the oracles read it: a bit that was turned over may have made another name. */
function sent(parts: readonly Buffer[]): string {
  return Buffer.concat(parts).toString('latin1')
}

interface Visit {
  readonly number: number
  readonly address: string
  readonly pieces: readonly Buffer[]
  /** Whether the visitor cuts the wire without waiting for an answer. */
  readonly resets: boolean
}

/** Everything that the server has said until it has hung up. @throws Error when it does not within the time of a handshake */
async function visited({ number, address, pieces: parts, resets }: Visit): Promise<Buffer> {
  const socket = connect({ port: number, host: '127.0.0.1', localAddress: address }).setNoDelay(true)
  socket.on('error', () => {})
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => {
    chunks.push(chunk)
    // whatever it was, we have had enough once it has spoken
    if (Buffer.concat(chunks).includes('\r\n\r\n')) socket.write(goodbye(1000))
  })
  const over = new Promise<boolean>((resolve) => socket.once('close', () => resolve(true)))
  await send(socket, parts)
  if (resets) socket.resetAndDestroy()
  const late = new AbortController()
  const isOver = await Promise.race([
    over,
    after(handshakeMs + closeMs + graceMs, false, { signal: late.signal }),
  ])
  late.abort()
  socket.destroy()
  if (!isOver) throw new Error('the connection is open beyond the time of a handshake')
  return Buffer.concat(chunks)
}

async function send(socket: Socket, parts: readonly Buffer[]): Promise<void> {
  for (const [at, part] of parts.entries()) {
    if (at > 0) await after(1)
    if (socket.writable) socket.write(part)
  }
}
