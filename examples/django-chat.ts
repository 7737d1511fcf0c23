// The article's Django Channels chat: session cookie or token, a welcome, a group for each room, 4003.
// Run it: npm run django -w examples, then open http://localhost:8000
import { anyOf, consumer, contract, type Server, sallyport } from 'sallyport'
import { jwt } from 'sallyport/auth/jwt'
import { sessions } from 'sallyport/auth/sessions'
import { z } from 'zod'
import { openSite, type Site } from './site.ts'

/** The chat as both ends know it: one unnamed shape each way, so the wire is the article's own JSON. */
export const chat = contract('/ws/chat/:room/', {
  client: z.object({ message: z.string().min(1).max(2000) }),
  server: z.object({ message: z.string().max(2000), username: z.string().max(150).optional() }),
})

/** Makes the server: `AuthMiddlewareStack`, `TokenAuthMiddleware`, `URLRouter` and `MyChatConsumer`. */
export function djangoChat(site: Site): Server {
  const member = sessions({
    cookie: 'sessionid',
    load: (id) => site.session(id),
    expires: (session) => session.expires,
    user: (session) => site.user(session.userId),
  })
  const bearer = jwt({ secret: site.secret, audience: 'chat', user: ({ sub }) => site.user(sub) })

  const room = consumer(chat, { auth: anyOf(bearer, member), refuse: { code: 4003 } }, (socket) => ({
    open: () => socket.send({ message: `Welcome, ${socket.user.username}!` }),
    message: ({ message }) => socket.group().send({ message, username: socket.user.username }),
  }))

  const server = sallyport({ carriers: { query: { bearer: 'token' } } })
  server.serve(room)
  return server
}

if (import.meta.main) {
  const site = openSite()
  const httpServer = site.serve('clients/django.js')
  djangoChat(site).attach(httpServer)
  httpServer.listen(8000, '127.0.0.1', () => console.log('http://localhost:8000'))
}
