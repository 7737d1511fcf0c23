import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect, isIP, isIPv4, Socket, SocketAddress } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TLSSocket } from 'node:tls'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import {
  deny,
  type Handshake,
  type ServerOptions,
  type SallyportEvent,
  sallyport,
} from '../../../src/index.ts'
import {
  canonicalAddress,
  nothingForwarded,
  remoteAddressesBehind,
} from '../../../src/transports/node/remote-address.ts'
import { answerTo, statusOf, upgradeHead } from './upgrade-head.ts'
import { closeAfterTest } from '../../support/close-after-test.ts'

/** The handshake of a peer that says this of itself, from 127.0.0.1. */
async function seen(
  proxies: readonly string[],
  headers: Record<string, string>,
  more: string[] = [],
): Promise<Handshake> {
  const handshakes: Handshake[] = []
  const server = sallyport({ proxies })
  closeAfterTest(server)
  server.serve(async (handshake) => {
    handshakes.push(handshake)
    deny(403, 'seen', 'that was all', { httpOnly: true })
  })
  const { port: number } = await server.listen(0)
  const answer = await answerTo(number, upgradeHead('/', headers, more))
  return handshakes[0] ?? Promise.reject(new Error(answer))
}

const here = ['127.0.0.1/32']
const addressOf = async (
  proxies: readonly string[],
  forwarded: string,
  more: string[] = [],
): Promise<string> => (await seen(proxies, { 'X-Forwarded-For': forwarded }, more)).address

// proves: forwarded-headers
test('forwarded headers of anyone else say nothing', async () => {
  const { address, url } = await seen([], { 'X-Forwarded-For': '192.0.2.7', 'X-Forwarded-Proto': 'https' })
  expect([address, url.protocol]).toEqual(['127.0.0.1', 'ws:'])
  expect(await addressOf(['10.0.0.0/8'], '192.0.2.7')).toBe('127.0.0.1')
})

