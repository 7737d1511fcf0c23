import { DatabaseSync } from 'node:sqlite'
import { betterAuth, type BetterAuthOptions } from 'better-auth'
import { getMigrations } from 'better-auth/db/migration'
import { bearer, jwt } from 'better-auth/plugins'
import { describe, expect, test } from 'vitest'
import { accessToken, sessionCookie, sessionToken } from '../../src/auth/better-auth.ts'
import { authenticate } from '../../src/core/access/authenticate.ts'
import { anyOf, contract, endpoint, text } from '../../src/index.ts'
import { testServer, visit } from '../../src/testing.ts'
import { denialOf, authRequestOf } from '../support/auth-request.ts'
import { plainPasswords, quietly } from './better-auth-site.ts'
import { closeAfterTest } from '../support/close-after-test.ts'

// better-auth itself, with a base URL that is chosen at each request, or one that is not
type Base = BetterAuthOptions['baseURL']
const allowedHosts = ['a.example', '*.b.example', 'localhost:3000']
const line = contract('/line', { client: text, server: text })
async function siteWithBaseUrl(baseURL: Base, advanced: NonNullable<BetterAuthOptions['advanced']> = {}) {
  const database = new DatabaseSync(':memory:')
  const auth = betterAuth({
    ...(baseURL === undefined ? {} : { baseURL }),
    advanced,
    ...quietly(database),
    emailAndPassword: plainPasswords,
    plugins: [
      bearer({ requireSignature: true }),
      jwt({ jwt: { definePayload: ({ session }) => ({ sid: session.id }) } }),
    ],
  })
  await (await getMigrations(auth.options)).runMigrations()
  const request = (origin: string, path: string, init: RequestInit = {}): Promise<Response> => {
    const headers = new Headers(init.headers)
    headers.set('origin', origin)
    if (!headers.has('host')) headers.set('host', new URL(origin).host)
    return auth.handler(new Request(`${origin}/api/auth${path}`, { ...init, headers }))
  }
  return {
    auth,
    database,
    request,
    async signUp(origin: string, headers: Record<string, string> = {}) {
      const answer = await request(origin, '/sign-up/email', {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ name: 'ada', email: 'ada@example.com', password: 'correct horse' }),
      })
      const [cookie = ''] = (answer.headers.get('set-cookie') ?? '').split(';')
      return { cookie, name: cookie.split('=')[0], token: answer.headers.get('set-auth-token') ?? '' }
    },
  }
}

const at = (origin: string, headers: Record<string, string>) =>
  authRequestOf({ headers: { host: new URL(origin).host, origin, ...headers } })

describe('the cookie of a real better-auth', () => {
  test.each<[string, Base, string, string]>([
    ['one base URL', 'https://a.example', 'https://a.example', '__Secure-better-auth.session_token'],
    ['one base URL without https', 'http://a.example', 'http://a.example', 'better-auth.session_token'],
    ['no base URL', undefined, 'http://a.example', 'better-auth.session_token'],
    ['allowed hosts', { allowedHosts }, 'https://a.example', 'better-auth.session_token'],
    ['allowed hosts with a pattern', { allowedHosts }, 'https://x.b.example', 'better-auth.session_token'],
    ['allowed hosts with a port', { allowedHosts }, 'http://localhost:3000', 'better-auth.session_token'],
    [
      'allowed hosts under https',
      { allowedHosts, protocol: 'https' },
      'https://a.example',
      '__Secure-better-auth.session_token',
    ],
    [
      'allowed hosts and another base for the rest',
      { allowedHosts, fallback: 'https://a.example' },
      'https://c.example',
      'better-auth.session_token',
    ],
  ])('opens a socket with %s, and is renewed', async (_what, base, origin, name) => {
    const site = await siteWithBaseUrl(base)
    const signedIn = await site.signUp(origin)
    expect(signedIn.name).toBe(name)
    const found = await sessionCookie(site.auth)(at(origin, { cookie: signedIn.cookie }))
    expect(found?.user.name).toBe('ada')
    site.database.exec(`update user set name = 'grace'`)
    expect((await found?.renew?.())?.user.name).toBe('grace')
    site.database.exec('delete from session')
    expect(await found?.renew?.()).toBeNull()
  })

  test.each([
    ['https://a.example', '__Secure-better-auth.session_token'],
    ['http://localhost:3000', 'better-auth.session_token'],
  ])('has the name that it gets at %s where it is one for all subdomains', async (origin, name) => {
    const site = await siteWithBaseUrl({ allowedHosts }, { crossSubDomainCookies: { enabled: true } })
    const signedIn = await site.signUp(origin)
    expect(signedIn.name).toBe(name)
    const member = sessionCookie(site.auth)
    const found = await member(at(origin, { cookie: signedIn.cookie }))
    expect(found?.user.name).toBe('ada')
    expect((await found?.renew?.())?.user.name).toBe('ada')
    // under the other name better-auth looks for none
    const other = name.startsWith('__') ? signedIn.cookie.slice(9) : `__Secure-${signedIn.cookie}`
    expect(await member(at(origin, { cookie: other }))).toBeNull()
  })

  test('set by a neighbour without https does not take the place of the secure one', async () => {
    const site = await siteWithBaseUrl({ allowedHosts }, { crossSubDomainCookies: { enabled: true } })
    const origin = 'https://a.example'
    const { cookie } = await site.signUp(origin)
    const planted = `better-auth.session_token=${'x'.repeat(32)}.${'A'.repeat(43)}%3D`
    const found = await sessionCookie(site.auth)(at(origin, { cookie: `${planted}; ${cookie}` }))
    expect(found?.user.name).toBe('ada')
  })

  test('opens a socket behind a proxy that is trusted there, and is renewed', async () => {
    const site = await siteWithBaseUrl({ allowedHosts }, { trustedProxyHeaders: true })
    const forwarded = { host: '10.0.0.7:8080', 'x-forwarded-host': 'a.example', 'x-forwarded-proto': 'https' }
    const { cookie } = await site.signUp('https://a.example', forwarded)
    const found = await sessionCookie(site.auth)(at('https://a.example', { ...forwarded, cookie }))
    expect((await found?.renew?.())?.user.name).toBe('ada')
    const { 'x-forwarded-host': _host, ...less } = forwarded
    const direct = at('https://a.example', { ...less, cookie })
    expect((await denialOf(() => authenticate(sessionCookie(site.auth), direct))).status).toBe(503)
  })

  test('at a host that is not allowed is no verdict', async () => {
    const site = await siteWithBaseUrl({ allowedHosts })
    const { cookie } = await site.signUp('https://a.example')
    const request = at('https://evil.example', { cookie })
    expect((await denialOf(() => authenticate(sessionCookie(site.auth), request))).status).toBe(503)
  })

  test('an identity keeps no header but the address of the host, and that only when it counts', async () => {
    const headers = { 'x-forwarded-host': `${'x'.repeat(300)}.a.example`, 'x-secret': 'Marked0Secret' }
    for (const base of [{ allowedHosts }, 'https://a.example'] as const) {
      const site = await siteWithBaseUrl(base)
      const { cookie, token } = await site.signUp('https://a.example')
      const asked: Headers[] = []
      const { getSession } = site.auth.api
      site.auth.api.getSession = ((request: { headers: Headers }) => {
        asked.push(request.headers)
        return getSession(request)
      }) as typeof getSession
      const found = await sessionCookie(site.auth)(at('https://a.example', { ...headers, cookie }))
      await found?.renew?.()
      expect(asked).toHaveLength(2)
      for (const one of asked) {
        expect([...one.keys()]).toEqual(typeof base === 'string' ? ['cookie'] : ['cookie', 'host'])
        expect([...one.values()].join(' ')).not.toContain('Marked0Secret')
      }
      expect(JSON.stringify(found)).not.toContain(token.slice(0, 32))
    }
  })
})

