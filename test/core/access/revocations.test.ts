import { createHash } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { type Revocation, Revocations } from '../../../src/core/access/revocations.ts'
import { testClock } from '../../../src/testing/clock.ts'

const reason = 'signed out'
const identity = { user: null, session: 's1', token: 't1' }
const fingerprint = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16)

/** Revocations on a clock that starts at the time 0, each counted as it comes; and what they report. */
function remembering() {
  const clock = testClock(0)
  const faults: unknown[] = []
  const revocations = new Revocations({ clock, fingerprint, report: (fault) => void faults.push(fault) })
  let number = 0
  const add = (revocation: Partial<Revocation> & Pick<Revocation, 'who'>): void =>
    revocations.add({ reason, at: clock.now(), forMs: 100, number: ++number, isLate: false, ...revocation })
  return { clock, revocations, add, faults }
}

test.each([
  ['session', { session: 's1' }],
  ['token', { token: 't1' }],
])('a %s that was revoked of one user is refused to them, and no other user has lost theirs', (_, what) => {
  const { revocations, add } = remembering()
  add({ who: { user: 'ada', ...what } })
  expect(revocations.against({ identity, subject: 'ada', accessVersion: 1 }, '')).toMatchObject({
    status: 401,
    reason: 'revoked',
  })
  expect(revocations.against({ identity, subject: 'grace', accessVersion: 1 }, '')).toBeNull()
})

test('what is over is forgotten, so that years of sign-outs cost no memory', async () => {
  const { clock, revocations, add } = remembering()
  for (let count = 0; count < 2_560; count++) {
    add({ who: { session: `s${count}` } })
    await clock.advance(1)
  }
  expect(revocations.size).toBeLessThan(128)
  const last = { user: null, session: 's2559' }
  expect(revocations.against({ identity: last, subject: 'ada', accessVersion: 2_560 }, '')).not.toBeNull()
})

test('the end of very many at once holds up no later one: each new one removes four', async () => {
  const { clock, revocations, add } = remembering()
  for (let count = 0; count < 1_000; count++) add({ who: { session: `s${count}` } })
  await clock.advance(100)
  for (let count = 1; count <= 10; count++) {
    add({ who: { session: `later ${count}` }, forMs: 1_000 })
    expect(revocations.size).toBe(1_000 - 3 * count)
  }
})

test('what is over is let in though its memory is kept a while longer', async () => {
  const { clock, revocations, add } = remembering()
  add({ who: { session: 's1' } })
  await clock.advance(99)
  expect(revocations.against({ identity, subject: 'ada', accessVersion: 1 }, '')).toMatchObject({
    status: 401,
  })
  await clock.advance(1)
  expect(revocations.against({ identity, subject: 'ada', accessVersion: 1 }, '')).toBeNull()
  expect(revocations.size).toBe(1)
})

test('a user who is revoked again and again takes the memory of one revocation', async () => {
  const { clock, revocations, add } = remembering()
  for (let count = 0; count < 100; count++) {
    add({ who: { user: 'ada' }, reason: `time ${count}` })
    await clock.advance(50)
  }
  expect(revocations.size).toBe(1)
  expect(revocations.bytes).toBe(240 + 2 * ('["ada",null]'.length + 'time 99'.length))
  const old = { user: null, issuedAt: new Date(49 * 100 + 1) }
  expect(revocations.against({ identity: old, subject: 'ada', accessVersion: 100 }, '')).toMatchObject({
    message: 'time 99',
  })
  await clock.advance(50)
  expect(revocations.against({ identity: old, subject: 'ada', accessVersion: 100 }, '')).toBeNull()
})

const dayMs = 86_400_000
const many = 110_000
// proves: endless-sign-outs
test.each(['session', 'user'] as const)(
  'beyond 100,000 of one kind none is let in again: those are refused by name (%s)',
  (kind) => {
    const { revocations, add, faults } = remembering()
    const named = (name: string) => (kind === 'session' ? { session: name } : { user: name })
    for (let count = 0; count < many; count++) add({ who: named(`one-${count}`), forMs: dayMs })
    expect(revocations.size).toBe(100_000)
    const isRefused = (name: string, issuedAt?: Date): boolean => {
      const asked = { user: null, ...named(name), ...(issuedAt === undefined ? {} : { issuedAt }) }
      return revocations.against({ identity: asked, subject: name, accessVersion: many }, '') !== null
    }
    const all = Array.from({ length: many }, (_, count) => `one-${count}`)
    expect(all.filter((name) => !isRefused(name))).toEqual([])
    const others = Array.from({ length: 10_000 }, (_, count) => `other-${count}`)
    expect(others.filter((name) => isRefused(name)).length).toBeLessThan(20)
    // of a user, what is issued since is let in as ever
    const since = all.filter((name) => !isRefused(name, new Date(1)))
    expect(since).toHaveLength(kind === 'session' ? 0 : many)
    expect(faults).toMatchObject([
      {
        code: 'ERR_CONFIGURATION',
        message: expect.stringMatching(/^more than 100000 revocations of .*'remember'/),
      },
    ])
  },
)

