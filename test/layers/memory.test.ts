import { describe, expect, test } from 'vitest'
import type { Delivery, Health } from '../../src/core/api/layer.ts'
import { memory, MemoryLayer, type MemoryOptions } from '../../src/layers/memory.ts'
import { Logs } from '../../src/layers/memory-logs.ts'
import { testClock } from '../../src/testing/clock.ts'
import { testLayer } from '../../src/testing.ts'
import { SallyportError } from '../../src/wire/errors.ts'
import { linkOf } from '../support/links.ts'
import { layerConformance } from './conformance.ts'

layerConformance('memory', async () => {
  const clock = testClock()
  const layer = testLayer({ clock })
  return {
    layer: async () => layer,
    pass: (ms) => clock.advance(ms),
    cut: async (node) => layer.cut(node),
    restore: async (node) => layer.restore(node),
    stop: async () => {},
  }
})

const bytes = (length: number): Uint8Array => new Uint8Array(length)
const rules = { space: 'history', size: 100, forMs: 60_000 } as const
const keep = (id: string, more: object = {}) => ({ ...rules, id, ...more })

/** A layer with one node, on a clock that stands still. */
async function layerWithOneNode(options: MemoryOptions = {}) {
  const clock = testClock()
  const layer = testLayer({ clock, ...options })
  return { clock, layer, link: await linkOf(layer, 'one') }
}

describe('the memory layer', () => {
  test('hands a message on without copying it, after publish has returned', async () => {
    const { layer, link } = await layerWithOneNode()
    const heard: Uint8Array[] = []
    const other = await linkOf(layer, 'other')
    await other.subscribe('t', (delivery) => void heard.push(delivery.bytes))
    const sent = bytes(3)
    const publishing = link.publish('t', () => sent)
    expect(heard).toEqual([])
    await publishing
    await Promise.resolve()
    expect(heard[0]).toBe(sent)
  })

  test('refuses to connect a node that is cut off', async () => {
    const { layer } = await layerWithOneNode()
    layer.cut('two')
    await expect(linkOf(layer, 'two')).rejects.toMatchObject({ code: 'ERR_LAYER' })
    layer.restore('two')
    await linkOf(layer, 'two')
  })

  test('counts a node that was cut off twice and restored once', async () => {
    const { clock, layer } = await layerWithOneNode()
    const health: Health[] = []
    await layer.connect('two', { health: (now) => void health.push(now) })
    layer.cut('two')
    layer.cut('two')
    layer.restore('two')
    await clock.advance(20_000)
    expect(health.at(-1)).toMatchObject({ state: 'up', nodes: ['one', 'two'] })
  })

  test('forgets a topic with its last subscription, and no later one when that ends twice', async () => {
    const layer = new MemoryLayer()
    const [link, other] = [await linkOf(layer, 'one'), await linkOf(layer, 'other')]
    const end = await other.subscribe('t', () => {})
    end()
    expect(layer.topics.size).toBe(0)
    const heard: Delivery[] = []
    await other.subscribe('t', (delivery) => void heard.push(delivery))
    end()
    await link.publish('t', () => bytes(1))
    await Promise.resolve()
    expect(heard).toHaveLength(1)
  })

  test('gives no claim for 0 ms, and another node may claim then', async () => {
    const { layer, link } = await layerWithOneNode()
    expect(await link.claim('leader', 'one', 0)).toBeNull()
    const other = await linkOf(layer, 'other')
    expect(await other.claim('leader', 'other', 1_000)).not.toBeNull()
  })

  test('packs no message that no other node listens to', async () => {
    const { link } = await layerWithOneNode()
    let packed = 0
    await link.subscribe('t', () => {})
    await link.publish('t', () => (packed++, bytes(1)))
    expect(packed).toBe(0)
  })

  test('keeps a copy of a message, not the large buffer that it is a part of', async () => {
    const { link } = await layerWithOneNode()
    const large = new Uint8Array(1024 * 1024)
    await link.publish('t', () => large.subarray(0, 10), keep('1'))
    large.fill(1)
    const { entries } = await link.range('t', rules, 'all')
    expect(entries[0]?.value).toEqual(bytes(10))
    expect(entries[0]?.value.buffer.byteLength).toBe(10)
  })

  test('does not hand on what was published before someone unsubscribed and not delivered yet', async () => {
    const { layer, link } = await layerWithOneNode()
    const heard: Delivery[] = []
    const other = await linkOf(layer, 'other')
    const end = await other.subscribe('t', (delivery) => void heard.push(delivery))
    const publishing = link.publish('t', () => bytes(1))
    end()
    await publishing
    await Promise.resolve()
    expect(heard).toEqual([])
  })

  test('counts a node as long as one of its links is open', async () => {
    const { layer, link } = await layerWithOneNode()
    const healths: Health[] = []
    await linkOf(layer, 'witness', (now) => void healths.push(now))
    const second = await linkOf(layer, 'one')
    await link.close()
    expect(healths.at(-1)?.nodes.toSorted()).toEqual(['one', 'witness'])
    await second.close()
    expect(healths.at(-1)?.nodes).toEqual(['witness'])
  })

  test.each([
    ['an unknown option', { logBytes: 1 }],
    ['a bound of 0', { groupBytes: 0 }],
    ['a bound that is no number', { historyBytes: Number.NaN }],
    ['a bound without end', { systemBytes: Number.POSITIVE_INFINITY }],
  ])('refuses %s', (_, options) => {
    // what a program without types could write
    expect(() => memory(options as MemoryOptions)).toThrow(TypeError)
  })
})

