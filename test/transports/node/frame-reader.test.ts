import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Payload } from '../../../src/wire/body.ts'
import { type FrameListener, FrameReader } from '../../../src/transports/node/frame-reader.ts'
import { parserOfWs } from '../../support/ws-parser.ts'
import { type ClientFrame, frame, goodbye, say } from './raw-client.ts'

type FrameBounds = Pick<FrameListener, 'messageBytes' | 'fragments'>
const bounds: FrameBounds = { messageBytes: 300, fragments: 4 }
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

type Event = readonly [what: string, value: Payload | number, more?: string]

/** A reader, and what its listener has heard. */
function reading(limits: FrameBounds = bounds): { readonly reader: FrameReader; readonly heard: Event[] } {
  const heard: Event[] = []
  const listener: FrameListener = {
    ...limits,
    message: (payload, bytes) => {
      expect(bytes).toBe(Buffer.byteLength(payload))
      heard.push(['message', payload])
    },
    pinged: (data) => heard.push(['ping', Buffer.from(data).toString('hex')]),
    ponged: () => heard.push(['pong', '']),
    concluded: (code, reason) => heard.push(['close', code, reason]),
    broken: (code) => heard.push(['broken', code]),
  }
  return { reader: new FrameReader(listener), heard }
}

const silent: FrameListener = {
  ...bounds,
  message: () => {},
  pinged: () => {},
  ponged: () => {},
  concluded: () => {},
  broken: () => {},
}

/** The events of a stream that comes in these pieces. */
function events(pieces: readonly Uint8Array[], limits: FrameBounds = bounds): Event[] {
  const { reader, heard } = reading(limits)
  // a copy of each piece, because the reader unmasks where the bytes lie
  for (const piece of pieces) reader.read(Uint8Array.from(piece))
  return heard
}

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
  const receiver = parserOfWs(bounds)
  const errors: (Error & { readonly code?: string })[] = []
  receiver.on('error', (error) => errors.push(error))
  receiver.write(Uint8Array.from(bytes))
  await turn()
  expect(errors.map((error) => [error.code, statusOf(error)])).toEqual([[code, status]])
  expect(events([bytes])).toEqual([['broken', status]])
})

test.each<[string, Uint8Array]>([
  ['125 bytes in 16 bits', frame({ opcode: 1, payload: Buffer.alloc(125, 'x'), extended: 2 })],
  ['no byte in 16 bits', frame({ opcode: 2, extended: 2 })],
  ['126 bytes in 64 bits', frame({ opcode: 1, payload: Buffer.alloc(126, 'x'), extended: 8 })],
  ['65,535 bytes in 64 bits', frame({ opcode: 0, claimed: 65_535n, extended: 8 })],
])('a length of %s is not in its shortest form, and closes with 1002', (_, bytes) => {
  const begun = frame({ opcode: 1, fin: false })
  const pieces = bytes[0] === 0x80 ? [begun, bytes] : [bytes]
  expect(events(pieces, { messageBytes: 1_000_000, fragments: 4 })).toEqual([['broken', 1002]])
})

test('the shortest form of each length is read', () => {
  for (const length of [125, 126, 65_535, 65_536]) {
    const bytes = frame({ opcode: 1, payload: Buffer.alloc(length, 'x') })
    expect(events([bytes], { messageBytes: 65_536, fragments: 1 })).toEqual([['message', 'x'.repeat(length)]])
  }
})

// proves: huge-message
test.each([
  [10_000, 1_024],
  [131_072, 2_048],
])('where a message has at most %i bytes, a frame comes in at most %i pieces', (messageBytes, most) => {
  const limits = { messageBytes, fragments: 4 }
  const bytes = frame({ opcode: 1, payload: Buffer.alloc(4_000, 'x') })
  const pieces = (count: number): Uint8Array[] =>
    Array.from({ length: count }, (_, index) =>
      bytes.subarray(index === 0 ? 0 : index + 7, index === count - 1 ? bytes.length : index + 8),
    )
  expect(events(pieces(most), limits)).toEqual([['message', 'x'.repeat(4_000)]])
  expect(events(pieces(most + 1), limits)).toEqual([['broken', 1008]])
})

test('after a fault or a close frame nothing more is heard, in the same piece or later', () => {
  for (const last of [frame({ opcode: 5 }), goodbye(1000)])
    for (const pieces of [[Buffer.concat([last, say('late')])], [last, say('late'), last]])
      expect(events(pieces)).toHaveLength(1)
})

