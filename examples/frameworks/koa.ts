// Koa 3 with koa-session and a store, so that its cookie is a random id; without one, the cookie is the session itself.
import { createServer } from 'node:http'
import { json } from 'node:stream/consumers'
import Koa from 'koa'
import { createSession } from 'koa-session'
import { fingerprint, sessions } from 'sallyport/auth/sessions'
import { attachRoom, chat, find, secret, type Site, text, verify } from './room.ts'

export function koaSite(): Site {
  const kept = new Map<string, Record<string, unknown>>()
  const destroy = async (id: string) => {
    kept.delete(id)
    await site.port.revoke({ session: fingerprint(id), reason: 'signed out' })
  }
  const set = async (id: string, session: object) => void kept.set(id, { ...session })
  const store = { get: async (id: string) => kept.get(id), set, destroy }
  const app = new Koa()
  app.keys = [secret]
  app.use(createSession({ key: 'koa.sess', store, httpOnly: true, sameSite: 'lax' }, app))
  const load = (id: string) => kept.get(id)
  const expires = ({ _expire }: Record<string, unknown>) => new Date(Number(_expire))
  const door = sessions({ cookie: 'koa.sess', load, expires, user: ({ userId }) => find(userId) })
  const site = attachRoom(createServer(), door)
  app.use(async (context) => {
    const [, first, room] = context.path.split('/')
    if (context.method !== 'POST' || !['login', 'logout', 'rooms'].includes(first ?? '')) return
    if ((context.request.length ?? Infinity) > 16_384) return void (context.status = 413)
    context.status = 204
    if (first === 'logout') return void (context.session = null)
    const body = await json(context.req)
    const { username, password } = Object(body)
    const person = first === 'login' ? verify(username, password) : find(context.session?.['userId'])
    if (person === null) return void (context.status = 401)
    if (first === 'login') context.session = { userId: person.id }
    else if (room !== undefined) {
      const said = { from: person.name, text: text.parse(body).text }
      await site.port.group(chat, { room }).send('said', said)
    }
  })
  site.server.on('request', app.callback())
  return site
}
