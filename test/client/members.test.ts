import { describe, expect, test } from 'vitest'
import { membersAfter, membersOf, presenceAfter } from '../../src/client/members.ts'

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

  test('that are too many for a list are a number, until the whole list is back', () => {
    const crowd = presenceAfter([ada], { op: 'presence', count: 201 })
    expect(crowd).toEqual({ members: [], count: 201 })
    const back = presenceAfter(crowd.members, { op: 'presence', members: [ada, bob] })
    expect(back).toEqual({ members: [ada, bob], count: 2 })
    expect(presenceAfter(back.members, { op: 'presence', joins: [], leaves: ['user:1'] })).toEqual({
      members: [bob],
      count: 1,
    })
  })

  test('what is no member is left out', () => {
    expect(membersOf([ada, null, 'x', { info: 1 }])).toEqual([ada])
    expect(membersOf(undefined)).toEqual([])
    expect(membersAfter([ada], undefined, undefined)).toEqual([ada])
  })
})
