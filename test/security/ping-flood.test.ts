import { expect, test } from 'vitest'
import { testClock } from '../../src/testing.ts'
import { openServer } from '../transports/node/open-server.ts'
import { frame, rawClient } from '../transports/node/raw-client.ts'
import { attackedServer } from './attacked-server.ts'

// ws 8.23 bounds pings in the class that we do not use: the bound is ours. Pongs without a ping cost
// the same.
const soon = { interval: 1 }

// proves: message-flood
test.each([
  ['pings', 9],
  ['pongs without a ping', 10],
])('a flood of %s closes with 1008 and leaves the others alone', async (_, opcode) => {
  const { number, neighbour, server, faults } = await attackedServer()
  const flood = Buffer.concat(Array.from({ length: 10_000 }, () => frame({ opcode })))
  for (let count = 0; count < 10; count++) {
    const { socket, heard } = await rawClient(number, '/ws/lines')
    socket.write(flood)
    await expect.poll(() => heard.closed, soon).toBe(1008)
    expect(heard.pongs.length).toBeLessThanOrEqual(10)
    socket.destroy()
  }
  await neighbour.alive()
  await expect.poll(() => server.connections, soon).toBe(1)
  expect(faults).toEqual([])
})

test('ten in a second are answered, the eleventh closes, and a new second counts anew', async () => {
  const clock = testClock()
  const opened = await openServer({ clock })
  const { socket, heard } = await rawClient(opened.number, '/')
  for (let second = 1; second <= 3; second++) {
    for (let count = 0; count < 10; count++) socket.write(frame({ opcode: 9, payload: Buffer.from('p') }))
    await expect.poll(() => heard.pongs.length, soon).toBe(10 * second)
    await clock.advance(1_000)
  }
  for (let count = 0; count < 11; count++) socket.write(frame({ opcode: 9 }))
  await expect.poll(() => heard.closed, soon).toBe(1008)
})

test('a clock that is set back does not stop the count', async () => {
  const clock = testClock()
  const opened = await openServer({ clock })
  const { socket, heard } = await rawClient(opened.number, '/')
  clock.jump(-3_600_000)
  for (let count = 0; count < 11; count++) socket.write(frame({ opcode: 9 }))
  await expect.poll(() => heard.closed, soon).toBe(1008)
})
