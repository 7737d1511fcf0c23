import { hkdfSync, randomBytes } from 'node:crypto'
import { encode } from '@auth/core/jwt'
import { EncryptJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { authjs, type AuthjsOptions, type AuthjsToken } from '../../src/auth/authjs.ts'
import type { Identity } from '../../src/core/api/identity.ts'
import { testClock } from '../../src/testing.ts'
import { refusal } from '../examples/running.ts'
import { authRequestOf } from '../support/auth-request.ts'
import { passwordSite, signIn } from './authjs-site.ts'

interface User {
  readonly name: string
}
const secret = randomBytes(32).toString('base64')
const plain = 'authjs.session-token'
const secure = '__Secure-authjs.session-token'
const user = ({ name }: AuthjsToken): User => ({ name: String(name) })
const authenticator = (options: Partial<AuthjsOptions<User>> = {}) =>
  authjs({ secret, cookie: plain, user, ...options })
const asked = async (
  cookie: string,
  options: Partial<AuthjsOptions<User>> = {},
): Promise<Identity<User> | null> => authenticator(options)(authRequestOf({ headers: { cookie } }))
/** A cookie as Auth.js itself makes one. */
const made = (token: object, { salt = plain, from = secret, maxAge = 3600 } = {}): Promise<string> =>
  encode({ token: { ...token }, secret: from, salt, maxAge })
/** One with claims that Auth.js would not write. */
function encrypted(claims: object): Promise<string> {
  const key = hkdfSync('sha256', secret, plain, `Auth.js Generated Encryption Key (${plain})`, 64)
  const header = { alg: 'dir', enc: 'A256CBC-HS512' }
  return new EncryptJWT({ ...claims }).setProtectedHeader(header).encrypt(new Uint8Array(key))
}

describe('the cookie of a real Auth.js', () => {
  test('opens a socket to a user who has signed in', async () => {
    const site = await passwordSite(authenticator(), { secret })
    await signIn(site)
    expect(await site.open().next()).toBe('welcome, ada')
  })

  // proves: sealed-cookie
  test('opens one under its name for https, which is a part of the key', async () => {
    const site = await passwordSite(authjs({ secret, user }), { secret, secure: true })
    await signIn(site)
    expect(site.browser.cookies()).toContain(`${secure}=`)
    expect(await site.open().next()).toBe('welcome, ada')
    const renamed = site.browser.cookies().replace(secure, plain)
    expect(await asked(renamed)).toBeNull()
  })

  test('opens one when it is so long that it comes in chunks', async () => {
    const site = await passwordSite(authenticator(), { secret, more: 'x'.repeat(6_000) })
    await signIn(site)
    expect(site.browser.cookies()).toContain(`${plain}.2=`)
    expect(await site.open().next()).toBe('welcome, ada')
  })

  test('is refused without an Origin', async () => {
    const site = await passwordSite(authenticator(), { secret })
    await signIn(site)
    const answer = await refusal(`ws://${site.host}/line`, { Cookie: site.browser.cookies() })
    expect(answer).toMatchObject({ status: 403 })
  })

  test('that is there twice with different values is refused, and so is a chunk', async () => {
    const site = await passwordSite(authenticator(), { secret })
    for (const name of [plain, `${plain}.0`]) {
      const cookie = `${name}=one; ${name}=two`
      const headers = { Cookie: cookie, Origin: 'http://127.0.0.1', Accept: 'application/problem+json' }
      expect(await refusal(`ws://${site.host}/line`, headers)).toMatchObject({ status: 400 })
    }
  })

  // proves: sealed-cookie
  test('is revoked by the sid in it at the sign-out: open sockets end, and a copy opens none', async () => {
    const site = await passwordSite(authenticator(), { secret })
    await signIn(site)
    const [talk, copy] = [site.open(), site.browser.cookies()]
    await talk.next()
    await site.browser.submit('/signout', {})
    expect(await talk.ended).toEqual({ code: 4401, reason: 'revoked: signed-out' })
    expect((await site.open(copy).ended).code).toBe(4401)
  })

  test('keeps its sid when a visit makes a new copy of it, so that a sign-out ends all copies', async () => {
    const site = await passwordSite(authenticator(), { secret })
    await signIn(site)
    const [talk, copy] = [site.open(), site.browser.cookies()]
    await talk.next()
    await site.browser.get('/session')
    expect(site.browser.cookies()).not.toBe(copy)
    await site.browser.submit('/signout', {})
    expect((await talk.ended).code).toBe(4401)
  })

  test('opens sockets while its secret is being replaced', async () => {
    const newer = randomBytes(32).toString('base64')
    const site = await passwordSite(authenticator({ secret: [newer, secret] }), { secret: [newer, secret] })
    await signIn(site)
    expect(await site.open().next()).toBe('welcome, ada')
    expect(await site.open(`${plain}=${await made({ sub: '8', name: 'grace' })}`).next()).toBe(
      'welcome, grace',
    )
  })
})

describe('a cookie that Auth.js has made', () => {
  test('becomes an identity with its claims', async () => {
    const identity = await asked(`${plain}=${await made({ sub: '7', name: 'ada', sid: 's-1' })}`)
    expect(identity).toMatchObject({ user: { name: 'ada' }, subject: '7', session: 's-1' })
    const { expires, issuedAt } = identity ?? {}
    expect((expires?.getTime() ?? 0) - (issuedAt?.getTime() ?? 0)).toBe(3_600_000)
  })

  const bad: readonly (readonly [string, () => Promise<string>])[] = [
    ['of another salt', () => made({ sub: '7' }, { salt: secure })],
    ['of another secret', () => made({ sub: '7' }, { from: 'another secret' })],
    ['that has expired', () => made({ sub: '7' }, { maxAge: -1 })],
    ['whose subject is empty', () => made({ sub: '' })],
    ['without its tag', async () => (await made({ sub: '7' })).replace(/\.[^.]*$/, '.')],
    [
      'with another ciphertext',
      async () => (await made({ sub: '7' })).replace(/\.[^.]{8}([^.]+\.[^.]+)$/, '.AAAAAAAA$1'),
    ],
    ['with another header', async () => (await made({ sub: '7' })).replace(/^[^.]+/, 'eyJhbGciOiJub25lIn0')],
    ['that is a signed token', async () => 'eyJhbGciOiJub25lIn0.eyJzdWIiOiI3In0.'],
    ['that is no token', async () => 'hello'],
  ]
  test.for(bad)('%s is no session', async ([, cookie]) => {
    expect(await asked(`${plain}=${await cookie()}`)).toBeNull()
  })

  test('that never ends is no session', async () => {
    expect(await asked(`${plain}=${await encrypted({ sub: '7' })}`)).toBeNull()
  })

  test.for([
    { sub: 7 },
    { sub: null },
    { sub: '7', jti: 7 },
    { sub: '7', jti: '' },
    { sub: '7', iat: 'yesterday' },
    { sub: '7', exp: '9999999999' },
  ])('whose claims are of other kinds is no session: %o', async (claims) => {
    const exp = Math.floor(Date.now() / 1000) + 60
    expect(await asked(`${plain}=${await encrypted({ sub: '7', exp })}`)).not.toBeNull()
    expect(await asked(`${plain}=${await encrypted({ exp, ...claims })}`)).toBeNull()
  })

  test('that says neither who it is about nor when it was made is older than any revocation', async () => {
    const exp = Math.floor(Date.now() / 1000) + 60
    const identity = await asked(`${plain}=${await encrypted({ exp, name: 'ada' })}`)
    expect(identity).toMatchObject({ user: { name: 'ada' }, issuedAt: new Date(0) })
    expect(identity).not.toHaveProperty('subject')
    expect(identity).not.toHaveProperty('token')
  })

  test('whose sid is no text, or an empty one, names no session', async () => {
    for (const sid of ['', 7, null])
      expect(await asked(`${plain}=${await made({ sub: '7', sid })}`)).not.toHaveProperty('session')
  })

  test('that is spelled in another way is no session', async () => {
    const value = await made({ sub: '7', name: 'ada' })
    expect(await asked(`${plain}=${value}`)).not.toBeNull()
    expect(await asked(`${plain}=${value}=`)).toBeNull()
  })

  test('from the future is no session: it would outlive a revocation', async () => {
    const clock = testClock(Date.now() - 60_000)
    expect(await asked(`${plain}=${await made({ sub: '7' })}`, { clock })).toBeNull()
  })

  test.for([null, undefined])('of a user who is gone is no session: %s', async (none) => {
    expect(await asked(`${plain}=${await made({ sub: '7' })}`, { user: () => none })).toBeNull()
  })

  test('is renewed by asking for its user, until it ends', async () => {
    const clock = testClock(Date.now())
    let name: string | null = 'ada'
    const found = (): User | null => (name === null ? null : { name })
    const identity = await asked(`${plain}=${await made({ sub: '7' })}`, { clock, user: found })
    name = 'Ada Lovelace'
    expect((await identity?.renew?.())?.user.name).toBe('Ada Lovelace')
    name = null
    expect(await identity?.renew?.()).toBeNull()
    name = 'ada'
    await clock.advance(3_600_000)
    expect(await identity?.renew?.()).toBeNull()
  })

  test('is as old as the sign-in where the site says when that was', async () => {
    const issuedAt = (token: AuthjsToken): Date => new Date(Number(token['at']))
    const identity = await asked(`${plain}=${await made({ sub: '7', at: 1_000 })}`, { issuedAt })
    expect(identity?.issuedAt).toEqual(new Date(1_000))
  })

  test('is older than any revocation where the site does not say when the sign-in was', async () => {
    const identity = await asked(`${plain}=${await made({ sub: '7' })}`, { issuedAt: () => null })
    expect(identity?.issuedAt).toEqual(new Date(0))
  })
})

describe('a cookie in chunks', () => {
  const chunked = (value: string, size: number): string =>
    [...Array(Math.ceil(value.length / size)).keys()]
      .map((at) => `${plain}.${at}=${value.slice(at * size, (at + 1) * size)}`)
      .reverse()
      .join('; ')

  test('is put together by number, whatever the order', async () => {
    const value = await made({ sub: '7', name: 'ada' })
    expect((await asked(chunked(value, Math.ceil(value.length / 8))))?.user.name).toBe('ada')
  })

  test('is read beside an emptied cookie of its name', async () => {
    const value = await made({ sub: '7', name: 'ada' })
    expect((await asked(`${plain}=; ${chunked(value, value.length)}`))?.user.name).toBe('ada')
  })

  test('of more than eight is no session', async () => {
    const value = await made({ sub: '7', name: 'ada' })
    expect(await asked(chunked(value, Math.ceil(value.length / 9)))).toBeNull()
  })

  test('of which one is missing is no session', async () => {
    const value = await made({ sub: '7', name: 'ada' })
    const parts = chunked(value, 100).split('; ')
    expect(await asked(parts.filter((part) => !part.startsWith(`${plain}.1=`)).join('; '))).toBeNull()
  })
})

test('the cookie of next-auth 4, as its own encode has made it, is read with version 4', async () => {
  const recorded =
    'eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..15aXYFMXC-QxNWHA.gq4PtGndodFY0WYdkIZh8CONfRMxtn52EhSzAcfWMo8QuF9u' +
    'dsFMYG5vU7NXkcfJVQJzdtgE_rcIH3xX778NkaSkGrlUwimacT9WJDQxFchm9NwCPFpySMTLNENxxyvjrxnNH5HonlYIy6jaiWbYNMGkjA' +
    '.fanp0jfw4HWmMdEG50DX_w'
  const options = { secret: 'a secret of next-auth 4', user }
  const headers = { cookie: `__Secure-next-auth.session-token=${recorded}` }
  const identity = await authjs({ ...options, version: 4 })(authRequestOf({ headers }))
  expect(identity).toMatchObject({ user: { name: 'ada' }, subject: '7', session: 's-1' })
  expect(
    await authjs({ ...options, cookie: '__Secure-next-auth.session-token' })(authRequestOf({ headers })),
  ).toBeNull()
})

// as the environment has it when it is not set
const missing = undefined as unknown as string
test.for([{ secret: '' }, { secret: [] }, { secret: [secret, ''] }, { secret: missing }])(
  'a missing secret stops the start',
  (options) => {
    expect(() => authjs({ ...options, user })).toThrow('AUTH_SECRET')
  },
)
