import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'

/** A visitor of the crowd, who only waits for the end. */
export interface Member {
  readonly user: string
  /** When the close frame has come, in nanoseconds of the machine's clock, and in its wall time. */
  readonly closed: Promise<{ readonly at: bigint; readonly wallMs: number; readonly code: number }>
  cut(): void
}

/** One to be let in: who they are, and when their access ends, if it does. */
export interface Invited {
  readonly user: string
  readonly expiresMs?: number
}

/** Masked with zeros, and without data, as the pings are. */
const pong = Buffer.from([0x8a, 0x80, 0, 0, 0, 0])
const atOnce = 60
/** Fewer than there are ports for one address. */
const perAddress = 20_000

/** Opens a socket for each of these, some at a time. @throws Error when one is refused */
export async function open(number: number, invited: readonly Invited[]): Promise<readonly Member[]> {
  const members: Member[] = []
  for (let from = 0; from < invited.length; from += atOnce) {
    const few = invited.slice(from, from + atOnce)
    members.push(...(await Promise.all(few.map((one, at) => enter(number, one, from + at)))))
  }
  return members
}

async function enter(number: number, { user, expiresMs }: Invited, index: number): Promise<Member> {
  const localAddress = `127.0.0.${10 + Math.floor(index / perAddress)}`
  const socket = connect({ port: number, host: '127.0.0.1', localAddress, noDelay: true })
  socket.write(headOf(user, expiresMs))
  await welcomed(socket)
  const closed = new Promise<Awaited<Member['closed']>>((resolve) => {
    socket.on('data', (chunk) => {
      const isPing = chunk[0] === 0x89
      if (isPing) socket.write(pong)
      // the last words of a server may follow its ping in one piece
      const frame = isPing ? chunk.subarray(2) : chunk
      if (frame[0] !== 0x88) return
      resolve({ at: process.hrtime.bigint(), wallMs: Date.now(), code: frame.readUInt16BE(2) })
      socket.destroy()
    })
  })
  return { user, closed, cut: () => socket.destroy() }
}

function headOf(user: string, expiresMs: number | undefined): string {
  const lines = [
    'GET /ws/room HTTP/1.1',
    'Host: 127.0.0.1',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    `X-User: ${user}`,
    ...(expiresMs === undefined ? [] : [`X-Expires: ${expiresMs}`]),
  ]
  return `${lines.join('\r\n')}\r\n\r\n`
}

function welcomed(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('data', (chunk) => {
      if (chunk.subarray(0, 12).toString() === 'HTTP/1.1 101') resolve()
      else reject(new Error(`refused: ${chunk.subarray(0, 40).toString()}`))
    })
    socket.on('error', reject)
  })
}
