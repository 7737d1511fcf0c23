import { describe, expect, test } from 'vitest'
import { jwt } from '../../../src/auth/jwt.ts'
import type { Authenticator } from '../../../src/core/api/handshake.ts'
import { anyOf, anyone, authenticate, optional } from '../../../src/core/access/authenticate.ts'
import { authenticatorOf } from '../../../src/core/access/authenticator.ts'
import { callAuthorize } from '../../../src/core/access/authorize.ts'
import { Denial, deny } from '../../../src/wire/errors.ts'
import { testClock } from '../../../src/testing/clock.ts'
import { authRequestOf, bearerRequest } from '../../support/auth-request.ts'
import { handmade, secret } from '../../support/tokens.ts'

interface User {
  readonly id: string
}

const ada: User = { id: 'Ada' }
const bad = new Denial(401, 'bad-token', 'this token is bad')
const noCredential = authRequestOf({})
const good = bearerRequest('good')

/** An authenticator whose refusal is a value, as those of this package are. */
const byToken = authenticatorOf<User, object>(({ credentials }) => {
  const token = credentials.of('bearer')
  if (token === null) return null
  return token === 'good' ? { user: ada } : bad
}, {})
const byTokenLater: Authenticator<User> = async (request) => byToken(request)
const silent: Authenticator<User> = () => null
/** An answer that no type allows. */
const answering = (answer: unknown): Authenticator<User> => (() => answer) as unknown as Authenticator<User>
const answeringLater = (answer: unknown): Authenticator<User> =>
  (async () => answer) as unknown as Authenticator<User>

describe('an authenticator that answers at once', () => {
  test.each([
    ['one', byToken],
    ['anyOf', anyOf(silent, byToken)],
    ['optional', optional(byToken)],
    ['both', optional(anyOf(silent, byToken))],
  ])('is answered without a promise: %s', (_, auth) => {
    expect(authenticate(auth, good)).toEqual({ user: ada })
    expect(authenticate(auth, bearerRequest('forged'))).toBe(bad)
  })

  test('without a credential is refused, or a guest, without a promise', () => {
    expect(authenticate(byToken, noCredential)).toMatchObject({ status: 401, reason: 'unauthenticated' })
    expect(authenticate(optional(byToken), noCredential)).toEqual({ user: null })
    expect(authenticate(anyone, noCredential)).toEqual({ user: null })
    expect(authenticate(anyone, good)).toMatchObject({ status: 401, reason: 'unknown-credential' })
  })

  test('is asked after one that answers by a promise, and only where that has no answer', async () => {
    expect(await authenticate(anyOf(byTokenLater, byToken), good)).toEqual({ user: ada })
    expect(await authenticate(anyOf(byTokenLater, anyone), bearerRequest('forged'))).toBe(bad)
    expect(
      await authenticate(
        anyOf(async () => null, byToken),
        good,
      ),
    ).toEqual({ user: ada })
    expect(
      await authenticate(
        optional(async () => null),
        noCredential,
      ),
    ).toEqual({ user: null })
  })
})

describe('an answer that is no identity', () => {
  // proves: refusal-as-answer
  test.each<[string, Authenticator<User>]>([
    ['returned', answering(bad)],
    ['resolved', answeringLater(bad)],
    ['thrown', () => deny(401, 'bad-token')],
    ['rejected', async () => deny(401, 'bad-token')],
  ])('refuses where it is a denial that is %s', async (_, auth) => {
    for (const one of [auth, optional(auth), anyOf(auth, anyone)])
      expect(await authenticate(one, noCredential)).toMatchObject({ status: 401, reason: 'bad-token' })
  })

  // proves: refusal-as-answer
  test.each([undefined, true, 'Ada', 7, [], new Error('no'), () => ({ user: ada })])(
    'is a fault of the authenticator, never a guest: %s',
    async (answer) => {
      for (const auth of [answering(answer), answeringLater(answer)])
        for (const one of [auth, optional(auth), anyOf(auth, anyone)])
          expect(await authenticate(one, noCredential)).toMatchObject({ status: 503, reason: 'unavailable' })
    },
  )

  test.each(['expires', 'issuedAt'])('is a fault where %s of the identity is no valid date', async (name) => {
    for (const auth of [answering, answeringLater])
      expect(await authenticate(auth({ user: ada, [name]: new Date('soon') }), noCredential)).toMatchObject({
        status: 503,
      })
  })
})

