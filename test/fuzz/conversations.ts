import { type ClientFrame, frame } from '../transports/node/raw-client.ts'
import type { Random } from './random.ts'

/** Bytes of a client, and the frames that they are when the bytes are unchanged. */
export interface Conversation {
  readonly bytes: Buffer
  /** Whether bytes or frames were changed, so that a rule of RFC 6455 may be broken. */
  readonly isOdd: boolean
}

/** Frames of a client: messages whole and in fragments, with control frames between these; a third of them changed somehow. */
export function conversation(random: Random): Conversation {
  const frames = Array.from({ length: 1 + random.below(5) }, () => message(random)).flat()
  if (random.percent(50)) frames.push(goodbye(random))
  const isOdd = random.percent(35)
  if (!isOdd) return { bytes: Buffer.concat(frames.map(frame)), isOdd }
  if (random.percent(50)) return { bytes: Buffer.concat(oddFrames(frames, random).map(frame)), isOdd }
  return { bytes: oddBytes(Buffer.concat(frames.map(frame)), random), isOdd }
}

function message(random: Random): ClientFrame[] {
  const opcode = random.percent(80) ? 1 : 2
  const payload =
    opcode === 1 ? Buffer.from(random.pick(texts)) : random.bytes(random.pick([0, 1, 125, 126, 300]))
  const pieces = random.percent(50) ? cut(payload, 1 + random.below(4), random) : [payload]
  return pieces.flatMap((piece, at) => [
    ...(random.percent(15) ? [control(random)] : []),
    { opcode: at === 0 ? opcode : 0, payload: piece, fin: at === pieces.length - 1 },
  ])
}

const texts = [
  '',
  'a',
  'hello',
  'é'.repeat(63),
  '\u{1f600}'.repeat(32),
  'x'.repeat(125),
  'x'.repeat(126),
  'x'.repeat(1_000),
  '{"type":"say"}',
]

function cut(payload: Buffer, pieces: number, random: Random): readonly Buffer[] {
  const ends = Array.from({ length: pieces - 1 }, () => random.below(payload.length + 1)).sort(
    (one, other) => one - other,
  )
  return [...ends, payload.length].map((end, at) => payload.subarray(ends[at - 1] ?? 0, end))
}

function control(random: Random): ClientFrame {
  return { opcode: random.percent(70) ? 9 : 10, payload: random.bytes(random.pick([0, 4, 125])) }
}

function goodbye(random: Random): ClientFrame {
  const code = random.pick([1000, 1000, 1001, 3000, 4999, 1005, 1006, 1015, 999, 5000, 0])
  const payload = random.pick([
    Buffer.alloc(0),
    Buffer.from([code >> 8, code & 0xff]),
    Buffer.from([code >> 8, code & 0xff, 0x62, 0x79, 0x65]),
  ])
  return { opcode: 8, payload }
}

function oddFrames(frames: readonly ClientFrame[], random: Random): readonly ClientFrame[] {
  const at = random.below(frames.length)
  const one = frames[at] ?? { opcode: 1 }
  const changes: readonly Partial<ClientFrame>[] = [
    { masked: false },
    { rsv: 1 + random.below(7) },
    { opcode: random.below(16) },
    { fin: one.fin === false },
    { claimed: random.pick([0n, 1n, 125n, 126n, 65_535n, 65_536n, 2n ** 31n, 2n ** 53n, 2n ** 63n - 1n]) },
    { payload: random.bytes(random.pick([1, 126, 200])) },
    { extended: 8 },
  ]
  if (random.percent(20)) return frames.toSpliced(at, random.below(2), one, one)
  return frames.with(at, { ...one, ...random.pick(changes) })
}

function oddBytes(bytes: Buffer, random: Random): Buffer {
  const at = random.below(bytes.length)
  if (random.percent(60)) {
    const copy = Buffer.from(bytes)
    copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8))
    return copy
  }
  const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)]
  return random.pick([
    head,
    tail,
    Buffer.concat([head, random.bytes(1 + random.below(8)), tail]),
    Buffer.concat([head, tail.subarray(1)]),
  ])
}
