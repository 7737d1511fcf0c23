import { Writable } from 'node:stream'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Receiver } from 'ws'
import type { Payload } from '../../../src/wire/body.ts'
import {
  type FrameListener,
  FrameReader,
  type FrameReaderBounds,
} from '../../../src/transports/node/frame-reader.ts'
import { type ClientFrame, frame, goodbye, say } from './raw-client.ts'

const bounds: FrameReaderBounds = { messageBytes: 300, fragments: 4 }
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

type Event = readonly [what: string, value: Payload | number, more?: string]

/** What an inlet says of a stream that comes in these pieces. */
async function events(pieces: readonly Uint8Array[], limits: FrameReaderBounds = bounds): Promise<Event[]> {
  const heard: Event[] = []
  const hearer: FrameListener = {
    message: (payload) => heard.push(['message', payload]),
    pinged: (data) => heard.push(['ping', Buffer.from(data).toString('hex')]),
    ponged: () => heard.push(['pong', '']),
    concluded: (code, reason) => heard.push(['close', code, reason]),
    broken: (code) => heard.push(['broken', code]),
    ready: () => {},
  }
  const inlet = new FrameReader(hearer, limits)
  // a copy of each piece, because a parser may unmask where the bytes lie
  for (const piece of pieces) if (inlet.writable) inlet.write(Uint8Array.from(piece))
  await turn()
  return heard
}

// the canary of ws's parser: its types leave it out, so what we rely on is pinned here

test('ws still exports its parser, a Writable with the events that are used here', () => {
  const receiver = new Receiver({
    isServer: true,
    maxPayload: 10,
    maxFragments: 2,
    maxBufferedChunks: 3,
    allowSynchronousEvents: true,
    skipUTF8Validation: false,
  })
  expect(receiver).toBeInstanceOf(Writable)
  const heard: string[] = []
  for (const event of ['message', 'ping', 'pong', 'conclude'] as const)
    receiver.on(event, () => heard.push(event))
  const pieces = [say('a'), frame({ opcode: 9 }), frame({ opcode: 10 }), goodbye(1000)]
  receiver.write(Buffer.concat(pieces))
  // in the turn of the write: allowSynchronousEvents
  expect(heard).toEqual(['message', 'ping', 'pong', 'conclude'])
})

/**
 * The close code that ws itself would send for an error: it stands under a symbol that ws keeps to itself.
 */
function statusOf(error: Error): unknown {
  const symbol = Object.getOwnPropertySymbols(error).find((one) => one.description === 'status-code')
  return symbol === undefined ? undefined : Reflect.get(error, symbol)
}

const many = (count: number): Buffer =>
  Buffer.concat(
    Array.from({ length: count }, (_, index) => frame({ opcode: index === 0 ? 1 : 0, fin: false })),
  )

