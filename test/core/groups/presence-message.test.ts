import { describe, expect, test } from 'vitest'
import { shownMember } from '../../../src/core/groups/member-table.ts'
import {
  inParts,
  packPresence,
  type PresenceMessage,
  unpackPresence,
} from '../../../src/core/groups/presence-message.ts'

const standpoint = { node: 'here', life: 'one', n: 3 }
const members = [shownMember({ user: 'ada', info: { name: 'Ada' } }, 5)]
const delta: PresenceMessage = { kind: 'd', ...standpoint, join: members, leave: ['bob'] }
const part: PresenceMessage = {
  kind: 's',
  ...standpoint,
  group: 'hall',
  re: 'question',
  part: 0,
  parts: 1,
  members,
}
const sign: PresenceMessage = { kind: 'g', ...standpoint }
const question: PresenceMessage = {
  kind: '?',
  node: 'here',
  id: 'question',
  group: 'hall',
  to: 'there',
  page: { after: 'ada', limit: 10 },
}

const messages: readonly (readonly [string, PresenceMessage])[] = [
  ['changes', delta],
  ['changes that are none', { ...delta, join: [], leave: [] }],
  ['a part of all members', part],
  ['a part without members', { ...part, members: [] }],
  ['a sign', sign],
  ['a sign before any change', { ...sign, n: 0 }],
  ['a question', question],
  ['a question for all nodes and all members', { ...question, to: null, page: null }],
  ['a question for the first page', { ...question, page: { after: null, limit: 1 } }],
]

test.each(messages)('another node reads what was packed: %s', (_, message) => {
  expect(unpackPresence(packPresence(message))).toEqual(message)
})

/** A message with other fields; `undefined` is left out. */
function changed(message: PresenceMessage, change: object): PresenceMessage | null {
  const { members: shown, join, ...fields } = JSON.parse(new TextDecoder().decode(packPresence(message)))
  const whole = { ...fields, ...(shown && { members: shown }), ...(join && { join }), ...change }
  return unpackPresence(new TextEncoder().encode(JSON.stringify(whole)))
}

const noText = [5, null, undefined, ['x']]
const noCount = [-1, 1.5, '1', null, undefined]
const noMembers = [
  undefined,
  {},
  [null],
  [[]],
  [['ada', 5]],
  [[{ user: 5 }, 5]],
  [[{ user: 'ada' }, '5']],
  [[{ user: 'ada' }]],
  [{ 0: { user: 'ada' }, 1: 5 }],
]
const each = (message: PresenceMessage, field: string, values: readonly unknown[]) =>
  values.map(
    (value) =>
      [`${message.kind} with ${field}: ${JSON.stringify(value)}`, message, { [field]: value }] as const,
  )

describe('what is no message is not read', () => {
  test.each([
    ...[delta, part, sign].flatMap((message) => [
      ...each(message, 'node', noText),
      ...each(message, 'life', noText),
      ...each(message, 'n', noCount),
    ]),
    ...each(sign, 'kind', ['x', undefined]),
    ...each(delta, 'join', noMembers),
    ...each(delta, 'leave', [undefined, 'bob', [5], ['bob', null]]),
    ...each(part, 'members', noMembers),
    ...each(part, 'group', noText),
    ...each(part, 're', noText),
    ...each(part, 'part', noCount),
    ...each(part, 'parts', noCount),
    ...each(question, 'node', noText),
    ...each(question, 'id', noText),
    ...each(question, 'group', noText),
    ...each(question, 'to', [5, undefined, ['x']]),
    ...each(question, 'page', [
      5,
      undefined,
      [],
      {},
      { after: 5, limit: 1 },
      { limit: 1 },
      ...[0, ...noCount].map((limit) => ({ after: 'ada', limit })),
    ]),
  ])('%s', (_, message, change) => {
    expect(changed(message, change)).toBeNull()
  })

  test.each(['{', '[]', '5', 'null', '"g"'])('%s', (text) => {
    expect(unpackPresence(new TextEncoder().encode(text))).toBeNull()
  })

  test('a member that was shown at an infinite time', () => {
    const text = new TextDecoder().decode(packPresence(delta)).replace(',5]', ',1e999]')
    expect(text).toContain('1e999')
    expect(unpackPresence(new TextEncoder().encode(text))).toBeNull()
  })
})

describe('members in parts', () => {
  const large = (user: string) => shownMember({ user, info: 'x'.repeat(40_000) }, 1)

  test('are one empty part when there are none', () => {
    expect(inParts([])).toEqual([[]])
  })

  test('share one part up to 64 KiB', () => {
    const many = Array.from({ length: 100 }, (_, index) => shownMember({ user: `u${index}`, info: {} }, 1))
    expect(inParts(many)).toEqual([many])
  })

  test('have a part each when two are larger than 64 KiB', () => {
    const [ada, bob, eve] = [large('ada'), large('bob'), large('eve')]
    expect(inParts([ada, bob, eve])).toEqual([[ada], [bob], [eve]])
  })

  test('that are larger than 64 KiB themselves leave no part empty', () => {
    const ada = shownMember({ user: 'ada', info: 'x'.repeat(70_000) }, 1)
    expect(inParts([ada])).toEqual([[ada]])
  })
})
