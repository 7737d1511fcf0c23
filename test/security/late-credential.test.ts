import { once } from 'node:events'
import { expect, test } from 'vitest'
import WebSocket from 'ws'
import {
  type Authenticator,
  consumer,
  contract,
  deny,
  optional,
  type ServerOptions,
  type SallyportEvent,
  sallyport,
  text,
} from '../../src/index.ts'
import { ada, type User } from '../core/support/members.ts'
import { closeAfterTest } from '../support/close-after-test.ts'

// A client that says who it is in its first message, to an endpoint that lets it in before it has: the message would be
// handed to a handler, which sends it on to the whole room.
const auth: Authenticator<User> = async ({ credentials }) => {
  if (credentials.cookie('sid') === 'ada') return { user: ada }
  return credentials.of('bearer') === null ? null : deny(401, 'invalid-token')
}

async function serving(options: ServerOptions = {}) {
  const heard: string[] = []
  const events: SallyportEvent[] = []
  const server = sallyport({ carriers: { message: true }, on: (event) => events.push(event), ...options })
  closeAfterTest(server)
  const lines = contract('/ws/lines', { client: text, server: text })
  server.serve(
    consumer(lines, { auth: optional(auth) }, (socket) => ({
      message: (line) => {
        heard.push(line)
        return socket.group().send(line)
      },
    })),
  )
  const { port: number } = await server.listen(0)
  return { heard, events, number }
}

const credential = JSON.stringify({ type: 'auth', token: 'a-secret' })

// proves: late-credential
test.each([
  ['a guest', {}],
  ['someone on a cookie', { cookie: 'sid=ada', origin: true }],
])(
  'a first message with a credential of %s ends the socket and reaches no other one',
  async (_, how: { cookie?: string; origin?: boolean }) => {
    const { heard, events, number } = await serving()
    const { cookie, origin } = how
    const headers = {
      ...(cookie === undefined ? {} : { cookie }),
      ...(origin === true ? { origin: `http://127.0.0.1:${number}` } : {}),
    }
    const ws = new WebSocket(`ws://127.0.0.1:${number}/ws/lines`, { headers })
    await once(ws, 'open')
    ws.send(credential)
    const [code, reason] = (await once(ws, 'close')) as [number, Buffer]
    expect([code, reason.toString()]).toEqual([
      4400,
      'unexpected-credential: you are connected already without a credential',
    ])
    expect(heard).toEqual([])
    expect(JSON.stringify(events)).not.toContain('a-secret')
  },
)

test.each([
  ['has more values than are read', `{"type":"auth","token":"a-secret","more":[${'1,'.repeat(1_100)}1]}`],
  ['has a key that is not allowed', '{"type":"auth","token":"a-secret","constructor":1}'],
  ['is malformed', '{"type":"auth","token":"a-secret",}'],
])('a first message with a credential that %s ends the socket and reaches no other one', async (_, line) => {
  const { heard, number } = await serving()
  const ws = new WebSocket(`ws://127.0.0.1:${number}/ws/lines`)
  await once(ws, 'open')
  ws.send(line)
  const [code] = (await once(ws, 'close')) as [number]
  expect([code, heard]).toEqual([4400, []])
})

test('a first message is looked at only when its network has bytes left', async () => {
  const { heard, number } = await serving({
    limits: { guestByteRate: { most: 1, eachMs: 600_000, burst: 10 } },
  })
  const said = async (line: string): Promise<WebSocket> => {
    const ws = new WebSocket(`ws://127.0.0.1:${number}/ws/lines`)
    await once(ws, 'open')
    ws.send(line)
    return ws
  }
  const first = await said('hello, and more than ten bytes')
  await expect.poll(() => heard.length, { interval: 5 }).toBe(1)
  const [code] = (await once(await said(credential), 'close')) as [number]
  expect([code, heard.length]).toEqual([4429, 1])
  first.terminate()
})

test('any other first message of theirs is heard, and what follows it', async () => {
  const { heard, number } = await serving()
  const ws = new WebSocket(`ws://127.0.0.1:${number}/ws/lines`)
  await once(ws, 'open')
  ws.send('hello')
  ws.send('{"type":"auth"}')
  ws.send('{"type":"auth","token":"of another protocol"}')
  await expect
    .poll(() => heard, { interval: 5 })
    .toEqual(['hello', '{"type":"auth"}', '{"type":"auth","token":"of another protocol"}'])
  ws.terminate()
})

test.each([
  'null',
  '[]',
  '"auth"',
  '{"type":"say","token":"a"}',
  '{"type":"auth","token":7}',
  '{"type":"auth","token":""}',
])('a first message that holds no credential is heard: %s', async (line) => {
  const { heard, number } = await serving()
  const ws = new WebSocket(`ws://127.0.0.1:${number}/ws/lines`)
  await once(ws, 'open')
  ws.send(line)
  await expect.poll(() => heard, { interval: 5 }).toEqual([line])
  ws.terminate()
})

test.each([
  'how do I send {"auth":"x"} and a "token"?',
  `curl -d '{"type":"auth","token":"abc"}' https://example.com`,
  'my log: {"type":"auth", "token":"t"}',
])('a first message that only speaks of credentials is heard: %s', async (line) => {
  const { heard, number } = await serving()
  const ws = new WebSocket(`ws://127.0.0.1:${number}/ws/lines`)
  await once(ws, 'open')
  ws.send(line)
  // each was closed with 4400
  await expect.poll(() => heard, { interval: 5 }).toEqual([line])
  ws.terminate()
})

test.each(['{ braces', '{"auth" without its end', '{"token":1', '{"auth":1,"token":2}'])(
  'a first message %j, which is no credential, reaches its handler',
  async (line) => {
    const { heard, number } = await serving()
    const ws = new WebSocket(`ws://127.0.0.1:${number}/ws/lines`)
    await once(ws, 'open')
    ws.send(line)
    await once(ws, 'message')
    expect(heard).toEqual([line])
    ws.terminate()
  },
)
