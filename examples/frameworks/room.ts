// The examples of all frameworks share this room. Every signed-in user hears it.
import type { Server as HttpServer } from 'node:http'
import { type Authenticator, consumer, contract, type Server, sallyport } from 'sallyport'
import { z } from 'zod'
import type { User } from './people.ts'

/** A framework's HTTP server with the room attached. */
export interface Site {
  readonly httpServer: HttpServer
  readonly server: Server
  /** What a route of HTTP publishes in a room, and the status that it answers. */
  say(room: string, from: User | null, body: unknown): Promise<204 | 400 | 401>
}

const message = z.object({ text: z.string().min(1).max(2000) })
const chat = contract('/ws/rooms/:room', {
  client: { say: message },
  server: { said: z.object({ from: z.string().max(64), text: z.string().max(2000) }) },
})

/** The room on a port of its own; the path of anything else is left to the framework's other upgrade listeners. */
export function attachRoom(httpServer: HttpServer, auth: Authenticator<User>): Site {
  const room = consumer(chat, { auth, authorize: () => true }, (socket) => ({
    on: { say: ({ text }) => socket.group().send('said', { from: socket.user.name, text }) },
  }))
  const server = sallyport()
  server.serve(room)
  server.attach(httpServer, { accepts: (path) => path.startsWith('/ws/rooms/') })
  const say: Site['say'] = async (name, from, body) => {
    if (from === null) return 401
    const { data } = message.safeParse(body)
    if (data === undefined || !/^[\w-]{1,64}$/.test(name)) return 400
    await server.group(chat, { room: name }).send('said', { from: from.name, text: data.text })
    return 204
  }
  return { httpServer, server, say }
}
