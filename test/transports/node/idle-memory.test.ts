import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { jwt } from '../../../src/auth/jwt.ts'
import { consumer, contract, sallyport, text } from '../../../src/index.ts'
import { handmade, secret } from '../../support/tokens.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Opens sockets in a heap of its own, tells how many are open, and holds them. */
const client = `
  const { parentPort, workerData } = require('node:worker_threads')
  const { connect } = require('node:net')
  const open = () => new Promise((opened, failed) => {
    const socket = connect(workerData.port, '127.0.0.1', () => socket.write(workerData.request))
    socket.once('data', opened).once('error', failed)
  })
  parentPort.on('message', async (count) => {
    for (let made = 0; made < count; made += 50) await Promise.all(Array.from({ length: 50 }, open))
    parentPort.postMessage(count)
  })
`

function held(): number {
  for (let count = 0; count < 4; count++) collect()
  return process.memoryUsage().heapUsed
}

test('an idle socket holds less than 4 KB of the heap, objects of Node and its user included', async () => {
  const server = sallyport({
    limits: { connectionsPerIdentity: 10_000 },
    report: () => {},
  })
  const auth = jwt({ secret, user: ({ sub }) => ({ id: sub }) })
  server.serve(
    consumer(contract('/ws/lines/:line', { client: text, server: text }), { auth }, () => ({ message() {} })),
  )
  const { port } = await server.listen(0)
  const token = handmade({ alg: 'HS256' }, { sub: '7', exp: Math.floor(Date.now() / 1000) + 3_600 })
  const request = [
    'GET /ws/lines/1 HTTP/1.1',
    `Host: 127.0.0.1:${port}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    `Authorization: Bearer ${token}`,
    `Cookie: theme=${'x'.repeat(2_000)}`,
  ]
  const worker = new Worker(client, {
    eval: true,
    workerData: { port, request: `${request.join('\r\n')}\r\n\r\n` },
  })
  const open = async (count: number): Promise<void> => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, no window
    worker.postMessage(count)
    await once(worker, 'message')
  }
  await open(500)
  const before = held()
  await open(1_000)
  expect(server.connections).toBe(1_500)
  expect((held() - before) / 1_000).toBeLessThan(4_000)
  await worker.terminate()
  await server.close({ drain: 0 })
})
