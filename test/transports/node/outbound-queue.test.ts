import { Duplex } from 'node:stream'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test, vi } from 'vitest'
import { Packet } from '../../../src/core/api/connection.ts'
import { frameOf, pongFrame } from '../../../src/transports/node/frame.ts'
import { OutboundQueue } from '../../../src/transports/node/outbound-queue.ts'
import { TurnWriter } from '../../../src/transports/node/turn-writer.ts'

/** A wire whose reader takes what it is given only when it is told to. */
class SlowWire extends Duplex {
  readonly written: Buffer[] = []
  readonly #waiting: (() => void)[] = []

  constructor() {
    super({ writableHighWaterMark: 100 })
  }

  override _write(chunk: Buffer, _encoding: string, taken: () => void): void {
    if (chunk.length > 0) this.written.push(chunk)
    this.#waiting.push(taken)
  }

  override _read(): void {}

  /** The reader takes one write, and the empty one behind it. */
  async takeOne(): Promise<void> {
    for (let writes = 0; writes < 2; writes++) {
      this.#waiting.shift()?.()
      await turn()
    }
  }

  /** The reader takes everything that it was given. */
  async catchUp(): Promise<void> {
    while (this.#waiting.length > 0) {
      this.#waiting.shift()?.()
      await turn()
    }
  }
}

