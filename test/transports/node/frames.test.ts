import { once } from 'node:events'
import { connect } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { endpoint, router, sallyport, type Server } from '../../../src/index.ts'
import { byName, bytes, echo, room } from '../../core/support/members.ts'
import { type ClientFrame, frame, rawClient, say } from './raw-client.ts'

let server: Server
let number: number
const blobs = endpoint(bytes, { auth: byName }, async (socket) => {
  for await (const data of socket) socket.send(data)
})

beforeAll(async () => {
  server = sallyport({ report: () => {}, limits: { rate: null } })
  server.serve(router([echo, room, blobs]))
  number = (await server.listen(0)).port
})
afterAll(() => server.close({ drain: 100 }))

/** What the server makes of these frames, cut into pieces at these places. */
async function messagesOf(
  stream: Buffer,
  cuts: readonly number[],
  expected: number,
): Promise<readonly string[]> {
  const { socket, heard } = await rawClient(number, '/ws/lines')
  let from = 0
  for (const cut of [...cuts, stream.length]) {
    socket.write(stream.subarray(from, cut))
    from = cut
    // a piece of its own on the wire, not joined with the next
    await new Promise((resolve) => setImmediate(resolve))
  }
  await expect.poll(() => heard.messages.length, { interval: 1 }).toBe(expected)
  socket.destroy()
  return heard.messages
}

const conversation = Buffer.concat([
  say('one'),
  frame({ opcode: 1, payload: Buffer.from('tw'), fin: false }),
  frame({ opcode: 9, payload: Buffer.from('ping') }),
  frame({ opcode: 0, payload: Buffer.from('o') }),
  say('é'.repeat(70)),
])

test('frames cut at any byte boundary give the same messages', async () => {
  for (let cut = 1; cut < conversation.length; cut++) {
    expect(await messagesOf(conversation, [cut], 3)).toEqual(['one', 'two', 'é'.repeat(70)])
  }
})

test('any text in any fragments and pieces comes back whole', async () => {
  const text = fc.array(
    fc
      .string({ unit: 'grapheme', maxLength: 300 })
      .filter((line) => line !== '' && !['bye', 'boom', 'refuse'].includes(line)),
    { minLength: 1, maxLength: 5 },
  )
  await fc.assert(
    fc.asyncProperty(text, fc.array(fc.nat()), async (lines, seeds) => {
      const stream = Buffer.concat(lines.map(say))
      const cuts = [...new Set(seeds.slice(0, 8).map((seed) => seed % stream.length))].sort(
        (one, other) => one - other,
      )
      expect(await messagesOf(stream, cuts, lines.length)).toEqual(lines)
    }),
    { numRuns: 60 },
  )
})

test.each<[string, ClientFrame, number]>([
  ['an unmasked frame', { opcode: 1, payload: Buffer.from('x'), masked: false }, 1002],
  ['a reserved bit', { opcode: 1, rsv: 4, payload: Buffer.from('x') }, 1002],
  ['a reserved opcode', { opcode: 3 }, 1002],
  ['a reserved control opcode', { opcode: 11 }, 1002],
  ['a fragmented ping', { opcode: 9, fin: false }, 1002],
  ['a ping of 126 bytes', { opcode: 9, payload: new Uint8Array(126) }, 1002],
  ['a continuation of nothing', { opcode: 0, payload: Buffer.from('x') }, 1002],
  ['a close code that may not travel', { opcode: 8, payload: Buffer.from([0x03, 0xed]) }, 1002],
  ['a close frame of one byte', { opcode: 8, payload: Buffer.from([3]) }, 1002],
  ['text that is not UTF-8', { opcode: 1, payload: Buffer.from([0xc3, 0x28]) }, 1007],
  ['a header that claims more than the limit', { opcode: 1, claimed: 65_537n }, 1009],
  ['a header that claims 2^53', { opcode: 1, claimed: 2n ** 53n }, 1009],
  ['a header that claims the highest bit', { opcode: 1, claimed: 2n ** 63n }, 1009],
  ['binary where the contract takes text', { opcode: 2, payload: Buffer.from('x') }, 1003],
])('%s closes with %3$i and reaches no client', async (_, hostile, code) => {
  const otherClient = await rawClient(number, '/ws/lines')
  const { socket, heard } = await rawClient(number, '/ws/lines')
  socket.write(frame(hostile))
  await expect.poll(() => heard.closed, { interval: 1 }).toBe(code)
  expect(heard.messages).toEqual([])
  otherClient.socket.write(say('alive'))
  await expect.poll(() => otherClient.heard.messages, { interval: 1 }).toEqual(['alive'])
  socket.destroy()
  otherClient.socket.destroy()
})