test.each([
  ['one hop', '192.0.2.7', '192.0.2.7'],
  ['an invention before it', '203.0.113.9, 192.0.2.7', '192.0.2.7'],
  ['a second proxy of ours', '203.0.113.9, 192.0.2.7, 10.1.2.3', '192.0.2.7'],
  ['nothing but proxies of ours', '10.0.0.1, 10.1.2.3', '10.0.0.1'],
  ['a malformed entry behind a proxy', '192.0.2.7, unknown, 10.1.2.3', '10.1.2.3'],
  ['nothing but a malformed entry', '<script>', '127.0.0.1'],
  ['an empty list', ' , ', '127.0.0.1'],
  ['a port', '192.0.2.7:4711', '192.0.2.7'],
  ['IPv6 in brackets with a port', '[2001:DB8:0:0::1]:443', '2001:db8::1'],
  ['IPv6 written at length', '2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
  ['IPv4 mapped into IPv6', '::ffff:192.0.2.7', '192.0.2.7'],
])('behind trusted proxies, %s is read from its end', async (_, forwarded, address) => {
  expect(await addressOf([...here, '10.0.0.0/8'], forwarded)).toBe(address)
})

test('several lines of forwarded addresses are one list', async () => {
  expect(await addressOf(here, '203.0.113.9', ['X-Forwarded-For: 192.0.2.7'])).toBe('192.0.2.7')
})

test.each([
  ['https', 'wss:'],
  ['HTTPS', 'wss:'],
  ['wss', 'wss:'],
  [' https , http', 'wss:'],
  ['http', 'ws:'],
  ['WS', 'ws:'],
  ['http,https', 'ws:'],
  ['', 'ws:'],
  ['gopher', 'ws:'],
  ['caf\xe9\x85', 'ws:'],
])(
  "behind a trusted proxy the scheme is the first of the list '%s', in any case",
  async (forwarded, scheme) => {
    expect((await seen(here, { 'X-Forwarded-Proto': forwarded })).url.protocol).toBe(scheme)
  },
)

test('several lines of forwarded schemes are one list', async () => {
  const lines = ['X-Forwarded-Proto: http']
  expect((await seen(here, { 'X-Forwarded-Proto': 'https' }, lines)).url.protocol).toBe('wss:')
})

test.each([['https'], ['https,http'], ['caf\xe9'], ['\x85']])(
  "the forwarded scheme '%s' of a stranger is ignored and causes no refusal",
  async (forwarded) => {
    const { url } = await seen([], { 'X-Forwarded-Proto': forwarded }, ['X-Forwarded-Proto: https'])
    expect(url.protocol).toBe('ws:')
  },
)

test('a proxy may be a plain address, of either family, and its neighbours are none', async () => {
  expect(await addressOf(['127.0.0.1'], '192.0.2.7')).toBe('192.0.2.7')
  expect(await addressOf(['127.0.0.2'], '192.0.2.7')).toBe('127.0.0.1')
  const [inside, outside] = ['2001:db8::1', '2001:db8::2'].map((hop) =>
    addressOf([...here, '2001:db8::1'], `192.0.2.7, ${hop}`),
  )
  expect([await inside, await outside]).toEqual(['192.0.2.7', '2001:db8::2'])
})

/** What a server sees of those who send these headers over a socket of the file system, and what it says of itself. */
async function seenOverUnix(options: ServerOptions, ...requests: Record<string, string>[]) {
  const handshakes: Handshake[] = []
  const events: SallyportEvent[] = []
  const server = sallyport({ on: (event) => events.push(event), ...options })
  closeAfterTest(server)
  server.serve(async (handshake) => {
    handshakes.push(handshake)
    deny(403, 'seen', 'that was all', { httpOnly: true })
  })
  const [httpServer, folder] = [createServer(), mkdtempSync(join(tmpdir(), 'sallyport-peer-'))]
  onTestFinished(() => {
    httpServer.close().closeAllConnections()
    rmSync(folder, { recursive: true })
  })
  server.attach(httpServer)
  await once(httpServer.listen(join(folder, 'socket')), 'listening')
  for (const headers of requests) {
    const socket = connect(join(folder, 'socket'))
    socket.write(upgradeHead('/', headers))
    const [answer] = (await once(socket, 'data')) as [Buffer]
    expect(statusOf(answer.toString())).toBe(403)
    socket.destroy()
  }
  return {
    addresses: handshakes.map(({ address }) => address),
    schemes: handshakes.map(({ url }) => url.protocol),
    misconfigured: misconfiguredOf(events),
  }
}

function misconfiguredOf(events: readonly SallyportEvent[]): string[][] {
  return events.flatMap((event) => (event.type === 'misconfigured' ? [[event.cause, event.detail]] : []))
}

const forwarded = { 'X-Forwarded-For': '192.0.2.7', 'X-Forwarded-Proto': 'https' }

test('everyone over a unix socket that is not trusted has one address, and that is said once', async () => {
  for (const options of [{}, { proxies: here }]) {
    const { addresses, schemes, misconfigured } = await seenOverUnix(options, forwarded, {}, forwarded)
    expect(addresses).toEqual(['unix', 'unix', 'unix'])
    expect(schemes).toEqual(['ws:', 'ws:', 'ws:'])
    expect(misconfigured).toEqual([
      ['unix-socket', expect.stringContaining("sallyport({ proxies: ['unix'] })")],
    ])
  }
})

test('a unix socket that is trusted is a proxy like any other', async () => {
  const chain = { 'X-Forwarded-For': '203.0.113.9, 192.0.2.7, 10.1.2.3' }
  const options = { proxies: ['unix', '10.0.0.0/8'] }
  const { addresses, schemes, misconfigured } = await seenOverUnix(options, forwarded, chain)
  expect([addresses, schemes, misconfigured]).toEqual([['192.0.2.7', '192.0.2.7'], ['wss:', 'ws:'], []])
})

test('a trusted unix socket whose proxy names no client is reported once', async () => {
  const { addresses, misconfigured } = await seenOverUnix({ proxies: ['unix'] }, {}, {})
  expect(addresses).toEqual(['unix', 'unix'])
  expect(misconfigured).toEqual([['silent-proxy', expect.stringContaining('X-Forwarded-For')]])
})

test('a unix socket that is trusted makes no proxy of a peer over TCP', async () => {
  expect(await addressOf(['unix'], '192.0.2.7')).toBe('127.0.0.1')
  expect(await addressOf(here, 'unix')).toBe('127.0.0.1')
})

// proves: forwarded-headers
test('a peer that has gone before its address was asked for is not taken for a unix socket', () => {
  const gone = new Socket()
  gone.destroy()
  expect(
    remoteAddressesBehind(['unix'])(gone, { forwardedFor: '192.0.2.7', forwardedProto: '192.0.2.7' }),
  ).toEqual({
    address: '',
    secure: false,
    shared: null,
  })
})

// proves: forwarded-headers
test('an unlisted proxy is said once, however many handshakes it brings, and never believed', async () => {
  const events: SallyportEvent[] = []
  const server = sallyport({ on: (event) => events.push(event), proxies: ['10.0.0.0/8'] })
  closeAfterTest(server)
  const { port: number } = await server.listen(0)
  for (const hop of ['192.0.2.7', '192.0.2.8'])
    await answerTo(number, upgradeHead('/', { 'X-Forwarded-For': hop }))
  await answerTo(number, upgradeHead('/'))
  expect(misconfiguredOf(events)).toEqual([
    ['unlisted-proxy', expect.stringContaining("sallyport({ proxies: ['127.0.0.1'] })")],
  ])
})

test.each([
  ['10.1.2.3', 'private'],
  ['172.31.0.1', 'private'],
  ['192.168.1.1', 'private'],
  ['100.64.0.1', 'private'],
  ['127.0.0.1', 'private'],
  ['::1', 'private'],
  ['fd00::1', 'private'],
  ['fe80::1%eth0', 'private'],
  ['203.0.113.9', 'public'],
  ['172.32.0.1', 'public'],
  ['2001:db8::1', 'public'],
])(
  'an unlisted peer at %s that forwards is %s: it does not use up the report about a proxy',
  (remoteAddress, kind) => {
    // all that is looked at is what stands here
    const socket = { remoteAddress } as Socket
    const { address, shared } = remoteAddressesBehind([])(socket, {
      forwardedFor: '192.0.2.7',
      forwardedProto: null,
    })
    expect(shared).toMatchObject({ kind, cause: 'unlisted-proxy' })
    expect(shared?.detail.includes('strangers send that header too')).toBe(kind === 'public')
    expect(shared?.detail).toContain(`proxies: ['${address}']`)
    expect(remoteAddressesBehind([])(socket, nothingForwarded).shared).toBeNull()
  },
)

test.each([
  '',
  'proxy.example',
  '10.0.0.0/8/',
  '10.0.0.0/255',
  'proxy.example/8',
  '10.0.0.0/33',
  '10.0.0.0/-1',
  '10.0.0.0/8/8',
  '::1/129',
  '10.0.0.256',
  '10.0.0.0/',
])("'%s' is no proxy, and the server says so at its start", (proxy) => {
  expect(() => remoteAddressesBehind([proxy])).toThrow(
    new TypeError(`'${proxy}' is no proxy: write an address, a range such as '10.0.0.0/8', or 'unix'`),
  )
})

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::FFFF:192.0.2.7', '192.0.2.7'],
  ['::ffff:c000:207', '192.0.2.7'],
  ['0:0:0:0:0:ffff:192.0.2.7', '192.0.2.7'],
  ['::1', '::1'],
  ['0:0:0:0:0:0:0:1', '::1'],
  ['2001:DB8::0:1', '2001:db8::1'],
  ['fe80::1%eth0', 'fe80::1'],
  ['', ''],
  ['unknown', 'unknown'],
])("the one text of '%s' is '%s'", (text, canonical) => {
  expect(canonicalAddress(text)).toBe(canonical)
})

