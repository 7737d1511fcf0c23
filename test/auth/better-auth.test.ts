import { describe, expect, test } from 'vitest'
import { accessToken, type BetterAuth, sessionCookie, sessionToken } from '../../src/auth/better-auth.ts'
import type { AuthRequest } from '../../src/core/api/handshake.ts'
import { refusal } from '../examples/running.ts'
import { testClock } from '../../src/testing/clock.ts'
import { bearerRequest, authRequestOf, verdict } from '../support/auth-request.ts'
import { betterAuthSite, stored } from './better-auth-site.ts'

const origin = 'http://127.0.0.1'
const bearer = (token: string): Record<string, string> => ({ Authorization: `Bearer ${token}` })

describe('the session cookie of a real better-auth', () => {
  test('opens a socket to its user', async () => {
    const { signUp, open } = await betterAuthSite()
    const { cookie } = await signUp('ada')
    expect(await open({ Cookie: cookie, Origin: origin }).next()).toBe('welcome, ada')
  })

  test('is refused without an Origin', async () => {
    const { signUp, host } = await betterAuthSite()
    const { cookie } = await signUp('ada')
    expect(await refusal(`ws://${host}/line`, { Cookie: cookie })).toMatchObject({ status: 403 })
  })

  test('given twice with different values is refused', async () => {
    const { signUp, host } = await betterAuthSite()
    const [ada, grace] = [await signUp('ada'), await signUp('grace')]
    const headers = { Cookie: `${ada.cookie}; ${grace.cookie}`, Origin: origin }
    const asked = { ...headers, Accept: 'application/problem+json' }
    expect(await refusal(`ws://${host}/line`, asked)).toMatchObject({ status: 400 })
  })

  test.for([
    ['whose token was altered', (value: string) => `${value.startsWith('a') ? 'b' : 'a'}${value.slice(1)}`],
    ['whose signature was altered', (value: string) => `${value.slice(0, -46)}${'A'.repeat(43)}%3D`],
    ['without its signature', (value: string) => value.replace(/\..*$/, '')],
    ['that is empty', () => ''],
  ] as const)('%s is no session', async ([, altered]) => {
    const { signUp, refusedCookie } = await betterAuthSite()
    const [name = '', value = ''] = (await signUp('ada')).cookie.split('=')
    expect(await refusedCookie(`${name}=${altered(value)}`)).toBe(4401)
  })

  test('is not looked for under what is no token, whatever better-auth would say', async () => {
    const { signUp, auth } = await betterAuthSite()
    const [name = '', value = ''] = (await signUp('ada')).cookie.split('=')
    const asked: Headers[] = []
    const noting: BetterAuth = {
      $Infer: auth.$Infer,
      $context: auth.$context,
      api: { getSession: async ({ headers }) => (asked.push(headers), null) },
    }
    const member = sessionCookie(noting)
    const sending = (sent: string): AuthRequest => authRequestOf({ headers: { cookie: `${name}=${sent}` } })
    const long = `${'a'.repeat(257)}${value.slice(value.indexOf('.'))}`
    for (const odd of ['', 'a.b', long]) expect(await member(sending(odd))).toBeNull()
    expect(asked).toEqual([])
    await member(sending(value))
    expect(asked).toHaveLength(1)
  })

  test('that has expired is no session', async () => {
    const { signUp, refusedCookie, database } = await betterAuthSite()
    const { cookie } = await signUp('ada')
    database.prepare('update session set expiresAt = ?').run(new Date(Date.now() - 1000).toISOString())
    expect(await refusedCookie(cookie)).toBe(4401)
  })

  test('is called by the name that better-auth gives it under https', async () => {
    const { signUp, auth } = await betterAuthSite({ baseURL: 'https://app.example' })
    const { cookie } = await signUp('ada')
    expect(cookie).toMatch(/^__Secure-better-auth\.session_token=/)
    const found = await sessionCookie(auth)(authRequestOf({ headers: { cookie } }))
    expect(found?.user.name).toBe('ada')
  })

  // proves: session-table
  test('becomes an identity that names the session and does not hold its token', async () => {
    const { signUp, auth, database } = await betterAuthSite()
    const { id, cookie, token } = await signUp('ada')
    const identity = await sessionCookie(auth)(authRequestOf({ headers: { cookie } }))
    const row = database.prepare('select * from session').get()
    expect(identity).toMatchObject({
      subject: id,
      session: row?.['id'],
      issuedAt: new Date(String(row?.['createdAt'])),
      expires: new Date(String(row?.['expiresAt'])),
    })
    expect(token).toMatch(/^\w{32}\./)
    expect(JSON.stringify(identity)).not.toContain(token.slice(0, 32))
  })

  test('is renewed from the store: role and expiry as they are now', async () => {
    const { signUp, auth, database } = await betterAuthSite()
    const { cookie } = await signUp('ada')
    const identity = await sessionCookie(auth)(authRequestOf({ headers: { cookie } }))
    const later = new Date(Date.now() + 99 * 86_400_000)
    database.prepare('update session set expiresAt = ?').run(later.toISOString())
    database.prepare(`update user set role = 'admin'`).run()
    const renewed = await identity?.renew?.()
    expect(renewed).toMatchObject({ expires: later, user: { role: 'admin' }, session: identity?.session })
  })

  test.for([
    ['whose row is gone', 'delete from session'],
    ['that has expired meanwhile', `update session set expiresAt = '2020-01-01T00:00:00.000Z'`],
    ['whose user is banned by SQL', 'update user set banned = 1'],
  ] as const)('%s is not renewed', async ([, sql]) => {
    const { signUp, auth, database } = await betterAuthSite()
    const { cookie } = await signUp('ada')
    const identity = await sessionCookie(auth)(authRequestOf({ headers: { cookie } }))
    database.exec(sql)
    expect(await identity?.renew?.()).toBeNull()
  })

  test('opens none to someone whose ban ends later', async () => {
    const { signUp, auth, database } = await betterAuthSite()
    const { cookie } = await signUp('ada')
    database.exec(`update user set banned = 1, banExpires = '2999-01-01T00:00:00.000Z'`)
    expect(await sessionCookie(auth)(authRequestOf({ headers: { cookie } }))).toBeNull()
  })

  test.for([null, undefined])('opens none where the site has no user for it: %s', async (none) => {
    const { signUp, auth } = await betterAuthSite()
    const { cookie } = await signUp('ada')
    expect(await sessionCookie(auth, { user: () => none })(authRequestOf({ headers: { cookie } }))).toBeNull()
  })

  test('opens a socket again to someone whose ban is over', async () => {
    const { signUp, auth, database } = await betterAuthSite()
    const { cookie } = await signUp('ada')
    database.exec(`update user set banned = 1, banExpires = '2020-01-01T00:00:00.000Z'`)
    expect(await sessionCookie(auth)(authRequestOf({ headers: { cookie } }))).not.toBeNull()
  })

  test('opens a socket again when the ban is over by the clock that it was given', async () => {
    const { signUp, auth, database } = await betterAuthSite()
    const { cookie } = await signUp('ada')
    const clock = testClock(Date.UTC(2100, 0, 1))
    database.exec(`update user set banned = 1, banExpires = '2100-01-01T00:01:00.000Z'`)
    const member = sessionCookie(auth, { clock })
    expect(await member(authRequestOf({ headers: { cookie } }))).toBeNull()
    clock.jump(60_000)
    expect(await member(authRequestOf({ headers: { cookie } }))).not.toBeNull()
  })

  test('is neither refreshed nor taken from the cookie cache', async () => {
    const { signUp, auth, database, refusedCookie } = await betterAuthSite({
      storage: { session: { updateAge: 0, cookieCache: { enabled: true, maxAge: 300 } } },
    })
    const { cookie } = await signUp('ada')
    const before = database.prepare('select expiresAt from session').get()
    await sessionCookie(auth)(authRequestOf({ headers: { cookie } }))
    expect(database.prepare('select expiresAt from session').get()).toEqual(before)
    database.exec('delete from session')
    expect(await refusedCookie(cookie)).toBe(4401)
  })

  test('is answered 503 while the database is away', async () => {
    const { signUp, host, database } = await betterAuthSite()
    const { cookie } = await signUp('ada')
    database.close()
    const answer = await refusal(`ws://${host}/line`, {
      Cookie: cookie,
      Origin: origin,
      Accept: 'application/problem+json',
    })
    expect(answer).toMatchObject({ status: 503 })
  })
})

