import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type SallyportEvent, sallyport } from '../../src/index.ts'
import { echo } from '../core/support/members.ts'
import { upgradeHead } from '../transports/node/upgrade-head.ts'
import { attackedServer } from './attacked-server.ts'

// A peer that resets in the moment of asking has no address any more: neither the budget of an address nor the audit would
// know whose handshake it was, and what was sent along would be done without a name.
const head = upgradeHead('/ws/lines', { 'x-test-user': 'Ada' })

// proves: address-unknown
test('a peer that is gone before its address can be asked for is not let in', async () => {
  const events: SallyportEvent[] = []
  const { number, neighbour, faults } = await attackedServer({ on: (event) => events.push(event) })
  for (let count = 0; count < 300; count++) {
    const socket = connect(number, '127.0.0.1')
    socket.on('error', () => {})
    await once(socket, 'connect')
    socket.write(head, () => socket.resetAndDestroy())
    await once(socket, 'close')
  }
  await neighbour.alive()
  const ofNobody = events.filter((event) => 'address' in event && event.address === '')
  expect(ofNobody.filter(({ type }) => type !== 'denied')).toEqual([])
  expect(faults).toEqual([])
})

test('a socket of the file system has no address, and is let in', async () => {
  const path = join(tmpdir(), `sallyport-${process.pid}.sock`)
  const server = sallyport()
  server.serve(echo)
  const httpServer = createServer()
  server.attach(httpServer)
  httpServer.listen(path)
  await once(httpServer, 'listening')
  const socket = connect(path)
  socket.write(head)
  const [answer] = (await once(socket, 'data')) as [Buffer]
  expect(answer.toString('latin1')).toMatch(/^HTTP\/1\.1 101 /)
  socket.destroy()
  await server.close({ drain: 0 })
  httpServer.close()
  await rm(path, { force: true })
})
