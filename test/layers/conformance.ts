import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Delivery, Health, Keep, Layer, Link, LogRange, Placed } from '../../src/core/api/layer.ts'
import { linkOf } from '../support/links.ts'

/** A layer as the suite drives it. */
export interface LayerUnderTest {
  /** The same layer as one more process sees it: another connection to the same server, or simply the same object. */
  layer(): Promise<Layer>
  /** Lets time pass for the layer: moves its clock, or waits. */
  pass(ms: number): Promise<void>
  /** Cuts the node of this name off from the layer's server, as a network does that loses everything. */
  cut(node: string): Promise<void>
  /** Lets the node reach the server again. */
  restore(node: string): Promise<void>
  /** Ends it, when its links are closed. */
  stop(): Promise<void>
}

/** A node that the suite drives. */
interface Node extends Link {
  readonly name: string
  /** What it was told of itself, the latest last. */
  readonly healths: readonly Health[]
}

/** What one subscription has heard. */
interface Ear {
  readonly heard: Delivery[]
  readonly texts: readonly string[]
  end(): void
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (value: Uint8Array | null): string | null =>
  value === null ? null : new TextDecoder().decode(value)
/** Names with everything that could mean something to a server: separators, wildcards, spaces, other letters, length. */
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

const listening = async (link: Link, topic: string): Promise<Ear> => {
  const heard: Delivery[] = []
  const end = await link.subscribe(topic, (delivery) => void heard.push(delivery))
  return {
    heard,
    end,
    get texts() {
      return heard.map((delivery) => text(delivery.bytes) ?? '')
    },
  }
}

const values = ({ entries }: LogRange): readonly (string | null)[] => entries.map(({ value }) => text(value))
const upTo = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => String(index))
const rules = { space: 'history', size: 100, forMs: 60_000 } as const

/**
 * What every layer must do. Each runs this suite unchanged.
 *
 * @param make prepares a layer that has no other user, or one whose keys are its own
 */
