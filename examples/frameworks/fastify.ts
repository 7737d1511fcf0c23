// Fastify 5 with @fastify/session; `cookiePrefix` signs the cookie as express-session does, whose stores it uses.
import cookies from '@fastify/cookie'
import session from '@fastify/session'
import fastify, { type Session } from 'fastify'
import { expressSession, followSessions } from 'sallyport/auth/express-session'
import { find, secret, verify } from './people.ts'
import { attachRoom, type Site } from './room.ts'

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
  const user = ({ userId }: Session) => find(userId)
  const site = attachRoom(app.server, expressSession({ cookie: 'sessionId', secret, store, user }))
  followSessions(store, site.server, { owner: ({ userId }) => userId })
  app.post('/login', async (request, reply) => {
    const person = verify(request.body)
    if (person === null) return reply.code(401).send()
    await request.session.regenerate()
    request.session.userId = person.id
    return reply.code(204).send()
  })
  app.post('/logout', async (request, reply) => {
    await request.session.destroy()
    return reply.code(204).send()
  })
  app.post<{ Params: { room: string } }>('/rooms/:room', async ({ params, session: own, body }, reply) =>
    reply.code(await site.say(params.room, find(own.userId), body)).send(),
  )
  await app.ready()
  return site
}
