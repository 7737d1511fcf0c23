import { deflateRawSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { frame, rawClient } from '../transports/node/raw-client.ts'
import { attackedServer } from './attacked-server.ts'

// Compression is off: what is small on the wire cannot become large behind it (CVE-2018-1000518), and secrets are not
// mixed with an attacker's text (CRIME, BREACH).
test.each([
  'permessage-deflate',
  'permessage-deflate; client_max_window_bits; server_no_context_takeover',
  'permessage-deflate; server_max_window_bits=99, x-webkit-deflate-frame',
])('an offer of %s is not taken up', async (offer) => {
  const { number, neighbour } = await attackedServer()
  const { head } = await rawClient(number, '/ws/lines', {
    headers: ['x-test-user: Ada', `Sec-WebSocket-Extensions: ${offer}`],
  })
  expect(head).not.toMatch(/extensions/i)
  await neighbour.alive()
})

// proves: compressed-frame
test('a compressed frame that comes all the same is never unpacked, and closes with 1002', async () => {
  const { number, neighbour, faults } = await attackedServer()
  const bomb = deflateRawSync(Buffer.alloc(20_000_000))
  const { socket, heard } = await rawClient(number, '/ws/lines', {
    headers: ['x-test-user: Ada', 'Sec-WebSocket-Extensions: permessage-deflate'],
  })
  socket.write(frame({ opcode: 1, rsv: 4, payload: bomb }))
  await expect.poll(() => heard.closed, { interval: 1 }).toBe(1002)
  expect(heard.messages).toEqual([])
  await neighbour.alive()
  expect(faults).toEqual([])
})
