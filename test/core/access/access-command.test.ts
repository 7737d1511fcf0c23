import { describe, expect, test } from 'vitest'
import {
  answerIn,
  isText,
  maxName,
  maxReason,
  type AccessCommand,
  commandIn,
  packed,
} from '../../../src/core/access/access-command.ts'

const command: AccessCommand = {
  id: 'one',
  kind: 'revoke',
  who: { user: 'ada' },
  reason: 'banned',
  at: 5,
  forMs: 1_000,
  node: 'here',
}
const answer = { id: 'one', node: 'there', closed: 1, changed: 2, dropped: 3 }
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const changed = (one: object, change: object): Uint8Array => bytes(JSON.stringify({ ...one, ...change }))
const long = (characters: number): string => 'x'.repeat(characters)

describe('an access command of another node', () => {
  test.each([
    ['all its fields', {}],
    ['a recheck', { kind: 'recheck' }],
    ['a path', { path: '/ws/lines' }],
    ['the longest reason', { reason: long(maxReason) }],
    ['the longest node', { node: long(maxName) }],
    ['the longest id', { id: long(64) }],
    ['a session, a token and a room', { who: { session: 's', token: 't', room: 'r' } }],
    ['a tenant', { who: { user: 'ada', tenant: 'acme' } }],
    ['the tenant without a name', { who: { user: 'ada', tenant: '' } }],
    ['the longest tenant', { who: { user: 'ada', tenant: long(maxName) } }],
  ])('is read as it was packed: %s', (_, change) => {
    expect(commandIn(changed(command, change))).toEqual({ ...command, ...change })
  })

  test('keeps no field that this node does not know', () => {
    const more = { ...command, extra: 1, path: 5, who: { user: 'ada', extra: 1 } }
    expect(commandIn(changed(more, {}))).toEqual(command)
  })

  test.each([
    ['no id', { id: undefined }],
    ['an empty id', { id: '' }],
    ['a long id', { id: long(65) }],
    ['another kind', { kind: 'pardon' }],
    ['no reason', { reason: undefined }],
    ['an empty reason', { reason: '' }],
    ['a long reason', { reason: long(maxReason + 1) }],
    ['no time', { at: undefined }],
    ['a time that is a text', { at: '5' }],
    ['no time to remember', { forMs: undefined }],
    ['a time to remember that is a text', { forMs: '1000' }],
    ['nothing to remember', { forMs: 0 }],
    ['less than nothing to remember', { forMs: -1 }],
    ['no node', { node: undefined }],
    ['a node that is a number', { node: 5 }],
    ['a long node', { node: long(maxName + 1) }],
    ['no names', { who: undefined }],
    ['names that are a text', { who: 'ada' }],
    ['no name that this node knows', { who: { extra: 'ada' } }],
    ['a tenant alone', { who: { tenant: 'acme' } }],
    ['an empty name', { who: { user: '' } }],
    ['a name beside one that is a number', { who: { user: 'ada', session: 5 } }],
    ['a long name', { who: { user: long(maxName + 1) } }],
    ['a tenant that is a number', { who: { user: 'ada', tenant: 5 } }],
    ['a long tenant', { who: { user: 'ada', tenant: long(maxName + 1) } }],
  ])('is none with %s', (_, change) => {
    expect(commandIn(changed(command, change))).toBeNull()
  })

  test.each([
    ['an infinite time', '"at":5', '"at":1e999'],
    ['an infinite time to remember', '"forMs":1000', '"forMs":1e999'],
  ])('is none with %s', (_, written, instead) => {
    expect(commandIn(bytes(JSON.stringify(command).replace(written, instead)))).toBeNull()
  })

  test.each([
    ['are a list', '[]'],
    ['are no JSON', '{'],
    ['are more than 128 KiB', JSON.stringify({ ...command, extra: long(131_072) })],
  ])('is none when its bytes %s', (_, text) => {
    expect(commandIn(bytes(text))).toBeNull()
  })
})

describe('an answer of another node', () => {
  test('is read as it was packed', () => {
    expect(answerIn(packed(answer))).toEqual(answer)
  })

  test('has dropped nothing when it has no number', () => {
    expect(answerIn(changed(answer, { dropped: undefined }))).toEqual({ ...answer, dropped: 0 })
  })

  test.each([
    ['no id', { id: undefined }],
    ['no node', { node: undefined }],
    ['a long id', { id: long(65) }],
    ...['closed', 'changed', 'dropped'].flatMap((field) =>
      [-1, 1.5, '1', null].map(
        (count) => [`${field}: ${JSON.stringify(count)}`, { [field]: count }] as const,
      ),
    ),
    ['more than 4 KiB', { extra: long(4_096) }],
  ] as const)('is none with %s', (_, change) => {
    expect(answerIn(changed(answer, change))).toBeNull()
  })
})

test.each([
  ['x', true],
  ['xx', true],
  ['xxx', false],
  ['', false],
  [5, false],
  [['x'], false],
  [undefined, false],
])('a text of 1 to 2 characters: %j %s', (value, expected) => {
  expect(isText(value, 2)).toBe(expected)
})
