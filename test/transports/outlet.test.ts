import { Duplex } from 'node:stream'
import { expect, test } from 'vitest'
import { Packet } from '../../src/core/connection.ts'
import { Batch } from '../../src/transports/node/batch.ts'
import { Outlet } from '../../src/transports/node/outlet.ts'
import { Writer } from '../../src/transports/node/writer.ts'

/** A wire whose reader takes what it is given only when it is told to. */
class SlowWire extends Duplex {
  readonly written: Buffer[] = []
  #taken: (() => void) | null = null

  constructor() {
    super({ writableHighWaterMark: 100 })
  }

  override _write(chunk: Buffer, _encoding: string, taken: () => void): void {
    this.written.push(chunk)
    this.#taken = taken
  }

  override _read(): void {}

  /** The reader catches up with one write. */
  take(): void {
    const taken = this.#taken
    this.#taken = null
    taken?.()
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const texts = (wire: SlowWire): string =>
  Buffer.concat(wire.written)
    .toString('latin1')
    .replaceAll(/[^a-zA-Z0-9]/g, '')

function outlet(writer: Writer, wire: SlowWire, bound = 1_000): { outlet: Outlet; slow: string[] } {
  const slow: string[] = []
  return {
    outlet: new Outlet(wire, writer, Buffer.from('HEAD'), { bound, tooSlow: () => slow.push('too slow') }),
    slow,
  }
}

test('the head and all frames of a turn leave in one write', async () => {
  const writer = new Writer()
  const wire = new SlowWire()
  const { outlet: out } = outlet(writer, wire)
  out.send(new Packet('a'))
  out.send(new Packet('b'))
  await turn()
  expect(wire.written).toHaveLength(1)
  expect(texts(wire)).toBe('HEADab')
})

test('connections that are sent the same packets in the same order write the very same buffer', async () => {
  const writer = new Writer()
  const wires = [new SlowWire(), new SlowWire(), new SlowWire()]
  const outs = wires.map((wire) => outlet(writer, wire).outlet)
  await turn()
  for (const wire of wires) wire.take()
  const [one, two] = [new Packet('one'), new Packet('two')]
  for (const out of outs) out.send(one)
  outs[2]?.send(new Packet('private'))
  for (const out of outs) out.send(two)
  await turn()
  const [first, second, third] = wires.map((wire) => wire.written[1])
  expect(first).toBe(second)
  expect(first).not.toBe(third)
  expect(wires.map(texts)).toEqual(['HEADonetwo', 'HEADonetwo', 'HEADoneprivatetwo'])
})

test('a batch knows its bytes and joins them in order', () => {
  const root = new Batch()
  const a = Buffer.from('a')
  const ab = root.with(a).with(Buffer.from('b'))
  expect(root.with(a)).toBe(root.with(a))
  expect(root.with(a).joined()).toBe(a)
  expect([ab.bytes, Buffer.from(ab.joined()).toString()]).toEqual([2, 'ab'])
})

test('close: at the bound nothing happens, one byte above ends the reader', async () => {
  const writer = new Writer()
  const wire = new SlowWire()
  const { outlet: out, slow } = outlet(writer, wire, 500)
  await turn()
  out.send(new Packet('x'.repeat(500 - 4 - wire.writableLength)))
  expect(slow).toEqual([])
  out.send(new Packet(''))
  expect(slow).toEqual(['too slow'])
})

test('drop: above the bound the message is lost, and the reader stays', async () => {
  const writer = new Writer()
  const wire = new SlowWire()
  const { outlet: out, slow } = outlet(writer, wire, 300)
  await turn()
  out.send(new Packet('kept'))
  out.send(new Packet('x'.repeat(400), 'drop'))
  out.send(new Packet('after', 'drop'))
  await turn()
  wire.take()
  await turn()
  expect(texts(wire)).toBe('HEADkeptafter')
  expect(slow).toEqual([])
})

test('latest: a reader that is behind gets only the last of each key, once it has caught up', async () => {
  const writer = new Writer()
  const wire = new SlowWire()
  const { outlet: out } = outlet(writer, wire)
  await turn()
  out.send(new Packet('y'.repeat(150)))
  await turn()
  for (const [text, key] of [
    ['a1', 'a'],
    ['b1', 'b'],
    ['a2', 'a'],
    ['a3', 'a'],
  ] as const)
    out.send(new Packet(text, 'latest', key))
  expect(texts(wire)).toBe('HEAD')
  for (let taken = 0; taken < 4; taken++) {
    wire.take()
    await turn()
    await turn()
  }
  expect(texts(wire)).toBe(`HEAD${'y'.repeat(150)}a3b1`)
})

test('nothing is sent after the last frame', async () => {
  const writer = new Writer()
  const wire = new SlowWire()
  const { outlet: out } = outlet(writer, wire)
  out.send(new Packet('before'))
  out.last(Buffer.from('LAST'), false)
  out.send(new Packet('after'))
  out.control(Buffer.from('PONG'))
  await turn()
  expect(texts(wire)).toBe('HEADbeforeLAST')
})