describe('a token of its bearer plugin', () => {
  test('opens a socket', async () => {
    const { signUp, open } = await betterAuthSite()
    expect(await open(bearer((await signUp('ada')).token)).next()).toBe('welcome, ada')
  })

  test.for([
    ['without signature, as the table has it', (token: string) => token.replace(/\..*$/, '')],
    ['with another signature', (token: string) => token.replace(/\..*$/, `.${'A'.repeat(43)}=`)],
  ] as const)('%s is 401', async ([, altered]) => {
    const { signUp, host } = await betterAuthSite()
    const { token } = await signUp('ada')
    expect(await refusal(`ws://${host}/line`, bearer(altered(token)))).toMatchObject({ status: 401 })
  })

  test('is known by its shape: whatever else is a bearer credential is left to others', async () => {
    const { auth } = await betterAuthSite()
    for (const value of ['sk_live_1', 'eyJhbGciOiJub25lIn0.eyJzdWIiOiI3In0.c2ln'])
      expect(await sessionToken(auth)(bearerRequest(value))).toBeNull()
  })

  test('is 401 after the sign-out, and no other authenticator is asked', async () => {
    const { auth, signUp, post, host } = await betterAuthSite()
    const { token } = await signUp('ada')
    await post('/sign-out', {}, bearer(token))
    expect(await refusal(`ws://${host}/line`, bearer(token))).toMatchObject({ status: 401 })
    expect(await verdict(sessionToken(auth), bearerRequest(token))).toBe('401 invalid-token')
  })
})

