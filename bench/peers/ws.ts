// Bare ws with jose, written as their documentation shows, doing the same work as the others.
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocket, WebSocketServer } from 'ws'
import { announce, bearerToken, messageText, parseTarget, secretOfRun, type User, welcome } from './common.ts'
import { userOfToken } from './token-user.ts'

const secret = secretOfRun()
const rooms = new Map<string, Set<WebSocket>>()
const server = createServer((_, response) => response.writeHead(426).end())
const sockets = new WebSocketServer({ noServer: true, maxPayload: 65_536, clientTracking: false })

function join(name: string, socket: WebSocket): ReadonlySet<WebSocket> {
  const room = rooms.get(name) ?? new Set()
  rooms.set(name, room.add(socket))
  socket.on('close', () => {
    room.delete(socket)
    if (room.size === 0 && rooms.get(name) === room) rooms.delete(name)
  })
  return room
}

function parsed(data: Buffer): unknown {
  try {
    return JSON.parse(data.toString())
  } catch {
    return null
  }
}

function serve(socket: WebSocket, roomName: string, user: User): void {
  const room = join(roomName, socket)
  socket.on('error', () => socket.terminate())
  // with the default binaryType every message is a Buffer
  socket.on('message', (data: Buffer) => {
    const message = messageText(parsed(data))
    if (message === null) return
    const said = JSON.stringify({ message, username: user.username })
    for (const member of room) if (member.readyState === WebSocket.OPEN) member.send(said)
  })
  socket.send(JSON.stringify(welcome(user)))
}

async function upgrade(request: IncomingMessage, raw: Duplex, head: Buffer): Promise<void> {
  // without a listener a peer that resets while its token is checked ends the process
  raw.on('error', () => raw.destroy())
  const target = parseTarget(request.url ?? '')
  const token = bearerToken(request.headers.authorization) ?? target?.token ?? null
  const user = token === null ? null : await userOfToken(token, secret)
  if (target === null || user === null) {
    raw.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    return
  }
  sockets.handleUpgrade(request, raw, head, (socket) => serve(socket, target.room, user))
}

server.on('upgrade', (request, raw, head) => void upgrade(request, raw, head))
server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () => {
  // a TCP server that listens has an address of this shape
  announce((server.address() as AddressInfo).port)
})
