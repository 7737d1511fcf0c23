import { expect, test } from 'vitest'
import { sessions } from '../../src/auth/sessions.ts'
import { authenticate } from '../../src/core/access/authenticate.ts'
import { denialOf, authRequestOf } from '../support/auth-request.ts'

// A sibling subdomain can plant a second cookie of the same name; which one comes first is the browser's affair.
const member = sessions({ cookie: 'sid', load: (id) => ({ id }), user: ({ id }) => ({ id }) })
const asked = (cookie: string) =>
  authenticate(member, authRequestOf({ headers: { cookie, origin: 'https://app.example' } }))

// proves: two-credentials
test.each([
  'sid=mine; sid=planted',
  'sid=planted; a=1; sid=mine',
  'sid=mine; sid=',
  'sid=mine; sid=MINE',
  'sid=mine; sid="other"',
])('a session cookie that is there twice with different values is refused: %s', async (cookie) => {
  const denial = await denialOf(() => asked(cookie))
  expect([denial.status, denial.closeCode, denial.httpOnly]).toEqual([400, 4400, false])
})

test('the same value twice is one cookie', async () => {
  expect(await asked('sid=mine; a=1; sid=mine')).toMatchObject({ user: { id: 'mine' } })
})

test('another cookie that is there twice does not matter', async () => {
  expect(await asked('theme=a; sid=mine; theme=b')).toMatchObject({ user: { id: 'mine' } })
})