describe('values in memory', () => {
  test('are refused beyond their bytes, and taken again when others are taken or have expired', async () => {
    const { clock, link } = await layerWithOneNode({ valueBytes: 4_000 })
    await link.put('a', bytes(1_000), 1_000)
    await link.claim('a', 'me', 1_000)
    await expect(link.put('b', bytes(1_000), 1_000)).rejects.toThrow(SallyportError)
    await expect(link.claim('c'.repeat(1_000), 'me', 1_000)).rejects.toThrow('full')
    await link.put('a', bytes(900), 1_000)
    await link.take('a')
    await link.put('b', bytes(1_000), 1_000)
    await expect(link.put('a', bytes(1_000), 1_000)).rejects.toThrow('full')
    await clock.advance(1_000)
    await link.put('a', bytes(2_000), 1_000)
    expect(await link.take('b')).toBeNull()
  })

  test('that are refused leave what is under their key as it was', async () => {
    const { link } = await layerWithOneNode({ valueBytes: 4_000 })
    await link.put('a', Uint8Array.of(7), 1_000)
    await expect(link.put('a', bytes(5_000), 1_000)).rejects.toThrow('full')
    expect(await link.take('a')).toEqual(Uint8Array.of(7))
  })

  test.each([86_400_000, -86_400_000])(
    'do not expire sooner or later when the wall clock jumps by %i ms',
    async (jump) => {
      const { clock, link } = await layerWithOneNode()
      await link.put('a', bytes(1), 1_000)
      await link.put('b', bytes(1), 1_000)
      await link.claim('c', 'me', 1_000)
      clock.jump(jump)
      await clock.advance(999)
      expect(await link.take('a')).not.toBeNull()
      expect(await link.claim('c', 'other', 1_000)).toBeNull()
      await clock.advance(1)
      expect(await link.take('b')).toBeNull()
      expect(await link.claim('c', 'other', 1_000)).not.toBeNull()
    },
  )

  test.each([Number.NaN, -1, Number.POSITIVE_INFINITY])('are not kept for %s milliseconds', async (ttlMs) => {
    const { link } = await layerWithOneNode()
    await expect(link.put('a', bytes(1), ttlMs)).rejects.toThrow(TypeError)
    await expect(link.claim('a', 'me', ttlMs)).rejects.toThrow(TypeError)
  })

  test('are over when their time is, also where timers come late', async () => {
    const clock = testClock()
    const late = { ...clock, after: () => ({ cancel: () => {} }) }
    const link = await linkOf(memory({ clock: late }), 'one')
    await link.put('a', bytes(1), 1_000)
    await link.claim('b', 'me', 1_000)
    await clock.advance(1_000)
    expect(await link.take('a')).toBeNull()
    expect(await link.claim('b', 'other', 1_000)).not.toBeNull()
  })

  test('keep the token of a claim while its holder renews it', async () => {
    const { link } = await layerWithOneNode()
    const first = await link.claim('a', 'me', 1_000)
    await link.claim('b', 'other', 1_000)
    expect(await link.claim('a', 'me', 1_000)).toEqual(first)
  })

  test('leave no timer behind when the last has expired', async () => {
    const { clock, timers } = counting()
    const link = await linkOf(memory({ clock }), 'one')
    await link.put('a', bytes(1), 1_000)
    await link.publish('t', () => bytes(1), keep('1'))
    await clock.advance(3_600_000)
    const before = timers()
    await clock.advance(3_600_000)
    expect(timers()).toBe(before)
  })
})

