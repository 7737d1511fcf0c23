// Fastify 5 with @fastify/session; `cookiePrefix` signs the cookie as Express does, which is what `secret` reads.
import { promisify } from 'node:util'
import cookies from '@fastify/cookie'
import session from '@fastify/session'
import fastify from 'fastify'
import { sessions } from 'sallyport/auth/sessions'
import { attachRoom, chat, find, secret, type Site, text, verify } from './room.ts'

declare module 'fastify' {
  interface Session {
    userId?: string
  }
}

export async function fastifySite(): Promise<Site> {
  const store = new session.MemoryStore(new Map())
  const app = fastify()
  await app.register(cookies)
  const cookie = { secure: false, httpOnly: true, sameSite: 'lax' } as const
  await app.register(session, { secret, store, cookie, cookiePrefix: 's:', saveUninitialized: false })
  const get = promisify(store.get.bind(store))
  const load = (id: string) => get(id) as Promise<{ userId?: string } | null>
  const door = sessions({ cookie: 'sessionId', secret, load, user: ({ userId }) => find(userId) })
  const site = attachRoom(app.server, door)
  app.post<{ Body: { username: string; password: string } }>('/login', async (request, reply) => {
    const person = verify(request.body.username, request.body.password)
    if (person === null) return reply.code(401).send()
    await request.session.regenerate()
    request.session.userId = person.id
    return reply.code(204).send()
  })
  app.post<{ Params: { room: string } }>('/rooms/:room', async (request, reply) => {
    const person = find(request.session.userId)
    if (person === null) return reply.code(401).send()
    await site.port
      .group(chat, request.params)
      .send('said', { from: person.name, ...text.parse(request.body) })
    return reply.code(204).send()
  })
  await app.ready()
  return site
}
