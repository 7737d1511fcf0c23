// What every framework's example shares: people with passwords, and one room that is heard by whoever has signed in.
import { randomBytes, scryptSync, timingSafeEqual } from 'node:crypto'
import type { Server } from 'node:http'
import { type Authenticator, consumer, contract, type Port, sallyport } from 'sallyport'
import { z } from 'zod'

export type User = { readonly id: string; readonly name: string }

/** A framework's HTTP server with the room attached. */
export type Site = { readonly server: Server; readonly port: Port }

export const secret: string = randomBytes(32).toString('base64url')
export const text: z.ZodObject<{ text: z.ZodString }> = z.object({ text: z.string().min(1).max(2000) })
export const chat = contract('/ws/rooms/:room', {
  client: { say: text },
  server: { said: z.object({ from: z.string(), text: z.string() }) },
})

const salt = randomBytes(16)
const derive = (password: string): Buffer => scryptSync(password, salt, 32)
const ada = {
  id: '1',
  name: 'ada',
  hash: derive(process.env['ADA_PASSWORD'] ?? randomBytes(16).toString('hex')),
}

export const find = (id: unknown): User | null => (id === ada.id ? { id: ada.id, name: ada.name } : null)
export const verify = (name: unknown, password: unknown): User | null =>
  timingSafeEqual(derive(String(password)), ada.hash) && name === ada.name ? find(ada.id) : null

/** The room on a port of its own; the path of anything else is left to the framework's other upgrade listeners. */
export function attachRoom(server: Server, auth: Authenticator<User>): Site {
  const room = consumer(chat, { auth, authorize: () => true }, (socket) => ({
    on: { say: (said) => socket.group().send('said', { from: socket.user.name, text: said.text }) },
  }))
  const port = sallyport()
  port.serve(room)
  port.attach(server, { accepts: (path) => path.startsWith('/ws/rooms/') })
  return { server, port }
}
