import { createHmac } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { apiKeys } from '../../src/auth/api-keys.ts'
import { basic } from '../../src/auth/basic.ts'
import { django } from '../../src/auth/django.ts'
import { expressSession } from '../../src/auth/express-session.ts'
import { jwt } from '../../src/auth/jwt.ts'
import { introspection, provider } from '../../src/auth/oidc.ts'
import { sessions } from '../../src/auth/sessions.ts'
import { anyOf, type Authenticator } from '../../src/index.ts'
import { testClock } from '../../src/testing.ts'
import { password, presentKey, recorded, signedAtMs } from '../support/django-recorded.ts'
import { authRequestOf } from '../support/auth-request.ts'
import { handmade, secret } from '../support/tokens.ts'

// A socket keeps its identity for as long as it is open; the request has every header and every credential of its handshake.
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void // what the flag puts there

const user = { id: '7' }
const issuer = 'https://id.example'
const exp = Math.floor(Date.now() / 1000) + 600
const signature = createHmac('sha256', secret).update('c1').digest('base64').replace(/=+$/, '')
const store = {
  get: (_id: string, done: (error: unknown, session: { cookie: object }) => void) =>
    done(null, { cookie: {} }),
}
const djangoKey = 'abcdefghijklmnopqrstuvwxyz012345'
const clock = testClock(signedAtMs + 1)
const djangoTable = {
  load: () => ({ session_data: recorded.present.row, expire_date: new Date(signedAtMs + 60_000) }),
}
const ada = () => ({ user, password })
const client = { id: 'chat', secret }
const answering: typeof fetch = async () =>
  Response.json({ active: true, sub: '7', token_type: 'bearer', exp })
const id = provider({ issuer, fetch: answering })
const endpoint = new URL('/introspect', issuer)
const find = (): typeof user => user
const bearer = { authorization: `Bearer ${handmade({ alg: 'HS256' }, { sub: '7', exp })}` }
const cookie = (value: string) => ({ cookie: value, origin: issuer })

// proves: secrets-in-memory
test.each<[string, Authenticator<unknown>, Readonly<Record<string, string>>]>([
  ['sessions', sessions({ cookie: 'sid', load: (c1) => ({ c1 }), user: find }), cookie('sid=c1')],
  ['expressSession', expressSession({ store, secret, user: find }), cookie(`connect.sid=s:c1.${signature}`)],
  [
    'django',
    django({ secretKey: presentKey, backend: djangoTable, user: ada, clock }),
    cookie(`sessionid=${djangoKey}`),
  ],
  ['jwt', jwt({ secret, user: find }), bearer],
  [
    'introspection',
    introspection({ provider: id, client, endpoint, user: find }),
    { authorization: 'Bearer opaque' },
  ],
  ['apiKeys', apiKeys({ find: () => ({ user }) }), { 'x-api-key': 'sk_1' }],
  ['basic', basic({ realm: 'devices', check: find }), { authorization: `Basic ${btoa('ada:pw')}` }],
  ['anyOf', anyOf(jwt({ secret, user: find }), apiKeys({ find: () => null })), bearer],
])(
  'an identity of %s does not hold the request that it came through',
  async (_maker, authenticator, headers) => {
    const { identity, request } = await entering(authenticator, headers)
    expect(identity?.user).toEqual(user)
    await expect.poll(() => isCollected(request)).toBe(true)
    expect((await identity?.renew?.())?.user ?? user).toEqual(user)
  },
)

function isCollected(held: WeakRef<object>): boolean {
  collect()
  return held.deref() === undefined
}

/** Nothing here holds the request once this has returned. */
async function entering(authenticator: Authenticator<unknown>, headers: Readonly<Record<string, string>>) {
  const request = authRequestOf({ headers })
  return { identity: await authenticator(request), request: new WeakRef(request) }
}
