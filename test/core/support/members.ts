import { z } from 'zod'
import {
  type Authenticator,
  binary,
  consumer,
  contract,
  deny,
  endpoint,
  event,
  type SocketOf,
  text,
} from '../../../src/index.ts'

/** A user of the rooms below. */
export interface User {
  readonly id: string
  readonly name: string
}
export const ada: User = { id: '1', name: 'Ada' }
export const grace: User = { id: '2', name: 'Grace' }
export const mallory: User = { id: '666', name: 'Mallory' }

/** Knows people by a header, so that headers can be tried out without cryptography. */
export const byName: Authenticator<User> = async ({ headers, credentials }) => {
  const name = headers.get('x-test-user') ?? credentials.cookie('who')
  if (name === null) return null
  const user = [ada, grace, mallory].find((one) => one.name === name)
  return user === undefined ? deny(401, 'unknown-user', 'no user has this name') : { user }
}

export const chat = contract('/ws/chat/:room', {
  client: { say: z.object({ text: z.string().min(1).max(200) }), typing: z.object({}) },
  server: {
    said: z.object({ from: z.string(), text: z.string() }),
    typing: event(z.object({ from: z.string() }), { keep: false, slow: 'drop' }),
  },
  calls: { count: { input: z.object({ upTo: z.number() }), output: z.array(z.number()) } },
  grant: z.object({ canWrite: z.boolean() }),
  presence: z.object({ name: z.string() }),
  history: { size: 3, for: '5m' },
})

/** Everyone but Mallory comes in; Grace may only read. */
export const room = consumer(
  chat,
  {
    auth: byName,
    authorize: ({ user }) =>
      user.id === mallory.id ? null : { canWrite: user.id !== grace.id, secret: 'not for clients' },
    presence: ({ user }) => ({ name: user.name }),
  },
  (socket) => ({
    on: {
      say: async ({ text: said }) => {
        if (!socket.grant.canWrite) deny(403, 'read-only', 'you may only read here')
        if (said === 'boom') throw new Error('a fault of the handler')
        await socket.group().send('said', { from: socket.user.name, text: said })
      },
      typing: () => socket.group().send('typing', { from: socket.user.name }, { except: socket }),
    },
    calls: {
      count: async ({ upTo }, { signal }) => {
        await waitFor(socket, signal, upTo)
        return Array.from({ length: upTo }, (_, index) => index)
      },
    },
  }),
)

/** A call for more than 100 lasts until it is cancelled or the socket ends. */
function waitFor(socket: SocketOf<typeof room>, signal: AbortSignal, upTo: number): Promise<void> {
  if (upTo <= 100) return Promise.resolve()
  return new Promise((_, reject) => {
    for (const one of [signal, socket.signal]) one.addEventListener('abort', () => reject(new Denial409()))
  })
}

class Denial409 extends Error {
  override readonly name = 'AbortError'
}

export const lines = contract('/ws/lines', { client: text, server: text })
export const bytes = contract('/ws/bytes/:name', { client: binary, server: binary })

/** Says back what it hears until it hears "bye". */
export const echo = endpoint(lines, { auth: byName }, async (socket) => {
  for await (const line of socket) {
    if (line === 'bye') return
    if (line === 'refuse') deny(409, 'enough')
    if (line === 'boom') throw new Error('a fault of the loop')
    socket.send(line)
  }
})

/** A room whose `authorize` answers nothing until it is told to, and what it was asked. */
export function waitingRoom() {
  const asked: string[] = []
  const { promise: waiting, resolve: answer } = Promise.withResolvers<void>()
  const slow = consumer(
    lines,
    {
      auth: byName,
      authorize: async ({ why }) => {
        asked.push(why)
        await waiting
        return true
      },
    },
    () => ({ message: () => {} }),
  )
  return { slow, asked, answer }
}
