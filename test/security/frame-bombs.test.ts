import { expect, test } from 'vitest'
import { frame, rawClient, say } from '../transports/node/raw-client.ts'
import { attackedServer } from './attacked-server.ts'

// Frames that promise more than they bring, or bring more than was agreed: refused by their header (RFC 6455
// section 10.4, CVE-2020-27813, CVE-2016-10542), so that nothing is kept for them.
const soon = { interval: 1 }

// proves: huge-message
test.each<[string, bigint, number]>([
  ['one byte more than the limit', 65_537n, 1009],
  ['4 GiB', 2n ** 32n, 1009],
  ['2^53 bytes', 2n ** 53n, 1009],
  ['2^63 bytes', 2n ** 63n, 1009],
  ['all 64 bits', 2n ** 64n - 1n, 1009],
])('a header that promises %s costs no memory and closes with %3$i', async (_, claimed, code) => {
  const { number, neighbour, faults } = await attackedServer()
  const before = process.memoryUsage().arrayBuffers
  for (let count = 0; count < 20; count++) {
    const { socket, heard } = await rawClient(number, '/ws/lines')
    socket.write(frame({ opcode: 2, claimed }).subarray(0, 10))
    await expect.poll(() => heard.closed, soon).toBe(code)
    socket.destroy()
  }
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16_000_000)
  await neighbour.alive()
  expect(faults).toEqual([])
})

test('a peer that goes on sending after it was closed is thrown away and cut', async () => {
  const { number, neighbour, server } = await attackedServer()
  const { socket, heard } = await rawClient(number, '/ws/lines', { allowHalfOpen: true })
  const cut = new Promise((resolve) => socket.once('close', resolve))
  socket.write(frame({ opcode: 3 }))
  const flood = setInterval(() => socket.write(say('x'.repeat(60_000))), 1)
  await cut
  clearInterval(flood)
  expect(heard.closed).toBe(1002)
  await neighbour.alive()
  expect([heard.messages, server.connections]).toEqual([[], 1])
})

test('pieces of one byte cannot pile up', async () => {
  const { number, neighbour } = await attackedServer()
  const { socket, heard } = await rawClient(number, '/ws/lines')
  const bytes = say('x'.repeat(5_000))
  for (const byte of bytes.subarray(0, 4_000)) {
    socket.write(Uint8Array.of(byte))
    await new Promise((resolve) => setImmediate(resolve))
    if (heard.closed !== null) break
  }
  await neighbour.alive()
  // pieces that the kernel has joined are fewer: either it was refused, or it is waited for within the bound
  expect([1008, null]).toContain(heard.closed)
})

test('a frame that never ends is no message', async () => {
  const { number, neighbour, server } = await attackedServer()
  const clients = await Promise.all(Array.from({ length: 50 }, () => rawClient(number, '/ws/lines')))
  for (const { socket } of clients) socket.write(say('x'.repeat(60_000)).subarray(0, 50_000))
  await neighbour.alive()
  expect(clients.map(({ heard }) => heard.messages.length)).toEqual(clients.map(() => 0))
  for (const { socket } of clients) socket.resetAndDestroy()
  await expect.poll(() => server.connections, soon).toBe(1)
})
