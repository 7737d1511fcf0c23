// The server of the measurement, in a process of its own: default options, and users who are believed.
import { setTimeout as after } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type Authenticator, consumer, endpoint, router, sallyport } from 'sallyport'
import { serverContext } from '../../src/core/server-context.ts'
import { identityKey } from '../../src/core/groups/address.ts'
import * as contracts from './contracts.ts'
import type { Answer, Ask } from './messages.ts'

const auth: Authenticator<{ readonly id: string }> = async ({ headers }) => {
  const id = headers.get('x-user')
  return id === null ? null : { user: { id }, issuedAt: new Date(0) }
}
const handlerMs = 250
const [pieces, pieceBytes] = [24, 1_000_000]

const { slow, room, lists, union, records, sparse, crowd, large, echo } = contracts
const server = sallyport({ limits: { connectionsPerIdentity: 100 }, report: () => {}, warn: false })
server.serve(
  router([
    consumer(slow, { auth }, (socket) => ({
      on: {
        say: async ({ text }) => {
          await after(handlerMs)
          await socket.group().send('said', { text })
        },
      },
    })),
    consumer(room, { auth }, (socket) => ({
      on: { say: ({ text }) => socket.group().send('said', { text }) },
    })),
    consumer(lists, { auth }, () => ({ message: () => {} })),
    consumer(union, { auth }, () => ({ message: () => {} })),
    consumer(records, { auth }, () => ({ message: () => {} })),
    consumer(sparse, { auth }, () => ({
      message: async (list) => {
        await after(handlerMs)
        // what a handler still needs after its wait is held meanwhile
        return list.length
      },
    })),
    consumer(crowd, { auth, presence: ({ user }) => ({ name: user.id }) }, () => ({})),
    consumer(large, { auth }, (socket) => ({
      open: async () => {
        for (let piece = 0; piece < pieces; piece++)
          if (!socket.send('x'.repeat(pieceBytes))) await socket.drained()
      },
    })),
    endpoint(echo, { auth }, async (socket) => {
      for await (const line of socket) socket.send(line)
    }),
  ]),
)
const { port: number } = await server.listen(0)

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

// what waits is looked at all the time: it is the most that counts
let waitingBytes = 0
const looking = setInterval(() => {
  waitingBytes = Math.max(waitingBytes, server[serverContext].backlog.of(identityKey('', 'mallory')))
}, 5)
looking.unref()

function usage(): Answer {
  const mostWaiting = waitingBytes
  waitingBytes = 0
  collect()
  const { heapUsed, external } = process.memoryUsage()
  const { user, system } = process.cpuUsage()
  return {
    of: 'usage',
    heldBytes: heapUsed + external,
    cpuMs: (user + system) / 1_000,
    waitingBytes: mostWaiting,
  }
}

async function answer(asked: Ask): Promise<Answer> {
  if (asked.ask === 'usage') return usage()
  return { of: 'revoke', receipt: await server.revoke({ user: asked.user, reason: 'measured' }) }
}

process.on('message', (asked: Ask) => void answer(asked).then((told) => process.send?.(told)))
process.on('disconnect', () => process.exit())
process.send?.({ number } satisfies Answer)