describe('histories in memory', () => {
  test.each([86_400_000, -86_400_000])('keep their time when the wall clock jumps by %i ms', async (jump) => {
    const { clock, link } = await layerWithOneNode()
    await link.publish('t', () => bytes(1), keep('1'))
    clock.jump(jump)
    await clock.advance(59_999)
    expect((await link.range('t', rules, 'all')).entries).toHaveLength(1)
    await clock.advance(1)
    expect((await link.range('t', rules, 'all')).entries).toEqual([])
  })

  test('of a group beyond its bytes lose their oldest messages, and say so', async () => {
    const { link } = await layerWithOneNode({ groupBytes: 10_000 })
    const first = await link.publish('t', () => bytes(1_000), keep('0'))
    for (let count = 1; count < 20; count++) await link.publish('t', () => bytes(1_000), keep(String(count)))
    const all = await link.range('t', rules, 'all')
    expect(all.entries.length).toBeGreaterThan(2)
    expect(all.entries.length).toBeLessThan(8)
    expect(all.entries.at(-1)?.at).toEqual(all.head)
    expect([all.complete, (await link.range('t', rules, first?.at ?? 'head')).complete]).toEqual([
      false,
      false,
    ])
    const after = all.entries[0]?.prev ?? 'head'
    expect((await link.range('t', rules, after)).complete).toBe(true)
  })

  test('of a group do not keep a message larger than all of them, and say so', async () => {
    const { link } = await layerWithOneNode({ groupBytes: 10_000 })
    const small = await link.publish('t', () => bytes(1), keep('1'))
    const large = await link.publish('t', () => bytes(20_000), keep('2'))
    expect(large?.prev).toEqual(small?.at)
    const range = await link.range('t', rules, small?.at ?? 'head')
    expect([range.entries, range.complete, range.head]).toEqual([[], false, large?.at])
  })

  // proves: history-memory
  test('beyond their total of bytes lose the oldest messages of the group written longest ago', async () => {
    const { link } = await layerWithOneNode({ historyBytes: 24_000 })
    const placed = new Map<string, Awaited<ReturnType<typeof link.publish>>>()
    for (const topic of ['old', 'used', 'old', 'new'])
      placed.set(topic, await link.publish(topic, () => bytes(4_000), keep(`${topic} ${placed.size}`)))
    await link.range('used', rules, 'all')
    await link.publish('new', () => bytes(4_000), keep('last'))
    const used = await link.range('used', rules, placed.get('used')?.prev ?? 'head')
    expect([used.entries, used.complete, used.head]).toEqual([[], false, placed.get('used')?.at])
    expect((await link.range('used', rules, 'all')).complete).toBe(false)
    expect((await link.range('used', rules, used.head)).complete).toBe(true)
    expect((await link.range('new', rules, 'all')).entries).toHaveLength(2)
    expect((await link.range('old', rules, 'all')).entries.length).toBeGreaterThan(0)
  })

  test('of a forgotten group are not called complete until its messages would be too old', async () => {
    const { clock, link } = await layerWithOneNode({ historyBytes: 8_000 })
    const first = await link.publish('first', () => bytes(100), keep('1'))
    for (let count = 0; count < 50; count++) await link.publish(`t${count}`, () => bytes(100), keep('1'))
    const again = await link.range('first', rules, 'all')
    expect([again.entries, again.complete]).toEqual([[], false])
    expect(again.head.epoch).not.toBe(first?.at.epoch)
    expect((await link.range('first', rules, first?.at ?? 'head')).complete).toBe(false)
    await clock.advance(60_000)
    expect((await link.range('first', rules, 'all')).complete).toBe(true)
  })

  test('without writers or readers are forgotten, and those with readers are not', async () => {
    const { clock, link } = await layerWithOneNode()
    const read = (await link.range('read', rules, 'head')).head
    const idle = (await link.range('idle', rules, 'head')).head
    for (let minute = 0; minute < 5; minute++) {
      await clock.advance(60_000)
      expect((await link.range('read', rules, 'head')).head).toEqual(read)
    }
    expect((await link.range('idle', rules, 'head')).head).not.toEqual(idle)
  })

  test('of a group that is only read push out no message of another', async () => {
    const { link } = await layerWithOneNode({ historyBytes: 100_000 })
    await link.publish('t', () => bytes(1_000), keep('1'))
    for (let count = 0; count < 1_000; count++) await link.range(`read ${count}`, rules, 'all')
    const all = await link.range('t', rules, 'all')
    expect([all.entries.length, all.complete]).toEqual([1, true])
  })

  test('of a group with a bound of one byte keep nothing, and go on counting', async () => {
    const { link } = await layerWithOneNode({ groupBytes: 1 })
    await link.publish('t', () => bytes(1), keep('1'))
    const { entries, head } = await link.range('t', rules, 'all')
    expect([entries, head.offset]).toEqual([[], 1])
  })

  test('keep each message for its own time', async () => {
    const { clock, link } = await layerWithOneNode()
    await link.publish('t', () => bytes(1), keep('1'))
    await clock.advance(50_000)
    const second = await link.publish('t', () => bytes(1), keep('2'))
    // the log has looked for old messages since then
    await clock.advance(45_000)
    expect((await link.range('t', rules, 'all')).entries.map(({ at }) => at)).toEqual([second?.at])
  })

  test('of size 0 keep nothing, and go on counting', async () => {
    const { link } = await layerWithOneNode()
    await link.publish('t', () => bytes(1), keep('1', { size: 0 }))
    const second = await link.publish('t', () => bytes(1), keep('2', { size: 0 }))
    expect(second?.at.offset).toBe(2)
    const range = await link.range('t', rules, 'all')
    expect([range.entries, range.complete, range.head]).toEqual([[], false, second?.at])
  })

  test.each([Number.NaN, 0, -1, Number.POSITIVE_INFINITY])(
    'are not kept for %s milliseconds',
    async (forMs) => {
      const { link } = await layerWithOneNode()
      await expect(async () => link.publish('t', () => bytes(1), keep('1', { forMs }))).rejects.toThrow(
        TypeError,
      )
      await expect(async () => link.range('t', { ...rules, forMs }, 'all')).rejects.toThrow(TypeError)
    },
  )

  test('know an id for a minute, also where messages are kept for a second', async () => {
    const { clock, link } = await layerWithOneNode()
    const brief = keep('1', { forMs: 1_000 })
    await link.publish('t', () => bytes(1), brief)
    await clock.advance(50_000)
    expect((await link.publish('t', () => bytes(1), brief))?.again).toBe(true)
  })

  test('know the first of a few ids for minutes, while others follow it', async () => {
    const { clock, link } = await layerWithOneNode()
    for (let id = 1; id <= 4; id++) {
      await link.publish('t', () => bytes(1), keep(`${id}`, { forMs: 600_000 }))
      await clock.advance(61_000)
    }
    expect((await link.publish('t', () => bytes(1), keep('1', { forMs: 600_000 })))?.again).toBe(true)
  })

  test('have nothing after their end, and all of their messages after a position that is none', async () => {
    const { link } = await layerWithOneNode()
    const placed = await link.publish('t', () => bytes(1), keep('1'))
    expect(await link.range('t', rules, 'head')).toMatchObject({ complete: true, entries: [] })
    const between = { epoch: placed?.at.epoch ?? '', offset: 0.5 }
    const range = await link.range('t', rules, between)
    expect([range.complete, range.entries.length]).toEqual([false, 1])
  })

  test('know an id for a minute and a hundred messages more, and not for ever', async () => {
    const { clock, link } = await layerWithOneNode()
    const few = { size: 10 }
    const publish = async (id: string) => (await link.publish('t', () => bytes(1), keep(id, few)))?.again
    await publish('first')
    for (let count = 0; count < 99; count++) await publish(`a${count}`)
    expect(await publish('first')).toBe(true)
    await clock.advance(59_000)
    expect(await publish('first')).toBe(true)
    for (let round = 0; round < 2; round++) {
      await clock.advance(61_000)
      for (let count = 0; count < 11; count++) await publish(`b${round} ${count}`)
    }
    expect(await publish('first')).toBe(false)
  })
})

