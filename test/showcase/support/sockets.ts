import type { Running } from './running.ts'

/** What one end of a socket hears, read in order. */
export interface TestSocket {
  /** The next message of this type; others are passed over. @throws Error when the socket ends first */
  next(type: string): Promise<Record<string, unknown>>
  say(message: object): void
  /** How the socket has ended. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
  close(): void
}

/** Node's WebSocket takes headers, which the DOM's types do not know. */
type Options = { readonly headers?: Record<string, string>; readonly protocols?: readonly string[] }

/**
 * Opens a socket without the client library, as any program can, and waits until the handshake is answered.
 */
export async function connect({ url }: Running, path: string, options: Options = {}): Promise<TestSocket> {
  const address = url.replace('http', 'ws') + path
  // Node's constructor takes an object as its second argument: https://nodejs.org/api/globals.html#websocket
  const socket = new WebSocket(address, { origin: url, ...options } as unknown as string[])
  const inbox: Record<string, unknown>[] = []
  let wake: (() => void) | undefined
  socket.addEventListener('message', ({ data }) => {
    // the chat sends JSON objects in text frames alone
    inbox.push(JSON.parse(String(data)) as Record<string, unknown>)
    wake?.()
  })
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.addEventListener('close', ({ code, reason }) => {
      resolve({ code, reason })
      wake?.()
    })
  })
  await new Promise<void>((resolve) => {
    socket.addEventListener('open', () => resolve())
    socket.addEventListener('error', () => resolve())
  })
  const next = async (type: string): Promise<Record<string, unknown>> => {
    for (;;) {
      for (let message = inbox.shift(); message !== undefined; message = inbox.shift()) {
        if (message['type'] === type) return message
      }
      if (socket.readyState === WebSocket.CLOSED) throw new Error(`no '${type}' came`)
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  return { next, say: (message) => socket.send(JSON.stringify(message)), closed, close: () => socket.close() }
}
