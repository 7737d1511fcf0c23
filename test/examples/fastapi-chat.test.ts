import { describe, expect, test } from 'vitest'
import { WebSocket as Ws } from 'ws'
import { open } from '../../examples/clients/node.ts'
import { fastapiChat } from '../../examples/fastapi-chat.ts'
import { available } from '../support/require.ts'
import { listen, output, refusal, type Running, start } from './running.ts'

const wscat = 'node_modules/.bin/wscat'
const begin = (): Promise<Running> => start(fastapiChat, 'clients/fastapi.js')

test.for(['query', 'pair', 'header', 'ws-header'] as const)(
  'a token opens the chat in the carrier %s',
  async (carrier) => {
    const { base, person } = await begin()
    const { token } = await person('testuser')
    const client = listen(open(carrier, { chat: 'fastapi', base, room: 'myroom' }, token))
    expect(await client.next()).toBe('{"message":"Welcome, testuser! You are in room myroom."}')
  },
)

test('the name beside the token is answered, and never the token', async () => {
  const { base, person } = await begin()
  const { token } = await person('testuser')
  const socket = new Ws(`${base}/ws/chat/myroom`, ['token', token])
  await listen(socket).next()
  expect(socket.protocol).toBe('token')
})

test('the room is shared: what one says, the others hear', async () => {
  const { base, person } = await begin()
  const [ada, bob] = await Promise.all([person('ada'), person('bob')])
  const where = { chat: 'fastapi', base, room: 'myroom' } as const
  const socket = open('query', where, ada.token)
  const [a, b] = [listen(socket), listen(open('pair', where, bob.token))]
  await Promise.all([a.next(), b.next()])
  socket.send('hello = "world"')
  expect(await a.next()).toBe('Message from ada: hello = "world"')
  expect(await b.next()).toBe('Message from ada: hello = "world"')
})

describe('a stranger', () => {
  test('with an Origin is refused with 1008, which really arrives', async () => {
    const { base, origin } = await begin()
    const browser = listen(new WebSocket(`${base}/ws/chat/myroom`, { headers: { Origin: origin } }))
    expect(await browser.ended).toEqual({ code: 1008, reason: 'unauthenticated: sign in first' })
  })

  test('without an Origin is refused with 401', async () => {
    const { base } = await begin()
    const { status, body } = await refusal(`${base}/ws/chat/myroom`)
    expect([status, body]).toEqual([401, expect.objectContaining({ code: 'unauthenticated' })])
  })

  test('an expired token, and a token of a user who is gone, get the same answer', async () => {
    const { base, person, site } = await begin()
    await person('ada')
    const { SignJWT } = await import('jose')
    const sign = (sub: string, expires: string): Promise<string> =>
      new SignJWT({ aud: 'chat' })
        .setProtectedHeader({ alg: 'HS256' })
        .setSubject(sub)
        .setExpirationTime(expires)
        .sign(new TextEncoder().encode(site.secret))
    const said = async (token: string): Promise<unknown> =>
      (await refusal(`${base}/ws/chat/myroom`, { Authorization: `Bearer ${token}` })).body
    const [expired, gone] = [await said(await sign('1', '-1h')), await said(await sign('99', '1h'))]
    expect([expired, gone]).toEqual([
      expect.objectContaining({ status: 401, code: 'invalid-token', detail: 'the token is not valid' }),
      expect.objectContaining({ status: 401, code: 'invalid-token', detail: 'the token is not valid' }),
    ])
  })

  test('has no use for a session cookie', async () => {
    const { base, origin, person } = await begin()
    const { cookie } = await person('ada')
    const browser = listen(new Ws(`${base}/ws/chat/myroom`, { headers: { Cookie: cookie, Origin: origin } }))
    expect((await browser.ended).code).toBe(1008)
  })
})

test('bytes where text belongs end the socket with 1003', async () => {
  const { base, person } = await begin()
  const { token } = await person('ada')
  const socket = open('header', { chat: 'fastapi', base, room: 'myroom' }, token)
  const client = listen(socket)
  await client.next()
  socket.send(new Uint8Array([1, 2, 3]))
  expect((await client.ended).code).toBe(1003)
})

test('wscat talks to it', async () => {
  const { base, person } = await begin()
  const { token } = await person('ada')
  const printed = await output(wscat, ['-c', `${base}/ws/chat/myroom?token=${token}`, '-x', 'hi', '-w', '1'])
  expect(printed).toContain('Message from ada: hi')
})

describe.runIf(available('python'))('a Python client', () => {
  const python = available('python') ?? ''
  const client = 'examples/clients/python_client.py'

  test.for(['query', 'pair', 'browser', 'header'])(
    'talks to it with its token in the carrier %s',
    async (carrier) => {
      const { base, person } = await begin()
      const { token } = await person('ada')
      const printed = await output(python, [client, 'fastapi', carrier, base, 'myroom', 'hi'], token)
      expect(printed).toBe('{"message":"Welcome, ada! You are in room myroom."}\nMessage from ada: hi\n')
    },
  )

  test('reads 401 where it sends no Origin, and 1008 where it does', async () => {
    const { base } = await begin()
    const ask = (carrier: string): Promise<string> =>
      output(python, [client, 'fastapi', carrier, base], 'nonsense')
    expect(await ask('header')).toBe('refused: HTTP 401\n')
    expect(await ask('browser')).toBe(
      'closed: 1008 unknown-credential: this kind of credential is not accepted here\n',
    )
  })
})
