import { expect, test } from 'vitest'
import { z } from 'zod'
import { frameCodec, plainCodec } from '../../../src/core/socket/codec.ts'
import { binary, text } from '../../../src/index.ts'
import { Denial } from '../../../src/wire/errors.ts'

const read = (frame: unknown) => frameCodec.read(JSON.stringify(frame), 1_000)
const of64 = 'x'.repeat(64)

test.each([
  [{ op: 'ping' }, { do: 'ping' }],
  [{ op: 'pong' }, { do: 'pong' }],
  [{ op: 'hello' }, { do: 'nothing' }],
  [
    { op: 'msg', in: '/a', type: 'say', data: 1 },
    { do: 'message', in: '/a', type: 'say', data: 1, id: null },
  ],
  [
    { op: 'msg', data: 1 },
    { do: 'message', in: '', type: null, data: 1, id: null },
  ],
  [
    { op: 'call', in: '/a', type: 'add', id: of64 },
    { do: 'call', in: '/a', type: 'add', id: of64 },
  ],
  [
    { op: 'cancel', in: '/a', id: '1' },
    { do: 'cancel', in: '/a', id: '1' },
  ],
  [
    { op: 'auth', nonce: 'n', token: 't' },
    { do: 'refresh', nonce: 'n', scheme: 'bearer', token: 't' },
  ],
  [
    { op: 'auth', nonce: 'n', token: 't', scheme: 'ticket' },
    { do: 'refresh', nonce: 'n', scheme: 'ticket', token: 't' },
  ],
])('the frame %j is read as %j', (frame, command) => {
  expect(read(frame)).toMatchObject(command)
})

test.each([
  [{ op: 'msg', in: '/a', data: 1, id: 5 }, /'id' is a text of 1 to 64/],
  [{ op: 'msg', in: '/a', data: 1, id: '' }, /'id' is a text of 1 to 64/],
  [{ op: 'msg', in: '/a', data: 1, id: `${of64}x` }, /'id' is a text of 1 to 64/],
  [{ op: 'msg', in: '/a', data: 1, type: 5 }, /'type' is a text/],
  [{ op: 'call', in: '/a', type: 5, id: '1' }, /'type' is a text/],
  [{ op: 'call', in: '/a', id: '1' }, /a call has a 'type' and an 'id'/],
  [{ op: 'call', in: '/a', type: 'add' }, /a call has a 'type' and an 'id'/],
  [{ op: 'cancel', in: '/a' }, /a cancel names the call/],
  [{ op: 'auth', token: 't' }, /an 'auth' has the 'nonce'/],
  [{ op: 'auth', nonce: '', token: 't' }, /an 'auth' has the 'nonce'/],
  [{ op: 'auth', nonce: 'n' }, /an 'auth' has the 'nonce'/],
  [{ op: 'auth', nonce: 'n', token: 5 }, /an 'auth' has the 'nonce'/],
  [{ op: 'auth', nonce: 'n', token: '' }, /an 'auth' has the 'nonce'/],
  [{ op: 'auth', nonce: 'n', token: 't', scheme: 'basic' }, /an 'auth' has the 'nonce'/],
])('the frame %j is invalid', (frame, issue) => {
  expect(read(frame)).toMatchObject({ do: 'invalid', issue: expect.stringMatching(issue) })
})

test('on the plain wire a denial reaches a reader of JSON, and no reader of bare text or bytes', () => {
  const denial = new Denial(403, 'read-only', 'You may not write here.')
  const about = { path: '/a', id: null, ref: 'r1' }
  const deniedTo = (server: Parameters<typeof plainCodec>[1]) =>
    plainCodec(text, server).denial(denial, about)
  expect([deniedTo(text), deniedTo(binary)]).toEqual([null, null])
  for (const server of [{ said: z.string() }, z.object({ type: z.string() })])
    expect(String(deniedTo(server))).toContain('read-only')
})

test('on the plain wire a payload that cannot be read is invalid, and names why', () => {
  expect(plainCodec({ say: z.string() }, text).read('{', 1_000)).toMatchObject({
    do: 'invalid',
    id: null,
    issue: expect.stringMatching(/JSON/),
  })
})