/** What is made of a socket of which no more is asked than this. */
function read(
  proxies: readonly string[],
  socket: { readonly remoteAddress?: string; readonly localAddress?: string; readonly isTls?: boolean },
  headers: Readonly<Record<string, string>> = {},
) {
  const { remoteAddress, localAddress, isTls = false } = socket
  const asked = Object.create((isTls ? TLSSocket : Socket).prototype, {
    destroyed: { value: false },
    remoteAddress: { value: remoteAddress },
    localAddress: { value: localAddress },
  }) as Socket
  return remoteAddressesBehind(proxies)(asked, {
    forwardedFor: headers['x-forwarded-for'] ?? null,
    forwardedProto: headers['x-forwarded-proto'] ?? null,
  })
}

test.each([
  ['http', false],
  ['ws', false],
  ['https', true],
  ['wss', true],
  ['neither', true],
])('behind a trusted proxy over TLS the scheme %s makes a peer secure: %s', (scheme, secure) => {
  const socket = { remoteAddress: '127.0.0.1', isTls: true }
  expect(read(['127.0.0.1'], socket, { 'x-forwarded-proto': scheme }).secure).toBe(secure)
})

test('a trusted proxy that names its client is no shared address, and an unlisted one is', () => {
  const named = { 'x-forwarded-for': '192.0.2.7' }
  const socket = { remoteAddress: '127.0.0.1' }
  expect(read(['127.0.0.1'], socket, named)).toMatchObject({ address: '192.0.2.7', shared: null })
  expect(read([], socket, named)).toMatchObject({ address: '127.0.0.1', shared: { kind: 'private' } })
})

test('a unix socket that is not trusted is a shared address, though a client is named', () => {
  expect(read([], {}, { 'x-forwarded-for': '192.0.2.7' }).shared).toMatchObject({ kind: 'unix' })
  expect(read(['unix'], {}, { 'x-forwarded-for': '192.0.2.7' }).shared).toBeNull()
})

test('a peer over TCP that has gone is not taken for a trusted unix socket', () => {
  const { address } = read(['unix'], { localAddress: '127.0.0.1' }, { 'x-forwarded-for': '192.0.2.7' })
  expect(address).toBe('')
})

test('any address is spelt as the runtime spells it', () => {
  const plainly = (text: string): string => {
    if (isIPv4(text) || isIP(text) === 0) return text
    const { address } = new SocketAddress({ address: text.replace(/%.*$/, ''), family: 'ipv6' })
    return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1] ?? address
  }
  const parts = [
    '::ffff:',
    '::FFFF:',
    '::',
    ':',
    '.',
    '0',
    '1',
    '01',
    '192',
    '256',
    'ffff',
    'DB8',
    '%eth0',
    '192.0.2.7',
    ' ',
  ]
  let addresses = 0
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...parts), { maxLength: 10 }), (all) => {
      const text = all.join('')
      if (isIP(text) !== 0) addresses++
      expect(canonicalAddress(text)).toBe(plainly(text))
    }),
    { numRuns: 30_000 },
  )
  expect(addresses).toBeGreaterThan(300)
})
