import { FrameReader } from '../../src/transports/node/frame-reader.ts'
import { parserOfWs } from '../support/ws-parser.ts'
import type { Campaign } from './campaign.ts'
import { conversation } from './conversations.ts'
import { turn } from './line.ts'
import { Random } from './random.ts'

/** The events of a connection, in order, each as a text: a campaign compares very many. */
type Heard = readonly string[]

/**
 * Conversations of frames, good and broken, through our reader: whole, cut in two at every byte, byte by byte, and in pieces.
 * Each time the reader gives the events that the parser of ws gives, and a broken conversation ends with a code of RFC 6455.
 */
export async function frameCampaign(seed: number): Promise<Campaign> {
  return {
    name: 'frames',
    atOnce: 1,
    async tell(index) {
      const random = new Random(seed, index)
      const { bytes, isOdd } = conversation(random)
      try {
        const whole = await heardByWs(bytes)
        for (const pieces of cuts(bytes, random)) {
          const heard = heardOf(pieces)
          if (!areSame(heard, whole))
            throw new Error(
              `cut at ${pieces.map(({ length }) => length).join()}: ${show(heard)}, not ${show(whole)}`,
            )
        }
        return outcomeOf(whole, isOdd)
      } catch (error) {
        throw new Error(`seed ${seed}, frames ${index}: ${String(error)}\n${bytes.toString('hex')}`, {
          cause: error,
        })
      }
    },
    end: async () => {},
  }
}

function* cuts(bytes: Buffer, random: Random): Generator<readonly Buffer[]> {
  yield [bytes]
  // every place in a short conversation, and in a long one as many as in a short one
  const step = Math.max(1, Math.floor(bytes.length / 150))
  for (let at = 1 + random.below(step); at < bytes.length; at += step)
    yield [bytes.subarray(0, at), bytes.subarray(at)]
  // byte by byte, as far as pieces of one frame may wait: 1,024 of them
  const size = Math.ceil(bytes.length / 1_000)
  yield Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
    bytes.subarray(at * size, (at + 1) * size),
  )
  const ends = Array.from({ length: 5 }, () => random.below(bytes.length + 1)).sort(
    (one, other) => one - other,
  )
  yield [...ends, bytes.length].map((end, at) => bytes.subarray(ends[at - 1] ?? 0, end))
}

const bounds = { messageBytes: 65_536, fragments: 64 }

/** The events of our reader for these pieces. */
function heardOf(pieces: readonly Buffer[]): Heard {
  const heard: string[] = []
  const reader = new FrameReader({
    ...bounds,
    message: (data) => heard.push(heardMessage(data)),
    pinged: (data) => heard.push(`ping, ${latin1(data)}`),
    ponged: () => heard.push('pong'),
    concluded: (code, reason) => heard.push(`closed ${code}, ${reason}`),
    broken: (code) => heard.push(`broken ${code}`),
  })
  // a copy, because the reader unmasks where the bytes lie
  for (const piece of pieces) reader.read(Buffer.from(piece))
  return heard
}

/** The events of the parser of ws, which takes a length that is not in its shortest form. */
async function heardByWs(bytes: Buffer): Promise<Heard> {
  const heard: string[] = []
  const receiver = parserOfWs(bounds)
  receiver
    .on('message', (data, isBinary) => heard.push(heardMessage(isBinary ? data : data.toString())))
    .on('ping', (data) => heard.push(`ping, ${latin1(data)}`))
    .on('pong', () => heard.push('pong'))
    .on('conclude', (code, reason) => heard.push(`closed ${code}, ${reason.toString()}`))
    .on('error', ({ code = '' }) => heard.push(`broken ${closeCodes[code] ?? 1002}`))
  const longForm = placeOfLongForm(bytes)
  receiver.write(Buffer.from(bytes.subarray(0, longForm)))
  // an error is told a turn later
  await turn()
  if (longForm < bytes.length && !/^(?:broken|closed)/.test(heard.at(-1) ?? '')) heard.push('broken 1002')
  return heard
}

const closeCodes: Readonly<Record<string, number>> = {
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 1009,
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: 1009,
  WS_ERR_TOO_MANY_BUFFERED_PARTS: 1008,
  WS_ERR_INVALID_UTF8: 1007,
}

function heardMessage(data: string | Uint8Array): string {
  return typeof data === 'string' ? `message, text ${data}` : `message, bytes ${latin1(data)}`
}

function latin1(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.length).toString('latin1')
}

function areSame(one: Heard, other: Heard): boolean {
  return one.length === other.length && one.every((event, at) => event === other[at])
}

/** Where the first frame begins whose length is not in its shortest form; the end when there is none. */
function placeOfLongForm(bytes: Buffer): number {
  for (let at = 0; at + 2 <= bytes.length;) {
    const short = (bytes[at + 1] ?? 0) & 0x7f
    const extended = short < 126 ? 0 : short === 126 ? 2 : 8
    if (bytes.length < at + 2 + extended) break
    const length =
      extended === 0
        ? short
        : extended === 2
          ? bytes.readUInt16BE(at + 2)
          : Number(bytes.readBigUInt64BE(at + 2))
    if (extended > 0 && length < (extended === 2 ? 126 : 65_536)) return at
    at += 6 + extended + length
  }
  return bytes.length
}

function outcomeOf(heard: Heard, isOdd: boolean): string {
  const [what = 'nothing'] = (heard.at(-1) ?? 'nothing').split(',')
  if (what.startsWith('broken') && !['1002', '1007', '1008', '1009'].includes(what.slice('broken '.length)))
    throw new Error(what)
  return `${isOdd ? 'odd' : 'good'}: ${what}`
}

function show(heard: Heard): string {
  return JSON.stringify(heard).slice(0, 300)
}
