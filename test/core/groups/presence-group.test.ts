import { expect, test } from 'vitest'
import { groupAddress } from '../../../src/core/groups/address.ts'
import { shownMember } from '../../../src/core/groups/member-table.ts'
import { PresenceGroup } from '../../../src/core/groups/presence-group.ts'
import type {
  MembersRequest,
  PresenceMessage,
  SnapshotPart,
} from '../../../src/core/groups/presence-message.ts'
import { TimerQueue } from '../../../src/core/runtime/timer-queue.ts'
import { settled, testClock } from '../../../src/testing/clock.ts'
import { presenceRoom } from '../support/presence-servers.ts'

/** The presence of a group on node `a`, and what it sends to other nodes. */
function group() {
  const clock = testClock()
  const published: PresenceMessage[] = []
  const answered: SnapshotPart[] = []
  const queue = new TimerQueue(clock)
  const count = { emptied: 0, timers: 0 }
  const presence = new PresenceGroup(
    {
      node: 'a',
      graceMs: 5_000,
      publish: (_, message) => void published.push(message),
      answer: (_, part) => void answered.push(part),
      emptied: () => count.emptied++,
      groups: { local: () => [] },
      clock,
      timers: {
        after: (ms, run) => {
          count.timers++
          return queue.after(ms, run)
        },
      },
      listBytes: 100_000,
    },
    { address: groupAddress(presenceRoom, '', {}), life: 'p1.1', upTo: 1_000 },
  )
  const enter = (user: string, socket = `socket of ${user}`): void =>
    presence.enter(socket, { user, info: {} })
  const joined = (): readonly unknown[] =>
    published
      .flatMap((message) => (message.kind === 'd' ? message.join : []))
      .map(({ user, version }) => [user, version])
  return { clock, presence, published, answered, count, enter, joined }
}

const question = (to: string | null): MembersRequest => ({
  kind: '?',
  node: 'b',
  id: 'q1',
  group: 'g',
  to,
  page: null,
})
const snapshot = (user: string, version: number, re = 'another'): SnapshotPart => ({
  kind: 's',
  node: 'b',
  life: 'p2.1',
  n: 1,
  group: 'g',
  re,
  part: 0,
  parts: 1,
  members: [shownMember({ user, info: {} }, version)],
})

test('what is shown after an answer of another node has a higher version than the answer', async () => {
  const { presence, enter, joined } = group()
  presence.hear(snapshot('zoe', 50))
  enter('ada')
  await settled()
  expect(joined()).toEqual([['ada', 51]])
})

test('a request to another node, and one to all nodes while no user is here, get no answer', () => {
  const { presence, enter, answered } = group()
  presence.hear(question(null))
  enter('ada')
  presence.hear(question('c'))
  expect(answered).toEqual([])
  presence.hear(question(null))
  presence.hear(question('a'))
  expect(answered).toHaveLength(2)
})

test('the first answer of a node changes no later entry, and no user who has just left', async () => {
  const { presence, enter, joined } = group()
  presence.begin()
  enter('ada')
  enter('ada', 'another tab')
  enter('bob')
  presence.leave('socket of bob', 'bob')
  await settled()
  const before = joined()
  presence.hear(snapshot('ada', 1, presence.firstQuestion))
  presence.introduced([shownMember({ user: 'bob', info: {} }, 9)])
  await settled()
  expect(joined()).toEqual(before)
})

test('an entry here that came while the first answer was under way is shown as the later one', async () => {
  const { presence, enter, joined } = group()
  presence.begin()
  enter('ada')
  await settled()
  presence.hear(snapshot('ada', 7, presence.firstQuestion))
  await settled()
  expect(joined()).toEqual([
    ['ada', 1],
    ['ada', 8],
  ])
})

test('many changes in one turn count once for the pace', async () => {
  const { enter, joined } = group()
  for (let user = 0; user < 30; user++) enter(`user ${user}`)
  await settled()
  expect(joined()).toHaveLength(30)
  enter('one more')
  await settled()
  expect(joined()).toHaveLength(31)
})

test('a group that has ended sends nothing more, and arms no timer', async () => {
  const { clock, presence, enter, published, count } = group()
  enter('ada')
  presence.stop()
  for (let user = 0; user < 30; user++) {
    enter(`user ${user}`)
    await settled()
  }
  presence.leave('socket of ada', 'ada')
  await settled()
  await clock.advance(10_000)
  expect([published, count]).toEqual([[], { emptied: 0, timers: 0 }])
})

test('a socket that was never shown leaves without effect', () => {
  const { presence, enter, count } = group()
  presence.hide('socket of ada', 'ada')
  enter('ada')
  presence.hide('another socket', 'ada')
  expect([count.emptied, presence.table.size]).toEqual([0, 1])
})
