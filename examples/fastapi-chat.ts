// The article's FastAPI chat: a JWT in query, subprotocol list or header, a welcome, 1008 for strangers.
// Run it: npm run fastapi -w examples, then open http://localhost:8000
import { contract, endpoint, type Server, sallyport, text } from 'sallyport'
import { jwt } from 'sallyport/auth/jwt'
import { openSite, type Site } from './site.ts'

/** The chat as both ends know it: raw text in both directions, as `receive_text` and `send_text` have it. */
export const chat = contract('/ws/chat/:room', { client: text, server: text })

/** Makes the server: `authenticate_websocket_user` and `websocket_endpoint`, with a room that is shared. */
export function fastapiChat(site: Site): Server {
  const bearer = jwt({ secret: site.secret, audience: 'chat', user: ({ sub }) => site.user(sub) })

  const room = endpoint(chat, { auth: bearer, refuse: { code: 1008 } }, async (socket) => {
    const { username } = socket.user
    socket.send(JSON.stringify({ message: `Welcome, ${username}! You are in room ${socket.params.room}.` }))
    for await (const data of socket) await socket.group().send(`Message from ${username}: ${data}`)
  })

  const server = sallyport({ carriers: { query: { bearer: 'token' } } })
  server.serve(room)
  return server
}

if (import.meta.main) {
  const site = openSite()
  const httpServer = site.serve('clients/fastapi.js')
  fastapiChat(site).attach(httpServer)
  httpServer.listen(8000, '127.0.0.1', () => console.log('http://localhost:8000'))
}
