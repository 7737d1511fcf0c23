import fc from 'fast-check'
import { expect, test } from 'vitest'
import { answerTo, statusOf, upgradeHead } from '../transports/node/upgrade-head.ts'
import { attackedServer } from './attacked-server.ts'

// A proxy, Node and a handler must not read three different requests out of the same bytes (RFC 9112 section
// 11.2, CVE-2026-44546, CVE-2026-48710): what is ambiguous is refused before any user code.
const ada = { 'x-test-user': 'Ada' }
const request = (path: string, changes: Record<string, string | null> = {}, more: string[] = []): string =>
  upgradeHead(path, { ...ada, ...changes }, more)

test.each<[string, string, number]>([
  ['nothing wrong', request('/ws/lines'), 101],
  ['two equal hosts', request('/ws/lines', {}, ['Host: 127.0.0.1']), 400],
  ['a host with a path', request('/ws/lines', { Host: '127.0.0.1/evil' }), 400],
  ['a host with a user', request('/ws/lines', { Host: 'a@127.0.0.1' }), 400],
  ['a host with a space', request('/ws/lines', { Host: '127.0.0.1 evil' }), 400],
  ['an impossible port', request('/ws/lines', { Host: '127.0.0.1:99999' }), 400],
  ['no address of a host', request('/ws/lines', { Host: '1.2.3.999' }), 400],
  ['an empty host', request('/ws/lines', { Host: '' }), 400],
  ['a chunked body', request('/ws/lines', { 'Transfer-Encoding': 'chunked' }), 400],
  ['a body of one byte', request('/ws/lines', { 'Content-Length': '1' }), 400],
  ['both lengths', request('/ws/lines', { 'Content-Length': '0', 'Transfer-Encoding': 'chunked' }), 400],
  ['two lengths', request('/ws/lines', { 'Content-Length': '0' }, ['Content-Length: 5']), 400],
  ['a length of nothing', request('/ws/lines', { 'Content-Length': '0' }), 101],
  ['two upgrades', request('/ws/lines', {}, ['Upgrade: h2c']), 400],
  ['two versions', request('/ws/lines', {}, ['Sec-WebSocket-Version: 13']), 400],
  ['two API keys', request('/ws/lines', {}, ['x-api-key: a', 'X-API-Key: b']), 400],
  [
    'two forwarded schemes, which a stranger sends',
    request('/ws/lines', {}, ['X-Forwarded-Proto: http', 'X-Forwarded-Proto: https']),
    101,
  ],
  ['a folded header', request('/ws/lines', {}, ['X-Folded: a', ' b']), 400],
  ['a space before the colon', request('/ws/lines', {}, ['X-Spaced : a']), 400],
  ['a bare CR', request('/ws/lines', {}, ['X-Note: a\rX-Evil: b']), 400],
  ['a bare LF', request('/ws/lines', {}, ['X-Note: a\nX-Evil: b']), 400],
  ['a NUL', request('/ws/lines', {}, ['X-Note: a\0b']), 400],
  ['a vertical tab', request('/ws/lines', {}, ['X-Note: a\x0bb']), 400],
  ['a form feed', request('/ws/lines', {}, ['X-Note: a\x0cb']), 400],
  ['a record separator', request('/ws/lines', {}, ['X-Note: a\x1eb']), 400],
  ['a next line in a header that is not read', request('/ws/lines', {}, ['X-Note: a\x85b']), 101],
  ['a next line in an origin', request('/ws/lines', { Origin: 'http://a\x85b' }), 400],
  ['a no-break space in a cookie', request('/ws/lines', { Cookie: '\xa0sid=a' }), 101],
  ['a cookie beyond ASCII', request('/ws/lines', { Cookie: 'sid=caf\xe9' }), 101],
  ['a file separator in a cookie', request('/ws/lines', { Cookie: 'sid=a\x1cb' }), 400],
  ['an origin beyond ASCII', request('/ws/lines', { Origin: 'http://caf\xe9.example' }), 400],
  ['a name beyond ASCII in a header that is not read', request('/ws/lines', { 'X-Name': 'caf\xe9' }), 101],
  ['a dot segment', request('/ws/chat/../lines'), 400],
  ['a dot segment in disguise', request('/ws/chat/%2E%2e/lines'), 400],
  ['a single dot', request('/ws/./lines'), 400],
  ['a backslash', request('/ws\\lines'), 400],
  ['a fragment', request('/ws/lines#'), 400],
  ['a doubled slash', request('//ws/lines'), 400],
  ['a raw quote', request('/ws/"lines'), 400],
  ['an absolute target', request('http://127.0.0.1/ws/lines'), 400],
  ['an asterisk', request('*'), 400],
  ['HTTP/1.0', request('/ws/lines').replace('HTTP/1.1', 'HTTP/1.0'), 400],
  [
    '101 header lines',
    request(
      '/ws/lines',
      {},
      Array.from({ length: 95 }, (_, at) => `X-${at}: a`),
    ),
    431,
  ],
  [
    '100 header lines',
    request(
      '/ws/lines',
      {},
      Array.from({ length: 94 }, (_, at) => `X-${at}: a`),
    ),
    101,
  ],
  [
    '2,100 header lines',
    request(
      '/ws/lines',
      {},
      Array.from({ length: 2_100 }, () => 'X: a'),
    ),
    431,
  ],
  ['a key of 15 bytes', request('/ws/lines', { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAA' }), 400],
  ['a key with a loose end', request('/ws/lines', { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZR==' }), 400],
])('an upgrade with %s is answered %3$i', async (_, head, status) => {
  const { number, neighbour, faults } = await attackedServer()
  const answer = statusOf(status === 101 ? await firstOf(number, head) : await answerTo(number, head))
  expect(answer).toBe(status)
  await neighbour.alive()
  expect(faults).toEqual([])
})

/** The beginning of an answer that goes on. */
async function firstOf(number: number, head: string): Promise<string> {
  const { connectAndSend } = await import('../transports/node/upgrade-head.ts')
  const socket = await connectAndSend(number, head)
  const chunk = await new Promise<Buffer>((resolve) => socket.once('data', resolve))
  socket.destroy()
  return chunk.toString('latin1')
}

// proves: two-parsers
test('no request that is anyhow malformed is let in without a credential, and none is a fault', async () => {
  const { number, neighbour, faults } = await attackedServer({ limits: { handshakesAtOnce: 1_000 } })
  const byte = fc.nat(255).map((code) => String.fromCharCode(code))
  const junk = fc.array(byte, { maxLength: 12 }).map((bytes) => bytes.join(''))
  const name = fc.constantFrom(
    'Host',
    'Connection',
    'Upgrade',
    'Sec-WebSocket-Version',
    'Sec-WebSocket-Key',
    'Sec-WebSocket-Protocol',
    'Authorization',
    'Cookie',
    'Origin',
    'Content-Length',
    'X-Forwarded-For',
    'x-api-key',
  )
  const line = fc.tuple(name, junk).map(([header, value]) => `${header}: ${value}`)
  const path = fc.oneof(
    fc.constant('/ws/lines'),
    junk.map((tail) => `/ws/${tail}`),
  )
  const head = fc
    .tuple(
      path,
      fc.dictionary(name, fc.oneof(junk, fc.constant(null)), { maxKeys: 2 }),
      fc.array(line, { maxLength: 3 }),
    )
    .map(([target, changes, more]) => upgradeHead(target, changes, more))
  await fc.assert(
    fc.asyncProperty(head, async (bytes) => {
      const status = await Promise.race([
        answerTo(number, bytes).then(statusOf),
        // a head that ends in the midst of itself is waited for
        new Promise<number>((resolve) => setTimeout(resolve, 100, 0)),
      ])
      expect([0, 400, 401, 403, 404, 426, 431, Number.NaN]).toContain(status)
    }),
    { numRuns: 300 },
  )
  await neighbour.alive()
  expect(faults).toEqual([])
})