describe('with allowed hosts a bearer token of a real better-auth', () => {
  test('opens a socket, and a forged one is refused without a question to the database', async () => {
    const site = await siteWithBaseUrl({ allowedHosts })
    const { token } = await site.signUp('https://a.example')
    const member = sessionToken(site.auth)
    const found = await member(at('https://a.example', { authorization: `Bearer ${token}` }))
    expect(found?.user.name).toBe('ada')
    expect((await found?.renew?.())?.user.name).toBe('ada')
    site.database.exec('delete from session')
    const ended = await denialOf(() => member(at('https://a.example', { authorization: `Bearer ${token}` })))
    expect(ended).toMatchObject({ status: 401, genuine: true })
    const forged = `${'x'.repeat(32)}${token.slice(token.indexOf('.'))}`
    const refused = await denialOf(() =>
      member(at('https://a.example', { authorization: `Bearer ${forged}` })),
    )
    expect(refused).toMatchObject({ status: 401, genuine: false })
  })

  test('of the jwt plugin opens a socket at each host, verified with the keys of this process', async () => {
    const site = await siteWithBaseUrl({ allowedHosts: ['*.b.example', 'a.example'] })
    const { token } = await site.signUp('https://a.example')
    const hosts = ['https://a.example', 'https://x.b.example']
    const member = accessToken(site.auth, { issuer: hosts, audience: hosts })
    for (const origin of hosts) {
      const answer = await site.request(origin, '/token', { headers: { authorization: `Bearer ${token}` } })
      const { token: signed } = (await answer.json()) as { token: string }
      const found = await member(at(origin, { authorization: `Bearer ${signed}` }))
      expect(found?.user.name).toBe('ada')
      expect((await found?.renew?.())?.user.name).toBe('ada')
      const elsewhere = accessToken(site.auth, { issuer: 'https://c.example', audience: hosts })
      expect(await elsewhere(at(origin, { authorization: `Bearer ${signed}` }))).toBeNull()
    }
  })
})

test('a signed session token is let in after the budget of its network, a forged one is 429', async () => {
  const site = await siteWithBaseUrl({ allowedHosts })
  const { token } = await site.signUp('https://a.example')
  const server = testServer({
    origins: ['https://a.example'],
    limits: { failedHandshakes: { most: 1, eachMs: 60_000, burst: 1 } },
  })
  closeAfterTest(server)
  const auth = anyOf(sessionToken(site.auth), sessionCookie(site.auth))
  const room = endpoint(line, { auth }, async (socket) => {
    for await (const said of socket) socket.send(said)
  })
  const visitWithToken = (value: string) =>
    visit(room, {}, { headers: { host: 'a.example', authorization: `Bearer ${value}` }, server })
  const forged = (mark: string): string => `${mark.repeat(32)}${token.slice(token.indexOf('.'))}`
  await expect(visitWithToken(forged('x'))).rejects.toMatchObject({ status: 401 })
  await expect(visitWithToken(forged('y'))).rejects.toMatchObject({ status: 429 })
  await visitWithToken(token)
})