test('those beyond the bound are forgotten in their time, and a later flood finds room', async () => {
  const { clock, revocations, add } = remembering()
  for (let count = 0; count < 100_002; count++) add({ who: { session: `s${count}` }, forMs: dayMs })
  const first = { identity: { user: null, session: 's0' }, subject: 'ada', accessVersion: 100_002 }
  expect(revocations.against(first, '')).toMatchObject({ status: 401, message: 'sign in again' })
  await clock.advance(dayMs)
  expect(revocations.against(first, '')).toBeNull()
})

// proves: endless-sign-outs
test('a flood that never ends opens 32 filters of names at most, and each name is still refused', async () => {
  const { clock, revocations, add, faults } = remembering()
  for (let count = 0; count < 100_000; count++) add({ who: { session: `s${count}` }, forMs: dayMs })
  const late = Array.from({ length: 40 }, (_, count) => `late-${count}`)
  for (const session of late) {
    // all end at the same moment, so that no filter is over before the next one opens
    const leftMs = dayMs - clock.monotonic()
    add({ who: { session }, forMs: leftMs })
    await clock.advance(Math.ceil(leftMs / 8) + 1)
  }
  expect(faults).toHaveLength(32)
  const all = [...late, ...Array.from({ length: 100_000 }, (_, count) => `s${count}`)]
  const asked = (session: string) => ({
    identity: { user: null, session },
    subject: 'ada',
    accessVersion: 100_040,
  })
  expect(all.filter((session) => revocations.against(asked(session), '') === null)).toEqual([])
})

// proves: endless-sign-outs
test('long names and reasons are bounded by their bytes, and none is let in again', () => {
  const { revocations, add } = remembering()
  const text = 'x'.repeat(500)
  for (let count = 0; count < 20_000; count++)
    add({ who: { user: `${text}${count}`, tenant: text }, reason: `${text}${count}`, forMs: dayMs })
  expect(revocations.bytes).toBeLessThanOrEqual(32 * 1_048_576)
  expect(revocations.size).toBeGreaterThan(9_000)
  const old = { user: null, issuedAt: new Date(0) }
  for (const count of [0, 5_000, 19_999])
    expect(
      revocations.against({ identity: old, subject: `${text}${count}`, accessVersion: 20_000 }, text),
    ).not.toBeNull()
})

test('200,000 revocations cost at most 1.5 times the heap that is counted for the bound', () => {
  const { revocations, add } = remembering()
  const texts = Array.from({ length: 64 }, (_, count) => `signed out ${count}`)
  setFlagsFromString('--expose-gc')
  // the flag gives each new context a function of this name
  const collect = runInNewContext('gc') as () => void
  const heap = (): number => {
    collect()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }
  const before = heap()
  for (let count = 0; count < 200_000; count++)
    add({ who: { session: `0123456789abcdef0123${count}` }, reason: texts[count % 64] ?? '', forMs: dayMs })
  const [counted, cost] = [revocations.bytes, heap() - before]
  expect(counted).toBeLessThanOrEqual(32 * 1_048_576)
  expect(cost).toBeLessThan(1.5 * counted)
})

const ada = { subject: 'ada', accessVersion: 9 }
const issued = (at: number) => ({ user: null, issuedAt: new Date(at) })

test('an older ban that arrives late does not let in a user whom a later ban keeps out', () => {
  const { revocations, add } = remembering()
  for (const at of [10, 5]) add({ who: { user: 'ada' }, at })
  expect(revocations.against({ ...ada, identity: issued(7) }, '')).toMatchObject({ status: 403 })
  expect(revocations.against({ ...ada, identity: issued(11) }, '')).toBeNull()
})

test('a ban that is read late, but was given after the known one, refuses who came between', () => {
  const { revocations, add } = remembering()
  add({ who: { user: 'ada' }, at: 5 })
  add({ who: { user: 'ada' }, at: 10, isLate: true })
  expect(revocations.against({ ...ada, identity: issued(7) }, '')).toMatchObject({ status: 403 })
  expect(revocations.against({ ...ada, identity: issued(11) }, '')).toBeNull()
})

test('a revocation that is larger than the bound by itself is refused all the same', () => {
  const { revocations, add } = remembering()
  const session = 's'.repeat(17 * 1_048_576)
  add({ who: { session } })
  expect(revocations.size).toBe(0)
  const held = { identity: { user: null, session }, subject: 'ada', accessVersion: 1 }
  expect(revocations.against(held, '')).toMatchObject({ status: 401 })
})

test('those that are over make room first, and nothing is reported', async () => {
  const { clock, revocations, add, faults } = remembering()
  for (let count = 0; count < 60; count++)
    add({ who: { session: `s${count}` }, reason: 'x'.repeat(262_144), forMs: 100 })
  await clock.advance(100)
  add({ who: { session: 'large' }, reason: 'x'.repeat(8 * 1_048_576), forMs: dayMs })
  expect(revocations.bytes).toBeLessThanOrEqual(32 * 1_048_576)
  expect(faults).toEqual([])
})