test.each<[string, Uint8Array, string, number]>([
  ['RSV1', frame({ opcode: 1, rsv: 4 }), 'WS_ERR_UNEXPECTED_RSV_1', 1002],
  ['RSV2', frame({ opcode: 1, rsv: 2 }), 'WS_ERR_UNEXPECTED_RSV_2_3', 1002],
  ['RSV3', frame({ opcode: 1, rsv: 1 }), 'WS_ERR_UNEXPECTED_RSV_2_3', 1002],
  ['an unknown opcode', frame({ opcode: 5 }), 'WS_ERR_INVALID_OPCODE', 1002],
  ['a continuation of nothing', frame({ opcode: 0 }), 'WS_ERR_INVALID_OPCODE', 1002],
  ['no mask', frame({ opcode: 1, masked: false }), 'WS_ERR_EXPECTED_MASK', 1002],
  ['a fragmented ping', frame({ opcode: 9, fin: false }), 'WS_ERR_EXPECTED_FIN', 1002],
  ['a long ping', frame({ opcode: 9, claimed: 126n }), 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH', 1002],
  ['the close code 1005', goodbye(1005), 'WS_ERR_INVALID_CLOSE_CODE', 1002],
  ['text that is not UTF-8', frame({ opcode: 1, payload: Buffer.from([0xff]) }), 'WS_ERR_INVALID_UTF8', 1007],
  [
    'a close reason that is not UTF-8',
    frame({ opcode: 8, payload: Buffer.from([3, 232, 0xff]) }),
    'WS_ERR_INVALID_UTF8',
    1007,
  ],
  [
    'a message above the bound',
    frame({ opcode: 1, claimed: 301n }),
    'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH',
    1009,
  ],
  [
    'a length above 2^53',
    frame({ opcode: 1, claimed: 2n ** 63n }),
    'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH',
    1009,
  ],
  ['too many fragments', many(5), 'WS_ERR_TOO_MANY_BUFFERED_PARTS', 1008],
])('%s is %2$s in ws, and closes with %3$i', async (_, bytes, code, status) => {
  const receiver = new Receiver({
    isServer: true,
    maxPayload: bounds.messageBytes,
    maxFragments: bounds.fragments,
    maxBufferedChunks: 1_024,
    allowSynchronousEvents: true,
    skipUTF8Validation: false,
  })
  const errors: (Error & { readonly code?: string })[] = []
  receiver.on('error', (error) => errors.push(error))
  receiver.write(Uint8Array.from(bytes))
  await turn()
  expect(errors.map((error) => [error.code, statusOf(error)])).toEqual([[code, status]])
  expect(await events([bytes])).toEqual([['broken', status]])
})

test('1,025 pieces of one frame are too many', async () => {
  const limits = { messageBytes: 10_000, fragments: 4 }
  const bytes = frame({ opcode: 1, payload: Buffer.alloc(2_000, 'x') })
  const pieces = (count: number): Uint8Array[] =>
    Array.from({ length: count }, (_, index) =>
      bytes.subarray(index === 0 ? 0 : index + 7, index === count - 1 ? bytes.length : index + 8),
    )
  expect(await events(pieces(1_024), limits)).toEqual([['message', 'x'.repeat(2_000)]])
  expect(await events(pieces(1_026), limits)).toEqual([['broken', 1008]])
})

test('the bounds hold at the bound, and one above', async () => {
  const text = (length: number): Buffer => say('x'.repeat(length))
  expect(await events([text(300)])).toEqual([['message', 'x'.repeat(300)]])
  expect(await events([text(301)])).toEqual([['broken', 1009]])
  const halves = (length: number): Buffer =>
    Buffer.concat([
      frame({ opcode: 1, payload: Buffer.alloc(150, 'x'), fin: false }),
      frame({ opcode: 0, payload: Buffer.alloc(length - 150, 'x') }),
    ])
  expect(await events([halves(300)])).toEqual([['message', 'x'.repeat(300)]])
  expect(await events([halves(301)])).toEqual([['broken', 1009]])
})

test('a message above the bound is refused by its header, before its data has come', async () => {
  expect(await events([frame({ opcode: 2, claimed: 301n }).subarray(0, 4)])).toEqual([['broken', 1009]])
})

test('binary data has a buffer of its own, that holds nothing else', async () => {
  const [event] = await events([
    Buffer.concat([frame({ opcode: 2, payload: Buffer.from('mine') }), say('another’s')]),
  ])
  const payload = event?.[1]
  expect(payload).toBeInstanceOf(Uint8Array)
  expect(payload instanceof Uint8Array && Buffer.from(payload.buffer).toString()).toBe('mine')
})

// a second parser, as plain as the RFC: both must say the same of any stream, however it is cut

function model(bytes: Buffer): Event[] {
  const heard: Event[] = []
  let at = 0
  let parts: Buffer[] = []
  let kind = 0
  let count = 0
  for (;;) {
    if (bytes.length - at < 2) return heard
    const [first = 0, second = 0] = bytes.subarray(at, at + 2)
    const [fin, rsv, opcode, short] = [first >> 7 === 1, (first >> 4) & 7, first & 15, second & 127]
    const isControl = opcode > 7
    const isFirst = opcode === 1 || opcode === 2
    const isKnown = isFirst || opcode === 0 || (opcode > 7 && opcode < 11)
    if (rsv !== 0 || !isKnown || second < 128) return [...heard, ['broken', 1002]]
    if (isControl && (!fin || short > 125 || (opcode === 8 && short === 1)))
      return [...heard, ['broken', 1002]]
    if (!isControl && isFirst !== (kind === 0)) return [...heard, ['broken', 1002]]
    const extended = short === 126 ? 2 : short === 127 ? 8 : 0
    if (bytes.length - at < 2 + extended) return heard
    const length =
      extended === 0
        ? BigInt(short)
        : extended === 2
          ? BigInt(bytes.readUInt16BE(at + 2))
          : bytes.readBigUInt64BE(at + 2)
    const before = parts.reduce((sum, part) => sum + part.length, 0)
    if (!isControl && BigInt(before) + length > BigInt(bounds.messageBytes))
      return [...heard, ['broken', 1009]]
    const start = at + 2 + extended + 4
    const end = start + Number(length)
    if (bytes.length < end) return heard
    const mask = bytes.subarray(start - 4, start)
    const data = Buffer.from(bytes.subarray(start, end).map((byte, index) => byte ^ (mask[index % 4] ?? 0)))
    at = end
    if (opcode === 8) return [...heard, closing(data)]
    if (isControl) {
      heard.push(opcode === 9 ? ['ping', data.toString('hex')] : ['pong', ''])
      continue
    }
    if (isFirst) kind = opcode
    parts.push(data)
    if (++count > bounds.fragments) return [...heard, ['broken', 1008]]
    if (!fin) continue
    const whole = Buffer.concat(parts)
    if (kind === 1 && !isUtf8(whole)) return [...heard, ['broken', 1007]]
    heard.push(['message', kind === 1 ? whole.toString() : Uint8Array.from(whole)])
    ;[parts, kind, count] = [[], 0, 0]
  }
}

function closing(data: Buffer): Event {
  if (data.length === 0) return ['close', 1005, '']
  const code = data.readUInt16BE(0)
  const isValid =
    (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code <= 4999)
  if (!isValid) return ['broken', 1002]
  return isUtf8(data.subarray(2)) ? ['close', code, data.subarray(2).toString()] : ['broken', 1007]
}

function isUtf8(data: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(data)
    return true
  } catch {
    return false
  }
}

