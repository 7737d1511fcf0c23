import type { Server } from 'node:http'
import { defaultLimits } from '../../src/index.ts'
import { webSocketServer } from '../../src/transports/node/http-server.ts'
import type { Campaign } from './campaign.ts'
import { keysOf, oddHead } from './heads.ts'
import { type FuzzServer, fuzzServer } from './test-server.ts'
import { Line, turn } from './line.ts'
import { outcomeOf } from './oracles.ts'
import { Random } from './random.ts'

/** Turns within which an answer comes that waits for nothing but promises. */
const patience = 40

/**
 * Odd upgrade requests through node:http's parser and all of ours, over wires in memory: no client is in without a key, every answer
 * is a whole one, nothing is reported, and no connection stays.
 */
export async function handshakeCampaign(seed: number): Promise<Campaign> {
  const keys = keysOf(seed)
  const httpServer = webSocketServer(defaultLimits)
  const fuzzed = fuzzServer(keys)
  fuzzed.server.attach(httpServer)
  return {
    name: 'handshakes',
    // one at a time, so that it is clear whose events they are
    atOnce: 1,
    async tell(index) {
      const random = new Random(seed, index)
      const head = oddHead(keys, random)
      try {
        const line = await handshakeLine(httpServer, head, random)
        const outcome = outcomeOf({ head, said: line.said, events: fuzzed.takeEvents() }, keys)
        assertNothingLeft(fuzzed)
        return outcome
      } catch (error) {
        throw new Error(`seed ${seed}, handshake ${index}: ${String(error)}\n${JSON.stringify(head)}`, {
          cause: error,
        })
      }
    },
    async end() {
      await fuzzed.server.close({ drain: 0 })
      httpServer.closeAllConnections()
    },
  }
}

async function handshakeLine(httpServer: Server, head: string, random: Random): Promise<Line> {
  const line = new Line()
  httpServer.emit('connection', line)
  const bytes = Buffer.from(head, 'latin1')
  const cut = random.percent(10) ? random.below(bytes.length + 1) : bytes.length
  if (cut > 0) line.push(bytes.subarray(0, cut))
  if (cut < bytes.length) {
    await turn()
    line.push(bytes.subarray(cut))
  }
  for (let turns = 0; turns < patience && !line.hasSpoken && !(turns > 6 && isCut(head)); turns++)
    await turn()
  await turn()
  if (!line.destroyed) line.push(null)
  for (let turns = 0; turns < patience && !line.destroyed; turns++) await turn()
  if (!line.destroyed) throw new Error('the connection stays open after its end')
  return line
}

/** A head without an end is waited for; it gets no answer. */
function isCut(head: string): boolean {
  return !/\r?\n\r?\n/.test(head)
}

function assertNothingLeft({ server, faults }: FuzzServer): void {
  if (server.connections > 0) throw new Error('a socket is left')
  const [fault] = faults.splice(0)
  if (fault !== undefined) throw new Error('something was reported', { cause: fault })
}
