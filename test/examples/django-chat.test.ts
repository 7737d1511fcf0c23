import { describe, expect, test } from 'vitest'
import { WebSocket as Ws } from 'ws'
import { open } from '../../examples/clients/node.ts'
import { djangoChat } from '../../examples/django-chat.ts'
import { available } from '../support/require.ts'
import { listen, output, refusal, type Running, start } from './running.ts'

const wscat = 'node_modules/.bin/wscat'
const begin = (): Promise<Running> => start(djangoChat, 'clients/django.js')

test('a session cookie from the page of the site opens the chat', async () => {
  const { base, origin, person } = await begin()
  const { cookie } = await person('ada')
  const ada = listen(new Ws(`${base}/ws/chat/lobby/`, { headers: { Cookie: cookie, Origin: origin } }))
  expect(await ada.next()).toBe('{"message":"Welcome, ada!"}')
})

test('a message reaches all people in the room, and no other room', async () => {
  const { base, person } = await begin()
  const [ada, bob, eve] = await Promise.all([person('ada'), person('bob'), person('eve')])
  const where = { chat: 'django', base, room: 'lobby' } as const
  const said = open('query', where, ada.token)
  const [a, b] = [listen(said), listen(open('pair', where, bob.token))]
  const away = open('header', { ...where, room: 'tower' }, eve.token)
  const e = listen(away)
  expect([await a.next(), await b.next(), await e.next()]).toEqual([
    '{"message":"Welcome, ada!"}',
    '{"message":"Welcome, bob!"}',
    '{"message":"Welcome, eve!"}',
  ])
  said.send('{"message":"hello"}')
  expect(await a.next()).toBe('{"message":"hello","username":"ada"}')
  expect(await b.next()).toBe('{"message":"hello","username":"ada"}')
  away.send('{"message":"alone"}')
  expect(await e.next()).toBe('{"message":"alone","username":"eve"}')
})

test.for(['query', 'pair', 'header', 'ws-header'] as const)(
  'a token opens the chat in the carrier %s',
  async (carrier) => {
    const { base, person } = await begin()
    const { token } = await person('ada')
    const ada = listen(open(carrier, { chat: 'django', base, room: 'café' }, token))
    expect(await ada.next()).toBe('{"message":"Welcome, ada!"}')
  },
)

describe('a stranger', () => {
  test('with an Origin is refused with 4003, which really arrives', async () => {
    const { base, origin } = await begin()
    const browser = listen(new WebSocket(`${base}/ws/chat/lobby/`, { headers: { Origin: origin } }))
    expect(await browser.ended).toEqual({ code: 4003, reason: 'unauthenticated: sign in first' })
  })

  test('without an Origin is refused with 401 and a body', async () => {
    const { base } = await begin()
    const { status, body, challenge } = await refusal(`${base}/ws/chat/lobby/`)
    expect({ status, challenge }).toEqual({ status: 401, challenge: 'Bearer' })
    expect(body).toMatchObject({ status: 401, code: 'unauthenticated', detail: 'sign in first' })
  })

  test('with a token without a signature is refused, though a session cookie lies beside it', async () => {
    const { base, origin, person } = await begin()
    const { cookie, token } = await person('ada')
    const forged = `${token.slice(0, token.lastIndexOf('.'))}.${'A'.repeat(43)}`
    const url = `${base}/ws/chat/lobby/?token=${forged}`
    const browser = listen(new Ws(url, { headers: { Cookie: cookie, Origin: origin } }))
    expect(await browser.ended).toEqual({ code: 4003, reason: 'invalid-token: the token is not valid' })
  })

  test('with a session cookie but no Origin is refused with 403', async () => {
    const { base, person } = await begin()
    const { cookie } = await person('ada')
    const { status, body } = await refusal(`${base}/ws/chat/lobby/`, { Cookie: cookie })
    expect([status, body]).toEqual([403, expect.objectContaining({ code: 'origin-required' })])
  })

  // proves: foreign-page
  test('from another site is refused with 403 before the upgrade, though the cookie is good', async () => {
    const { base, person } = await begin()
    const { cookie } = await person('ada')
    const headers = { Cookie: cookie, Origin: 'https://evil.example' }
    const { status, body } = await refusal(`${base}/ws/chat/lobby/`, headers)
    expect([status, body]).toEqual([403, expect.objectContaining({ code: 'origin-not-allowed' })])
  })
})

test('a path without its trailing slash is another path', async () => {
  const { base, person } = await begin()
  const { token } = await person('ada')
  const { status } = await refusal(`${base}/ws/chat/lobby`, { Authorization: `Bearer ${token}` })
  expect(status).toBe(404)
})

test('JSON that is none earns an error and not the end', async () => {
  const { base, person } = await begin()
  const { token } = await person('ada')
  const socket = open('header', { chat: 'django', base, room: 'lobby' }, token)
  const ada = listen(socket)
  await ada.next()
  socket.send('{"message":')
  expect(JSON.parse(await ada.next())).toMatchObject({ error: { status: 400, code: 'invalid-message' } })
  socket.send('{"message":"still here"}')
  expect(await ada.next()).toBe('{"message":"still here","username":"ada"}')
})

test('a user who signs out is refused at the next handshake', async () => {
  const { base, origin, person } = await begin()
  const { cookie } = await person('ada')
  await fetch(`${origin}/session`, { method: 'DELETE', headers: { cookie } })
  const browser = listen(new Ws(`${base}/ws/chat/lobby/`, { headers: { Cookie: cookie, Origin: origin } }))
  expect((await browser.ended).code).toBe(4003)
})

test('wscat talks to it', async () => {
  const { base, person } = await begin()
  const { token } = await person('ada')
  const args = [
    '-c',
    `${base}/ws/chat/lobby/`,
    '-H',
    `Authorization: Bearer ${token}`,
    '-x',
    '{"message":"hi"}',
    '-w',
    '1',
  ]
  const printed = await output(wscat, args)
  expect(printed).toContain('{"message":"Welcome, ada!"}')
  expect(printed).toContain('{"message":"hi","username":"ada"}')
})

describe.runIf(available('python'))('a Python client', () => {
  const python = available('python') ?? ''
  const client = 'examples/clients/python_client.py'

  test.for(['query', 'pair', 'browser', 'header'])(
    'talks to it with its token in the carrier %s',
    async (carrier) => {
      const { base, person } = await begin()
      const { token } = await person('ada')
      const printed = await output(python, [client, 'django', carrier, base, 'lobby', 'hi'], token)
      expect(printed).toBe('{"message":"Welcome, ada!"}\n{"message":"hi","username":"ada"}\n')
    },
  )

  test('reads 401 where it sends no Origin, and 4003 where it does', async () => {
    const { base } = await begin()
    const ask = (carrier: string): Promise<string> =>
      output(python, [client, 'django', carrier, base], 'nonsense')
    expect(await ask('header')).toBe('refused: HTTP 401\n')
    expect(await ask('browser')).toBe(
      'closed: 4003 unknown-credential: this kind of credential is not accepted here\n',
    )
  })
})