const mostly = <T>(usual: T, other: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 12, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: other })
const payload = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => Buffer.from(text)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 140 }).map((bytes) => Buffer.from(bytes)) },
)
const anyFrame: fc.Arbitrary<ClientFrame> = fc.record({
  opcode: fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom(0, 1, 1, 1, 2, 2, 9, 10) },
    { weight: 1, arbitrary: fc.nat(15) },
  ),
  payload,
  fin: fc.oneof({ weight: 3, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
  rsv: mostly(0, fc.nat(7)),
  masked: mostly(true, fc.constant(false)),
})
const goodFrames: fc.Arbitrary<ClientFrame[]> = fc
  .array(fc.array(payload, { minLength: 1, maxLength: 4 }), { maxLength: 6 })
  .map((messages) =>
    messages.flatMap((parts, index) =>
      parts.map((part, place) => ({
        opcode: place === 0 ? 1 + (index % 2) : 0,
        payload: part,
        fin: place === parts.length - 1,
      })),
    ),
  )
const stream = fc
  .oneof(fc.array(anyFrame, { maxLength: 12 }), goodFrames)
  .map((frames) => Buffer.concat(frames.map(frame)))

test('a second parser says the same of any stream of frames, however it is cut', async () => {
  const bytes = fc.oneof(
    { weight: 8, arbitrary: stream },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((raw) => Buffer.from(raw)) },
  )
  await fc.assert(
    fc.asyncProperty(bytes, fc.array(fc.nat(), { maxLength: 10 }), async (all, seeds) => {
      const cuts = [...new Set(seeds.map((seed) => seed % (all.length + 1)))].sort(
        (one, other) => one - other,
      )
      const pieces = [...cuts, all.length].map((cut, index) => all.subarray(cuts[index - 1] ?? 0, cut))
      expect(await events(pieces.filter(({ length }) => length > 0))).toEqual(model(all))
    }),
    { numRuns: 3_000 },
  )
})

test('the same frames cut at every byte boundary give the same events', async () => {
  const all = Buffer.concat([
    say('one'),
    frame({ opcode: 1, payload: Buffer.from('tw'), fin: false }),
    frame({ opcode: 9, payload: Buffer.from('ping') }),
    frame({ opcode: 0, payload: Buffer.from('o') }),
    frame({ opcode: 2, payload: Buffer.alloc(200, 7) }),
    goodbye(4000, 'enough'),
  ])
  for (let cut = 1; cut < all.length; cut++)
    expect(await events([all.subarray(0, cut), all.subarray(cut)])).toEqual(model(all))
  expect(await events([...all].map((byte) => Uint8Array.of(byte)))).toEqual(model(all))
})
