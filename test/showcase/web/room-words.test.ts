import { describe, expect, test } from 'vitest'
import { composerLock } from '../../../showcase/web/src/chat/composer-lock.ts'
import { connectionWords, sentence } from '../../../showcase/web/src/live/connection-words.ts'
import { continues } from '../../../showcase/web/src/chat/days.ts'
import { peopleOf } from '../../../showcase/web/src/chat/people.ts'

const now = 1_000_000
const circumstances = { now, online: true }
const quiet = { retryAt: null, denial: null }

describe('the words for a connection', () => {
  test('they count down to the next attempt, which is not read out each second', () => {
    const words = connectionWords({ state: 'waiting', retryAt: now + 4_200, denial: null }, circumstances)
    expect(words.shown).toBe('Offline. Retrying in 5 s')
    expect(words.spoken).not.toContain('5')
  })

  test('they never count below zero', () => {
    const words = connectionWords({ state: 'waiting', retryAt: now - 1, denial: null }, circumstances)
    expect(words.shown).toBe('Offline. Retrying in 0 s')
  })

  test('they say the reason of a denial, and that one is signed out', () => {
    const denied = (status: number) =>
      connectionWords(
        { state: 'denied', retryAt: null, denial: { status, code: 'word', message: 'not for you' } },
        circumstances,
      ).shown
    expect(denied(403)).toBe('Refused. Not for you.')
    expect(denied(401)).toBe('Signed out')
  })

  test('they make a sentence of a reason, and leave one that is a sentence', () => {
    expect(sentence('you may not come in here')).toBe('You may not come in here.')
    expect(sentence('Sign in first.')).toBe('Sign in first.')
  })

  test('they do not call a line open on a machine without a network', () => {
    const words = connectionWords({ state: 'open', ...quiet }, { now, online: false })
    expect(words).toMatchObject({ tone: 'bad', shown: 'No network' })
  })
})

describe('the lock of the composer', () => {
  test('it is open to those whose grant lets them write, and to no other user', () => {
    const lock = (grant: Parameters<typeof composerLock>[0]['grant']) =>
      composerLock({ state: 'open', grant }, true)
    expect(lock({ canWrite: true, role: 'member' })).toBeNull()
    expect(lock({ canWrite: false, role: 'member' })?.reason).toContain('read-only')
    expect(lock({ canWrite: false, role: 'reader' })?.reason).toContain('reader')
    expect(lock(undefined)).not.toBeNull()
  })

  test('a draft may go on without a connection, but not after a refusal', () => {
    expect(composerLock({ state: 'waiting', grant: undefined }, true)?.temporary).toBe(true)
    expect(composerLock({ state: 'denied', grant: undefined }, true)?.temporary).toBe(false)
  })

  test('without a network nothing is sent, and a reader stays a reader', () => {
    const lock = (canWrite: boolean) =>
      composerLock({ state: 'open', grant: { canWrite, role: 'reader' } }, false)
    expect(lock(true)).toMatchObject({ temporary: true, reason: expect.stringContaining('No network') })
    expect(lock(false)?.temporary).toBe(false)
  })
})

describe('the people of a room', () => {
  const ada = { id: 'a', name: 'Ada', username: 'ada', role: 'owner' } as const
  const grace = { id: 'g', name: 'Grace', username: 'grace', role: 'member' } as const

  test('those who are here come first, visitors without a role among them', () => {
    const members = [
      { user: 'g', info: { name: 'Grace' } },
      { user: 'z', info: { name: 'Zuse' } },
    ]
    expect(
      peopleOf([ada, grace], { members, count: 2 }).map(({ name, role, here }) => [name, role, here]),
    ).toEqual([
      ['Grace', 'member', true],
      ['Zuse', null, true],
      ['Ada', 'owner', false],
    ])
  })

  test('a presence without a name is shown as a person', () => {
    const presence = { members: [{ user: 'x', info: null }], count: 1 }
    expect(peopleOf([], presence)[0]?.name).toBe('a member')
  })

  test('of a crowd those with a role are listed, and no member is shown as gone', () => {
    const crowd = { members: [], count: 201 }
    expect(peopleOf([ada, grace], crowd).map(({ name, here }) => [name, here])).toEqual([
      ['Ada', null],
      ['Grace', null],
    ])
  })
})

describe('messages in a row', () => {
  const said = (by: string, at: number) => ({ id: String(at), from: by, by, text: '', at })

  test('one goes on with another of the same author within five minutes', () => {
    expect(continues(said('a', 299_999), said('a', 0))).toBe(true)
    expect(continues(said('a', 300_000), said('a', 0))).toBe(false)
    expect(continues(said('b', 1), said('a', 0))).toBe(false)
    expect(continues(said('a', 1), undefined)).toBe(false)
  })
})
