import { describe, expect, test } from 'vitest'
import { jwt } from '../../src/auth/jwt.ts'
import { Denial } from '../../src/wire/errors.ts'
import { testClock } from '../../src/testing/clock.ts'
import { denialOf, authRequestOf, verdict } from '../support/auth-request.ts'
import { handmade, seconds, secret } from '../support/tokens.ts'

// A query parser that splits at every '=' makes a good token anonymous as soon as any value holds one more.
const clock = testClock()
const token = handmade({ alg: 'HS256' }, { sub: '7', exp: seconds(clock) + 60 })
const member = jwt({ secret, clock, user: ({ sub }) => ({ id: sub }) })
const carriers = { query: { bearer: 'token' } }
const asked = (query: string): Promise<unknown> => verdict(member, authRequestOf({ query, carriers }))

describe('a token in the query string', () => {
  test.each([
    ['beside a value with equal signs', `next=a=b==&token=${token}`],
    ['beside a name without a value', `x&token=${token}&&`],
    ['in percent-encoding', `token=${token.replaceAll('.', '%2E')}`],
    ['whose name is percent-encoded', `%74%6f%6B%65n=${token}`],
  ])('is read %s', async (_how, query) => {
    expect(await asked(query)).toMatchObject({ user: { id: '7' } })
  })

  test.each([
    ['twice', `token=${token}&token=${token}`],
    ['twice, once percent-encoded', `token=${token}&%74oken=${token}`],
    ['twice, once empty', `token=&token=${token}`],
    ['as nothing', 'token='],
    ['without a value', 'token'],
    ['as broken percent-encoding', 'token=%E0%A4%A'],
    ['as bytes that are no UTF-8', 'token=%FF'],
    ['under a name that is switched off', `access_token=${token}`],
  ])('is refused when it comes %s, and is never a guest', async (_how, query) => {
    expect((await denialOf(() => asked(query))).status).toBe(400)
  })

  // proves: cut-token
  test('keeps padding, slashes and pluses', () => {
    for (const value of ['YWJj+ZGVm/Zw==', 'YWJj%2BZGVm%2FZw%3D%3D'])
      expect(authRequestOf({ query: `token=${value}`, carriers }).credentials.of('bearer')).toBe(
        'YWJj+ZGVm/Zw==',
      )
  })

  test('is decoded once and not twice', () => {
    expect(authRequestOf({ query: 'token=a%252Eb', carriers }).credentials.of('bearer')).toBe('a%2Eb')
  })

  test('does not stay in the URL that application code sees', () => {
    expect(authRequestOf({ query: `a=1&token=${token}`, carriers }).url.search).toBe('?a=1')
  })

  test('is refused, not ignored, where query tokens are off, and the refusal does not repeat it', () => {
    try {
      authRequestOf({ query: `token=${token}` })
      expect.unreachable('a query token was let through')
    } catch (error) {
      expect(error).toBeInstanceOf(Denial)
      expect(String(error)).not.toContain(token)
    }
  })
})
