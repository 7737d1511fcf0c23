import { expect, test } from 'vitest'
import type { Delivery, LogRules } from '../../../src/core/api/layer.ts'
import { AccessCommandLog } from '../../../src/core/access/access-command-log.ts'
import { memory } from '../../../src/index.ts'
import { settled, testClock } from '../../../src/testing/clock.ts'
import { changedLinks, linkOf } from '../../support/links.ts'

const topic = 'commands'
const system: LogRules = { space: 'system', size: 5_000, forMs: 60_000 }

/** The log of one node, what it has heard, how often it asked the layer, and a second node that publishes commands. */
async function commandLogWithPeer(from: 'all' | 'head' = 'all', rules = system) {
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
  const publishCommand = (text: string) =>
    there.publish(topic, () => new TextEncoder().encode(text), { ...rules, id: text })
  return {
    here,
    publishCommand,
    heard,
    faults,
    ranges: () => ranges,
    turns: () => turns,
    deliver: (delivery: Delivery) => deliver(delivery),
  }
}

test('commands that come one after another are not read in the log', async () => {
  const { here, publishCommand, heard, ranges } = await commandLogWithPeer()
  await here.start()
  for (const text of ['one', 'two', 'three']) await publishCommand(text)
  await settled()
  expect(heard).toEqual(['one', 'two', 'three'])
  expect(ranges()).toBe(1)
})

test('a command that is heard again causes no read of the log', async () => {
  const { here, publishCommand, deliver, ranges } = await commandLogWithPeer()
  await here.start()
  await publishCommand('one')
  const placed = await publishCommand('two')
  await settled()
  deliver({ bytes: new Uint8Array(), placed, lost: false })
  await settled()
  expect(ranges()).toBe(1)
})

test('a command that comes before the log was read is heard, and causes no read', async () => {
  const { here, publishCommand, heard, ranges, faults } = await commandLogWithPeer()
  const started = here.start()
  await publishCommand('early')
  await started
  await settled()
  expect(heard).toContain('early')
  expect([ranges(), faults]).toEqual([1, []])
})

test.each([
  ['follows another number', { offset: 99 }],
  ['follows that of another epoch', { epoch: 'another' }],
  ['follows that of another mark', { mark: 'another' }],
])('a command that %s has what is missing read', async (_, other) => {
  const { here, publishCommand, deliver, ranges } = await commandLogWithPeer()
  await here.start()
  const placed = await publishCommand('one')
  await settled()
  const last = placed?.at ?? { epoch: '', offset: 0 }
  const at = { ...last, offset: last.offset + 2 }
  deliver({ bytes: new Uint8Array(), placed: { at, prev: { ...last, ...other } }, lost: false })
  await settled()
  expect(ranges()).toBe(2)
})

test('a command that does not say what it follows has what is missing read', async () => {
  const { here, publishCommand, deliver, ranges } = await commandLogWithPeer()
  await here.start()
  const placed = await publishCommand('one')
  await settled()
  const at = { epoch: placed?.at.epoch ?? '', offset: 99 }
  deliver({ bytes: new Uint8Array(), placed: { at, prev: null }, lost: false })
  await settled()
  expect(ranges()).toBe(2)
})

test('2,500 commands are read in three turns', async () => {
  const { here, publishCommand, heard, turns } = await commandLogWithPeer()
  for (let count = 0; count < 2_500; count++) await publishCommand(String(count))
  await here.start()
  expect(heard).toHaveLength(2_500)
  expect(turns()).toBe(2)
})

test.each([
  ['that reads all of a log with a hole reports it', 'all', 3, 1],
  ['that reads all of a whole log reports nothing', 'all', 2, 0],
  ['that reads from the end on misses nothing, and reports nothing', 'head', 3, 0],
] as const)('a node %s', async (_, from, given, reported) => {
  const { here, publishCommand, faults } = await commandLogWithPeer(from, { ...system, size: 2 })
  for (let count = 0; count < given; count++) await publishCommand(String(count))
  await here.start()
  expect(faults).toHaveLength(reported)
})