test('a reader holds nothing between two messages, whole or in fragments', () => {
  const { reader } = reading()
  const first = frame({ opcode: 1, fin: false })
  for (const bytes of [say('one'), frame({ opcode: 9 }), Buffer.concat([first, frame({ opcode: 0 })])]) {
    reader.read(Buffer.from(bytes.subarray(0, 1)))
    expect(reader.isIdle).toBe(false)
    reader.read(Buffer.from(bytes.subarray(1)))
    expect(reader.isIdle).toBe(true)
  }
  reader.read(first)
  expect(reader.isIdle).toBe(false)
  reader.read(frame({ opcode: 5 }))
  expect(reader.isIdle).toBe(false)
})

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

/** The bytes of all buffers that are in use. */
async function bufferBytes(): Promise<number> {
  // a collection frees buffers in the background, and the next one waits for that
  for (let times = 0; times < 3; times++) {
    gc()
    await turn()
  }
  return process.memoryUsage().arrayBuffers
}

// proves: huge-message
test.each([
  ['the first byte of a frame', Buffer.of(0x81)],
  ['a fragment of a byte', frame({ opcode: 1, payload: Buffer.from('x'), fin: false })],
])('%s behind a large message does not keep that message in memory', async (_, rest) => {
  const limits = { messageBytes: 65_536, fragments: 4 }
  const large = Buffer.concat([frame({ opcode: 2, payload: Buffer.alloc(65_000) }), rest])
  const before = await bufferBytes()
  const readers = Array.from({ length: 200 }, () => {
    const reader = new FrameReader({ ...silent, ...limits })
    reader.read(Uint8Array.from(large))
    return reader
  })
  // 13 MB if each reader kept its chunk
  expect((await bufferBytes()) - before).toBeLessThan(1_000_000)
  expect(readers.every(({ isIdle }) => !isIdle)).toBe(true)
})

test('the bounds hold at the bound, and one above', () => {
  const text = (length: number): Buffer => say('x'.repeat(length))
  expect(events([text(300)])).toEqual([['message', 'x'.repeat(300)]])
  expect(events([text(301)])).toEqual([['broken', 1009]])
  const halves = (length: number): Buffer =>
    Buffer.concat([
      frame({ opcode: 1, payload: Buffer.alloc(150, 'x'), fin: false }),
      frame({ opcode: 0, payload: Buffer.alloc(length - 150, 'x') }),
    ])
  expect(events([halves(300)])).toEqual([['message', 'x'.repeat(300)]])
  expect(events([halves(301)])).toEqual([['broken', 1009]])
})

test('a ping between fragments does not count as a part of the message', () => {
  const fragments = [200, 100].map((length, index) =>
    frame({ opcode: index === 0 ? 1 : 0, payload: Buffer.alloc(length, 'x'), fin: index === 1 }),
  )
  const ping = frame({ opcode: 9, payload: Buffer.alloc(125) })
  const [one = ping, other = ping] = fragments
  expect(events([one, ping, other])).toEqual([
    ['ping', '00'.repeat(125)],
    ['message', 'x'.repeat(300)],
  ])
  expect(events([ping], { messageBytes: 124, fragments: 1 })).toEqual([['ping', '00'.repeat(125)]])
})

test('a message above the bound is refused by its header, before its data has come', () => {
  expect(events([frame({ opcode: 2, claimed: 301n }).subarray(0, 4)])).toEqual([['broken', 1009]])
})

test('binary data has a buffer of its own, that holds nothing else', () => {
  const [event] = events([
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
    if (extended > 0 && length < (extended === 2 ? 126n : 65_536n)) return [...heard, ['broken', 1002]]
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

test('a second parser says the same of any stream of frames, however it is cut', () => {
  const bytes = fc.oneof(
    { weight: 8, arbitrary: stream },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((raw) => Buffer.from(raw)) },
  )
  fc.assert(
    fc.property(bytes, fc.array(fc.nat(), { maxLength: 10 }), (all, seeds) => {
      const cuts = [...new Set(seeds.map((seed) => seed % (all.length + 1)))].sort(
        (one, other) => one - other,
      )
      const pieces = [...cuts, all.length].map((cut, index) => all.subarray(cuts[index - 1] ?? 0, cut))
      expect(events(pieces.filter(({ length }) => length > 0))).toEqual(model(all))
    }),
    { numRuns: 3_000 },
  )
})

test('the same frames cut at every byte boundary give the same events', () => {
  const all = Buffer.concat([
    say('one'),
    frame({ opcode: 1, payload: Buffer.from('tw'), fin: false }),
    frame({ opcode: 9, payload: Buffer.from('ping') }),
    frame({ opcode: 0, payload: Buffer.from('o') }),
    frame({ opcode: 2, payload: Buffer.alloc(200, 7) }),
    goodbye(4000, 'enough'),
  ])
  for (let cut = 1; cut < all.length; cut++)
    expect(events([all.subarray(0, cut), all.subarray(cut)])).toEqual(model(all))
  expect(events([...all].map((byte) => Uint8Array.of(byte)))).toEqual(model(all))
})
