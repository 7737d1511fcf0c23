import { expect, test } from 'vitest'
import { Revocations } from '../../src/core/revocations.ts'

const reason = 'signed out'
const identity = { user: null, session: 's1', token: 't1' }

test.each([
  ['session', { session: 's1' }],
  ['token', { token: 't1' }],
])('a %s that was revoked of one user is refused to them, and no other user has lost theirs', (_, what) => {
  const revocations = new Revocations()
  revocations.add({ who: { user: 'ada', ...what }, reason, at: 1, until: 100 }, 1)
  expect(revocations.against({ identity, subject: 'ada', askedAt: 50 }, '')).toMatchObject({
    status: 401,
    reason: 'revoked',
  })
  expect(revocations.against({ identity, subject: 'grace', askedAt: 50 }, '')).toBeNull()
})

test('what is over is forgotten, so that years of sign-outs cost no memory', () => {
  const revocations = new Revocations()
  for (let count = 0; count < 2_560; count++)
    revocations.add({ who: { session: `s${count}` }, reason, at: count, until: count + 100 }, count)
  expect(revocations.size).toBeLessThan(512)
  const last = { user: null, session: 's2559' }
  expect(revocations.against({ identity: last, subject: 'ada', askedAt: 2_559 }, '')).not.toBeNull()
})

const ada = { subject: 'ada', askedAt: 0 }
const issued = (at: number) => ({ user: null, issuedAt: new Date(at) })

test('a ban that is heard of late, and was said before, does not let in again whom a later one keeps out', () => {
  const revocations = new Revocations()
  for (const at of [10, 5]) revocations.add({ who: { user: 'ada' }, reason, at, until: 100 }, 10)
  expect(revocations.against({ ...ada, identity: issued(7) }, '')).toMatchObject({ status: 403 })
  expect(revocations.against({ ...ada, identity: issued(11) }, '')).toBeNull()
})

test('a session that was revoked of one user, and then of another, is refused to both', () => {
  const revocations = new Revocations()
  for (const [at, user] of ['ada', 'grace'].entries())
    revocations.add({ who: { user, session: 's1' }, reason, at, until: 100 }, at)
  for (const subject of ['ada', 'grace'])
    expect(revocations.against({ identity, subject, askedAt: 50 }, '')).toMatchObject({ status: 401 })
  expect(revocations.against({ identity, subject: 'mallory', askedAt: 50 }, '')).toBeNull()
})

test('a ban that is over in one tenant is forgotten there, though the one in another tenant is not', () => {
  const revocations = new Revocations()
  for (const [tenant, until] of Object.entries({ red: 100, blue: 10_000 }))
    revocations.add({ who: { user: 'ada', tenant }, reason, at: 1, until }, 1)
  for (let count = 0; count < 256; count++)
    revocations.add({ who: { session: `s${count}` }, reason, at: 200, until: 10_000 }, 200)
  expect(revocations.against({ ...ada, identity: issued(0) }, 'red')).toBeNull()
  expect(revocations.against({ ...ada, identity: issued(0) }, 'blue')).toMatchObject({ status: 403 })
})

test('of a token and a session that were revoked together neither is refused without the other', () => {
  const revocations = new Revocations()
  revocations.add({ who: { session: 's1', token: 't1' }, reason, at: 1, until: 100 }, 1)
  const against = (held: { session: string; token: string }) =>
    revocations.against({ identity: { user: null, ...held }, subject: 'ada', askedAt: 50 }, '')
  expect(against({ session: 's1', token: 't1' })).toMatchObject({ status: 401 })
  expect(against({ session: 's2', token: 't1' })).toBeNull()
  expect(against({ session: 's1', token: 't2' })).toBeNull()
})

test.each([
  ['alone', {}],
  ['with another session', { session: 's1' }],
])('a token that was revoked %s is refused as before when it is revoked with one more session', (_, what) => {
  const revocations = new Revocations()
  revocations.add({ who: { token: 't1', ...what }, reason, at: 1, until: 100 }, 1)
  revocations.add({ who: { token: 't1', session: 's2' }, reason, at: 2, until: 100 }, 2)
  expect(revocations.against({ identity, subject: 'ada', askedAt: 50 }, '')).toMatchObject({ status: 401 })
})

const before = new Date(9)
const after = new Date(11)
const renew = async () => null
test.each([
  ['one that was issued before is', { issuedAt: before, renew }, true],
  ['one that was issued in the same moment is', { issuedAt: new Date(10), renew }, true],
  ['one that was issued since is not', { issuedAt: after }, false],
  ['one without an age that nobody can ask about is', {}, true],
  ['one without an age that its store has just said is good is not', { renew }, false],
])('of the credentials of a user who was revoked %s refused', (_, credential, isRefused) => {
  const revocations = new Revocations()
  revocations.add({ who: { user: 'ada' }, reason, at: 10, until: 100 }, 10)
  const asked = { identity: { user: null, ...credential }, subject: 'ada', askedAt: 50 }
  expect(revocations.against(asked, '') !== null).toBe(isRefused)
})
