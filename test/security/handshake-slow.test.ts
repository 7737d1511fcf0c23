import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { consumer, contract, text } from '../../src/index.ts'
import { testClock } from '../../src/testing.ts'
import { answerTo, connectAndSend, statusOf, upgradeHead } from '../transports/node/upgrade-head.ts'
import { attackedServer } from './attacked-server.ts'

// An attacker opens sockets and sends nothing, or sends byte by byte, or leads to an authenticator that never
// answers.
const limits = { handshakeMs: 300 }

/** After how many milliseconds the server hung up. */
async function untilClosed(socket: import('node:net').Socket): Promise<number> {
  const start = performance.now()
  socket.on('error', () => {})
  socket.resume()
  await once(socket, 'close')
  return performance.now() - start
}

test('sockets that say nothing are cut at the deadline', async () => {
  const { number, neighbour } = await attackedServer({ limits: { ...limits, idleConnectionMs: 300 } })
  const times = await Promise.all(Array.from({ length: 50 }, () => untilClosed(connect(number, '127.0.0.1'))))
  expect(Math.max(...times)).toBeLessThan(limits.handshakeMs + 1_000)
  await neighbour.alive()
})

// proves: slow-handshake
test('a request that trickles in is cut at the deadline, however busy it is', async () => {
  const { number, neighbour } = await attackedServer({ limits })
  const socket = await connectAndSend(number, '')
  const head = upgradeHead('/ws/lines')
  let at = 0
  const drip = setInterval(() => socket.write(head[at++] ?? ''), 20)
  expect(await untilClosed(socket)).toBeLessThan(limits.handshakeMs + 1_000)
  clearInterval(drip)
  await neighbour.alive()
})

test('an authenticator that never answers is refused, its signal aborted, its place given back', async () => {
  const clock = testClock()
  const signals: AbortSignal[] = []
  const endless = contract('/ws/endless', { client: text, server: text })
  const never = consumer(
    endless,
    {
      auth: ({ signal }) => {
        signals.push(signal)
        return new Promise<null>(() => {})
      },
    },
    () => ({ message: () => {} }),
  )
  const { number, neighbour, faults } = await attackedServer({ clock }, never)
  const answers = Array.from({ length: 70 }, () => answerTo(number, upgradeHead('/ws/endless')))
  await expect.poll(() => signals.length, { interval: 1 }).toBe(64)
  // the six in line, too, have come before their time is over
  await neighbour.alive()
  await clock.advance(5_000)
  const statuses = (await Promise.all(answers)).map(statusOf)
  // a client that was still in line may hear that the line was full
  expect(statuses.filter((status) => status !== 408 && status !== 503)).toEqual([])
  expect(signals.every(({ aborted }) => aborted)).toBe(true)
  await neighbour.alive()
  const honest = await connectAndSend(number, upgradeHead('/ws/lines', { 'x-test-user': 'Ada' }))
  const [answer] = (await once(honest, 'data')) as [Buffer]
  expect(statusOf(answer.toString())).toBe(101)
  honest.destroy()
  expect(faults).toEqual([])
})

test('a refused client that does not hang up is cut', async () => {
  const { number, neighbour } = await attackedServer({ limits })
  const socket = connect({ port: number, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => {})
  socket.write(upgradeHead('/ws/nowhere'))
  const before = process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length
  await once(socket, 'data')
  socket.resume()
  await once(socket, 'end')
  await expect
    .poll(() => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length)
    .toBeLessThan(before + 1)
  await neighbour.alive()
  socket.destroy()
})
