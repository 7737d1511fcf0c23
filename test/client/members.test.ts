import { describe, expect, test } from 'vitest'
import { membersAfter, membersOf } from '../../src/client/members.ts'

const ada = { user: 'user:1', info: { name: 'Ada' } }
const bob = { user: 'user:2', info: { name: 'Bob' } }

describe('members', () => {
  test('who comes is added behind the others', () => {
    expect(membersAfter([ada], [bob], [])).toEqual([ada, bob])
  })

  test('who leaves is gone', () => {
    expect(membersAfter([ada, bob], [], ['user:1'])).toEqual([bob])
  })

  test('whose info changes keeps their place', () => {
    const renamed = { user: 'user:1', info: { name: 'Ada L.' } }
    expect(membersAfter([ada, bob], [renamed], [])).toEqual([renamed, bob])
  })

  test('what is no member is left out', () => {
    expect(membersOf([ada, null, 'x', { info: 1 }])).toEqual([ada])
    expect(membersOf(undefined)).toEqual([])
    expect(membersAfter([ada], undefined, undefined)).toEqual([ada])
  })
})
