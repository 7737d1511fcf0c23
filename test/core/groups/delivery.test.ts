import { expect, test } from 'vitest'
import type { Link } from '../../../src/core/api/layer.ts'
import { groupAddress } from '../../../src/core/groups/address.ts'
import { type GroupMessage, packGroupMessage } from '../../../src/core/groups/group-message.ts'
import { Groups } from '../../../src/core/groups/groups.ts'
import type { GroupMember } from '../../../src/core/groups/local-group.ts'
import { contract, memory, text } from '../../../src/index.ts'
import { settled, testClock } from '../../../src/testing/clock.ts'
import { linkOf } from '../../support/links.ts'

const room = groupAddress(contract('/ws/room', { server: text }), '', {})
const kept = groupAddress(contract('/ws/kept', { server: text, history: { size: 100, for: '5m' } }), '', {})
const message = (content: string, except: string | null = null): GroupMessage => ({
  type: null,
  body: { kind: 'text', text: content },
  slow: 'close',
  key: '',
  at: null,
  except,
})

/** The groups of a node on a layer in memory, some methods of which are as a test says. */
async function groupsOn(change: (link: Link) => Partial<Link> = () => ({})) {
  const clock = testClock()
  const layer = memory({ clock })
  const own = await linkOf(layer, 'here')
  const link: Link = {
    publish: (topic, pack, keep) => own.publish(topic, pack, keep),
    subscribe: (topic, hear) => own.subscribe(topic, hear),
    range: (topic, rules, after) => own.range(topic, rules, after),
    put: (key, value, ttlMs) => own.put(key, value, ttlMs),
    take: (key) => own.take(key),
    claim: (key, owner, ttlMs) => own.claim(key, owner, ttlMs),
    close: () => own.close(),
    ...change(own),
  }
  const faults: string[] = []
  const groups = new Groups({
    link,
    clock,
    report: (error) => void faults.push(String(error)),
    emit: () => {},
  })
  const member = (id: string, framed = true) => {
    const sent: string[] = []
    const connection = {
      send: (packet: { readonly payload: unknown }) => void sent.push(String(packet.payload)),
    }
    const isSocket = (one: string): boolean => one === id
    return { sent, member: { id, isSocket, path: '/ws/room', framed, connection } satisfies GroupMember }
  }
  return { layer, groups, faults, member }
}

test('a message reaches every member but the one that it leaves out, each in its own wire', async () => {
  const { groups, member } = await groupsOn()
  const [ada, bob, cy] = [member('ada'), member('bob'), member('cy', false)]
  for (const one of [ada, bob, cy]) groups.join(await groups.reserve(room), one.member)
  expect(await groups.send(room, message('hi', 'ada'), false)).toBe(2)
  expect([ada.sent, bob.sent, cy.sent]).toEqual([[], [expect.stringContaining('"data":"hi"')], ['hi']])
})

test('a group loses a member that leaves, and ends with the last of its holders', async () => {
  const { groups, member } = await groupsOn()
  const [ada, bob] = [member('ada'), member('bob')]
  const [left, stays, unused] = [
    await groups.reserve(room),
    await groups.reserve(room),
    await groups.reserve(room),
  ]
  groups.join(stays, bob.member)
  groups.join(left, ada.member)
  groups.leave(left, ada.member)
  groups.leave(unused, null)
  expect([await groups.send(room, message('hi'), false), groups.size]).toEqual([1, 1])
  expect([ada.sent, bob.sent.length]).toEqual([[], 1])
  groups.leave(stays, bob.member)
  expect([await groups.send(room, message('hi'), false), groups.size]).toEqual([0, 0])
})

test('a group without a history has an empty one, which is complete from its beginning alone', async () => {
  const { groups } = await groupsOn()
  expect(await groups.history(room, null)).toEqual({ complete: true, kept: [] })
  expect(await groups.history(room, { epoch: 'e', offset: 1 })).toEqual({ complete: false, kept: [] })
})

