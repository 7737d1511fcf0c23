// Socket.IO with jose, over WebSocket alone: its middleware asks for the token, its rooms carry the chat.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server } from 'socket.io'
import { announce, messageText, secretOfRun, type User, welcome } from './common.ts'
import { userOfToken } from './token-user.ts'

interface Said {
  readonly message: string
  readonly username: string
}
interface FromServer {
  welcome: (greeting: Said) => void
  chat: (said: Said) => void
}
interface FromClient {
  chat: (data: unknown) => void
}
interface Data {
  user: User
  room: string
}

const secret = secretOfRun()
const server = createServer((_, response) => response.writeHead(426).end())
const io = new Server<FromClient, FromServer, Record<string, never>, Data>(server, {
  transports: ['websocket'],
  maxHttpBufferSize: 65_536,
  serveClient: false,
})

io.use(async (socket, next) => {
  const { token, room } = socket.handshake.auth
  const named = typeof room === 'string' && room !== ''
  const user = named && typeof token === 'string' ? await userOfToken(token, secret) : null
  if (user === null) return next(new Error('unauthorized'))
  socket.data.user = user
  socket.data.room = String(room)
  next()
})

io.on('connection', async (socket) => {
  const { user, room } = socket.data
  socket.on('chat', (data) => {
    const message = messageText(data)
    if (message !== null) io.to(room).emit('chat', { message, username: user.username })
  })
  await socket.join(room)
  socket.emit('welcome', welcome(user))
})

server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () => {
  // a TCP server that listens has an address of this shape
  announce((server.address() as AddressInfo).port)
})
