import { expect, test } from 'vitest'
import { frame, rawClient, say } from '../transports/node/raw-client.ts'
import { attackedServer } from './attacked-server.ts'

// Messages in many small or empty parts exhaust memory within the size limit (CVE-2026-48779): parts are
// counted too.
const soon = { interval: 1 }
const parts = (count: number, payload: Uint8Array, fin = true): Buffer =>
  Buffer.concat(
    Array.from({ length: count }, (_, index) =>
      frame({ opcode: index === 0 ? 1 : 0, payload, fin: fin && index === count - 1 }),
    ),
  )

// proves: huge-message
test.each([
  ['small', Buffer.from('x')],
  ['empty', Buffer.alloc(0)],
])('64 %s fragments are a message, 65 close with 1008', async (_, payload) => {
  const { number, neighbour } = await attackedServer()
  const fine = await rawClient(number, '/ws/lines')
  fine.socket.write(Buffer.concat([parts(64, payload), say('next')]))
  await expect.poll(() => fine.heard.messages.at(-1), soon).toBe('next')
  const many = await rawClient(number, '/ws/lines')
  many.socket.write(parts(65, payload, false))
  await expect.poll(() => many.heard.closed, soon).toBe(1008)
  expect(many.heard.messages).toEqual([])
  await neighbour.alive()
})

test('fragments that add up to more than the limit close with 1009, however small each is', async () => {
  const { number, neighbour } = await attackedServer()
  const { socket, heard } = await rawClient(number, '/ws/lines')
  socket.write(parts(64, Buffer.alloc(1_025, 'x')))
  await expect.poll(() => heard.closed, soon).toBe(1009)
  await neighbour.alive()
})

test('a message that never ends, of many peers at once, is cut at its bound', async () => {
  const { number, neighbour, server } = await attackedServer()
  const clients = await Promise.all(Array.from({ length: 50 }, () => rawClient(number, '/ws/lines')))
  for (const { socket } of clients) socket.write(parts(200, Buffer.from('x'), false))
  await expect.poll(() => clients.map(({ heard }) => heard.closed), soon).toEqual(clients.map(() => 1008))
  await neighbour.alive()
  await expect.poll(() => server.connections, soon).toBe(1)
})

test('control frames between fragments are answered, and do not count as parts', async () => {
  const { number, neighbour } = await attackedServer()
  const { socket, heard } = await rawClient(number, '/ws/lines')
  const [first, ...rest] = Array.from({ length: 64 }, (_, index) =>
    frame({ opcode: index === 0 ? 1 : 0, payload: Buffer.from('x'), fin: index === 63 }),
  )
  const ping = frame({ opcode: 9, payload: Buffer.from('p') })
  socket.write(Buffer.concat([first ?? ping, ping, ping, ...rest]))
  await expect.poll(() => heard.messages, soon).toEqual(['x'.repeat(64)])
  expect(heard.pongs).toEqual(['p', 'p'])
  await neighbour.alive()
})