test.each([
  ['one filter, up to 100,000 names', 100_800, 0, 1],
  ['a second filter, after 100,000 names', 101_000, 0, 2],
  ['one filter, before an eighth of their time is over', 1_000, 124, 1],
  ['a second filter, after an eighth of their time', 1_000, 126, 2],
])('those beyond the bound go to %s', async (_, count, pauseMs, filters) => {
  const { clock, add, faults } = remembering()
  // 838 of these are 32 MiB
  const long = 'x'.repeat(20_000)
  for (let index = 0; index < count; index++)
    add({ who: { session: `s${index}` }, reason: long, forMs: 1_000 })
  await clock.advance(pauseMs)
  add({ who: { session: 'last' }, reason: long, forMs: 1_000 })
  expect(faults).toHaveLength(filters)
})

test('a session that was revoked of one user, and then of another, is refused to both', () => {
  const { revocations, add } = remembering()
  for (const user of ['ada', 'grace']) add({ who: { user, session: 's1' } })
  for (const subject of ['ada', 'grace'])
    expect(revocations.against({ identity, subject, accessVersion: 9 }, '')).toMatchObject({ status: 401 })
  expect(revocations.against({ identity, subject: 'mallory', accessVersion: 9 }, '')).toBeNull()
})

test('a ban that is over in one tenant is forgotten there, and kept in another tenant', async () => {
  const { clock, revocations, add } = remembering()
  for (const [tenant, forMs] of Object.entries({ red: 100, blue: 10_000 }))
    add({ who: { user: 'ada', tenant }, forMs })
  await clock.advance(200)
  expect(revocations.against({ ...ada, identity: issued(0) }, 'red')).toBeNull()
  expect(revocations.against({ ...ada, identity: issued(0) }, 'blue')).toMatchObject({ status: 403 })
})

test('of a token and a session that were revoked together neither is refused without the other', () => {
  const { revocations, add } = remembering()
  add({ who: { session: 's1', token: 't1' } })
  const against = (held: { session: string; token: string }) =>
    revocations.against({ identity: { user: null, ...held }, subject: 'ada', accessVersion: 9 }, '')
  expect(against({ session: 's1', token: 't1' })).toMatchObject({ status: 401 })
  expect(against({ session: 's2', token: 't1' })).toBeNull()
  expect(against({ session: 's1', token: 't2' })).toBeNull()
})

test.each([
  ['alone', {}],
  ['with another session', { session: 's1' }],
])('a token that was revoked %s is refused as before when it is revoked with one more session', (_, what) => {
  const { revocations, add } = remembering()
  add({ who: { token: 't1', ...what } })
  add({ who: { token: 't1', session: 's2' } })
  expect(revocations.against({ identity, subject: 'ada', accessVersion: 9 }, '')).toMatchObject({
    status: 401,
  })
})

const before = new Date(9)
const after = new Date(11)
const renew = async () => null
test.each([
  ['one that was issued before is', { issuedAt: before, renew }, true],
  ['one that was issued in the same moment is', { issuedAt: new Date(10), renew }, true],
  ['one that was issued since is not', { issuedAt: after }, false],
  ['one without an age and without a way to ask is', {}, true],
  ['one without an age that its store has since said is good is not', { renew }, false],
])('of the credentials of a user who was revoked %s refused', (_, credential, isRefused) => {
  const { revocations, add } = remembering()
  add({ who: { user: 'ada' }, at: 10 })
  const asked = { identity: { user: null, ...credential }, subject: 'ada', accessVersion: 1 }
  expect(revocations.against(asked, '') !== null).toBe(isRefused)
})

test.each([
  ['one without an age, whose store answered before, is', { renew }, false, true],
  ['one with a later date is', { issuedAt: after, renew }, false, true],
  ['one without an age is, when the command was read in a log', { renew }, true, true],
  [
    'one with a later date is not, when the command was read in a log',
    { issuedAt: after, renew },
    true,
    false,
  ],
])('of the credentials of a user who was revoked after authentication began %s refused', (...row) => {
  const [, credential, isLate, isRefused] = row
  const { revocations, add } = remembering()
  add({ who: { user: 'ada' }, at: 10, isLate })
  const asked = { identity: { user: null, ...credential }, subject: 'ada', accessVersion: 0 }
  expect(revocations.against(asked, '') !== null).toBe(isRefused)
})

test('a revocation that is read again in a log takes nothing from the one that was heard live', () => {
  const { revocations, add } = remembering()
  add({ who: { user: 'ada' }, at: 10 })
  add({ who: { user: 'ada' }, at: 10, isLate: true })
  const asked = { identity: { user: null, issuedAt: after }, subject: 'ada', accessVersion: 0 }
  expect(revocations.against(asked, '')).toMatchObject({ status: 403 })
})
