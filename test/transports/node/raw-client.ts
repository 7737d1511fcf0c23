import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

const key = 'dGhlIHNhbXBsZSBub25jZQ=='

/** A frame as a client sends it, with whatever is wrong with it. */
export interface ClientFrame {
  readonly opcode: number
  readonly payload?: Uint8Array
  readonly fin?: boolean
  readonly rsv?: number
  readonly masked?: boolean
  /** The length that the header claims, where it lies. */
  readonly claimed?: bigint
  /** The bytes of the length beyond its first seven bits: 0, 2 or 8; as few as are needed by default. */
  readonly extended?: 0 | 2 | 8
}

/** Encodes a frame (RFC 6455 section 5.2), masked unless told otherwise. */
export function frame({
  opcode,
  payload = new Uint8Array(),
  fin = true,
  rsv = 0,
  masked = true,
  claimed,
  extended = shortest(claimed ?? BigInt(payload.length)),
}: ClientFrame): Buffer {
  const length = claimed ?? BigInt(payload.length)
  const head = Buffer.alloc(2 + extended + (masked ? 4 : 0))
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode
  head[1] = (masked ? 0x80 : 0) | (extended === 0 ? Number(length) : extended === 2 ? 126 : 127)
  if (extended === 2) head.writeUInt16BE(Number(length), 2)
  if (extended === 8) head.writeBigUInt64BE(length, 2)
  const mask = [0x12, 0x34, 0x56, 0x78]
  if (masked) head.set(mask, 2 + extended)
  const data = Buffer.from(payload)
  if (masked)
    for (let index = 0; index < data.length; index++)
      data[index] = (data[index] ?? 0) ^ (mask[index % 4] ?? 0)
  return Buffer.concat([head, data])
}

function shortest(length: bigint): 0 | 2 | 8 {
  if (length < 126n) return 0
  return length < 65_536n ? 2 : 8
}

/** A text frame. */
export const say = (text: string): Buffer => frame({ opcode: 1, payload: Buffer.from(text) })

/** A close frame. */
export const goodbye = (code: number, reason = ''): Buffer => {
  const payload = Buffer.alloc(2)
  payload.writeUInt16BE(code)
  return frame({ opcode: 8, payload: Buffer.concat([payload, Buffer.from(reason)]) })
}

/**
 * What the server has sent: its messages in order, its pings and pongs, its close code and how many close
 * frames there were.
 */
export interface Heard {
  readonly messages: string[]
  readonly pongs: string[]
  pings: number
  closed: number | null
  reason: string
  closes: number
  /** How many data frames were binary. */
  binary: number
}

/** A client that writes bytes as they are. */
export interface RawClient {
  readonly socket: Socket
  readonly heard: Heard
  /** The head of the server's answer. */
  readonly head: string
  /** The chunks as they arrived, the head among them. */
  readonly chunks: readonly Buffer[]
}

const open = new Set<Socket>()

/** Cuts the wires of all raw clients: they answer no close, and a server that closes would wait for them. */
export function cutRawClients(): void {
  for (const socket of open) socket.destroy()
  open.clear()
}

/** Opens a WebSocket by hand. @throws Error when it is refused */
export async function rawClient(
  number: number,
  path: string,
  {
    headers = ['x-test-user: Ada'],
    allowHalfOpen = false,
  }: { readonly headers?: readonly string[]; readonly allowHalfOpen?: boolean } = {},
): Promise<RawClient> {
  const socket = connect({ port: number, host: '127.0.0.1', allowHalfOpen }).setNoDelay(true)
  open.add(socket)
  await once(socket, 'connect')
  const lines = [
    `GET ${path} HTTP/1.1`,
    'Host: 127.0.0.1',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${key}`,
  ]
  socket.write(`${[...lines, ...headers].join('\r\n')}\r\n\r\n`)
  const chunks: Buffer[] = []
  const heard: Heard = {
    messages: [],
    pongs: [],
    pings: 0,
    closed: null,
    reason: '',
    closes: 0,
    binary: 0,
  }
  let rest = Buffer.alloc(0)
  let head = ''
  socket.on('error', () => {})
  const upgraded = new Promise<void>((resolve, reject) => {
    socket.on('data', (chunk) => {
      chunks.push(chunk)
      rest = Buffer.concat([rest, chunk])
      if (head === '') {
        const end = rest.indexOf('\r\n\r\n')
        if (end === -1) return
        head = rest.subarray(0, end).toString('latin1')
        rest = rest.subarray(end + 4)
        if (!head.startsWith('HTTP/1.1 101')) return reject(new Error(head))
        resolve()
      }
      rest = hear(rest, heard)
    })
    socket.on('close', () => reject(new Error('closed')))
  })
  await upgraded
  return { socket, heard, head, chunks }
}

function hear(bytes: Buffer<ArrayBuffer>, heard: Heard): Buffer<ArrayBuffer> {
  let rest = bytes
  while (rest.length >= 2) {
    const short = (rest[1] ?? 0) & 0x7f
    const start = short < 126 ? 2 : short === 126 ? 4 : 10
    if (rest.length < start) return rest
    const length =
      short < 126 ? short : short === 126 ? rest.readUInt16BE(2) : Number(rest.readBigUInt64BE(2))
    if (rest.length < start + length) return rest
    const payload = rest.subarray(start, start + length)
    const opcode = (rest[0] ?? 0) & 0x0f
    note(heard, opcode, payload)
    rest = rest.subarray(start + length)
  }
  return rest
}

function note(heard: Heard, opcode: number, payload: Buffer): void {
  if (opcode === 8) {
    heard.closes++
    heard.closed = payload.length < 2 ? 1005 : payload.readUInt16BE(0)
    heard.reason = payload.subarray(2).toString()
  } else if (opcode === 9) heard.pings++
  else if (opcode === 10) heard.pongs.push(payload.toString())
  else {
    heard.messages.push(payload.toString())
    if (opcode === 2) heard.binary++
  }
}
