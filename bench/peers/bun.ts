// Bun's own server with jose, written as its documentation shows, doing the same work as the others: rooms are
// its topics, and its server publishes to them.
import { announce, bearerToken, messageText, parseTarget, secretOfRun, type User, welcome } from './common.ts'
import { userOfToken } from './token-user.ts'

interface Data {
  readonly room: string
  readonly user: User
}
interface Socket {
  readonly data: Data
  send(text: string): number
  subscribe(topic: string): void
}
interface Server {
  readonly port: number
  upgrade(request: Request, options: { readonly data: Data }): boolean
  publish(topic: string, text: string): number
}
/** What is used here of Bun's API, whose types would be a dependency. */
declare const Bun: {
  gc(now: boolean): void
  serve(options: {
    readonly port: number
    readonly hostname: string
    fetch(request: Request, server: Server): Promise<Response | undefined>
    readonly websocket: {
      readonly maxPayloadLength: number
      open(socket: Socket): void
      message(socket: Socket, text: string | Uint8Array): void
    }
  }): Server
}

const secret = secretOfRun()

function parsed(text: string | Uint8Array): unknown {
  try {
    return JSON.parse(String(text))
  } catch {
    return null
  }
}

async function upgrade(request: Request, server: Server): Promise<Response | undefined> {
  const target = parseTarget(request.url)
  const token = bearerToken(request.headers.get('authorization') ?? undefined) ?? target?.token ?? null
  const user = token === null ? null : await userOfToken(token, secret)
  if (target === null || user === null)
    return new Response(null, { status: 401, headers: { connection: 'close' } })
  if (server.upgrade(request, { data: { room: target.room, user } })) return undefined
  return new Response(null, { status: 426 })
}

const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  fetch: upgrade,
  websocket: {
    maxPayloadLength: 65_536,
    open(socket) {
      socket.subscribe(socket.data.room)
      socket.send(JSON.stringify(welcome(socket.data.user)))
    },
    message(socket, text) {
      const message = messageText(parsed(text))
      if (message === null) return
      const { room, user } = socket.data
      server.publish(room, JSON.stringify({ message, username: user.username }))
    },
  },
})
// before memory is read, garbage must not count as memory that connections hold
Object.assign(globalThis, { gc: () => Bun.gc(true) })
announce(server.port)
