// One user who stays signed in and costs others as much as the server allows; a process of its own, for a bounded time.
import { setTimeout as after } from 'node:timers/promises'
import WebSocket from 'ws'
import type { Attack, AttackName } from './messages.ts'

const attack = JSON.parse(process.argv[2] ?? '{}') as Attack
const ends = performance.now() + attack.seconds * 1_000
const counts = { sent: 0, errors: 0, closes: {} as Record<number, number> }

async function open(path: string, user: string): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${attack.number}${path}`, { headers: { 'x-user': user } })
  socket.on('error', () => {})
  socket.on('close', (code) => (counts.closes[code] = (counts.closes[code] ?? 0) + 1))
  socket.on('message', (data) => {
    if (data.toString().includes('"error"')) counts.errors++
  })
  await new Promise((resolve) => socket.once('open', resolve).once('close', resolve))
  return socket
}

/** Sends so often, and comes back when it is closed, until the time is over. */
async function keepSending(path: string, message: string, eachMs: number): Promise<void> {
  let socket = await open(path, 'mallory')
  let due = performance.now()
  while (performance.now() < ends) {
    if (socket.readyState !== WebSocket.OPEN) socket = await open(path, 'mallory')
    // what lies here already would only fill this process
    if (socket.bufferedAmount < 4_000_000) {
      socket.send(message)
      counts.sent++
    }
    due += eachMs
    await after(Math.max(0, due - performance.now()))
  }
}

const junk = JSON.stringify({ type: 'say', text: 'hi', junk: Array.from({ length: 21_000 }, () => []) })
const unfit = JSON.stringify(Array.from({ length: 32_000 }, () => 1))
const long = JSON.stringify({ type: 'say', text: 'x'.repeat(65_000) })

const attacks: Readonly<Record<AttackName, () => Promise<unknown>>> = {
  // 64 KB that are thrown away but for two letters, to handlers that wait
  waiting: () => all(20, (at) => keepSending(`/ws/slow/room-${at}`, junk, 20)),
  // 64 KB of what the validator does not take
  unfit: () => all(4, () => keepSending('/ws/lists', unfit, 20)),
  // the room gets all of it
  bytes: () => keepSending('/ws/room/honest', long, 1_000 / 190),
  crowd: joining,
}

/** Many people enter one room, as after a restart. */
async function joining(): Promise<void> {
  for (let at = 0; performance.now() < ends && at < 8_000; at += 40) {
    await all(40, (one) => open('/ws/crowd', `user-${at + one}`))
    counts.sent += 40
  }
  await after(Math.max(0, ends - performance.now()))
}

function all(count: number, each: (at: number) => Promise<unknown>): Promise<unknown> {
  return Promise.all(Array.from({ length: count }, (_, at) => each(at)))
}

await attacks[attack.name]()
process.send?.(counts)
process.exit()
