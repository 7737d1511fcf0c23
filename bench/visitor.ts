import { once } from 'node:events'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { WebSocket } from 'ws'
import { type Peer, targetOf } from './peer.ts'
import type { Server } from './server.ts'

/** A chat message as members hear it. */
export interface Said {
  readonly message: string
  readonly username: string
}

/** Someone who was let in. */
export interface Visitor {
  /** The next message, the welcome first. @throws Error after 5 s without one */
  next(): Promise<Said>
  say(data: unknown): void
  leave(): void
}

/** How a visit began: inside, or refused and how. */
export type Visit = { readonly inside: Visitor } | { readonly refused: string }

const patienceMs = 5_000

/** Knocks at a peer with a token, or with none, and waits for the answer. */
export async function visit(server: Server, token: string | null, room: string): Promise<Visit> {
  const { peer, port } = server
  const plain = peer.wire === 'plain'
  const socket = new WebSocket(`ws://127.0.0.1:${port}${targetOf(peer).replace('{room}', room)}`, {
    headers: plain && token !== null ? { authorization: `Bearer ${token}` } : {},
  })
  const inbox = new Inbox()
  const refused = refusal(socket)
  socket.on('message', (data: Buffer) => {
    const text = data.toString()
    if (plain) inbox.put(JSON.parse(text))
    else readPacket(text, { socket, token, room, inbox })
  })
  const first = await Promise.race([inbox.peek().then(() => null), refused])
  if (first !== null) return { refused: first }
  return { inside: visitor(socket, peer, inbox) }
}

function visitor(socket: WebSocket, peer: Peer, inbox: Inbox): Visitor {
  return {
    next: () => inbox.next(),
    say: (data) =>
      socket.send(peer.wire === 'plain' ? JSON.stringify(data) : `42${JSON.stringify(['chat', data])}`),
    leave: () => socket.terminate(),
  }
}

/** A status, a close code, or an error packet: whatever comes first. */
async function refusal(socket: WebSocket): Promise<string> {
  return await Promise.race([
    // what `ws` emits for any answer but 101
    once(socket, 'unexpected-response').then((event) => {
      const [request, response] = event as [ClientRequest, IncomingMessage]
      request.destroy()
      return `HTTP ${response.statusCode}`
    }),
    once(socket, 'close').then(([code]: unknown[]) => `close ${String(code)}`),
    once(socket, 'refusal').then(() => 'error packet'),
  ])
}

interface SocketIoVisit {
  readonly socket: WebSocket
  readonly token: string | null
  readonly room: string
  readonly inbox: Inbox
}

/** Engine.IO's open, ping and message packets, and in those Socket.IO's event and error. */
function readPacket(packet: string, { socket, token, room, inbox }: SocketIoVisit): void {
  if (packet.startsWith('0'))
    socket.send(`40${JSON.stringify({ ...(token === null ? {} : { token }), room })}`)
  else if (packet === '2') socket.send('3')
  else if (packet.startsWith('44')) {
    socket.emit('refusal')
    socket.close()
  } else if (packet.startsWith('42')) {
    // an event is an array of its name and its arguments
    const [, said] = JSON.parse(packet.slice(2)) as readonly unknown[]
    inbox.put(said)
  }
}

class Inbox {
  readonly #messages: Said[] = []
  #arrived = Promise.withResolvers<void>()

  /** An error for the sender alone is no chat message. */
  put(data: unknown): void {
    if (typeof data === 'object' && data !== null && 'error' in data) return
    // the peers send nothing else; the check compares both fields
    this.#messages.push(data as Said)
    this.#arrived.resolve()
  }

  async peek(): Promise<void> {
    if (this.#messages.length === 0) await this.#arrived.promise
  }

  async next(): Promise<Said> {
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(() => late.reject(new Error('no message came within 5 s')), patienceMs)
    try {
      await Promise.race([this.peek(), late.promise])
    } finally {
      clearTimeout(timer)
    }
    const message = this.#messages.shift()
    if (message === undefined) throw new Error('two readers wait for one message')
    if (this.#messages.length === 0) this.#arrived = Promise.withResolvers()
    return message
  }
}