describe('what logs in memory hold', () => {
  const bounds = { logBytes: 1_000_000, allBytes: 800_000 }

  test('is nothing any more when all of it was forgotten, some for want of room', async () => {
    const clock = testClock()
    const logs = new Logs(clock, 'test', bounds)
    for (let count = 0; count < 1_000; count++) logs.range(`t${count}`, rules, 'all')
    expect(logs.bytes).toBeGreaterThan(50_000)
    expect(logs.bytes).toBeLessThanOrEqual(100_000)
    for (let count = 0; count < 1_000; count++) logs.append(`t${count}`, bytes(1_000), keep('1'))
    expect(logs.bytes).toBeGreaterThan(700_000)
    expect(logs.bytes).toBeLessThanOrEqual(800_000)
    await clock.advance(600_000)
    expect(logs.bytes).toBe(0)
  })

  test('is known longest of a log without messages that is read again and again', () => {
    const logs = new Logs(testClock(), 'test', bounds)
    const { head } = logs.range('read', rules, 'head')
    for (let count = 0; count < 1_000; count++) {
      logs.range(`t${count}`, rules, 'head')
      expect(logs.range('read', rules, 'head').head).toEqual(head)
    }
    expect(logs.range('t0', rules, 'head').head.epoch).not.toBe('test.2')
  })

  test('is not forgotten with an older log of the same name, whose time comes later', async () => {
    const clock = testClock()
    const logs = new Logs(clock, 'test', bounds)
    const older = logs.range('t', rules, 'head').head
    for (let count = 0; count < 1_000; count++) logs.range(`t${count}`, rules, 'head')
    await clock.advance(30_000)
    const { head } = logs.range('t', rules, 'head')
    expect(head).not.toEqual(older)
    await clock.advance(65_000)
    expect(logs.range('t', rules, 'head').head).toEqual(head)
  })

  test('is no id of a message before the last twenty times as many as are kept', () => {
    const logs = new Logs(testClock(), 'test', bounds)
    const few = (id: string) => keep(id, { size: 10 })
    for (let count = 0; count <= 200; count++) logs.append('t', bytes(1), few(String(count)))
    expect(logs.placed('t', few('0'))).toBeNull()
    expect(logs.placed('t', few('101'))).toMatchObject({ at: { offset: 102 }, again: true })
  })
})