test('a message that is not kept leaves in its turn again once the kept ones before it are out', async () => {
  const { groups, member } = await groupsOn()
  const ada = member('ada')
  groups.join(await groups.reserve(kept), ada.member)
  await groups.send(kept, message('kept'), true)
  await settled()
  void groups.send(kept, message('at once'), false)
  expect(ada.sent).toHaveLength(2)
})

test('a message that is not kept does not wait for the layer to accept another such message', async () => {
  const publishing: (() => void)[] = []
  const { groups, member } = await groupsOn((link) => ({
    publish: async (topic, pack, keep) => {
      await new Promise<void>((resolve) => publishing.push(resolve))
      return link.publish(topic, pack, keep)
    },
  }))
  const ada = member('ada')
  groups.join(await groups.reserve(kept), ada.member)
  const sending = ['one', 'two'].map(async (content) => groups.send(kept, message(content), false))
  expect(ada.sent).toHaveLength(2)
  for (const accept of publishing) accept()
  expect(await Promise.all(sending)).toEqual([1, 1])
})

test('the end of one kept message does not let an unkept one overtake the next', async () => {
  const publishing: (() => void)[] = []
  const { groups, member } = await groupsOn((link) => ({
    publish: async (topic, pack, keep) => {
      if (keep !== undefined) await new Promise<void>((resolve) => publishing.push(resolve))
      return link.publish(topic, pack, keep)
    },
  }))
  const ada = member('ada')
  groups.join(await groups.reserve(kept), ada.member)
  void groups.send(kept, message('first'), true)
  void groups.send(kept, message('second'), true)
  await settled()
  publishing[0]?.()
  await settled()
  void groups.send(kept, message('typing'), false)
  await settled()
  expect(ada.sent).toHaveLength(1)
  publishing[1]?.()
  await settled()
  expect(ada.sent.map((frame) => /"data":"(\w+)"/.exec(frame)?.[1])).toEqual(['first', 'second', 'typing'])
})

test('a message of the layer that is malformed is reported, and those after it are delivered', async () => {
  const { layer, groups, faults, member } = await groupsOn()
  const ada = member('ada')
  groups.join(await groups.reserve(room), ada.member)
  const other = await linkOf(layer, 'other')
  await other.publish(room.key, () => new Uint8Array([1, 2]))
  await settled()
  expect(faults).toEqual(['TypeError: a message from the layer is malformed'])
  await other.publish(room.key, () => packGroupMessage(message('well formed')))
  await settled()
  expect(ada.sent).toEqual([expect.stringContaining('well formed')])
})

test('a message for a subscription that has ended reaches no member of the next one', async () => {
  const heard: ((bytes: Uint8Array) => void)[] = []
  const { groups, faults, member } = await groupsOn(() => ({
    subscribe: async (_topic, hear) => {
      heard.push((bytes) => hear({ bytes, placed: null, lost: true }))
      return () => {}
    },
  }))
  groups.leave(await groups.reserve(room), null)
  const ada = member('ada')
  groups.join(await groups.reserve(room), ada.member)
  heard[0]?.(new Uint8Array([1]))
  expect([ada.sent, faults]).toEqual([[], []])
})

test('a history whose end cannot be read, and one that cannot be read again, are reported', async () => {
  const heard: ((offset: number) => void)[] = []
  const { groups, faults } = await groupsOn(() => ({
    subscribe: async (_topic, hear) => {
      const place = (offset: number) => ({ epoch: 'e', offset })
      heard.push((offset) =>
        hear({
          bytes: packGroupMessage(message(`${offset}`)),
          placed: { at: place(offset), prev: place(offset - 1) },
          lost: false,
        }),
      )
      return () => {}
    },
    range: () => Promise.reject(new Error('the log is away')),
  }))
  await groups.reserve(kept)
  expect(faults).toEqual(['Error: the log is away'])
  heard[0]?.(1)
  heard[0]?.(3)
  await settled()
  expect(faults).toEqual(['Error: the log is away', 'Error: the log is away'])
})
