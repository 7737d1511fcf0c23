import { describe, expect, test } from 'vitest'
import { memberOf, MemberTable, pageOf, shownMember } from '../../../src/core/groups/member-table.ts'

const shown = (user: string, at = 1, info: unknown = {}) => shownMember({ user, info }, at)
const tableOf = (...users: readonly string[]): MemberTable => {
  const table = new MemberTable(() => undefined)
  for (const user of users) table.set('a', shown(user))
  table.takeChanges()
  return table
}
const seen = (table: MemberTable): readonly unknown[] =>
  Array.from(table.members, (member) => [member.user, memberOf(member).info])

describe('a user that several nodes show', () => {
  test('is seen as this node shows it, when that is later', () => {
    const table = new MemberTable(() => shown('ada', 2, 'from here'))
    table.set('b', shown('ada', 1, 'from b'))
    expect(seen(table)).toEqual([['ada', 'from here']])
  })

  test.each([
    ['later', 1, 2],
    ['of the later text, at the same time', 1, 1],
  ])('is seen once, as the one that is %s shows it, in whatever order they come', (_, a, b) => {
    const shows = [['a', shown('ada', a, 'from a')] as const, ['b', shown('ada', b, 'from b')] as const]
    for (const order of [shows, shows.toReversed()]) {
      const table = new MemberTable(() => undefined)
      for (const [node, member] of order) table.set(node, member)
      expect(seen(table)).toEqual([['ada', 'from b']])
    }
  })

  test('is seen as the other shows it, when the one goes', () => {
    const table = tableOf('ada')
    table.set('b', shown('ada', 2, 'from b'))
    table.delete('b', 'ada')
    expect(seen(table)).toEqual([['ada', {}]])
    table.delete('a', 'ada')
    expect([table.size, table.bytes, table.list]).toEqual([0, 0, ''])
  })
})

describe('what has changed', () => {
  test('is what came, changed or went since it was taken last', () => {
    const table = tableOf('ada', 'bob', 'eve')
    table.set('a', shown('zoe'))
    table.set('a', shown('bob', 2, 'new'))
    table.delete('a', 'eve')
    const joins = ['{"user":"zoe","info":{}}', '{"user":"bob","info":"new"}']
    expect(table.takeChanges()).toEqual({ joins, leaves: ['eve'] })
    expect(table.takeChanges()).toEqual({ joins: [], leaves: [] })
  })

  test('is nothing when it has changed back, or looks the same', () => {
    const table = tableOf('ada')
    table.delete('a', 'ada')
    table.set('a', shown('ada', 2))
    table.set('a', shown('bob'))
    table.delete('a', 'bob')
    table.set('b', shown('ada', 3))
    expect(table.takeChanges()).toEqual({ joins: [], leaves: [] })
  })

  test('is only the difference when a node tells all that it shows', () => {
    const table = tableOf('ada', 'bob')
    table.replace('a', [shown('bob', 2), shown('cy', 2)])
    expect(table.takeChanges()).toEqual({ joins: ['{"user":"cy","info":{}}'], leaves: ['ada'] })
    table.replace('a', [])
    expect(table.takeChanges().leaves).toEqual(['bob', 'cy'])
  })
})

test('the bytes of a table are those of its list, whatever its characters', () => {
  const table = tableOf('ada', 'bob')
  table.set('a', shown('Zoë 🐙', 2, { name: '日本' }))
  table.set('a', shown('bob', 2, { name: 'x'.repeat(100) }))
  table.delete('a', 'ada')
  expect(table.bytes).toBe(Buffer.byteLength(table.list) - 1)
  expect(JSON.parse(`[${table.list}]`)).toEqual(Array.from(table.members, memberOf))
})

test.each([1, 3, 7, 100])('pages of %i hold every member once, in the order of their users', (limit) => {
  const users = Array.from({ length: 50 }, (_, index) => `user ${(index * 37) % 50}`)
  const table = tableOf(...users)
  const all: string[] = []
  for (;;) {
    const page = pageOf(table.members, { after: all.at(-1) ?? null, limit })
    expect(page.length).toBeLessThanOrEqual(limit)
    if (page.length === 0) break
    all.push(...page.map(({ user }) => user))
  }
  expect(all).toEqual(users.toSorted())
})

test('an older text is not seen in place of a later one, though it sorts behind it', () => {
  const shows = [['a', shown('ada', 2, 'a')] as const, ['b', shown('ada', 1, 'z')] as const]
  for (const order of [shows, shows.toReversed()]) {
    const table = new MemberTable(() => undefined)
    for (const [node, member] of order) table.set(node, member)
    expect(seen(table)).toEqual([['ada', 'a']])
  }
})

test('the first page of 3,000 members is the same in whatever order they came', () => {
  const users = Array.from({ length: 3_000 }, (_, index) => String(index).padStart(4, '0'))
  for (const came of [users, users.toReversed()]) {
    const page = pageOf(
      came.map((user) => shown(user)),
      { after: null, limit: 3 },
    )
    expect(page.map(({ user }) => user)).toEqual(['0000', '0001', '0002'])
  }
})
