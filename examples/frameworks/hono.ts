// Hono on Node, with a session of its own: a random id in a cookie, and a map that knows whose it is.
import { randomBytes } from 'node:crypto'
import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { getCookie, setCookie } from 'hono/cookie'
import { csrf } from 'hono/csrf'
import { sessions } from 'sallyport/auth/sessions'
import { attachRoom, chat, find, type Site, text, verify } from './room.ts'

export function honoSite(): Site {
  const signedIn = new Map<string, string>()
  const app = new Hono()
  app.use(csrf(), bodyLimit({ maxSize: 16_384 }))
  // without options for TLS or HTTP/2 the adaptor makes a server of node:http
  const server = createAdaptorServer(app) as Server
  const load = (id: string) => signedIn.get(id)
  const site = attachRoom(server, sessions({ cookie: 'sid', load, user: find }))
  app.post('/login', async (c) => {
    const { username, password } = await c.req.json<{ username: string; password: string }>()
    const person = verify(username, password)
    if (person === null) return c.body(null, 401)
    const id = randomBytes(32).toString('base64url')
    signedIn.set(id, person.id)
    setCookie(c, 'sid', id, { httpOnly: true, sameSite: 'Lax' })
    return c.body(null, 204)
  })
  app.post('/rooms/:room', async (c) => {
    const person = find(signedIn.get(getCookie(c, 'sid') ?? ''))
    if (person === null) return c.body(null, 401)
    const said = { from: person.name, text: text.parse(await c.req.json()).text }
    await site.port.group(chat, { room: c.req.param('room') }).send('said', said)
    return c.body(null, 204)
  })
  return site
}
