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
