import { createServer } from 'node:http'
import { getIronSession, sealData } from 'iron-session'
import { expect, test } from 'vitest'
import { WebSocket as Ws } from 'ws'
import { begin, member, type Sealed, ttl } from '../../examples/sessions/iron-session.ts'
import { contract, endpoint, sallyport, text } from '../../src/index.ts'
import { listen, refusal, type Talk } from './running.ts'
import { serving } from '../support/serving.ts'

const origin = 'http://127.0.0.1'
const line = contract('/line', { client: text, server: text })
const old = { 1: 'the password of last year, at least 32 long' }
const password = { ...old, 2: 'the password of this year, at least 32 long' }

/** A real server that seals sessions with iron-session, and an endpoint that reads them. */
async function ironSessionSite() {
  const people = new Map([['7', { id: '7', name: 'ada' }]])
  const auth = member({ cookie: 'sid', password, find: async (id) => people.get(id) ?? null })
  const server = sallyport({ origins: [origin], remember: ttl * 1000 })
  server.serve(
    endpoint(line, { auth, authorize: () => true }, async (socket) => {
      socket.send(`welcome, ${socket.user.name}`)
      for await (const said of socket) socket.send(said)
    }),
  )
  const httpServer = createServer(async (request, response) => {
    const session = await getIronSession<Partial<Sealed>>(request, response, {
      cookieName: 'sid',
      password,
      ttl,
    })
    if (request.url === '/sign-in') {
      Object.assign(session, begin('7'))
      await session.save()
    } else {
      if (session.sid !== undefined) await server.revoke({ session: session.sid, reason: 'signed-out' })
      session.destroy()
    }
    response.end()
  })
  server.attach(httpServer)
  const host = await serving(httpServer, server)
  const post = (path: string, cookie = ''): Promise<Response> =>
    fetch(`http://${host}${path}`, { method: 'POST', headers: { Cookie: cookie } })
  return {
    people,
    url: `ws://${host}/line`,
    signIn: async () => ((await post('/sign-in')).headers.get('set-cookie') ?? '').split(';')[0] ?? '',
    signOut: (cookie: string) => post('/sign-out', cookie),
    open: (cookie: string): Talk =>
      listen(new Ws(`ws://${host}/line`, { headers: { Cookie: cookie, Origin: origin } })),
  }
}

test('the sealed cookie that iron-session has set opens a socket', async () => {
  const { signIn, open } = await ironSessionSite()
  expect(await open(await signIn()).next()).toBe('welcome, ada')
})

test('it is refused without an Origin', async () => {
  const { signIn, url } = await ironSessionSite()
  expect(await refusal(url, { Cookie: await signIn() })).toMatchObject({ status: 403 })
})

test('a sign-out revokes the session: its socket ends, and a copy of the cookie is refused', async () => {
  const { signIn, signOut, open } = await ironSessionSite()
  const cookie = await signIn()
  const talk = open(cookie)
  await talk.next()
  await signOut(cookie)
  expect(await talk.ended).toEqual({ code: 4401, reason: 'revoked: signed-out' })
  expect((await open(cookie).ended).code).toBe(4401)
})

test('a seal under a password that is being replaced opens a socket', async () => {
  const { open } = await ironSessionSite()
  const seal = await sealData(begin('7'), { password: old, ttl })
  expect(await open(`sid=${seal}`).next()).toBe('welcome, ada')
})

const bad: readonly (readonly [string, () => Promise<string>])[] = [
  ['under an unknown password', () => sealData(begin('7'), { password: { 9: 'x'.repeat(40) }, ttl })],
  [
    'under another password of the same id',
    () => sealData(begin('7'), { password: { 2: 'x'.repeat(40) }, ttl }),
  ],
  ['that has expired', () => sealData(begin('7'), { password, ttl: -120 })],
  [
    'whose session has no end of its own any more',
    () => sealData({ ...begin('7'), at: 0 }, { password, ttl }),
  ],
  ['without a session in it', () => sealData({ userId: '7' }, { password, ttl })],
  ['of a user who is gone', () => sealData(begin('8'), { password, ttl })],
  [
    'with another prefix',
    async () => (await sealData(begin('7'), { password, ttl })).replace('Fe26.2', 'Fe26.3'),
  ],
  [
    'whose end was moved',
    async () => (await sealData(begin('7'), { password, ttl })).replace(/\*(\d{13})\*/, '*9999999999999*'),
  ],
  [
    'with a broken signature',
    async () => (await sealData(begin('7'), { password, ttl })).replace(/.{3}~2$/, 'AAA~2'),
  ],
  ['that is no seal', async () => 'hello'],
]

test.for(bad)('a seal %s is no session', async ([, seal]) => {
  const { open } = await ironSessionSite()
  expect((await open(`sid=${await seal()}`).ended).code).toBe(4401)
})
