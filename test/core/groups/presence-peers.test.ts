import { expect, test } from 'vitest'
import { MemberTable, type ShownMember, shownMember } from '../../../src/core/groups/member-table.ts'
import { PresenceNodes } from '../../../src/core/groups/presence-nodes.ts'
import { testClock } from '../../../src/testing/clock.ts'

const shown = (user: string, version = 1): ShownMember => shownMember({ user, info: {} }, version)
const life = 'p1.1'

/** The presence of other nodes in a group, and what it asks of them. */
function peers() {
  const clock = testClock()
  const table = new MemberTable(() => undefined)
  const asked: string[] = []
  const introduced: string[] = []
  const nodes = new PresenceNodes({
    table,
    clock,
    firstQuestion: 'first',
    askedAt: clock.monotonic(),
    ask: (id) => asked.push(id),
    introduced: (members) => introduced.push(...members.map(({ user }) => user)),
    changed: () => {},
  })
  const joins = (n: number, user: string, of = life): void =>
    nodes.delta({ kind: 'd', node: 'b', life: of, n, join: [shown(user)], leave: [] })
  const leaves = (n: number, user: string): void =>
    nodes.delta({ kind: 'd', node: 'b', life, n, join: [], leave: [user] })
  const answers = (n: number, users: readonly string[], how: { re?: string; of?: string } = {}): void => {
    const { re = 'first', of = life } = how
    const members = users.map((user) => shown(user))
    nodes.snapshot({ kind: 's', node: 'b', life: of, n, group: 'g', re, part: 0, parts: 1, members })
  }
  const signs = (n: number, of = life): void => nodes.sign({ kind: 'g', node: 'b', life: of, n })
  const users = (): readonly string[] => Array.from(table.members, ({ user }) => user)
  return { clock, nodes, asked, introduced, joins, leaves, answers, signs, users }
}

test('a change that arrives twice is applied once, and no request is sent for it', () => {
  const { joins, leaves, users, asked } = peers()
  joins(1, 'ada')
  leaves(2, 'ada')
  joins(1, 'ada')
  expect([users(), asked]).toEqual([[], []])
})

test('a change behind a gap waits, and its node is asked for all its entries', () => {
  const { joins, users, asked } = peers()
  joins(1, 'ada')
  joins(3, 'cy')
  expect([users(), asked.length]).toEqual([['ada'], 1])
})

test('a message from before the last beginning of a node changes nothing', () => {
  const { joins, answers, signs, users, asked } = peers()
  joins(1, 'bob', 'p1.2')
  joins(1, 'ada', 'p1.1')
  answers(1, ['ada'], { of: 'p1.1' })
  signs(7, 'p1.1')
  expect([users(), asked]).toEqual([['bob'], []])
})

test('a new process is followed, though its count of beginnings is lower', () => {
  const { joins, users } = peers()
  joins(1, 'ada', 'p1.5')
  joins(1, 'bob', 'p2.1')
  expect(users()).toEqual(['bob'])
})

test('an answer that was not asked for changes nothing', () => {
  const { joins, answers, users } = peers()
  joins(1, 'ada')
  answers(1, ['mallory'], { re: 'another' })
  expect(users()).toEqual(['ada'])
})

test('an answer from before the changes that are known changes nothing', () => {
  const { joins, answers, users, introduced } = peers()
  joins(1, 'ada')
  joins(2, 'bob')
  answers(1, ['ada'])
  expect([users(), introduced]).toEqual([['ada', 'bob'], []])
})

test('only the answer to the request to all nodes introduces members', async () => {
  const { clock, joins, answers, introduced, asked } = peers()
  answers(1, ['ada'])
  await clock.advance(1_000)
  joins(3, 'cy')
  answers(3, ['ada', 'bob', 'cy'], { re: asked[0] ?? '' })
  expect(introduced).toEqual(['ada'])
})

test('changes wait for the answer to a request, and no further request is sent after it', async () => {
  const { clock, nodes, joins, signs, answers, users, asked } = peers()
  joins(1, 'ada')
  signs(2)
  expect(asked).toHaveLength(1)
  joins(2, 'bob')
  joins(3, 'cy')
  expect(users()).toEqual(['ada'])
  answers(2, ['ada', 'bob'], { re: asked[0] ?? '' })
  expect(users()).toEqual(['ada', 'bob', 'cy'])
  await clock.advance(2_000)
  nodes.sweep()
  expect(asked).toHaveLength(1)
})

test('a sign with the number of changes that are known sends no request; a higher one does', () => {
  const { joins, signs, asked } = peers()
  joins(1, 'ada')
  signs(1)
  expect(asked).toEqual([])
  signs(2)
  expect(asked).toHaveLength(1)
})

test('a request without an answer is sent again at the next sign or sweep, once a second at most', async () => {
  const { clock, nodes, joins, signs, asked } = peers()
  joins(1, 'ada')
  signs(3)
  signs(3)
  nodes.sweep()
  expect(asked).toHaveLength(1)
  await clock.advance(1_000)
  signs(1)
  expect(asked).toHaveLength(2)
  await clock.advance(1_000)
  nodes.sweep()
  expect(asked).toHaveLength(3)
})

test('a node with changes has a second to answer all nodes before it is asked alone', async () => {
  const early = peers()
  early.signs(5)
  expect(early.asked).toEqual([])
  const late = peers()
  await late.clock.advance(1_000)
  late.signs(5)
  expect(late.asked).toHaveLength(1)
})

test('parts of two answers are not put together', async () => {
  const { nodes, users, joins, signs, asked, clock } = peers()
  const part = (re: string, index: number, user: string): void =>
    nodes.snapshot({
      kind: 's',
      node: 'b',
      life,
      n: 1,
      group: 'g',
      re,
      part: index,
      parts: 2,
      members: [shown(user)],
    })
  joins(1, 'ada')
  part('first', 0, 'old')
  await clock.advance(1_000)
  signs(2)
  part(asked[0] ?? '', 1, 'new')
  expect(users()).toEqual(['ada'])
})