describe('an access token of its jwt plugin', () => {
  const issue = async (site: Awaited<ReturnType<typeof betterAuthSite>>, session: string): Promise<string> =>
    ((await site.get('/token', bearer(session))) as { token: string }).token

  test('opens a socket, verified with the keys of this process', async () => {
    const site = await betterAuthSite()
    const token = await issue(site, (await site.signUp('ada')).token)
    expect(await site.open(bearer(token)).next()).toBe('welcome, ada')
  })

  test('ends with its session, open sockets among it', async () => {
    const site = await betterAuthSite()
    const { token: session } = await site.signUp('ada')
    const token = await issue(site, session)
    const talk = site.open(bearer(token))
    await talk.next()
    await site.post('/sign-out', {}, bearer(session))
    expect((await talk.ended).code).toBe(4401)
    expect(await refusal(`ws://${site.host}/line`, bearer(token))).toMatchObject({ status: 401 })
  })

  test('that names no session, or the session of another user, is 401', async () => {
    const { signUp, auth, database, host } = await betterAuthSite()
    const tokens = accessToken(auth, { issuer: origin, audience: 'line' })
    const [ada] = [await signUp('ada'), await signUp('grace')]
    const [, other] = database.prepare('select id from session order by createdAt').all()
    for (const sid of [undefined, String(other?.['id'])]) {
      const payload = { sub: ada.id, ...(sid === undefined ? {} : { sid }) }
      const { token } = await auth.api.signJWT({ body: { payload } })
      expect(await refusal(`ws://${host}/line`, bearer(token))).toMatchObject({ status: 401 })
      expect(await verdict(tokens, bearerRequest(token))).toMatch(/^401 /)
    }
  })

  test('opens nothing beyond the end of its session', async () => {
    const site = await betterAuthSite()
    const token = await issue(site, (await site.signUp('ada')).token)
    const soon = new Date(Date.now() + 60_000)
    site.database.prepare('update session set expiresAt = ?').run(soon.toISOString())
    const tokens = accessToken(site.auth, { issuer: origin, audience: 'line' })
    const identity = await tokens(bearerRequest(token))
    expect(identity?.expires).toEqual(soon)
    expect((await identity?.renew?.())?.expires).toEqual(soon)
  })
})

test('sessions in a secondary storage alone are read and renewed by id', async () => {
  const { secondaryStorage } = stored({})
  const { signUp, signIn, auth, post } = await betterAuthSite({
    storage: { secondaryStorage },
    revoking: false,
  })
  await signUp('ada')
  const { cookie } = await signIn({ email: 'ada@example.com' })
  await signIn({ email: 'ada@example.com' })
  const identity = await sessionCookie(auth)(authRequestOf({ headers: { cookie } }))
  expect(await identity?.renew?.()).toMatchObject({ session: identity?.session, user: { name: 'ada' } })
  await post('/sign-out', {}, { Cookie: cookie })
  expect(await identity?.renew?.()).toBeNull()
})

test.each([[undefined], [null], ['auth'], [{}], [{ api: {} }], [{ $context: {} }]])(
  'an authenticator of %o, which is no better-auth, is a TypeError at its definition',
  (auth) => {
    // what a program without types could write
    for (const make of [sessionCookie, sessionToken] as readonly ((auth: unknown) => unknown)[])
      expect(() => make(auth)).toThrow(/the instance of .* is the result of betterAuth\(\)/)
  },
)
