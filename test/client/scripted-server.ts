import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import { decodeFrame, encodeFrame, type RawFrame, type ServerFrame } from '../../src/wire/frame.ts'

/** One connection at the server's end, spoken by hand. */
export interface Peer {
  readonly request: IncomingMessage
  /** What the client offered beside its name. */
  readonly offered: readonly string[]
  readonly socket: WebSocket
  send(frame: ServerFrame | RawFrame): void
  /** The next frame of the client. */
  next(): Promise<RawFrame>
  /** Says `hello` and `opened`. */
  open(extras?: object): void
  /** Settles with the close code once the connection has ended. */
  readonly closed: Promise<number>
}

/** A real WebSocket server on 127.0.0.1 whose every word is the test's. */
export interface ScriptedServer extends AsyncDisposable {
  readonly url: string
  readonly path: string
  /** The next connection. */
  next(): Promise<Peer>
  /** How many connections came. */
  readonly count: number
}

/** @param protocol what is answered; `false` answers none */
export async function scriptedServer(
  path: string,
  protocol: string | false = 'sallyport.v1',
): Promise<ScriptedServer> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, handleProtocols: () => protocol })
  const arrivals = queue<Peer>()
  let count = 0
  server.on('connection', (socket, request) => {
    count++
    arrivals.put(peer(socket, request, path))
  })
  await new Promise((resolve) => server.once('listening', resolve))
  // a server that listens on TCP has an address of this kind
  const { port } = server.address() as AddressInfo
  return {
    url: `ws://127.0.0.1:${port}`,
    path,
    next: arrivals.take,
    get count() {
      return count
    },
    async [Symbol.asyncDispose]() {
      for (const socket of server.clients) socket.terminate()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function peer(socket: WebSocket, request: IncomingMessage, path: string): Peer {
  const frames = queue<RawFrame>()
  socket.on('error', () => {})
  socket.on('message', (data: Buffer, isBinary) => {
    const reading = decodeFrame(isBinary ? new Uint8Array(data) : data.toString())
    if (!reading.ok) throw new Error(`the client sent what is no frame: ${reading.issue}`)
    frames.put(reading.frame)
  })
  const send = (frame: ServerFrame | RawFrame): void => socket.send(encodeFrame(frame as ServerFrame))
  return {
    request,
    offered: (request.headers['sec-websocket-protocol'] ?? '')
      .split(',')
      .map((one) => one.trim())
      .slice(1),
    socket,
    send,
    next: frames.take,
    open(extras = {}) {
      send({ op: 'hello', version: 1, id: 'h', pingMs: 25_000, limits: { message: 65_536 } })
      send({ op: 'opened', in: path, id: 'o', ...extras })
    },
    closed: new Promise((resolve) => socket.on('close', resolve)),
  }
}

function queue<T>(): { readonly put: (item: T) => void; readonly take: () => Promise<T> } {
  const items: T[] = []
  const takers: ((item: T) => void)[] = []
  return {
    put(item) {
      const taker = takers.shift()
      if (taker === undefined) items.push(item)
      else taker(item)
    },
    take: () => {
      const item = items.shift()
      return item === undefined ? new Promise((resolve) => takers.push(resolve)) : Promise.resolve(item)
    },
  }
}
