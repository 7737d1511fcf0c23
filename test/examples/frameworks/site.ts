import { once } from 'node:events'
import { expect, test } from 'vitest'
import { WebSocket as Ws } from 'ws'
import type { Site } from '../../../examples/frameworks/room.ts'
import { listen, refusal } from '../running.ts'
import { serving } from '../../support/serving.ts'

const password = 'correct horse'
// read once, when the room's file is loaded: every test imports it after this file
process.env['ADA_PASSWORD'] = password

/** A framework's site on a real port. */
export interface Started {
  readonly origin: string
  readonly url: string
  readonly site: Site
  post(path: string, body: unknown, cookie?: string): Promise<Response>
  /** Signs ada in, and answers the cookies to send. */
  login(before?: string): Promise<string>
}

/** Starts a site on a free port; the end of the test stops it. */
export async function begin(make: () => Site | Promise<Site>): Promise<Started> {
  const site = await make()
  const host = await serving(site.httpServer, site.server)
  const origin = `http://${host}`
  const post: Started['post'] = (path, body, cookie = '') =>
    fetch(origin + path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Origin: origin, Cookie: cookie },
      body: JSON.stringify(body),
    })
  const login = async (before = ''): Promise<string> => {
    const answer = await post('/login', { username: 'ada', password }, before)
    expect(answer.status).toBe(204)
    return answer.headers
      .getSetCookie()
      .map((cookie) => cookie.split(';', 1)[0])
      .join('; ')
  }
  return { origin, url: `ws://${host}/ws/rooms/lobby`, site, post, login }
}

/** What holds for the site of every framework. */
export function behaves(make: () => Site | Promise<Site>): void {
  test('a user who has signed in over HTTP hears what a route of HTTP publishes', async () => {
    const { origin, url, login, post } = await begin(make)
    const cookie = await login()
    const socket = new Ws(url, { headers: { Cookie: cookie, Origin: origin } })
    const ada = listen(socket)
    await once(socket, 'open')
    expect((await post('/rooms/lobby', { text: 'from a route' }, cookie)).status).toBe(204)
    expect(JSON.parse(await ada.next())).toEqual({ type: 'said', from: 'ada', text: 'from a route' })
    socket.send('{"type":"say","text":"from the socket"}')
    expect(JSON.parse(await ada.next())).toEqual({ type: 'said', from: 'ada', text: 'from the socket' })
  })

  test('signing out closes the socket before it is answered, and the cookie opens no other', async () => {
    const { origin, url, login, post, site } = await begin(make)
    const [cookie, another] = [await login(), await login()]
    const headers = { Cookie: cookie, Origin: origin }
    const socket = new Ws(url, { headers })
    const stranger = new Ws(url, { headers: { ...headers, Cookie: another } })
    const [ada, other] = [listen(socket), listen(stranger)]
    await Promise.all([once(socket, 'open'), once(stranger, 'open')])
    expect((await post('/logout', {}, cookie)).status).toBe(204)
    expect(site.server.connections).toBe(1)
    expect(await ada.ended).toMatchObject({ code: 4401, reason: expect.stringMatching(/^revoked: /) })
    expect((await listen(new Ws(url, { headers })).ended).code).toBe(4401)
    stranger.send('{"type":"say","text":"still here"}')
    expect(JSON.parse(await other.next())).toMatchObject({ text: 'still here' })
  })

  // proves: session-fixation
  test('signing in replaces a session that is there: the person who had planted it is out', async () => {
    const { origin, url, login } = await begin(make)
    const planted = await login()
    const socket = new Ws(url, { headers: { Cookie: planted, Origin: origin } })
    const attacker = listen(socket)
    await once(socket, 'open')
    const cookie = await login(planted)
    expect(cookie).not.toBe(planted)
    expect((await attacker.ended).code).toBe(4401)
    const [again, ada] = [planted, cookie].map((one) => ({ headers: { Cookie: one, Origin: origin } }))
    expect((await listen(new Ws(url, again)).ended).code).toBe(4401)
    await once(new Ws(url, ada), 'open')
  })

  test('what is no message is 400, and is not published', async () => {
    const { origin, login, post } = await begin(make)
    const cookie = await login()
    const raw = { Cookie: cookie, Origin: origin, 'Content-Type': 'application/json' }
    const broken = await fetch(`${origin}/rooms/lobby`, { method: 'POST', headers: raw, body: '{"text":' })
    expect(broken.status).toBe(400)
    for (const body of [{}, { text: '' }, { text: 7 }, { text: 'x'.repeat(2001) }, 'text', [], null])
      expect((await post('/rooms/lobby', body, cookie)).status).toBe(400)
    expect((await post('/rooms/caf%C3%A9', { text: 'hello' }, cookie)).status).toBe(400)
  })

  test('without a session a tool is refused with 401, and a page with 4401', async () => {
    const { origin, url } = await begin(make)
    expect((await refusal(url)).status).toBe(401)
    const page = listen(new Ws(url, { headers: { Origin: origin } }))
    expect((await page.ended).code).toBe(4401)
  })

  test('a wrong password makes no session, and a stranger publishes nothing', async () => {
    const { post } = await begin(make)
    expect((await post('/login', { username: 'ada', password: 'wrong horse' })).status).toBe(401)
    expect((await post('/rooms/lobby', { text: 'hello' })).status).toBe(401)
  })

  test('a cookie that the site did not give is no session', async () => {
    const { origin, url, login } = await begin(make)
    const cookie = (await login()).replace(/=[^;]{8}/, '=AAAAAAAA')
    const page = listen(new Ws(url, { headers: { Cookie: cookie, Origin: origin } }))
    expect((await page.ended).code).toBe(4401)
  })

  test('another listener still gets the upgrades of its own path', async () => {
    const { origin, site, post } = await begin(make)
    site.httpServer.on('upgrade', ({ url }, socket) => {
      if (url === '/other') socket.end('HTTP/1.1 418 Other\r\nContent-Length: 2\r\n\r\n{}')
    })
    expect((await refusal(`${origin.replace('http', 'ws')}/other`)).status).toBe(418)
    expect((await post('/nowhere', {})).status).toBe(404)
  })
}
