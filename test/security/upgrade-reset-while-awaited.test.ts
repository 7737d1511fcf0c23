import { expect, test } from 'vitest'
import { consumer, contract, text } from '../../src/index.ts'
import { connectAndSend, upgradeHead } from '../transports/node/upgrade-head.ts'
import { attackedServer, byName } from './attacked-server.ts'

// crossws 0.4.17 ended with its process here: no listener for the socket's 'error' while the upgrade hook was
// awaited.
const slow = contract('/ws/slow', { client: text, server: text })

interface Slow {
  readonly signals: AbortSignal[]
  readonly opened: string[]
  readonly application: ReturnType<typeof consumer>
  answer(): void
}

function slowly(): Slow {
  const { promise, resolve: answer } = Promise.withResolvers<void>()
  const signals: AbortSignal[] = []
  const opened: string[] = []
  const application = consumer(
    slow,
    {
      auth: async (request) => {
        signals.push(request.signal)
        await promise
        return byName(request)
      },
    },
    (socket) => {
      opened.push(socket.user.name)
      return { message: () => {} }
    },
  )
  return { signals, opened, answer, application }
}

const head = upgradeHead('/ws/slow', { 'x-test-user': 'Ada' })

/** The sockets of this process that are open to a server: what a leak would leave behind. */
const serverSockets = (): number =>
  process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap' || name === 'TCPServerWrap')
    .length

// proves: reset-while-waiting
test.each([
  ['resets', (socket: Awaited<ReturnType<typeof connectAndSend>>) => socket.resetAndDestroy()],
  ['hangs up', (socket: Awaited<ReturnType<typeof connectAndSend>>) => socket.destroy()],
  ['half-closes', (socket: Awaited<ReturnType<typeof connectAndSend>>) => socket.end()],
])(
  'a client that %s while its authenticator is awaited, 200 times, leaves nothing behind',
  async (_, leave) => {
    const { signals, opened, answer, application } = slowly()
    const { number, server, neighbour, faults } = await attackedServer(
      { limits: { handshakesAtOnce: 200 } },
      application,
    )
    const before = serverSockets()
    const sockets = await Promise.all(Array.from({ length: 200 }, () => connectAndSend(number, head)))
    await expect.poll(() => signals.length, { interval: 5 }).toBe(200)
    for (const socket of sockets) leave(socket)
    await expect.poll(() => signals.every(({ aborted }) => aborted), { interval: 5 }).toBe(true)
    answer()
    await neighbour.alive()
    await expect.poll(serverSockets, { interval: 5 }).toBe(before)
    expect([opened, server.connections, faults]).toEqual([[], 1, []])
  },
)

test('a client that resets in the very turn of its answer ends nothing', async () => {
  const { signals, opened, answer, application } = slowly()
  const { number, server, neighbour, faults } = await attackedServer(
    { limits: { handshakesAtOnce: 200 } },
    application,
  )
  const sockets = await Promise.all(Array.from({ length: 200 }, () => connectAndSend(number, head)))
  await expect.poll(() => signals.length, { interval: 5 }).toBe(200)
  answer()
  for (const socket of sockets) socket.resetAndDestroy()
  await neighbour.alive()
  await expect.poll(() => server.connections, { interval: 5 }).toBe(1)
  expect(opened.length).toBeLessThanOrEqual(200)
  expect(faults).toEqual([])
})

test('a client that resets while it is being refused ends nothing', async () => {
  const { number, server, neighbour, faults } = await attackedServer()
  for (let count = 0; count < 200; count++) {
    const socket = await connectAndSend(number, upgradeHead('/ws/lines'))
    socket.resetAndDestroy()
  }
  await neighbour.alive()
  expect([server.connections, faults]).toEqual([1, []])
})
