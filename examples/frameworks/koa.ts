// Koa 3 with koa-session and a store, so that its cookie is a random id; without one, the cookie is the session itself.
import { createServer } from 'node:http'
import { json } from 'node:stream/consumers'
import Koa from 'koa'
import { createSession } from 'koa-session'
import { sessions } from 'sallyport/auth/sessions'
import { find, secret, verify } from './people.ts'
import { attachRoom, type Site } from './room.ts'
import { type StoredSession, storage } from './storage.ts'

export function koaSite(): Site {
  const kept = storage((session) => site.server.revoke({ session, reason: 'signed out' }))
  const store = { ...kept, destroy: kept.end }
  const app = new Koa()
  app.keys = [secret]
  app.use(createSession({ key: 'koa.sess', store, httpOnly: true, sameSite: 'lax' }, app))
  const expires = ({ _expire }: StoredSession) => new Date(Number(_expire))
  const user = ({ userId }: StoredSession) => find(userId)
  const site = attachRoom(createServer(), sessions({ cookie: 'koa.sess', load: kept.get, expires, user }))
  app.use(async (context) => {
    const [, first = '', room = ''] = context.path.split('/')
    if (context.method !== 'POST' || !['login', 'logout', 'rooms'].includes(first)) return
    if ((context.request.length ?? Infinity) > 16_384) return context.throw(413)
    context.status = 204
    if (first === 'logout') return void (context.session = null)
    const body = await json(context.req).catch(() => context.throw(400))
    if (first === 'login') {
      const person = verify(body) ?? context.throw(401)
      context.session = { userId: person.id }
      await context.session.regenerate() // assigning keeps the id, which an attacker may have planted
    } else {
      context.status = await site.say(room, find(context.session?.['userId']), body)
    }
  })
  site.httpServer.on('request', app.callback())
  return site
}
