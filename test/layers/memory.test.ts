import { describe, expect, test } from 'vitest'
import { memory } from '../../src/layers/memory.ts'
import { testClock } from '../../src/testing/clock.ts'
import { SallyportError } from '../../src/wire/errors.ts'
import { layerConformance } from './conformance.ts'

layerConformance('memory', async () => {
  const clock = testClock()
  const layer = memory({ clock })
  return { layer: async () => layer, pass: (ms) => clock.advance(ms), stop: async () => {} }
})

const bytes = (length: number): Uint8Array => new Uint8Array(length)

describe('the memory layer', () => {
  test('hands bytes on without copying them, after publish has returned', async () => {
    const layer = memory()
    const heard: Uint8Array[] = []
    const [a, b] = [layer.bus('a'), layer.bus('b')]
    await b.subscribe('t', (value) => void heard.push(value))
    const sent = bytes(3)
    const publishing = a.publish('t', () => sent)
    expect(heard).toEqual([])
    await publishing
    await Promise.resolve()
    expect(heard[0]).toBe(sent)
  })

  test('does not hand on what was published before someone unsubscribed and not delivered yet', async () => {
    const layer = memory()
    const heard: Uint8Array[] = []
    const [a, b] = [layer.bus('a'), layer.bus('b')]
    const end = await b.subscribe('t', (value) => void heard.push(value))
    const publishing = a.publish('t', () => bytes(1))
    end()
    await publishing
    await Promise.resolve()
    expect(heard).toEqual([])
  })

  test('counts a node as long as one of its buses is open', async () => {
    const layer = memory()
    const [first, second, witness] = [layer.bus('a'), layer.bus('a'), layer.bus('w')]
    await first.close()
    expect(await witness.nodes()).toEqual(['a', 'w'])
    await second.close()
    expect(await witness.nodes()).toEqual(['w'])
  })

  test('refuses values beyond its bound, and takes them again when others have expired', async () => {
    const clock = testClock()
    const { store } = memory({ clock, values: 2 })
    await store.put('a', bytes(1), 1000)
    await store.claim('a', 'me', 1000)
    await expect(store.put('b', bytes(1), 1000)).rejects.toThrow(SallyportError)
    await expect(store.claim('b', 'me', 1000)).rejects.toThrow('full')
    await store.put('a', bytes(2), 1000)
    await clock.advance(1000)
    await store.put('b', bytes(1), 1000)
    expect(await store.claim('b', 'me', 1000)).toBe(true)
  })

  test('drops the log that was written longest ago beyond its bounds, and its readers are told', async () => {
    for (const bound of [{ logs: 2 }, { logBytes: 25 }]) {
      const { store } = memory(bound)
      const rules = { size: 10, forMs: 60_000 }
      const old = await store.append('old', bytes(10), rules)
      await store.append('used', bytes(5), rules)
      await store.append('old', bytes(5), rules)
      await store.append('new', bytes(10), rules)
      expect((await store.range('used', null)).entries).toEqual([])
      expect((await store.range('old', old)).entries).toHaveLength(1)
      expect((await store.range('new', null)).entries).toHaveLength(1)
      const again = await store.append('used', bytes(1), rules)
      expect((await store.range('used', { epoch: old.epoch, offset: 1 })).complete).toBe(false)
      expect(again.offset).toBe(1)
    }
  })

  test('keeps none of a log whose size is 0, and goes on counting', async () => {
    const { store } = memory()
    await store.append('log', bytes(1), { size: 0, forMs: 1000 })
    const { epoch, offset } = await store.append('log', bytes(1), { size: 0, forMs: 1000 })
    expect(offset).toBe(2)
    expect(await store.range('log', null)).toEqual({ epoch, entries: [], complete: false })
  })

  test('knows a reader that is up to date when everything has expired', async () => {
    const clock = testClock()
    const { store } = memory({ clock })
    const last = await store.append('log', bytes(1), { size: 10, forMs: 1000 })
    await clock.advance(100_000)
    expect(await store.range('log', last)).toEqual({ epoch: last.epoch, entries: [], complete: true })
  })

  test('sweeps what has expired away by itself and then rests', async () => {
    const clock = testClock()
    let timers = 0
    const counted = {
      ...clock,
      after: (ms: number, run: () => void) => (timers++, clock.after(ms, run)),
    }
    const { store } = memory({ clock: counted, values: 1 })
    await store.put('a', bytes(1), 1000)
    await store.append('log', bytes(1), { size: 1, forMs: 1000 })
    await clock.advance(3_600_000)
    expect(timers).toBe(1)
    await store.put('b', bytes(1), 1000)
    expect(timers).toBe(2)
  })

  test.each([Number.NaN, -1])('refuses to keep something for %s milliseconds', async (ttlMs) => {
    const { store } = memory()
    await expect(store.put('a', bytes(1), ttlMs)).rejects.toThrow(TypeError)
    await expect(store.claim('a', 'me', ttlMs)).rejects.toThrow(TypeError)
  })
})
