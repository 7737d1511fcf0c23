// Bare ws with jose, written as its documentation shows, doing the same work as the others.
import { createServer } from 'node:http'
import { jwtVerify } from 'jose'
import { WebSocket, WebSocketServer } from 'ws'
import { audience, findUser, issuer, parseTarget, port, ready, secret, type User, welcome } from './common.ts'

const rooms = new Map<string, Set<WebSocket>>()
const server = createServer((_, response) => response.writeHead(426).end())
const sockets = new WebSocketServer({
  noServer: true,
  maxPayload: 65_536,
  clientTracking: false,
  perMessageDeflate: false,
})

async function authenticated(token: string): Promise<User | null> {
  try {
    const { payload } = await jwtVerify(token, secret, {
      issuer,
      audience,
      algorithms: ['HS256'],
      requiredClaims: ['exp', 'sub'],
    })
    return await findUser(payload.sub ?? '')
  } catch {
    return null
  }
}

function join(name: string, socket: WebSocket): ReadonlySet<WebSocket> {
  const room = rooms.get(name) ?? new Set()
  rooms.set(name, room.add(socket))
  socket.on('close', () => {
    room.delete(socket)
    if (room.size === 0 && rooms.get(name) === room) rooms.delete(name)
  })
  return room
}

server.on('upgrade', async (request, raw, head) => {
  raw.on('error', () => raw.destroy())
  const target = parseTarget(request.url ?? '')
  const user = target === null ? null : await authenticated(target.token)
  if (target === null || user === null) {
    raw.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    return
  }
  sockets.handleUpgrade(request, raw, head, (socket) => {
    const room = join(target.room, socket)
    socket.on('error', () => socket.terminate())
    socket.on('message', (data: Buffer) => {
      const { message } = JSON.parse(data.toString()) as { message: unknown }
      const said = JSON.stringify({ message, username: user.username })
      for (const member of room) if (member.readyState === WebSocket.OPEN) member.send(said)
    })
    socket.send(JSON.stringify(welcome(user)))
  })
})
server.listen({ port, host: '127.0.0.1', backlog: 4_096 }, ready)
