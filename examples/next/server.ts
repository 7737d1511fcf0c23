// Next.js 16 on a custom server with Express: the room beside the pages, and the upgrades of hot reloading left to Next.
import { createServer } from 'node:http'
import express from 'express'
import session from 'express-session'
import next from 'next'
import { expressSession, followSessions } from 'sallyport/auth/express-session'
import { secret } from '../frameworks/people.ts'
import { attachRoom } from '../frameworks/room.ts'
import { signIn, signOut, user } from '../frameworks/signing-in.ts'

const store = new session.MemoryStore()
const web = express()
const httpServer = createServer(web)
const { server } = attachRoom(httpServer, expressSession({ store, secret, user }))
followSessions(store, server)

const dev = process.env['NODE_ENV'] !== 'production'
// Next listens for upgrades on this, and not beside the room: it would hang up on a path that is a page's too
const upgrades = createServer()
const app = next({ dev, dir: import.meta.dirname, httpServer: upgrades })
await app.prepare()
const pages = app.getRequestHandler()
httpServer.on('upgrade', (request, socket, head) => {
  if (request.url?.startsWith('/ws/rooms/')) return
  if (!upgrades.emit('upgrade', request, socket, head)) socket.destroy()
})

const cookie = { sameSite: 'lax' } as const
web.use(session({ secret, store, cookie, resave: false, saveUninitialized: false }))
web.post('/login', express.json(), (request, response, failed) => {
  signIn(request).then((status) => response.sendStatus(status), failed)
})
web.post('/logout', (request, response, failed) => {
  signOut(request).then((status) => response.sendStatus(status), failed)
})
web.use((request, response) => pages(request, response))
const at = Number(process.env['PORT'] ?? 3000)
httpServer.listen(at, '127.0.0.1', () => console.log(JSON.stringify(httpServer.address())))