export function layerConformance(name: string, make: () => Promise<LayerUnderTest>): void {
  let under: LayerUnderTest
  let open: Link[]
  let run: string
  let a: Node
  let b: Node

  /** One more process. */
  const node = async (short: string): Promise<Node> => {
    const healths: Health[] = []
    const link = await linkOf(await under.layer(), `${short}-${run}`, (now) => void healths.push(now))
    open.push(link)
    return Object.assign(link, { name: `${short}-${run}`, healths })
  }
  const keep = async (link: Link, message: string, more: Partial<Keep> = {}): Promise<Placed> => {
    const placed = await link.publish(run, () => bytes(message), { ...rules, id: randomUUID(), ...more })
    if (placed === null) throw new Error('a kept message has a place')
    return placed
  }
  const roster = ({ healths }: Node): readonly string[] =>
    (healths.at(-1)?.nodes ?? []).filter((one) => one.endsWith(run)).toSorted()

  beforeEach(async () => {
    under = await make()
    open = []
    run = randomUUID()
    a = await node('a')
    b = await node('b')
    await expect.poll(() => [roster(a).length, roster(b).length]).toEqual([2, 2])
  })

  afterEach(async () => {
    await Promise.all(open.map(async (link) => link.close()))
    await under.stop()
  })

  describe(`topics of the ${name} layer`, () => {
    test('hand every message to the other nodes, in order, and to each subscriber', async () => {
      const [first, second] = [await listening(b, run), await listening(b, run)]
      for (const message of upTo(500)) expect(await a.publish(run, () => bytes(message))).toBeNull()
      await expect.poll(() => first.heard.length + second.heard.length).toBe(1000)
      expect(first.texts).toEqual(upTo(500))
      expect(second.texts).toEqual(upTo(500))
      expect(first.heard[0]).toMatchObject({ placed: null, lost: false })
    })

    test('keep the order of messages that are not waited for one by one', async () => {
      const ear = await listening(b, run)
      await Promise.all(upTo(200).map(async (message) => a.publish(run, () => bytes(message))))
      await expect.poll(() => ear.heard.length).toBe(200)
      expect(ear.texts).toEqual(upTo(200))
    })

    test('do not let a node hear its own message that is not kept', async () => {
      const [mine, theirs] = [await listening(a, run), await listening(b, run)]
      await a.publish(run, () => bytes('from a'))
      await b.publish(run, () => bytes('from b'))
      await expect.poll(() => [...mine.texts, ...theirs.texts]).toEqual(['from b', 'from a'])
    })

    test('carry nothing but what is published after the subscription, to its topic', async () => {
      await a.publish(run, () => bytes('before'))
      const ear = await listening(b, run)
      await a.publish(`${run}x`, () => bytes('elsewhere'))
      await a.publish(run, () => bytes('after'))
      await expect.poll(() => ear.texts).toEqual(['after'])
    })

    test('are kept apart whatever their names hold', async () => {
      const heard: string[] = []
      for (const topic of oddNames)
        await b.subscribe(`${run}${topic}`, (one) => void heard.push(`${topic}=${text(one.bytes)}`))
      for (const topic of oddNames) await a.publish(`${run}${topic}`, () => bytes(topic))
      await expect.poll(() => heard.length).toBe(oddNames.length)
      expect(heard.toSorted()).toEqual(oddNames.map((topic) => `${topic}=${topic}`).toSorted())
    })

    test('carry any bytes, and none', async () => {
      const { heard } = await listening(b, run)
      const all = Uint8Array.from({ length: 256 }, (_, index) => index)
      for (const value of [all, new Uint8Array(0), new Uint8Array(100_000).fill(255)])
        await a.publish(run, () => value)
      await expect.poll(() => heard.length).toBe(3)
      expect(heard.map((one) => one.bytes.length)).toEqual([256, 0, 100_000])
      expect(Buffer.compare(heard[0]?.bytes ?? bytes(''), all)).toBe(0)
    })

    test('are silent after unsubscribing, for that subscriber alone', async () => {
      const [ended, going] = [await listening(b, run), await listening(b, run)]
      ended.end()
      ended.end()
      await a.publish(run, () => bytes('late'))
      await expect.poll(() => going.texts).toEqual(['late'])
      expect(ended.texts).toEqual([])
    })

    test('take a new subscription after the last one has ended', async () => {
      const ended = await listening(b, run)
      ended.end()
      const again = await listening(b, run)
      await a.publish(run, () => bytes('again'))
      await expect.poll(() => again.texts).toEqual(['again'])
    })

    test('are not heard after close, which may be called twice and ends every method', async () => {
      const ear = await listening(b, run)
      const witness = await listening(await node('c'), run)
      await b.close()
      await b.close()
      await a.publish(run, () => bytes('late'))
      await expect.poll(() => witness.texts).toEqual(['late'])
      expect(ear.texts).toEqual([])
      await expect(async () => b.publish(run, () => bytes('x'))).rejects.toThrow()
      await expect(async () => b.subscribe(run, () => {})).rejects.toThrow()
      await expect(async () => b.range(run, rules, 'all')).rejects.toThrow()
      await expect(b.put(run, bytes('x'), 1_000)).rejects.toThrow()
      await expect(b.take(run)).rejects.toThrow()
      await expect(b.claim(run, 'b', 1_000)).rejects.toThrow()
    })
  })

  describe(`the roster of the ${name} layer`, () => {
    test('names the nodes that are alive, each once, until they leave', async () => {
      expect(roster(a)).toEqual([a.name, b.name])
      expect(roster(b)).toEqual([a.name, b.name])
      await b.close()
      await expect.poll(() => roster(a)).toEqual([a.name])
    })

    test('is told before a node is connected, and says that the link is up', async () => {
      let isConnected = false
      const told: [string, boolean][] = []
      const link = await linkOf(await under.layer(), `c-${run}`, ({ state }) =>
        told.push([state, isConnected]),
      )
      isConnected = true
      open.push(link)
      expect(told[0]).toEqual(['up', false])
    })
  })

  describe(`values of the ${name} layer`, () => {
    test('go to the one who takes them, on any node', async () => {
      await a.put(run, bytes('value'), 60_000)
      expect(text(await b.take(run))).toBe('value')
      expect(await a.take(run)).toBeNull()
      expect(await a.take(`${run} never put`)).toBeNull()
    })

    test('go to exactly one of twenty who take at once over two links', async () => {
      await a.put(run, bytes('value'), 60_000)
      const takers = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? a : b).take(run))
      const taken = (await Promise.all(takers)).filter((value) => value !== null)
      expect(taken.map(text)).toEqual(['value'])
    })

    test('are the latest under a key, any bytes and none', async () => {
      await a.put(run, bytes('first'), 60_000)
      await b.put(run, Uint8Array.of(0, 255, 128), 60_000)
      expect([...((await a.take(run)) ?? [])]).toEqual([0, 255, 128])
      await a.put(run, new Uint8Array(0), 60_000)
      expect((await b.take(run))?.length).toBe(0)
    })

    test('stay as they were put when the caller changes its bytes', async () => {
      const own = bytes('value')
      await a.put(run, own, 60_000)
      own.fill(0)
      expect(text(await b.take(run))).toBe('value')
    })

    test('are kept apart whatever their keys hold', async () => {
      for (const key of oddNames) await a.put(`${run}${key}`, bytes(key), 60_000)
      for (const key of oddNames) expect(text(await b.take(`${run}${key}`))).toBe(key)
    })

    test('are forgotten when their time is over, and at once when it is 0', async () => {
      await a.put(run, bytes('value'), 200)
      await a.put(`${run} long`, bytes('value'), 60_000)
      await a.put(`${run} removed`, bytes('value'), 60_000)
      await b.put(`${run} removed`, bytes('value'), 0)
      expect(await a.take(`${run} removed`)).toBeNull()
      await under.pass(400)
      expect(await b.take(run)).toBeNull()
      expect(text(await b.take(`${run} long`))).toBe('value')
    })
  })

  describe(`claims of the ${name} layer`, () => {
    test('elect one of twenty who claim at once', async () => {
      const owners = upTo(20)
      const claims = owners.map((owner, index) => (index % 2 === 0 ? a : b).claim(run, owner, 60_000))
      expect((await Promise.all(claims)).filter((claim) => claim !== null)).toHaveLength(1)
    })

    test('stay with their holder, which may renew them, and with no other holder', async () => {
      const first = await a.claim(run, 'a', 400)
      expect(first).not.toBeNull()
      expect(await b.claim(run, 'b', 400)).toBeNull()
      await under.pass(250)
      const renewed = await a.claim(run, 'a', 400)
      expect(renewed?.token).toBeGreaterThanOrEqual(first?.token ?? Infinity)
      await under.pass(250)
      expect(await b.claim(run, 'b', 60_000)).toBeNull()
    })

    test('go to another when they ran out, with a greater token, and then not to the first', async () => {
      const first = await a.claim(run, 'a', 200)
      await under.pass(400)
      const second = await b.claim(run, 'b', 60_000)
      expect(second?.token).toBeGreaterThan(first?.token ?? Infinity)
      expect(await a.claim(run, 'a', 60_000)).toBeNull()
    })

    test('have a greater token for the same owner when they ran out in between', async () => {
      const first = await a.claim(run, 'a', 200)
      await under.pass(400)
      expect((await a.claim(run, 'a', 60_000))?.token).toBeGreaterThan(first?.token ?? Infinity)
    })
  })

  describe(`logs of the ${name} layer`, () => {
    test('link each message to the one before it, also when two nodes append at once', async () => {
      const appending = upTo(100).map((message, index) => keep(index % 2 === 0 ? a : b, message))
      const placed = await Promise.all(appending)
      const { entries, head } = await a.range(run, rules, 'all')
      expect(new Set(entries.map(({ value }) => text(value))).size).toBe(100)
      expect(entries.slice(1).map(({ prev }) => prev)).toEqual(entries.slice(0, -1).map(({ at }) => at))
      expect(head).toEqual(entries.at(-1)?.at)
      const known = new Map(entries.map(({ at, prev }) => [JSON.stringify(at), prev]))
      expect(placed.map(({ at }) => known.get(JSON.stringify(at)))).toEqual(placed.map(({ prev }) => prev))
    })

    test('hand a kept message to every node, its own too, with its place', async () => {
      const [mine, theirs] = [await listening(a, run), await listening(b, run)]
      const first = await keep(a, 'one')
      const second = await keep(b, 'two')
      await expect
        .poll(() => [mine.texts, theirs.texts])
        .toEqual([
          ['one', 'two'],
          ['one', 'two'],
        ])
      for (const { heard } of [mine, theirs])
        expect(heard.map(({ placed }) => placed)).toEqual(
          [first, second].map(({ at, prev }) => ({ at, prev })),
        )
    })

    test('hand out what follows a kept position, and call it complete', async () => {
      const [, second] = [await keep(a, 'a'), await keep(a, 'b')]
      await keep(b, 'c')
      await keep(a, 'd')
      const range = await b.range(run, rules, second.at)
      expect(values(range)).toEqual(['c', 'd'])
      expect(range.entries[0]?.prev).toEqual(second.at)
      expect(range.complete).toBe(true)
    })

    test('have nothing after their head, completely', async () => {
      const last = await keep(a, 'a')
      expect(await b.range(run, rules, last.at)).toEqual({ head: last.at, entries: [], complete: true })
      expect((await b.range(run, rules, 'head')).head).toEqual(last.at)
    })

    test('are not complete after a position that was trimmed', async () => {
      const positions: Placed[] = []
      for (const message of upTo(6)) positions.push(await keep(a, message, { size: 3 }))
      const [first, , third] = positions
      if (first === undefined || third === undefined) throw new Error('six positions')
      const range = await b.range(run, { ...rules, size: 3 }, first.at)
      expect(values(range).slice(-3)).toEqual(['3', '4', '5'])
      expect(range.complete).toBe(false)
      expect((await b.range(run, { ...rules, size: 3 }, 'all')).complete).toBe(false)
      const rest = await b.range(run, { ...rules, size: 3 }, third.at)
      expect(values(rest)).toEqual(['3', '4', '5'])
      expect(rest.complete).toBe(true)
    })

    test('are not complete after a position that is foreign, or still to come', async () => {
      const { at } = await keep(a, 'a')
      const foreign = await b.range(run, rules, { ...at, epoch: `${at.epoch}x` })
      expect([values(foreign), foreign.complete]).toEqual([['a'], false])
      const later = await b.range(run, rules, { ...at, offset: at.offset + 5 })
      expect([values(later), later.complete]).toEqual([['a'], false])
      expect((await b.range(`${run} never written`, rules, at)).complete).toBe(false)
    })

    test.each([
      ['a negative', { offset: -1 }],
      ['a broken', { offset: 0.5 }],
      ['a nameless', { offset: Number.NaN }],
      ['another mark under a kept', { mark: 'x' }],
    ])('are not complete after %s number', async (_, odd) => {
      const { at } = await keep(a, 'a')
      expect((await b.range(run, rules, { ...at, ...odd })).complete).toBe(false)
    })

    test('link the first message to the head of a log that had none', async () => {
      const empty = await b.range(run, rules, 'all')
      expect([empty.entries, empty.complete]).toEqual([[], true])
      expect((await a.range(run, rules, 'head')).head).toEqual(empty.head)
      const first = await keep(a, 'a')
      expect(first.prev).toEqual(empty.head)
      const range = await b.range(run, rules, empty.head)
      expect([values(range), range.complete]).toEqual([['a'], true])
    })

    test('keep a head with readers for longer than entries', async () => {
      const { at } = await keep(a, 'a', { forMs: 400 })
      for (let read = 0; read < 6; read++) {
        await under.pass(250)
        expect(await b.range(run, { ...rules, forMs: 400 }, at)).toMatchObject({ head: at, complete: true })
      }
      expect((await keep(a, 'b', { forMs: 400 })).prev).toEqual(at)
    })

    test('neither hand out what is too old nor call a range without it complete', async () => {
      const short = { ...rules, forMs: 300 }
      const first = await keep(a, 'old', short)
      await keep(a, 'old too', short)
      await under.pass(200)
      await keep(a, 'younger', short)
      await under.pass(200)
      const range = await b.range(run, short, first.at)
      expect([values(range), range.complete]).toEqual([['younger'], false])
      const all = await b.range(run, short, 'all')
      expect([values(all), all.complete]).toEqual([['younger'], true])
      expect(all.entries[0]?.ageMs).toBeGreaterThanOrEqual(200)
    })

    test('lose nothing between subscribe and range', async () => {
      const many = { size: 1_000 }
      const first = await keep(a, 'first', many)
      const writing = Promise.all(upTo(300).map((message) => keep(a, message, many)))
      const { heard } = await listening(b, run)
      const range = await b.range(run, { ...rules, ...many }, first.at)
      await writing
      const last = await keep(a, 'last', many)
      await expect.poll(() => heard.at(-1)?.placed?.at).toEqual(last.at)
      const known = new Set([
        ...range.entries.map(({ at }) => JSON.stringify(at)),
        ...heard.map(({ placed }) => JSON.stringify(placed?.at)),
      ])
      expect(range.complete).toBe(true)
      expect(known.size).toBe(301)
    })

    test('are kept apart whatever their names hold, and hold any bytes', async () => {
      for (const log of oddNames)
        await a.publish(`${run}${log}`, () => Uint8Array.of(0, 255, log.length & 255), { ...rules, id: log })
      for (const log of oddNames) {
        const { entries } = await b.range(`${run}${log}`, rules, 'all')
        expect(entries.map(({ value }) => [...value])).toEqual([[0, 255, log.length & 255]])
      }
    })

    test('are two for one name in two spaces', async () => {
      await keep(a, 'of users')
      await keep(a, 'of the server', { space: 'system' })
      expect(values(await b.range(run, rules, 'all'))).toEqual(['of users'])
      expect(values(await b.range(run, { ...rules, space: 'system' }, 'all'))).toEqual(['of the server'])
    })
  })

  describe(`a node that is cut off from the ${name} layer`, () => {
    const state = ({ healths }: Node): string | undefined => healths.at(-1)?.state
    const cutOff = async (one: Node): Promise<void> => {
      await under.cut(one.name)
      await expect.poll(() => state(one), { timeout: 10_000 }).toBe('down')
    }
    const back = async (one: Node): Promise<void> => {
      await under.restore(one.name)
      await expect.poll(() => state(one), { timeout: 10_000 }).toBe('up')
    }

    test('is told that it is down, and then up, and finds in the log what it has not heard', async () => {
      const { heard } = await listening(b, run)
      const first = await keep(a, 'heard')
      await expect.poll(() => heard.length).toBe(1)
      await cutOff(b)
      await keep(a, 'missed')
      await back(b)
      await expect.poll(async () => (await b.range(run, rules, 'head')).head.offset).not.toBe(first.at.offset)
      const range = await b.range(run, rules, first.at)
      expect([values(range), range.complete]).toEqual([['missed'], true])
      await keep(a, 'after')
      await expect.poll(() => heard.length).toBe(2)
      expect(heard[1]?.placed?.prev).toEqual(range.head)
    })

    test('is told that a message was lost that is not kept, once', async () => {
      const { heard } = await listening(b, run)
      await a.publish(run, () => bytes('heard'))
      await expect.poll(() => heard.length).toBe(1)
      await cutOff(b)
      await a.publish(run, () => bytes('lost'))
      await back(b)
      for (const message of ['after', 'later']) await a.publish(run, () => bytes(message))
      await expect.poll(() => heard.length).toBe(3)
      expect(heard.map(({ lost }) => lost)).toEqual([false, true, false])
    })

    test('has its calls refused in time, and what it published then never arrives', async () => {
      const { texts, heard } = await listening(b, run)
      await a.put(run, bytes('value'), 60_000)
      await cutOff(a)
      const away = { code: 'ERR_LAYER' }
      await expect(async () => a.publish(run, () => bytes('unkept'))).rejects.toMatchObject(away)
      await expect(keep(a, 'kept', { id: 'away' })).rejects.toMatchObject(away)
      await expect(async () => a.range(run, rules, 'all')).rejects.toMatchObject(away)
      await expect(async () => a.subscribe(run, () => {})).rejects.toMatchObject(away)
      await expect(a.put(run, bytes('other'), 60_000)).rejects.toMatchObject(away)
      await expect(a.take(run)).rejects.toMatchObject(away)
      await expect(a.claim(run, 'a', 60_000)).rejects.toMatchObject(away)
      await back(a)
      await a.publish(run, () => bytes('after'))
      await expect.poll(() => heard.length).toBe(1)
      expect([...texts, ...values(await b.range(run, rules, 'all'))]).toEqual([])
      expect(text(await b.take(run))).toBe('value')
      expect(await b.claim(run, 'b', 60_000)).not.toBeNull()
    })

    test('is off the roster within 20 seconds, and on it again when it is back', async () => {
      await under.cut(b.name)
      await under.pass(20_000)
      await expect.poll(() => roster(a)).toEqual([a.name])
      await back(b)
      await expect.poll(() => roster(a)).toEqual([a.name, b.name])
      await expect.poll(() => roster(b)).toEqual([a.name, b.name])
    })
  })

  describe(`ids of kept messages in the ${name} layer`, () => {
    test('are placed once, and what comes again is not handed on', async () => {
      const { heard } = await listening(b, run)
      const first = await keep(a, 'one', { id: 'id' })
      const again = await keep(b, 'two', { id: 'id' })
      expect(first.again).toBe(false)
      expect(again).toEqual({ ...first, again: true })
      await keep(a, 'three')
      await expect.poll(() => heard.map((one) => text(one.bytes))).toEqual(['one', 'three'])
      expect(values(await b.range(run, rules, 'all'))).toEqual(['one', 'three'])
    })

    test('are placed once by twenty who publish at once', async () => {
      const all = await Promise.all(
        upTo(20).map((message, index) => keep(index % 2 === 0 ? a : b, message, { id: 'id' })),
      )
      expect(all.filter(({ again }) => !again)).toHaveLength(1)
      expect(new Set(all.map(({ at }) => JSON.stringify(at))).size).toBe(1)
      expect((await a.range(run, rules, 'all')).entries).toHaveLength(1)
    })

    test('are known after as many more messages as are kept, and for a minute', async () => {
      const few = { ...rules, size: 5 }
      const first = await keep(a, 'one', { ...few, id: 'id' })
      for (const message of upTo(50)) await keep(a, message, few)
      expect(await keep(b, 'again', { ...few, id: 'id' })).toEqual({ ...first, again: true })
    })

    test('are those of their topic: the same id in another is another message', async () => {
      await keep(a, 'one', { id: 'id' })
      const other = await a.publish(`${run}x`, () => bytes('two'), { ...rules, id: 'id' })
      expect(other?.again).toBe(false)
    })
  })
}
