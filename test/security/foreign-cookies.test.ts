import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import WebSocket from 'ws'
import { sessions } from '../../src/auth/sessions.ts'
import {
  anyOf,
  type Authenticator,
  consumer,
  contract,
  optional,
  type SallyportEvent,
  sallyport,
  text,
} from '../../src/index.ts'
import { connectAndSend, statusOf, upgradeHead } from '../transports/node/upgrade-head.ts'
import { closeAfterTest } from '../support/close-after-test.ts'

// Any script of a site sets cookies, in any bytes, for all of it. They must not keep anybody out.
const member = sessions({
  cookie: 'sid',
  load: (id) => (id === 'good' ? { id } : null),
  user: ({ id }) => ({ id }),
})
const bearer: Authenticator<{ id: string }> = async ({ credentials }) =>
  credentials.of('bearer') === 'token' ? { user: { id: 'robot' } } : null

async function serving(auth: Authenticator<{ id: string } | null>) {
  const events: SallyportEvent[] = []
  const server = sallyport({ on: (event) => events.push(event), origins: ['https://app.example'] })
  closeAfterTest(server)
  const who = contract('/ws/who', { client: text, server: text })
  server.serve(
    consumer(who, { auth }, (socket) => ({ open: () => socket.send(socket.subject), message: () => {} })),
  )
  const { port: number } = await server.listen(0)
  return { number, events }
}

const page = { Origin: 'https://app.example' }
/** Characters as the bytes of their UTF-8, as a browser sends them. */
const utf8 = (characters: string): string => Buffer.from(characters).toString('latin1')

/** The status of the answer, with who came in or the close code behind it. */
async function answered(number: number, headers: Record<string, string>, more: string[] = []) {
  const socket = await connectAndSend(number, upgradeHead('/ws/who', headers, more))
  let got = ''
  socket.on('data', (chunk: Buffer) => (got += chunk.toString('latin1')))
  await expect.poll(() => got, { interval: 1 }).toMatch(/\r\n\r\n[^]/)
  socket.destroy()
  const frame = Buffer.from(got.slice(got.indexOf('\r\n\r\n') + 4), 'latin1')
  if (statusOf(got) !== 101) return String(statusOf(got))
  return frame[0] === 0x88 ? `101, then ${frame.readUInt16BE(2)}` : `101 ${frame.subarray(2).toString()}`
}

const foreign = [
  utf8('greeting=Gr\u00fc\u00df'),
  utf8('city=\u00c5rhus; \u00e0=\u00c0'),
  'latin=Gr\xfc\xdf',
  'next=a\x85b',
  'blank=\xa0',
  'half=\xc3',
  'percent=%; more=%zz; most=%E0%A4%A',
  'quote="; other="a;b"',
  '=; ;;=a; noequals; \xa0sid=planted; sid\xa0=planted; \xffsid=planted',
  '__proto__=1; constructor=2',
  'json={"a":[1,2]}',
  'tab=\ta\t',
]

// proves: foreign-cookie
test.each(foreign)('a cookie of another application does not keep a session out: %j', async (cookie) => {
  const { number } = await serving(member)
  expect(await answered(number, { ...page, Cookie: `${cookie}; sid=good` })).toBe('101 good')
  expect(await answered(number, { ...page, Cookie: `sid=good; ${cookie}` })).toBe('101 good')
})

test('blanks and tabs around the name and value of a session cookie do not belong to it', async () => {
  const { number } = await serving(member)
  for (const cookie of ['\tsid\t=\tgood\t; a=1', 'a=1; \t sid \t= good'])
    expect(await answered(number, { ...page, Cookie: cookie })).toBe('101 good')
})

test.each(foreign)('nor a bearer token: %j', async (cookie) => {
  const { number } = await serving(anyOf(bearer, member))
  expect(await answered(number, { Cookie: cookie, Authorization: 'Bearer token' })).toBe('101 robot')
})

test('several Cookie lines are one list', async () => {
  const { number } = await serving(member)
  expect(await answered(number, { ...page, Cookie: 'a=1' }, ['Cookie: sid=good', 'cookie: b=2'])).toBe(
    '101 good',
  )
  expect(await answered(number, { ...page, Cookie: 'sid=good' }, ['Cookie: sid=planted'])).toBe(
    '101, then 4400',
  )
})

const malformed = ['sid=caf\xe9', utf8('sid=\u00fc'), 'sid=good; sid=planted', 'sid=good\x85', 'sid=\xa0good']

test.each(malformed)(
  'a malformed session cookie is 4400 for a page and 400 for a tool: %j',
  async (Cookie) => {
    for (const auth of [member, optional(member)]) {
      const { number, events } = await serving(auth)
      expect(await answered(number, { ...page, Cookie })).toBe('101, then 4400')
      expect(await answered(number, { Cookie })).toBe('400')
      expect(await answered(number, { Origin: 'https://evil.example', Cookie })).toBe('403')
      const codes = events.map((event) => event.type === 'denied' && event.code)
      expect(codes).toEqual(['bad-credential', 'bad-credential', 'origin-not-allowed'])
    }
  },
)

test('a malformed session cookie beside a bearer token does not count', async () => {
  const { number } = await serving(anyOf(bearer, member))
  expect(await answered(number, { ...page, Cookie: 'sid=\xfc', Authorization: 'Bearer token' })).toBe(
    '101 robot',
  )
})

test('the same bytes reach an authenticator that asks for all cookies as node:http has them', async () => {
  const seen: (string | undefined)[] = []
  const http = createServer()
  const server = sallyport()
  closeAfterTest(server)
  const spy: Authenticator<{ id: string }> = async ({ credentials }) => {
    seen.push(credentials.cookies(), new Headers({ cookie: credentials.cookies() }).get('cookie') ?? '')
    return { user: { id: '1' } }
  }
  server.serve(consumer(contract('/ws/who', { client: text }), { auth: spy }, () => ({ message: () => {} })))
  http.prependListener('upgrade', ({ headers }) => seen.push(headers.cookie))
  server.attach(http)
  await once(http.listen(0, '127.0.0.1'), 'listening')
  // a server that listens on TCP has an address of this kind
  const { port: number } = http.address() as AddressInfo
  const cookie = `${utf8('greeting=Gr\u00fc\u00df')}; sid=good`
  const ws = new WebSocket(`ws://127.0.0.1:${number}/ws/who`, {
    headers: { cookie, origin: `http://127.0.0.1:${number}` },
  })
  await once(ws, 'open')
  ws.terminate()
  http.close()
  expect(seen).toEqual([cookie, cookie, cookie])
})
