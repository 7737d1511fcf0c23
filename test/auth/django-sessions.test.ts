import { createHash, createHmac } from 'node:crypto'
import { deflateSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { django, type DjangoOptions } from '../../src/auth/django.ts'
import type { Authenticator } from '../../src/core/api/handshake.ts'
import { contract, endpoint, text } from '../../src/index.ts'
import { testClock, testServer, visit } from '../../src/testing.ts'
import { formerKey, password, presentKey, recorded, signedAtMs } from '../support/django-recorded.ts'
import { authRequestOf, verdict } from '../support/auth-request.ts'

interface Person {
  readonly id: string
}

const dayMs = 86_400_000
const key = 'abcdefghijklmnopqrstuvwxyz012345'
const clock = testClock(signedAtMs + dayMs)
const expire_date = new Date(signedAtMs + 14 * dayMs)
const ada = ({ userId }: { userId: string }): { user: Person; password: string } | null =>
  userId === '7' ? { user: { id: userId }, password } : null

type More = Partial<DjangoOptions<Person>>
const djangoAuthenticator = (more: More = {}): Authenticator<Person> =>
  django({ secretKey: presentKey, backend: 'signed_cookies', user: ada, clock, ...more })
const table = (session_data: string, more: More = {}): Authenticator<Person> =>
  djangoAuthenticator({ backend: { load: () => ({ session_data, expire_date }) }, ...more })
const ask = (one: Authenticator<Person>, value: string = key): ReturnType<typeof verdict<Person>> =>
  verdict(one, authRequestOf({ headers: { cookie: `sessionid=${value}`, origin: 'https://app.example' } }))

/** Signs a payload as Django does it, with any timestamp. */
function signed(payload: string, { salt = storeSalt, at = '1x8elk' } = {}): string {
  const derived = createHash('sha256').update(`${salt}signer${presentKey}`).digest()
  const signature = createHmac('sha256', derived).update(`${payload}:${at}`).digest('base64url')
  return `${payload}:${at}:${signature}`
}
const storeSalt = 'django.contrib.sessions.SessionStore'
const cookieSalt = 'django.contrib.sessions.backends.signed_cookies'
/** A signed cookie after `set_expiry`. */
const ending = (own: unknown): string =>
  signed(json({ ...claims, _session_expiry: own }), { salt: cookieSalt })
const json = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const hash = '502853f1839e2cc6fad353dcb99ba34ec45fe8b6b22e391e84ddab9a9d151005'
const claims = {
  _auth_user_id: '7',
  _auth_user_backend: 'django.contrib.auth.backends.ModelBackend',
  _auth_user_hash: hash,
}

describe('a signed cookie', () => {
  test('is its user, for as long as the site keeps cookies', async () => {
    const expires = new Date(signedAtMs + 14 * dayMs)
    expect(await ask(djangoAuthenticator(), recorded.present.cookie)).toMatchObject({
      user: { id: '7' },
      expires,
    })
  })

  test('is no session once it is older than the site keeps cookies', async () => {
    expect(await ask(djangoAuthenticator({ cookieAge: '23h' }), recorded.present.cookie)).toBeNull()
    expect(await ask(djangoAuthenticator({ cookieAge: '25h' }), recorded.present.cookie)).not.toBeNull()
  })

  test('from the future is no session: it would outlive a revocation', async () => {
    const before = (ms: number): Authenticator<Person> =>
      djangoAuthenticator({ clock: testClock(signedAtMs - ms) })
    expect(await ask(before(5_001), recorded.present.cookie)).toBeNull()
    expect(await ask(before(5_000), recorded.present.cookie)).not.toBeNull()
  })

  test('ends earlier where the session itself says so', async () => {
    expect(await ask(djangoAuthenticator(), ending(90_000))).toMatchObject({
      expires: new Date(signedAtMs + 90_000_000),
    })
    expect(await ask(djangoAuthenticator(), ending(80_000))).toBeNull()
    expect(await ask(djangoAuthenticator(), ending(-1))).toBeNull()
  })

  test('ends on the date that set_expiry has put into it as text, whatever its cookie says', async () => {
    const soon = new Date(signedAtMs + dayMs + 60_000)
    // as Python's isoformat() has it, which a timedelta becomes as well
    const date = soon.toISOString().replace('Z', '123+00:00')
    expect(await ask(djangoAuthenticator(), ending(date))).toMatchObject({ expires: soon })
    expect(
      await ask(djangoAuthenticator(), ending(new Date(signedAtMs + dayMs - 1).toISOString())),
    ).toBeNull()
    expect(await ask(djangoAuthenticator(), ending('no date'))).toBeNull()
  })

  test('that ends with the browser is kept no longer than any other', async () => {
    const expires = new Date(signedAtMs + 14 * dayMs)
    for (const value of [0, null])
      expect(await ask(djangoAuthenticator(), ending(value))).toMatchObject({ expires })
  })

  test('that is not there is no session', async () => {
    expect(
      await verdict(djangoAuthenticator(), authRequestOf({ headers: { origin: 'https://app.example' } })),
    ).toBeNull()
  })

  test('is no session when it is longer than browsers keep', async () => {
    const salt = cookieSalt
    const long = (size: number): string => signed(json({ ...claims, note: 'x'.repeat(size) }), { salt })
    expect(await ask(djangoAuthenticator(), long(2_000))).not.toBeNull()
    expect(await ask(djangoAuthenticator(), long(4_000))).toBeNull()
  })

  test('is no session of the table, nor the other way round', async () => {
    expect(await ask(table(recorded.present.cookie))).toBeNull()
    expect(await ask(djangoAuthenticator(), recorded.present.row)).toBeNull()
  })
})

// proves: old-cookie
test('a signed cookie from before a revocation of its user is refused, and a later one is not', async () => {
  const later = testClock(signedAtMs + dayMs)
  const server = testServer({ clock: later, origins: ['https://app.example'] })
  const line = contract('/line', { client: text, server: text })
  const greeting = endpoint(line, { auth: djangoAuthenticator({ clock: later }) }, async (socket) =>
    socket.send('welcome'),
  )
  const headers = { cookie: `sessionid=${recorded.present.cookie}`, origin: 'https://app.example' }
  expect(await (await visit(greeting, {}, { headers, server })).next()).toBe('welcome')
  await server.revoke({ user: '7', reason: 'stolen' })
  await later.advance(60_000)
  await expect(visit(greeting, {}, { headers, server })).rejects.toMatchObject({
    status: 403,
    code: 'revoked',
  })
  const salt = 'django.contrib.sessions.backends.signed_cookies'
  const newer = signed(json(claims), { salt, at: '1x91FS' })
  const again = { ...headers, cookie: `sessionid=${newer}` }
  expect(await (await visit(greeting, {}, { headers: again, server })).next()).toBe('welcome')
})

describe('a key that is being replaced', () => {
  test('still reads sessions where it is a fallback', async () => {
    const more = { secretKeyFallbacks: ['another', formerKey] }
    expect(await ask(djangoAuthenticator(more), recorded.former.cookie)).toMatchObject({ user: { id: '7' } })
    expect(await ask(table(recorded.former.row, more))).toMatchObject({ user: { id: '7' } })
    expect(await ask(table(recorded.present.row, more))).toMatchObject({ user: { id: '7' } })
  })

  test('reads nothing where it is none', async () => {
    expect(await ask(djangoAuthenticator(), recorded.former.cookie)).toBeNull()
    expect(await ask(table(recorded.former.row))).toBeNull()
  })

  test.each([{ secretKey: '' }, { secretKeyFallbacks: [''] }])('must not be empty', (more) => {
    expect(() => djangoAuthenticator(more)).toThrow(TypeError)
  })

  // proves: missing-secret
  test('must not be missing, whatever its type says: anybody could sign with the word undefined', () => {
    const { SECRET_KEY_OF_NOBODY: missing = undefined as unknown as string } = process.env
    expect(() => djangoAuthenticator({ secretKey: missing })).toThrow(TypeError)
    expect(() => djangoAuthenticator({ secretKeyFallbacks: [missing] })).toThrow(TypeError)
  })
})

describe('a session of the table', () => {
  test.each([recorded.present.row, recorded.present.plain])('is its user, compressed or not', async (row) => {
    expect(await ask(table(row))).toMatchObject({ user: { id: '7' }, expires: expire_date })
  })

  test('is named by a hash of its key', async () => {
    const identity = await ask(table(recorded.present.row))
    expect(identity).toMatchObject({ session: expect.stringMatching(/^[A-Za-z0-9_-]{22}$/) })
  })

  test.each([0, Number.NaN])('is none after its end: %s', async (at) => {
    const load = (): object => ({ session_data: recorded.present.row, expire_date: new Date(at) })
    // the point is a row with a useless date
    expect(await ask(djangoAuthenticator({ backend: { load } as never }))).toBeNull()
  })

  test.each(['short', 'ABCDEFGHIJKLMNOP', '../../etc/passwd', 'x'.repeat(41), ''])(
    'is not looked up under what is no key: %s',
    async (value) => {
      const asked: string[] = []
      await ask(djangoAuthenticator({ backend: { load: (one) => void asked.push(one) } }), value)
      expect(asked).toEqual([])
    },
  )

  test('is none when its pickle would have to be run, and the operator is told', async () => {
    await expect(ask(table(recorded.pickled))).rejects.toThrow(/JSONSerializer/)
  })

  test('is none when a pickle is not even signed', async () => {
    expect(await ask(table(`${recorded.pickled}x`))).toBeNull()
  })

  test('is none when it inflates beyond a mebibyte', async () => {
    const note = (size: number): string =>
      `.${deflateSync(JSON.stringify({ ...claims, note: 'x'.repeat(size) })).toString('base64url')}`
    expect(await ask(table(signed(note(1_000_000))))).not.toBeNull()
    expect(await ask(table(signed(note(1_100_000))))).toBeNull()
  })

  test('is none when it is larger than a mebibyte without being inflated', async () => {
    const row = (size: number): string => signed(json({ ...claims, note: 'x'.repeat(size) }))
    expect(await ask(table(row(700_000)))).not.toBeNull()
    expect(await ask(table(row(800_000)))).toBeNull()
  })

  test('is none when it names no user, another backend, or another hash', async () => {
    const { _auth_user_id: _, ...withoutUser } = claims
    const others = [
      {},
      withoutUser,
      { ...claims, _auth_user_id: 7 },
      { ...claims, _auth_user_id: '8' },
      { ...claims, _auth_user_backend: 'allauth.account.auth_backends.AuthenticationBackend' },
      { ...claims, _auth_user_hash: hash.replace('5', '6') },
      { ...claims, _auth_user_hash: '' },
      [],
    ]
    for (const one of others) expect(await ask(table(signed(json(one))))).toBeNull()
    expect(await ask(table(signed(json(claims))))).not.toBeNull()
  })

  test('that lacks one of the three claims has no user, and no user is looked up', async () => {
    const asked: string[] = []
    const user = ({ userId }: { userId: string }): { user: Person; password: string } => {
      asked.push(userId)
      return { user: { id: userId }, password }
    }
    // the hash of no password at all, and of a model that has made none
    const more = { user, sessionAuthHash: () => '' }
    for (const name of Object.keys(claims))
      for (const value of [undefined, null, '', 7, ['7']])
        expect(await ask(table(signed(json({ ...claims, [name]: value })), more))).toBeNull()
    expect(asked).toEqual([])
  })

  test.each([null, undefined])('is none when there is no such row, or no such user: %s', async (none) => {
    expect(await ask(djangoAuthenticator({ backend: { load: () => none } }))).toBeNull()
    expect(await ask(table(recorded.present.row, { user: () => none }))).toBeNull()
  })

  test('is its user where the site lists that backend', async () => {
    const ldap = { ...claims, _auth_user_backend: 'ldap.Backend' }
    const more = { authenticationBackends: ['ldap.Backend'] }
    expect(await ask(table(signed(json(ldap)), more))).toMatchObject({ user: { id: '7' } })
  })

  test.each([
    ['an altered payload', recorded.present.plain.replace('e', 'f')],
    ['an altered timestamp', recorded.present.plain.replace(':1x8elk:', ':1x8elm:')],
    ['a shortened signature', recorded.present.plain.slice(0, -1)],
    ['no signature', recorded.present.plain.slice(0, recorded.present.plain.lastIndexOf(':') + 1)],
    ['one colon', 'a:b'],
    ['no colon', 'ab'],
    ['nothing', ''],
    ['nothing that is signed', signed('')],
    ['a payload that is no JSON', signed('AAAA')],
    ['a payload that does not inflate', signed('.AAAA')],
    ['a timestamp that is none', signed(json(claims), { at: '-1' })],
    ['a timestamp beyond all dates', signed(json(claims), { at: 'zzzzzzzz' })],
  ])('is none with %s', async (_what, row) => {
    expect(await ask(table(row))).toBeNull()
  })
})

test('a session of the cache is taken as it is unpacked', async () => {
  const cached = (expires: Date | null): Authenticator<Person> =>
    djangoAuthenticator({ backend: { load: () => ({ data: claims, expires }) } })
  expect(await ask(cached(null))).toMatchObject({ user: { id: '7' } })
  expect(await ask(cached(new Date(signedAtMs)))).toBeNull()
})

test('a session of the cache is as old as the site says, and as its look-up where it does not', async () => {
  const issuedAt = new Date(signedAtMs)
  const load = (more: object) => () => ({ data: claims, expires: null, ...more })
  expect(await ask(djangoAuthenticator({ backend: { load: load({ issuedAt }) } }))).toMatchObject({
    issuedAt,
  })
  expect(await ask(djangoAuthenticator({ backend: { load: load({}) } }))).not.toHaveProperty('issuedAt')
})

test('a user model may have a hash of its own', async () => {
  const data = { ...claims, _auth_user_hash: 'stamp-1' }
  const backend = { load: () => ({ data, expires: null }) }
  expect(await ask(djangoAuthenticator({ backend, sessionAuthHash: () => 'stamp-1' }))).not.toBeNull()
  expect(await ask(djangoAuthenticator({ backend, sessionAuthHash: () => 'stamp-2' }))).toBeNull()
})

test('renewal notices the end of the session, and a change of password', async () => {
  let row: string | null = recorded.present.row
  let current = password
  const one = djangoAuthenticator({
    backend: { load: () => (row === null ? null : { session_data: row, expire_date }) },
    user: () => ({ user: { id: '7' }, password: current }),
  })
  const renew = async (): Promise<unknown> => {
    const identity = await ask(one)
    if (identity === null || typeof identity === 'string') throw new Error('it was not let in')
    return { again: () => identity.renew?.() }
  }
  const { again } = (await renew()) as { again(): Promise<unknown> }
  expect(await again()).toMatchObject({ user: { id: '7' } })
  current = 'pbkdf2_sha256$260000$salt$other'
  expect(await again()).toBeNull()
  current = password
  row = null
  expect(await again()).toBeNull()
})