describe('the logs of the server in memory', () => {
  // proves: pushed-out
  test('lose nothing to histories and values that fill all their space', async () => {
    const { link } = await layerWithOneNode({ historyBytes: 100_000, groupBytes: 50_000, valueBytes: 50_000 })
    const system = keep('ban', { space: 'system', size: 100_000 })
    await link.publish('bans', () => bytes(10), system)
    for (let count = 0; count < 1_000; count++) await link.publish(`t${count}`, () => bytes(1_000), keep('1'))
    for (let count = 0; count < 1_000; count++) await link.range(`read ${count}`, rules, 'all')
    for (let count = 0; count < 100; count++) await link.put(`v${count}`, bytes(1_000), 1_000).catch(() => {})
    const { entries, complete } = await link.range('bans', { ...rules, space: 'system' }, 'all')
    expect([entries.length, complete]).toEqual([1, true])
    await link.publish('bans', () => bytes(10), { ...system, id: 'another' })
  })

  test('lose nothing to each other, and of their own the oldest, and say so', async () => {
    const { link } = await layerWithOneNode({ systemBytes: 10_000 })
    const system = { ...rules, space: 'system', size: 100_000 } as const
    await link.publish('bans', () => bytes(10), { ...system, id: 'ban' })
    for (let count = 0; count < 100; count++)
      await link.publish('kicks', () => bytes(1_000), { ...system, id: String(count) })
    const bans = await link.range('bans', system, 'all')
    const kicks = await link.range('kicks', system, 'all')
    expect([bans.entries.length, bans.complete]).toEqual([1, true])
    expect(kicks.entries.length).toBeLessThan(10)
    expect([kicks.complete, kicks.entries.at(-1)?.at]).toEqual([false, kicks.head])
  })
})

/** A clock that says how many timers were ever set. */
function counting() {
  const clock = testClock()
  let count = 0
  const after: typeof clock.after = (ms, run) => (count++, clock.after(ms, run))
  return { clock: { ...clock, after }, timers: () => count }
}
