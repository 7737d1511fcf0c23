import { describe, expect, test } from 'vitest'
import { apiKeys } from '../../src/auth/api-keys.ts'
import { basic } from '../../src/auth/basic.ts'
import { django } from '../../src/auth/django.ts'
import { sha256Hex } from '../../src/auth/fingerprint.ts'
import type { Found } from '../../src/auth/found.ts'
import { jwt } from '../../src/auth/jwt.ts'
import { sessions } from '../../src/auth/sessions.ts'
import { authenticate } from '../../src/core/access/authenticate.ts'
import type { Authenticator, AuthRequest } from '../../src/core/api/handshake.ts'
import { testClock } from '../../src/testing/clock.ts'
import { authRequestOf, bearerRequest } from '../support/auth-request.ts'
import { password, presentKey, recorded, signedAtMs } from '../support/django-recorded.ts'
import { handmade, seconds, secret } from '../support/tokens.ts'

interface User {
  readonly id: string
}
const ada: User = { id: 'Ada' }
const clock = testClock(signedAtMs + 1_000)
const now = seconds(clock)
const good = { sub: 'Ada', exp: now + 60, iat: now, jti: 'token-1', sid: 'session-1', scope: 'read' }

const ofToken = (token: string): AuthRequest => bearerRequest(token)
const ofKey = (key: string): AuthRequest => authRequestOf({ headers: { 'x-api-key': key } })
const ofPair = (pair: string): AuthRequest =>
  authRequestOf({ headers: { authorization: `Basic ${btoa(pair)}` } })
const ofCookie = (cookie: string): AuthRequest =>
  authRequestOf({ headers: { cookie, origin: 'https://app.example' } })

/** An authenticator whose look-up answers as `found` does, a good credential and a bad one. */
type Case = readonly [
  name: string,
  make: (found: <T>(value: T) => Found<T>) => Authenticator<User>,
  good: AuthRequest,
  bad: AuthRequest,
]
const cases: readonly Case[] = [
  [
    'jwt',
    (found) => jwt({ secret, clock, user: () => found(ada) }),
    ofToken(handmade({ alg: 'HS256' }, good)),
    ofToken(handmade({ alg: 'HS256' }, good, 'another secret of another issuer, of enough bytes')),
  ],
  [
    'jwt with a name for its users',
    (found) => jwt({ secret, clock, user: () => found(ada), subject: ({ sub }) => `user:${sub}` }),
    ofToken(handmade({ alg: 'HS256' }, good)),
    ofToken(handmade({ alg: 'HS256' }, { ...good, exp: now - 60 })),
  ],
  [
    'apiKeys',
    (found) => apiKeys({ find: (hash) => found(hash === sha256Hex('key') ? { user: ada } : null) }),
    ofKey('key'),
    ofKey('another key'),
  ],
  [
    'basic',
    (found) => basic<User>({ realm: 'devices', check: (_, given) => found(given === 'right' ? ada : null) }),
    ofPair('ada:right'),
    ofPair('ada:wrong'),
  ],
  [
    'sessions',
    (found) =>
      sessions({
        cookie: 'sid',
        load: (id) => found(id === 'one' ? id : null),
        user: () => found(ada),
      }),
    ofCookie('sid=one'),
    ofCookie('sid=two'),
  ],
  [
    'django',
    (found) =>
      django({
        secretKey: presentKey,
        backend: 'signed_cookies',
        user: () => found({ user: ada, password }),
        clock,
      }),
    ofCookie(`sessionid=${recorded.present.cookie}`),
    ofCookie(`sessionid=${recorded.present.cookie}x`),
  ],
]

describe.each(cases)('%s', (_, make, goodOne, badOne) => {
  test('answers in the same turn where its look-ups do, and so does its renewal', () => {
    const auth = make((value) => value)
    const identity = authenticate(auth, goodOne)
    expect(identity).toMatchObject({ user: ada })
    if (!('renew' in identity)) return
    expect(identity.renew?.()).toMatchObject({ user: ada })
    expect(identity.renew?.()).not.toBeInstanceOf(Promise)
  })

  test('refuses in the same turn, and without an exception', () => {
    expect(
      authenticate(
        make((value) => value),
        badOne,
      ),
    ).toMatchObject({ status: 401 })
  })

  test('answers the same by promises', async () => {
    const auth = make(async (value) => value)
    expect(authenticate(auth, goodOne)).toBeInstanceOf(Promise)
    expect(await authenticate(auth, goodOne)).toMatchObject({ user: ada })
    expect(await authenticate(auth, badOne)).toMatchObject({ status: 401 })
  })
})

test('the checks of Basic that answer at once are not counted as running', () => {
  const auth = basic({
    realm: 'devices',
    atOnce: 1,
    check: (name) => {
      if (name === 'broken') throw new Error('database away')
      return ada
    },
  })
  for (let time = 0; time < 3; time++) {
    expect(authenticate(auth, ofPair('broken:x'))).toMatchObject({ status: 503, reason: 'unavailable' })
    expect(authenticate(auth, ofPair('ada:x'))).toMatchObject({ user: ada })
  }
})
