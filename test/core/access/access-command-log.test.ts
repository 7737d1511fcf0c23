import { expect, test } from 'vitest'
import type { Delivery, LogRules } from '../../../src/core/api/layer.ts'
import { AccessCommandLog } from '../../../src/core/access/access-command-log.ts'
import { memory } from '../../../src/index.ts'
import { settled, testClock } from '../../../src/testing/clock.ts'
import { changedLinks, linkOf } from '../../support/links.ts'

const topic = 'orders'
const system: LogRules = { space: 'system', size: 5_000, forMs: 60_000 }

/** The log of one node, what it has heard, how often it asked the layer, and a second node that gives orders. */
async function house(from: 'all' | 'head' = 'all', rules = system) {
  const clock = testClock()
  const layer = memory({ clock })
  const [heard, faults]: [string[], unknown[]] = [[], []]
  let [ranges, turns] = [0, 0]
  let deliver: (delivery: Delivery) => void = () => {}
  const counted = changedLinks(layer, (link) => ({
    subscribe: (name, hear) => {
      deliver = hear
      return link.subscribe(name, hear)
    },
    range: async (...asked) => {
      ranges++
      const range = await link.range(...asked)
      // of the end of a log alone a layer need not know what was lost before it
      return asked[2] === 'head' ? { ...range, complete: false } : range
    },
  }))
  const here = new AccessCommandLog({
    link: await linkOf(counted, 'here'),
    topic,
    rules,
    clock: {
      ...clock,
      after: (ms, callback) => {
        turns++
        callback()
        return clock.after(ms, () => {})
      },
    },
    from,
    report: (fault) => void faults.push(fault),
    hear: (bytes) => void heard.push(new TextDecoder().decode(bytes)),
  })
  const there = await linkOf(layer, 'there')
  const give = (text: string) =>
    there.publish(topic, () => new TextEncoder().encode(text), { ...rules, id: text })
  return {
    here,
    give,
    heard,
    faults,
    ranges: () => ranges,
    turns: () => turns,
    deliver: (delivery: Delivery) => deliver(delivery),
  }
}

test('of orders that come one after another none is read in the log', async () => {
  const { here, give, heard, ranges } = await house()
  await here.start()
  for (const text of ['one', 'two', 'three']) await give(text)
  await settled()
  expect(heard).toEqual(['one', 'two', 'three'])
  expect(ranges()).toBe(1)
})

test('an order that is heard again has nothing read', async () => {
  const { here, give, deliver, ranges } = await house()
  await here.start()
  await give('one')
  const placed = await give('two')
  await settled()
  deliver({ bytes: new Uint8Array(), placed, lost: false })
  await settled()
  expect(ranges()).toBe(1)
})

test('an order that comes before the log was read is heard, and not read for itself', async () => {
  const { here, give, heard, ranges, faults } = await house()
  const started = here.start()
  await give('early')
  await started
  await settled()
  expect(heard).toContain('early')
  expect([ranges(), faults]).toEqual([1, []])
})

test.each([
  ['follows another number', { offset: 99 }],
  ['follows that of another epoch', { epoch: 'another' }],
  ['follows that of another mark', { mark: 'another' }],
])('an order that %s has what is missing read', async (_, other) => {
  const { here, give, deliver, ranges } = await house()
  await here.start()
  const placed = await give('one')
  await settled()
  const last = placed?.at ?? { epoch: '', offset: 0 }
  const at = { ...last, offset: last.offset + 2 }
  deliver({ bytes: new Uint8Array(), placed: { at, prev: { ...last, ...other } }, lost: false })
  await settled()
  expect(ranges()).toBe(2)
})

test('an order that does not say what it follows has what is missing read', async () => {
  const { here, give, deliver, ranges } = await house()
  await here.start()
  const placed = await give('one')
  await settled()
  const at = { epoch: placed?.at.epoch ?? '', offset: 99 }
  deliver({ bytes: new Uint8Array(), placed: { at, prev: null }, lost: false })
  await settled()
  expect(ranges()).toBe(2)
})

test('2,500 orders are read in three turns', async () => {
  const { here, give, heard, turns } = await house()
  for (let count = 0; count < 2_500; count++) await give(String(count))
  await here.start()
  expect(heard).toHaveLength(2_500)
  expect(turns()).toBe(2)
})

test.each([
  ['that reads all of a log with a hole reports it', 'all', 3, 1],
  ['that reads all of a whole log reports nothing', 'all', 2, 0],
  ['that reads from the end on misses nothing, and reports nothing', 'head', 3, 0],
] as const)('a node %s', async (_, from, given, reported) => {
  const { here, give, faults } = await house(from, { ...system, size: 2 })
  for (let count = 0; count < given; count++) await give(String(count))
  await here.start()
  expect(faults).toHaveLength(reported)
})
