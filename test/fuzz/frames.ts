import { isDeepStrictEqual } from 'node:util'
import { type FrameListener, FrameReader } from '../../src/transports/node/frame-reader.ts'
import type { Campaign } from './campaign.ts'
import { conversation } from './conversations.ts'
import { turn } from './line.ts'
import { Random } from './random.ts'

/** What a connection has heard, in order. */
type Heard = readonly (readonly [string, ...unknown[]])[]

/**
 * Conversations of frames, good and broken, through the parser: whole, and cut in two at every byte, byte by byte, and in pieces.
 * However they are cut the same is heard, and whatever is broken ends with a code of RFC 6455.
 */
export async function frameCampaign(seed: number): Promise<Campaign> {
  return {
    name: 'frames',
    atOnce: 1,
    async tell(index) {
      const random = new Random(seed, index)
      const { bytes, isOdd } = conversation(random)
      try {
        const whole = await heardOf([bytes])
        for (const pieces of cuts(bytes, random)) {
          const heard = await heardOf(pieces)
          if (!isDeepStrictEqual(heard, whole))
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

/** What a connection hears of these pieces: like ours it lets go of its parser at the first end. */
async function heardOf(pieces: readonly Buffer[]): Promise<Heard> {
  const heard: [string, ...unknown[]][] = []
  let isOver = false
  const hear = (...what: [string, ...unknown[]]): void => void (isOver || heard.push(what))
  const end = (...what: [string, ...unknown[]]): void => {
    hear(...what)
    isOver = true
  }
  const hearer: FrameListener = {
    message: (data) => hear('message', typeof data === 'string' ? data : Buffer.from(data).toString('hex')),
    pinged: (data) => hear('ping', Buffer.from(data).toString('hex')),
    ponged: () => hear('pong'),
    concluded: (code, reason) => end('closed', code, reason),
    broken: (code) => end('broken', code),
    ready: () => {},
  }
  const inlet = new FrameReader(hearer, { messageBytes: 65_536, fragments: 64 })
  for (const piece of pieces) if (!isOver && !inlet.destroyed) inlet.write(Buffer.from(piece))
  // an error is told a turn later
  await turn()
  inlet.destroy()
  return heard
}

function outcomeOf(heard: Heard, isOdd: boolean): string {
  const [what, code] = heard.at(-1) ?? ['nothing']
  if (what === 'broken' && ![1002, 1007, 1008, 1009].includes(Number(code)))
    throw new Error(`broken with ${String(code)}`)
  return `${isOdd ? 'odd' : 'good'}: ${what}${what === 'closed' || what === 'broken' ? ` ${String(code)}` : ''}`
}

function show(heard: Heard): string {
  return JSON.stringify(heard).slice(0, 300)
}
