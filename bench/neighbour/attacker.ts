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

interface Habit {
  readonly path: string
  readonly message: string
  readonly eachMs: number
  /** How many messages in one piece. */
  readonly atOnce?: number
}

/** Sends so often, and comes back when it is closed, until the time is over. */
async function keepSending({ path, message, eachMs, atOnce = 1 }: Habit): Promise<void> {
  let socket = await open(path, 'mallory')
  let due = performance.now()
  while (performance.now() < ends) {
    if (socket.readyState !== WebSocket.OPEN) socket = await open(path, 'mallory')
    // what lies here already would only fill this process
    if (socket.bufferedAmount < 4_000_000) {
      for (let count = 0; count < atOnce; count++) socket.send(message)
      counts.sent += atOnce
    }
    due += eachMs
    await after(Math.max(0, due - performance.now()))
  }
}

const list = (length: number, item: (at: number) => string): string =>
  `[${Array.from({ length }, (_, at) => item(at)).join()}]`
const junk = JSON.stringify({
  type: 'say',
  text: 'hi',
  junk: Array.from({ length: 500 }, () => 'x'.repeat(120)),
})
const kept = JSON.stringify({ type: 'say', text: 'x'.repeat(60_000) })
const unfit = list(32_000, () => '1')
const long = JSON.stringify({ type: 'say', text: 'x'.repeat(65_000) })
/** What a union is asked for in vain, and what fits the last of its arms: as many as 4,096 values, and as 1,024. */
const vain = [list(4_000, () => '1'), list(1_000, () => '1')]
const fitting = [1_000, 200].map((length) => list(length, () => '{"kind":"kind-19","by":""}'))
/** Records without a bound, and records whose keys make V8 hold an array for each. */
const records = [4_000, 1_000].map((length) =>
  JSON.stringify(Object.fromEntries(Array.from({ length }, (_, at) => [`key-${at}`, 1]))),
)
const sparse = [1_300, 60].map((length) => list(length, () => '{"1000":1}'))

const each = (path: string, messages: readonly string[]): Promise<unknown> =>
  Promise.all(messages.map((message) => keepSending({ path, message, eachMs: 20 })))

const attacks: Readonly<Record<AttackName, () => Promise<unknown>>> = {
  control: () => after(ends - performance.now()),
  // 64 KB that are thrown away but for two letters, and 60 KB that are not, to handlers that wait: less than a megabyte a second
  waiting: () => toSlow(1_500),
  // the same without measure, 60 MB a second
  flood: () => toSlow(20),
  // 64 KB of what the validator does not take
  unfit: () => each('/ws/lists', [unfit, unfit, unfit, unfit]),
  // the room gets all of it
  bytes: () => keepSending({ path: '/ws/room/honest', message: long, eachMs: 1_000 / 190 }),
  union: () => each('/ws/union', [...vain, ...fitting]),
  records: () => Promise.all([each('/ws/records', records), each('/ws/sparse', sparse)]),
  // many that are cheap by themselves, so that the process reads them without a break
  'in one piece': () =>
    keepSending({
      path: '/ws/union',
      message: list(60, () => '{"kind":"kind-19","by":""}'),
      eachMs: 1_000,
      atOnce: 90,
    }),
  crowd: joining,
}

function toSlow(eachMs: number): Promise<unknown> {
  return all(20, async (at) => {
    // one after the other, so that they are within what may come at once
    await after((at * eachMs) / 20)
    await keepSending({ path: `/ws/slow/room-${at}`, message: at < 4 ? junk : kept, eachMs })
  })
}

/** Many people enter one room, as after a restart. */
async function joining(): Promise<void> {
  for (let at = 0; performance.now() < ends && at < 8_000; at += 40) {
    await all(40, (one) => open('/ws/crowd', `user-${at + one}`))
    counts.sent += 40
  }
  await after(Math.max(0, ends - performance.now()))
}

function all(count: number, one: (at: number) => Promise<unknown>): Promise<unknown> {
  return Promise.all(Array.from({ length: count }, (_, at) => one(at)))
}

process.send?.('begun')
await attacks[attack.name]()
process.send?.(counts)
process.exit()
