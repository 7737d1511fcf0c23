import { expect, test } from 'vitest'
import { isSameGrant } from '../../../src/core/access/grant-equality.ts'

class Row {
  readonly role: string
  constructor(role: string) {
    this.role = role
  }
}

class Sealed {
  readonly #role: string
  constructor(role: string) {
    this.#role = role
  }
  get role(): string {
    return this.#role
  }
}

/** A row whose field may be missing. */
class Badge {
  declare readonly level: string
}

function cyclic(): object {
  const self: Record<string, unknown> = {}
  return Object.assign(self, { self, again: self })
}

test.each([
  ['texts', 'editor', 'editor'],
  ['objects', { role: 'editor', in: ['a', { b: 1 }] }, { role: 'editor', in: ['a', { b: 1 }] }],
  ['nothing at all', {}, {}],
  ['empty lists', [], []],
  ['records without a prototype', Object.create(null), Object.create(null)],
  ['sets', new Set(['a']), new Set(['a'])],
  ['maps', new Map([['a', { level: 1 }]]), new Map([['a', { level: 1 }]])],
  ['dates', new Date(1), new Date(1)],
  ['rows of a class', new Row('editor'), new Row('editor')],
])('%s that hold the same are the same', (_, one, other) => {
  expect(isSameGrant(one, other)).toBe(true)
})

test.each([
  ['texts', 'editor', 'viewer'],
  ['a number and its text', 1, '1'],
  ['objects', { role: 'editor' }, { role: 'viewer' }],
  ['one that has lost a field', { role: 'editor', beta: true }, { role: 'editor' }],
  ['one that has got a field', { role: 'editor' }, { role: 'editor', beta: true }],
  ['a row that has lost its only field', Object.assign(new Badge(), { level: 'gold' }), new Badge()],
  ['a row that has got its first field', new Badge(), Object.assign(new Badge(), { level: 'gold' })],
  ['what is not there and a date', { until: undefined }, { until: new Date(1) }],
  ['sets', { panels: new Set(['a']) }, { panels: new Set() }],
  ['maps', new Map([['a', { level: 1 }]]), new Map([['a', { level: 2 }]])],
  ['dates', new Date(1), new Date(2)],
  ['no end and a date', { until: null }, { until: new Date(1) }],
  ['a date and no end', { until: new Date(1) }, { until: null }],
  ['rows of a class', new Row('editor'), new Row('viewer')],
  ['a row and what looks like it', new Row('editor'), { role: 'editor' }],
  ['a list and a set', ['a'], new Set(['a'])],
  ['what hides its fields', new Sealed('editor'), new Sealed('editor')],
  ['functions', { can: () => true }, { can: () => true }],
  ['cycles', cyclic(), cyclic()],
  ['big numbers', 1n, 2n],
])('%s that differ, or cannot be looked into, are not', (_, one, other) => {
  expect(isSameGrant(one, other)).toBe(false)
})
