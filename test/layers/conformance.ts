import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Bus, Layer } from '../../src/core/layer.ts'
import type { Position } from '../../src/wire/frame.ts'

/** A layer as the suite drives it. */
export interface LayerUnderTest {
  /**
   * The same layer as one more process sees it: another connection to the same server, or simply the same
   * object.
   */
  layer(): Promise<Layer>
  /** Lets time pass for the layer: moves its clock, or waits. */
  pass(ms: number): Promise<void>
  /** Ends it, when its buses are closed. */
  stop(): Promise<void>
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (value: Uint8Array | null): string | null =>
  value === null ? null : new TextDecoder().decode(value)
/**
 * Names with everything that could mean something to a server: separators, wildcards, spaces, other letters,
 * length.
 */
const oddNames = [
  'a.b',
  'a',
  'a.*',
  'a.>',
  'a b',
  '{a}',
  'a:b',
  'a/b',
  'A',
  '\u00e9',
  'e\u0301',
  '*',
  '>',
  '$',
  '\u{1f600}',
  'x'.repeat(300),
]

const hearing = async (bus: Bus, topic: string): Promise<{ heard: string[]; end: () => void }> => {
  const heard: string[] = []
  const end = await bus.subscribe(topic, (value) => void heard.push(text(value) ?? ''))
  return { heard, end }
}

const values = (entries: readonly { readonly value: Uint8Array }[]): readonly (string | null)[] =>
  entries.map(({ value }) => text(value))

/**
 * What every layer must do. Each runs this suite unchanged.
 *
 * @param make prepares a layer that nobody else uses, or one whose keys are its own
 */
export function layerConformance(name: string, make: () => Promise<LayerUnderTest>): void {
  let under: LayerUnderTest
  let one: Layer
  let other: Layer
  let open: Bus[]
  let run: string

  const busOf = (layer: Layer, node: string): Bus => {
    const bus = layer.bus(`${node}-${run}`)
    open.push(bus)
    return bus
  }
  /** Two processes that see each other. */
  const pair = async (): Promise<readonly [Bus, Bus]> => {
    const buses = [busOf(one, 'a'), busOf(other, 'b')] as const
    await expect.poll(async () => (await buses[0].nodes()).length).toBeGreaterThanOrEqual(2)
    return buses
  }
  beforeEach(async () => {
    under = await make()
    one = await under.layer()
    other = await under.layer()
    open = []
    run = randomUUID()
  })

  afterEach(async () => {
    await Promise.all(open.map((bus) => bus.close()))
    await under.stop()
  })

  describe(`the bus of the ${name} layer`, () => {
    test('hands every message to the other nodes, in order, and to each subscriber', async () => {
      const [a, b] = await pair()
      const first = await hearing(b, run)
      const second = await hearing(b, run)
      const sent = Array.from({ length: 500 }, (_, index) => `message ${index}`)
      for (const message of sent) await a.publish(run, () => bytes(message))
      await expect.poll(() => first.heard.length + second.heard.length).toBe(1000)
      expect(first.heard).toEqual(sent)
      expect(second.heard).toEqual(sent)
    })

    test('keeps the order of messages that are not waited for one by one', async () => {
      const [a, b] = await pair()
      const { heard } = await hearing(b, run)
      const sent = Array.from({ length: 200 }, (_, index) => String(index))
      await Promise.all(sent.map((message) => a.publish(run, () => bytes(message))))
      await expect.poll(() => heard.length).toBe(200)
      expect(heard).toEqual(sent)
    })

    test('does not let a node hear itself', async () => {
      const [a, b] = await pair()
      const mine = await hearing(a, run)
      const theirs = await hearing(b, run)
      await a.publish(run, () => bytes('from a'))
      await b.publish(run, () => bytes('from b'))
      await expect.poll(() => [...mine.heard, ...theirs.heard]).toEqual(['from b', 'from a'])
    })

    test('carries nothing but what is published after the subscription, to its topic', async () => {
      const [a, b] = await pair()
      await a.publish(run, () => bytes('before'))
      const { heard } = await hearing(b, run)
      await a.publish(`${run}x`, () => bytes('elsewhere'))
      await a.publish(run, () => bytes('after'))
      await expect.poll(() => heard).toEqual(['after'])
    })

    test('keeps topics apart whatever their names hold', async () => {
      const [a, b] = await pair()
      const heard: string[] = []
      for (const topic of oddNames)
        await b.subscribe(`${run}${topic}`, (value) => void heard.push(`${topic}=${text(value)}`))
      for (const topic of oddNames) await a.publish(`${run}${topic}`, () => bytes(topic))
      await expect.poll(() => heard.length).toBe(oddNames.length)
      expect(heard.toSorted()).toEqual(oddNames.map((topic) => `${topic}=${topic}`).toSorted())
    })

    test('carries any bytes, and none', async () => {
      const [a, b] = await pair()
      const heard: Uint8Array[] = []
      await b.subscribe(run, (value) => void heard.push(value))
      const all = Uint8Array.from({ length: 256 }, (_, index) => index)
      for (const value of [all, new Uint8Array(0), new Uint8Array(100_000).fill(255)])
        await a.publish(run, () => value)
      await expect.poll(() => heard.length).toBe(3)
      expect(heard.map(({ length }) => length)).toEqual([256, 0, 100_000])
      expect(Buffer.compare(heard[0] ?? bytes(''), all)).toBe(0)
    })

    test('is silent after unsubscribing, for that subscriber alone', async () => {
      const [a, b] = await pair()
      const ended = await hearing(b, run)
      const going = await hearing(b, run)
      ended.end()
      ended.end()
      await a.publish(run, () => bytes('late'))
      await expect.poll(() => going.heard).toEqual(['late'])
      expect(ended.heard).toEqual([])
    })

    test('takes a new subscription after the last one of a topic has ended', async () => {
      const [a, b] = await pair()
      const ended = await hearing(b, run)
      ended.end()
      const again = await hearing(b, run)
      await a.publish(run, () => bytes('again'))
      await expect.poll(() => again.heard).toEqual(['again'])
    })

    test('names the nodes that are alive, each once, until they leave', async () => {
      const [a, b] = await pair()
      const mine = async (): Promise<readonly string[]> =>
        (await a.nodes()).filter((node) => node.endsWith(run)).toSorted()
      expect(await mine()).toEqual([`a-${run}`, `b-${run}`])
      await b.close()
      await expect.poll(mine).toEqual([`a-${run}`])
    })

    test('hears nothing and takes nothing after close, which may be called twice', async () => {
      const [a, b] = await pair()
      const { heard } = await hearing(b, run)
      const witness = await hearing(busOf(other, 'c'), run)
      await b.close()
      await b.close()
      await a.publish(run, () => bytes('late'))
      await expect.poll(() => witness.heard).toEqual(['late'])
      expect(heard).toEqual([])
      await expect(b.publish(run, () => bytes('x'))).rejects.toThrow()
      await expect(b.subscribe(run, () => {})).rejects.toThrow()
    })
  })

  describe(`the store of the ${name} layer`, () => {
    test('gives a value to the one who takes it, from any process', async () => {
      await one.store.put(run, bytes('value'), 60_000)
      expect(text(await other.store.take(run))).toBe('value')
      expect(await one.store.take(run)).toBeNull()
      expect(await one.store.take(`${run} never put`)).toBeNull()
    })

    test('gives a value to exactly one of many who take at once', async () => {
      await one.store.put(run, bytes('value'), 60_000)
      const takers = Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? one : other).store.take(run))
      const taken = (await Promise.all(takers)).filter((value) => value !== null)
      expect(taken.map(text)).toEqual(['value'])
    })

    test('keeps the latest value under a key, any bytes and none', async () => {
      await one.store.put(run, bytes('first'), 60_000)
      await other.store.put(run, Uint8Array.of(0, 255, 128), 60_000)
      expect([...((await one.store.take(run)) ?? [])]).toEqual([0, 255, 128])
      await one.store.put(run, new Uint8Array(0), 60_000)
      expect((await other.store.take(run))?.length).toBe(0)
    })

    test('keeps keys apart whatever they hold', async () => {
      for (const key of oddNames) await one.store.put(`${run}${key}`, bytes(key), 60_000)
      for (const key of oddNames) expect(text(await other.store.take(`${run}${key}`))).toBe(key)
    })

    test('forgets a value when its time is over', async () => {
      await one.store.put(run, bytes('value'), 200)
      await one.store.put(`${run} long`, bytes('value'), 60_000)
      await under.pass(400)
      expect(await other.store.take(run)).toBeNull()
      expect(text(await other.store.take(`${run} long`))).toBe('value')
    })

    test('keeps a value longer, shorter or no more, and says whether there was one', async () => {
      for (const key of ['longer', 'shorter', 'no more'])
        await one.store.put(`${run} ${key}`, bytes(key), 300)
      expect(await other.store.expire(`${run} longer`, 60_000)).toBe(true)
      expect(await other.store.expire(`${run} shorter`, 10)).toBe(true)
      expect(await other.store.expire(`${run} no more`, 0)).toBe(true)
      expect(await other.store.expire(`${run} no more`, 60_000)).toBe(false)
      expect(await other.store.expire(`${run} never put`, 60_000)).toBe(false)
      expect(await one.store.take(`${run} no more`)).toBeNull()
      await under.pass(500)
      expect(await one.store.take(`${run} shorter`)).toBeNull()
      expect(text(await one.store.take(`${run} longer`))).toBe('longer')
      expect(await one.store.expire(`${run} shorter`, 60_000)).toBe(false)
    })

    test('elects one of many who claim at once', async () => {
      const owners = Array.from({ length: 20 }, (_, index) => `owner ${index}`)
      const claims = owners.map((owner, index) =>
        (index % 2 === 0 ? one : other).store.claim(run, owner, 60_000),
      )
      expect((await Promise.all(claims)).filter(Boolean)).toHaveLength(1)
    })

    test('keeps a claim for its holder, who may renew it, and for nobody else', async () => {
      expect(await one.store.claim(run, 'a', 400)).toBe(true)
      expect(await other.store.claim(run, 'b', 400)).toBe(false)
      await under.pass(250)
      expect(await one.store.claim(run, 'a', 400)).toBe(true)
      await under.pass(250)
      expect(await other.store.claim(run, 'b', 60_000)).toBe(false)
    })

    test('gives a claim to another when it ran out, and then not to the first', async () => {
      expect(await one.store.claim(run, 'a', 200)).toBe(true)
      await under.pass(400)
      expect(await other.store.claim(run, 'b', 60_000)).toBe(true)
      expect(await one.store.claim(run, 'a', 60_000)).toBe(false)
    })
  })

  describe(`the logs of the ${name} layer`, () => {
    const rules = { size: 100, forMs: 60_000 }
    const append = (value: string, more = {}): Promise<Position> =>
      one.store.append(run, bytes(value), { ...rules, ...more })
    test('count entries up by one within one epoch, from any process', async () => {
      const first = await append('a')
      const second = await other.store.append(run, bytes('b'), rules)
      expect(second).toEqual({ epoch: first.epoch, offset: first.offset + 1 })
    })

    test('give what is kept, oldest first, with its offsets', async () => {
      const positions = [await append('a'), await append('b'), await append('c')]
      const { epoch, entries, complete } = await other.store.range(run, null)
      expect(values(entries)).toEqual(['a', 'b', 'c'])
      expect(entries.map(({ offset }) => ({ epoch, offset }))).toEqual(positions)
      expect(complete).toBe(true)
    })

    test('give what came after a position, and say that nothing is missing', async () => {
      const [, second] = [await append('a'), await append('b')]
      await append('c')
      await append('d')
      const range = await other.store.range(run, second)
      expect(values(range.entries)).toEqual(['c', 'd'])
      expect(range.complete).toBe(true)
    })

    test('have nothing after the last position, completely', async () => {
      const last = await append('a')
      expect(await other.store.range(run, last)).toMatchObject({
        epoch: last.epoch,
        entries: [],
        complete: true,
      })
    })

    test('keep their last entries, and say when something is missing', async () => {
      const first = await append('0', { size: 3 })
      for (const value of ['1', '2', '3', '4', '5']) await append(value, { size: 3 })
      const range = await other.store.range(run, first)
      expect(values(range.entries)).toEqual(['3', '4', '5'])
      expect(range.complete).toBe(false)
      const all = await other.store.range(run, null)
      expect(values(all.entries)).toEqual(['3', '4', '5'])
      expect(all.complete).toBe(false)
      const rest = await other.store.range(run, { epoch: first.epoch, offset: first.offset + 2 })
      expect(values(rest.entries)).toEqual(['3', '4', '5'])
      expect(rest.complete).toBe(true)
    })

    test('drop what is too old, and do not pretend that nothing is missing', async () => {
      const first = await append('old', { forMs: 300 })
      await append('old too', { forMs: 300 })
      await under.pass(500)
      await append('new', { forMs: 300 })
      const range = await other.store.range(run, first)
      expect(values(range.entries)).toEqual(['new'])
      expect(range.complete).toBe(false)
    })

    test('of another epoch have no known gap: all that is kept comes, incomplete', async () => {
      const { offset } = await append('a')
      const range = await other.store.range(run, { epoch: 'another', offset })
      expect(values(range.entries)).toEqual(['a'])
      expect(range.complete).toBe(false)
    })

    test('are not complete after a position that they never had', async () => {
      const { epoch, offset } = await append('a')
      expect((await other.store.range(run, { epoch, offset: offset + 5 })).complete).toBe(false)
      expect((await other.store.range(`${run} never written`, { epoch, offset })).complete).toBe(false)
    })

    test('that were never written are empty', async () => {
      expect(await one.store.range(run, null)).toMatchObject({ entries: [], complete: true })
    })

    test('number entries without gaps when many append at once', async () => {
      const appending = Array.from({ length: 100 }, (_, index) =>
        (index % 2 === 0 ? one : other).store.append(run, bytes(String(index)), rules),
      )
      const offsets = (await Promise.all(appending)).map(({ offset }) => offset).toSorted((a, b) => a - b)
      expect(offsets).toEqual(offsets.map((_, index) => (offsets[0] ?? 0) + index))
      const { entries } = await one.store.range(run, null)
      expect(entries.map(({ offset }) => offset)).toEqual(offsets)
      expect(new Set(values(entries)).size).toBe(100)
    })

    test('are kept apart whatever their names hold, and hold any bytes', async () => {
      for (const log of oddNames)
        await one.store.append(`${run}${log}`, Uint8Array.of(0, 255, log.length & 255), rules)
      for (const log of oddNames) {
        const { entries } = await other.store.range(`${run}${log}`, null)
        expect(entries.map(({ value }) => [...value])).toEqual([[0, 255, log.length & 255]])
      }
    })
  })
}