describe('a wrapper around an authenticator', () => {
  // proves: refusal-as-answer
  test('gets a refusal as an exception, so that it makes no identity of it', async () => {
    const wrapper: Authenticator<User> = async (request) => {
      const identity = await byToken(request)
      return identity && { ...identity, subject: 'wrapped' }
    }
    expect(await authenticate(wrapper, good)).toEqual({ user: ada, subject: 'wrapped' })
    expect(await authenticate(wrapper, bearerRequest('forged'))).toBe(bad)
    expect(() => anyOf(byToken)(bearerRequest('forged'))).toThrow(bad)
    await expect(anyOf(byTokenLater)(bearerRequest('forged'))).rejects.toBe(bad)
  })

  // proves: refusal-as-answer
  test('is asked itself, although it copies or forwards the properties of the other', () => {
    const refusing = (): never => deny(403, 'banned')
    const inner = anyOf(byToken)
    const copying: Authenticator<User> = Object.assign(refusing, inner)
    const forwarding: Authenticator<User> = new Proxy(inner, { apply: refusing })
    for (const auth of [copying, forwarding])
      expect(authenticate(auth, good)).toMatchObject({ status: 403, reason: 'banned' })
  })
})

describe('a rule of authorize', () => {
  const auth = anyone

  test('that answers at once is answered without a promise', () => {
    expect(callAuthorize({ auth }, {})).toBe(true)
    expect(callAuthorize({ auth, authorize: () => 'read' }, {})).toBe('read')
    for (const grant of [false, null, undefined])
      expect(callAuthorize({ auth, authorize: () => grant }, {})).toMatchObject({
        status: 403,
        reason: 'forbidden',
      })
  })

  // proves: refusal-as-answer
  test('refuses with a denial, whether it throws or returns it', async () => {
    const denial = new Denial(403, 'not-yours')
    const rules = [
      () => denial,
      async () => denial,
      () => {
        throw denial
      },
    ]
    for (const authorize of rules) expect(await callAuthorize({ auth, authorize }, {})).toBe(denial)
  })

  test.each([
    ['another error', new Error('no')],
    ['a function', () => true],
  ])('does not know where it returns %s', async (_, grant) => {
    for (const authorize of [() => grant, async () => grant])
      expect(await callAuthorize({ auth, authorize }, {})).toMatchObject({ status: 503 })
  })

  test('is awaited where a function is its promise', async () => {
    const pending = Object.assign(() => 'a query', {
      // oxlint-disable-next-line unicorn/no-thenable -- a promise of a kind of its own
      then: (resolve: (grant: boolean) => void) => resolve(false),
    })
    expect(await callAuthorize({ auth, authorize: () => pending }, {})).toMatchObject({ status: 403 })
  })
})

describe('an error in the place of the user', () => {
  const claims = { sub: 'Ada', exp: 2_000_000_000 }
  const asks = (user: unknown): Authenticator<unknown> =>
    jwt({ secret, clock: testClock(1_900_000_000_000), user: () => user, subject: ({ sub }) => sub })
  const holder = bearerRequest(handmade({ alg: 'HS256' }, claims))

  test('refuses as one that is thrown: a denial as it is, any other error with 503', () => {
    const banned = new Denial(403, 'banned')
    const fault = new TypeError('the database is away')
    expect(authenticate(asks(banned), holder)).toBe(banned)
    expect(authenticate(asks(fault), holder)).toMatchObject({ status: 503, cause: fault })
  })

  test('refuses where it comes by a promise', async () => {
    const banned = new Denial(403, 'banned')
    expect(await authenticate(asks(Promise.resolve(banned)), holder)).toBe(banned)
    expect(await authenticate(answeringLater({ user: banned, subject: 'Ada' }), noCredential)).toBe(banned)
  })
})