/** A wire whose reader takes at once what it is given. */
function fastWire(): { readonly wire: Duplex; readonly got: Buffer[] } {
  const got: Buffer[] = []
  const wire = new Duplex({
    write: (chunk: Buffer, _encoding, taken) => {
      got.push(chunk)
      taken()
    },
    read: () => {},
  })
  return { wire, got }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const text = (wire: SlowWire): string =>
  Buffer.concat(wire.written)
    .toString('latin1')
    .replaceAll(/[^a-zA-Z0-9]/g, '')

function queueOn(wire: Duplex, turnWriter: TurnWriter, outboundBytes: number): OutboundQueue {
  return new OutboundQueue({ turnWriter, outboundBytes }, wire, Buffer.from('HEAD'))
}

/** A connection's way out, past its handshake. */
async function open(writer: TurnWriter, bound = 1_000): Promise<{ out: OutboundQueue; wire: SlowWire }> {
  const wire = new SlowWire()
  const out = queueOn(wire, writer, bound)
  await turn()
  await wire.catchUp()
  wire.written.length = 0
  return { out, wire }
}

/** The same, with a reader that has `bytes` to take before anything else. */
async function behind(bytes: number, bound: number): Promise<{ out: OutboundQueue; wire: SlowWire }> {
  const { out, wire } = await open(new TurnWriter(), bound)
  out.send(new Packet('y'.repeat(bytes - (bytes > 127 ? 4 : 2))))
  await turn()
  expect(out.queued).toBe(bytes)
  return { out, wire }
}

test('the head and all frames of a turn leave in one write', async () => {
  const wire = new SlowWire()
  const out = queueOn(wire, new TurnWriter(), 1_000)
  out.send(new Packet('a'))
  out.send(new Packet('b'))
  expect(wire.written).toEqual([])
  await turn()
  expect(wire.written).toHaveLength(1)
  expect(text(wire)).toBe('HEADab')
})

test('a connection that is sent nothing still gets its head', async () => {
  const wire = new SlowWire()
  const out = queueOn(wire, new TurnWriter(), 1_000)
  await turn()
  expect([text(wire), out.queued]).toEqual(['HEAD', 4])
})

test('connections that are sent the same packets in the same order write the very same buffer', async () => {
  const writer = new TurnWriter()
  const all = await Promise.all([open(writer), open(writer), open(writer)])
  const [one, two] = [new Packet('one'), new Packet('two')]
  for (const { out } of all) out.send(one)
  all[2]?.out.send(new Packet('private'))
  for (const { out } of all) out.send(two)
  await turn()
  const [first, second, third] = all.map(({ wire }) => wire.written[0])
  expect(first).toBe(second)
  expect(first).not.toBe(third)
  expect(all.map(({ wire }) => text(wire))).toEqual(['onetwo', 'onetwo', 'oneprivatetwo'])
})

test('members of a mixed group share by wire: plain with plain, framed with framed', async () => {
  const writer = new TurnWriter()
  const all = await Promise.all(Array.from({ length: 6 }, () => open(writer)))
  for (const round of ['1', '2']) {
    const [plain, framed] = [new Packet(`plain${round}`), new Packet(`framed${round}`)]
    for (const [index, { out }] of all.entries()) out.send(index % 2 === 0 ? plain : framed)
  }
  await turn()
  expect(new Set(all.map(({ wire }) => wire.written[0])).size).toBe(2)
  expect(all.map(({ wire }) => text(wire)).slice(0, 2)).toEqual(['plain1plain2', 'framed1framed2'])
})

test('a single packet is written as it was encoded, without being joined', async () => {
  const { out, wire } = await open(new TurnWriter())
  const packet = new Packet('only')
  out.send(packet)
  await turn()
  expect(wire.written[0]).toBe(packet.encoded)
})

test('what was sent in one turn is not in the buffer of the next', async () => {
  const { out, wire } = await open(new TurnWriter())
  out.send(new Packet('one'))
  await turn()
  out.send(new Packet('two'))
  await turn()
  await wire.catchUp()
  expect(text(wire)).toBe('onetwo')
})

test('close: at the bound nothing happens, one byte above ends the reader', async () => {
  const { out } = await behind(200, 500)
  expect(out.send(new Packet('x'.repeat(296)))).toBe(true)
  expect(out.queued).toBe(500)
  expect(out.send(new Packet('', 'drop'))).toBe(true)
  expect(out.queued).toBe(500)
  expect(out.send(new Packet(''))).toBe(false)
})

test('drop: above the bound the message is lost, and what fits again later is not', async () => {
  const { out, wire } = await behind(200, 300)
  expect(out.send(new Packet('x'.repeat(100), 'drop'))).toBe(true)
  expect(out.send(new Packet('kept', 'drop'))).toBe(true)
  await turn()
  await wire.catchUp()
  expect(text(wire)).toBe(`${'y'.repeat(196)}kept`)
})

test('latest: a reader that is behind gets only the last of each key, once it has caught up', async () => {
  const { out, wire } = await behind(200, 1_000)
  for (const [word, key] of [
    ['a1', 'a'],
    ['b1', 'b'],
    ['a2', 'a'],
    ['a3', 'a'],
  ] as const)
    expect(out.send(new Packet(word, 'latest', key))).toBe(true)
  await turn()
  expect(out.queued).toBe(200)
  await wire.catchUp()
  await wire.catchUp()
  expect(text(wire)).toBe(`${'y'.repeat(196)}b1a3`)
})

test('latest: a reader that keeps up gets every one', async () => {
  const { out, wire } = await open(new TurnWriter())
  for (const word of ['a1', 'a2', 'a3']) out.send(new Packet(word, 'latest', 'a'))
  await turn()
  expect(text(wire)).toBe('a1a2a3')
})

test('latest: more keys than the bound has room for end the reader too', async () => {
  const { out } = await behind(200, 500)
  const results = Array.from({ length: 6 }, (_, key) =>
    out.send(new Packet('x'.repeat(98), 'latest', String(key))),
  )
  expect(results).toEqual([true, true, true, true, true, false])
})

test('a burst above the bound in one turn is no slow reader: the kernel was not offered it yet', async () => {
  const wire = new Duplex({ write: (_chunk, _encoding, taken) => taken(), read: () => {} })
  const out = queueOn(wire, new TurnWriter(), 1_000)
  for (let count = 0; count < 50; count++) expect(out.send(new Packet('x'.repeat(100)))).toBe(true)
})

test('a message larger than the bound is taken while less than half of it waits, and not above', async () => {
  const { out, wire } = await open(new TurnWriter(), 500)
  expect(out.send(new Packet('x'.repeat(2_000)))).toBe(true)
  expect(out.send(new Packet('y'))).toBe(false)
  await turn()
  expect(wire.written[0]).toHaveLength(2_004)
  const few = await behind(249, 500)
  expect(few.out.send(new Packet('x'.repeat(2_000)))).toBe(true)
  const many = await behind(250, 500)
  expect(many.out.send(new Packet('x'.repeat(2_000)))).toBe(false)
})

test.each([
  ['queue', 'close'],
  ['keyed messages', 'latest'],
] as const)('the %s of a reader is full when half of the bound waits', async (_, slow) => {
  const { out } = await behind(200, 500)
  out.send(new Packet('x'.repeat(47), slow, 'a'))
  expect(out.isFull).toBe(false)
  out.send(new Packet('', slow, 'b'))
  expect(out.isFull).toBe(true)
})

test('a sender hears once that less than a quarter of the bound waits, and not before', async () => {
  const { out, wire } = await behind(200, 500)
  let drained = 0
  out.whenDrained(() => drained++)
  out.send(new Packet('x'.repeat(121)))
  await turn()
  expect([out.queued, drained]).toEqual([323, 0])
  await wire.catchUp()
  await turn()
  expect([out.queued, drained]).toEqual([0, 1])
  out.send(new Packet('again'))
  await turn()
  await wire.catchUp()
  expect(drained).toBe(1)
})

test('a large write is handed over in slices, and each that a slow reader takes is progress', async () => {
  const { out, wire } = await open(new TurnWriter(), 1_000_000)
  out.send(new Packet('x'.repeat(200_000)))
  await turn()
  expect([wire.written.length, out.queued]).toEqual([1, 200_010])
  const before = out.progress
  const steps: unknown[] = []
  for (let step = 0; step < 4; step++) {
    await wire.takeOne()
    steps.push([out.queued, out.progress - before])
  }
  const left = (slices: number) => 200_010 - slices * 65_536
  expect(steps).toEqual([
    [left(1), 1],
    [left(2), 2],
    [left(3), 3],
    [0, 4],
  ])
  expect(text(wire)).toBe('x'.repeat(200_000))
})

test('a fast reader gets a large write in the turn in which it was sent', async () => {
  const { wire, got } = fastWire()
  const out = queueOn(wire, new TurnWriter(), 1_000_000)
  out.send(new Packet('x'.repeat(500_000)))
  await turn()
  expect(Buffer.concat(got).length).toBe(4 + 10 + 500_000)
  expect([out.queued, out.progress]).toEqual([0, 0])
})

test('a sender that asks where nothing waits hears it at the end of the turn', async () => {
  const { out, wire } = await open(new TurnWriter())
  let drained = 0
  out.whenDrained(() => drained++)
  expect(drained).toBe(0)
  await turn()
  expect([drained, wire.written]).toEqual([1, []])
})

test('a sender hears no more of room after the last frame', async () => {
  const { out, wire } = await behind(200, 500)
  let drained = 0
  out.whenDrained(() => drained++)
  out.last(Buffer.from('LAST'), false)
  out.whenDrained(() => drained++)
  await turn()
  await wire.catchUp()
  await turn()
  expect(drained).toBe(0)
})

test('a slow reader gets what waited in order, and the socket holds no more than it can take', async () => {
  const { out, wire } = await behind(200, 10_000)
  for (const word of ['one', 'two', 'three']) {
    out.send(new Packet(word))
    await turn()
  }
  expect([wire.written.length, wire.writableLength]).toEqual([1, 200])
  await wire.catchUp()
  expect([wire.written.length, text(wire)]).toEqual([2, `${'y'.repeat(196)}onetwothree`])
})

test('the last frame of a reader that is too slow throws away what waits', async () => {
  const { out, wire } = await behind(200, 10_000)
  out.send(new Packet('held'))
  await turn()
  out.send(new Packet('pending'))
  out.send(new Packet('newest', 'latest', 'a'))
  out.last(Buffer.from('LAST'), true)
  await turn()
  await wire.catchUp()
  expect(text(wire)).toBe(`${'y'.repeat(196)}LAST`)
})

test('the last frame of any other reader follows everything that was sent', async () => {
  const { out, wire } = await behind(200, 10_000)
  out.send(new Packet('held'))
  await turn()
  out.send(new Packet('newest', 'latest', 'a'))
  out.last(Buffer.from('LAST'), false)
  await turn()
  await wire.catchUp()
  expect(text(wire)).toBe(`${'y'.repeat(196)}heldnewestLAST`)
})

test('nothing is sent after the last frame', async () => {
  const { out, wire } = await open(new TurnWriter())
  out.send(new Packet('before'))
  out.last(Buffer.from('LAST'), false)
  out.send(new Packet('after'))
  out.control(Buffer.from('PONG'))
  await turn()
  expect(text(wire)).toBe('beforeLAST')
})

test('a peer that reads nothing cannot pile up the answers to its pings', async () => {
  const { out } = await behind(200, 300)
  for (let count = 0; count < 1_000; count++) out.control(Buffer.alloc(10))
  expect(out.queued).toBe(300)
})

test('the end comes after everything that waits', async () => {
  const { out, wire } = await behind(200, 10_000)
  out.send(new Packet('held'))
  await turn()
  out.last(Buffer.from('LAST'), false)
  out.end()
  await wire.catchUp()
  expect([text(wire), wire.writableFinished]).toEqual([`${'y'.repeat(196)}heldLAST`, true])
})

test('a destroyed socket is written nothing', async () => {
  const { out, wire } = await open(new TurnWriter())
  out.send(new Packet('lost'))
  wire.destroy()
  await turn()
  out.end()
  expect(wire.written).toEqual([])
})

test('a packet is encoded once for all its receivers', () => {
  const packet = new Packet(new Uint8Array([1, 2, 3]))
  expect(frameOf(packet)).toBe(frameOf(packet))
  expect(frameOf(packet)).toEqual(Buffer.from([0x82, 3, 1, 2, 3]))
})

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

function heap(): number {
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

// measured before: 6 MB for 100 KB of pongs, 60 MB at the bound of 1 MiB
test('frames of two bytes that wait for a reader take little of the heap', async () => {
  const { out, wire } = await behind(200, 1_048_576)
  const before = heap()
  for (let count = 0; count < 50_000; count++) {
    out.control(pongFrame(new Uint8Array()))
    // each in a turn of its own
    out.flush()
  }
  await turn()
  expect(out.queued).toBe(200 + 100_000)
  expect(heap() - before).toBeLessThan(2_000_000)
  await wire.catchUp()
  const taken = Buffer.concat(wire.written).subarray(200)
  expect(taken.equals(Buffer.alloc(100_000, pongFrame(new Uint8Array())))).toBe(true)
})

test('latest: a burst above the bound in one turn leaves the last of each key, ends no reader', async () => {
  const { out, wire } = await open(new TurnWriter(), 100)
  const latest = (content: string): boolean => out.send(new Packet(content.repeat(60), 'latest', 'key'))
  expect([latest('a'), latest('b'), latest('c')]).toEqual([true, true, true])
  await turn()
  await wire.catchUp()
  await turn()
  await wire.catchUp()
  expect(text(wire)).toBe('a'.repeat(60) + 'c'.repeat(60))
})

test('latest: one message larger than the bound waits for a reader that is behind', async () => {
  const { out } = await behind(60, 100)
  expect(out.send(new Packet('a'.repeat(120), 'latest', 'key'))).toBe(true)
})

test('a second last frame is not sent', async () => {
  const { out, wire } = await open(new TurnWriter())
  out.last(frameOf(new Packet('first')), false)
  out.last(frameOf(new Packet('second')), false)
  await turn()
  expect(text(wire)).toBe('first')
})

test('a socket that can be written no more is neither written nor ended', async () => {
  const { out, wire } = await open(new TurnWriter())
  wire.destroy()
  const [write, end] = [vi.spyOn(wire, 'write'), vi.spyOn(wire, 'end')]
  out.send(new Packet('a'))
  await turn()
  out.end()
  expect([write.mock.calls, end.mock.calls]).toEqual([[], []])
})

test('latest: a fast reader gets the last message when its sender fills the queue at once', async () => {
  const { wire, got } = fastWire()
  const out = queueOn(wire, new TurnWriter(), 100)
  await turn()
  const sends = (content: string, slow: 'close' | 'latest'): boolean =>
    out.send(new Packet(content.repeat(60), slow, 'key'))
  sends('a', 'close')
  out.whenDrained(() => void sends('b', 'close'))
  expect(sends('c', 'latest')).toBe(true)
  await turn()
  await turn()
  expect(Buffer.concat(got).toString('latin1')).toContain('c'.repeat(60))
})

test('latest: a message for a reader that is behind waits, also when others are sent', async () => {
  const { out, wire } = await behind(200, 10_000)
  out.send(new Packet('older', 'latest', 'key'))
  out.send(new Packet('between'))
  await turn()
  out.send(new Packet('newer', 'latest', 'key'))
  await wire.catchUp()
  await turn()
  await wire.catchUp()
  expect(text(wire)).toBe(`${'y'.repeat(196)}betweennewer`)
})