test('64 fragments pass, and 65 close with 1008', async () => {
  const parts = (count: number): Buffer =>
    Buffer.concat(
      Array.from({ length: count }, (_, index) =>
        frame({ opcode: index === 0 ? 1 : 0, payload: Buffer.from('x'), fin: index === count - 1 }),
      ),
    )
  const fine = await rawClient(number, '/ws/lines')
  fine.socket.write(parts(64))
  await expect.poll(() => fine.heard.messages, { interval: 1 }).toEqual(['x'.repeat(64)])
  const many = await rawClient(number, '/ws/lines')
  many.socket.write(parts(65))
  await expect.poll(() => many.heard.closed, { interval: 1 }).toBe(1008)
  fine.socket.destroy()
  many.socket.destroy()
})

test('a close is answered with its own code, and the connection ends', async () => {
  const { socket, heard } = await rawClient(number, '/ws/lines')
  const ended = once(socket, 'close')
  socket.write(frame({ opcode: 8, payload: Buffer.from([0x0f, 0xa0]) }))
  await ended
  expect(heard.closed).toBe(4000)
})

test('what came before a close is handled, what follows it is never read', async () => {
  const listener = await rawClient(number, '/ws/chat/last-words')
  const { socket } = await rawClient(number, '/ws/chat/last-words')
  const words = ['one', 'two', 'three'].map((text) => say(JSON.stringify({ type: 'say', text })))
  socket.write(Buffer.concat([...words, frame({ opcode: 8 }), say('{"type":"say","text":"after"}')]))
  await once(socket, 'close')
  await expect.poll(() => listener.heard.messages.length, { interval: 1 }).toBe(3)
  expect(listener.heard.messages.join()).not.toContain('after')
  listener.socket.destroy()
})

test('the answer of the handshake and the first frames leave in one write', async () => {
  const { socket, chunks } = await rawClient(number, '/ws/chat/lobby', {
    headers: ['x-test-user: Ada', 'Sec-WebSocket-Protocol: sallyport.v1'],
  })
  expect(chunks).toHaveLength(1)
  expect(chunks[0]?.toString('latin1')).toContain('"op":"opened"')
  socket.destroy()
})

test('messages that came with the upgrade request are not lost', async () => {
  const socket = connect(number, '127.0.0.1')
  await once(socket, 'connect')
  const head = [
    'GET /ws/lines HTTP/1.1',
    'Host: 127.0.0.1',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
  ]
  const rest = ['Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'x-test-user: Ada', '', '']
  socket.write(Buffer.concat([Buffer.from([...head, ...rest].join('\r\n')), say('early')]))
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  await expect.poll(() => Buffer.concat(chunks).toString('latin1'), { interval: 1 }).toContain('early')
  socket.destroy()
})

test('binary data comes back byte for byte', async () => {
  const { socket, heard } = await rawClient(number, '/ws/bytes/blob')
  socket.write(frame({ opcode: 2, payload: Buffer.from('bytes') }))
  await expect.poll(() => heard.messages, { interval: 1 }).toEqual(['bytes'])
  socket.destroy()
})
