import { createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { sessions } from '../../src/auth/sessions.ts'
import type { Authenticator, AuthRequest } from '../../src/core/api/handshake.ts'
import { anyOf, authenticate } from '../../src/core/access/authenticate.ts'
import { contract, endpoint, text } from '../../src/index.ts'
import { testClock, testServer, visit } from '../../src/testing.ts'
import { denialOf, authRequestOf, verdict } from '../support/auth-request.ts'

interface Session {
  readonly id: string
  readonly userId: string
  readonly ends: Date
}

const clock = testClock()
const at = (ms: number): Date => new Date(clock.now() + ms)
const store = new Map<string, Session>([
  ['c1', { id: 's1', userId: '7', ends: at(60_000) }],
  ['stale', { id: 's2', userId: '7', ends: at(-1) }],
  ['odd', { id: 's3', userId: '7', ends: new Date(Number.NaN) }],
  ['orphan', { id: 's4', userId: 'gone', ends: at(60_000) }],
])
const load = (id: string): Session | undefined => store.get(id)
const user = ({ userId }: Session): { id: string } | null => (userId === 'gone' ? null : { id: userId })
const expires = ({ ends }: Session): Date => ends
const member = sessions({ cookie: 'sid', load, user, expires, clock })
const origin = 'https://app.example'
const cookie = (value: string, more = {}): AuthRequest =>
  authRequestOf({ headers: { cookie: `sid=${value}`, origin, ...more } })

describe('a session cookie', () => {
  test('becomes an identity that ends with its session', async () => {
    expect(await member(cookie('c1'))).toMatchObject({ user: { id: '7' }, expires: at(60_000) })
  })

  test('names its session by a hash, because its value is a secret', async () => {
    const identity = await member(cookie('c1'))
    expect(identity?.session).toMatch(/^[A-Za-z0-9_-]{22}$/)
    expect(identity?.session).toBe((await member(cookie('c1')))?.session)
  })

  test('names its session as the site does, where it is told how', async () => {
    const named = sessions({ cookie: 'sid', load, user, id: ({ id }) => id, issuedAt: () => at(-5), clock })
    expect(await named(cookie('c1'))).toMatchObject({ session: 's1', issuedAt: at(-5) })
  })

  test.each(['stale', 'odd', 'orphan', 'unknown', '', 'x'.repeat(5000)])(
    'that is no good is no session: %.8s',
    async (value) => {
      expect(await verdict(member, cookie(value))).toBeNull()
    },
  )

  test.each([null, undefined])(
    'is none when the site has no such session, or no such user: %s',
    async (none) => {
      const unknown = sessions({ cookie: 'sid', load: () => none, user: () => ({ id: '7' }) })
      expect(await verdict(unknown, cookie('c1'))).toBeNull()
      const orphaned = sessions({ cookie: 'sid', load, user: () => none })
      expect(await verdict(orphaned, cookie('c1'))).toBeNull()
    },
  )

  test('of no value, or of more than 4096 characters, is not looked up', async () => {
    const looked: string[] = []
    const any = sessions({ cookie: 'sid', load: (id) => void looked.push(id), user: () => null })
    for (const id of ['', 'x'.repeat(4097)]) await any(cookie(id))
    expect(looked).toEqual([])
  })

  test('says nothing of its beginning where the site does not', async () => {
    expect(await member(cookie('c1'))).not.toHaveProperty('issuedAt')
  })

  test('of another name is not looked at', async () => {
    expect(await member(authRequestOf({ headers: { cookie: 'other=c1; sid2=c1', origin } }))).toBeNull()
  })

  test('yields to an explicit credential', async () => {
    const request = cookie('c1', { authorization: 'Bearer nonsense' })
    expect(await member(request)).toBeNull()
    expect((await denialOf(() => authenticate(member, request))).reason).toBe('unknown-credential')
  })

  test('is refused without an Origin, also behind anyOf', async () => {
    for (const one of [member, anyOf(member)]) {
      const denial = await denialOf(() => authenticate(one, authRequestOf({ headers: { cookie: 'sid=c1' } })))
      expect([denial.status, denial.reason]).toEqual([403, 'origin-required'])
    }
  })

  test('is no verdict when the store is away', async () => {
    const failing = sessions({
      cookie: 'sid',
      load: () => Promise.reject(new Error('store away')),
      user: () => null,
    })
    await expect(failing(cookie('c1'))).rejects.toThrow('store away')
  })
})

test('renewal reads session and user again', async () => {
  const changing = new Map(store)
  const one = sessions({ cookie: 'sid', load: (id) => changing.get(id), user, expires, clock })
  const identity = await one(cookie('c1'))
  changing.set('c1', { id: 's1', userId: '8', ends: at(90_000) })
  const renewed = await identity?.renew?.()
  expect(renewed).toMatchObject({ user: { id: '8' }, expires: at(90_000), session: identity?.session })
  changing.delete('c1')
  expect(await renewed?.renew?.()).toBeNull()
})

const sign = (id: string, secret: string): string =>
  createHmac('sha256', secret).update(id).digest('base64').replace(/=+$/, '')

describe('a cookie signed as Express does it', () => {
  const signed = sessions({ cookie: 'sid', load, user, clock, secret: ['new secret', 'keyboard cat'] })

  test('is good under any of the secrets, percent-encoded or not', async () => {
    for (const secret of ['new secret', 'keyboard cat']) {
      const value = `s:c1.${sign('c1', secret)}`
      expect(await verdict(signed, cookie(value))).toMatchObject({ user: { id: '7' } })
      expect(await verdict(signed, cookie(encodeURIComponent(value)))).toMatchObject({ user: { id: '7' } })
    }
  })

  test('has the form that cookie-signature documents', () => {
    // the example of its README: sign('hello', 'tobiiscool')
    expect(`hello.${sign('hello', 'tobiiscool')}`).toBe('hello.DGDUkGlIkCzPz+C0B064FNgHdEjox7ch8tOBGslZ5QI')
  })

  test.each([
    ['unsigned', 'c1'],
    ['without its mark', `c1.${sign('c1', 'keyboard cat')}`],
    ['signed with another secret', `s:c1.${sign('c1', 'other')}`],
    ["another session's signature", `s:c1.${sign('c2', 'keyboard cat')}`],
    ['under another mark', `j:c1.${sign('c1', 'keyboard cat')}`],
    ['a shortened signature', `s:c1.${sign('c1', 'keyboard cat').slice(0, -1)}`],
    ['an empty signature', 's:c1.'],
    ['no signature', 's:c1'],
    ['no id', `s:.${sign('', 'keyboard cat')}`],
    ['a signature that is not ASCII', 's:c1.é'],
  ])('is no session when it is %s', async (_what, value) => {
    expect(await verdict(signed, cookie(encodeURIComponent(value)))).toBeNull()
  })

  test('of no id, or of more than 4096 characters, is not looked up', async () => {
    const looked: string[] = []
    const any = sessions({
      cookie: 'sid',
      load: (id) => void looked.push(id),
      user: () => null,
      secret: 'keyboard cat',
    })
    for (const id of ['', 'x'.repeat(4096)]) await any(cookie(`s:${id}.${sign(id, 'keyboard cat')}`))
    expect(looked).toEqual([])
  })

  test('needs a secret that is not empty', () => {
    // the value of an environment variable that is not set
    const unset = process.env['SALLYPORT_NO_SUCH_SECRET'] as string
    for (const secret of ['', [], ['good', ''], ['good', unset], unset])
      expect(() => sessions({ cookie: 'sid', load, user, secret })).toThrow(TypeError)
  })
})

test('after a revocation a stored session opens again, unless it says when it was issued', async () => {
  const server = testServer({ clock, origins: [origin] })
  const line = contract('/line', { client: text, server: text })
  const headers = { cookie: 'sid=c1', origin }
  const came = (auth: Authenticator<{ id: string }>): Promise<unknown> =>
    visit(
      endpoint(line, { auth }, async (socket) => socket.send('welcome')),
      {},
      { headers, server },
    )
  await came(member)
  await server.revoke({ user: '7', reason: 'stolen' })
  await clock.advance(1)
  await came(member)
  const dated = sessions({ cookie: 'sid', load, user, issuedAt: () => at(-60_000), clock })
  await expect(came(dated)).rejects.toMatchObject({ status: 403, code: 'revoked' })
})
