import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket as Ws } from 'ws'
import { accessTokens, type Keys } from '../../examples/django/simplejwt.ts'
import { django, type DjangoStore, fingerprint } from '../../src/auth/django.ts'
import { anyOf, contract, endpoint, type Server, sallyport, text } from '../../src/index.ts'
import { listen, refusal, type Talk } from '../examples/running.ts'
import { type PythonSite, pythonSite } from '../support/python-site.ts'
import { available } from '../support/require.ts'

const secretKey = randomBytes(40).toString('base64url')
const internal = randomBytes(20).toString('hex')
const origin = 'https://app.example'
const rsa = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
})

type Engine = 'db' | 'cache' | 'signed_cookies'

describe.runIf(available('django')).for(['db', 'cache', 'signed_cookies'] as const)(
  'a real Django that keeps sessions with %s',
  (engine) => {
    let site: PythonSite
    let server: Server
    let base: string
    let password = 'correct horse battery'

    beforeAll(async () => {
      site = await pythonSite('test/support/django-site/site.py', {
        SECRET_KEY: secretKey,
        SESSIONS: engine,
        INTERNAL_KEY: internal,
        PASSWORD: password,
        ...(engine === 'cache' ? { RSA_PRIVATE: rsa.privateKey, RSA_PUBLIC: rsa.publicKey } : {}),
      })
      server = greeting(site, engine)
      base = `ws://127.0.0.1:${(await server.listen(0)).port}`
    })
    afterAll(async () => {
      await server?.close({ drain: 100 })
      await site?.stop()
    })

    const post = (path: string, body: object, cookie = ''): Promise<Response> =>
      fetch(`${site.url}/${path}`, {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'Content-Type': 'application/json', Cookie: cookie },
      })
    const signIn = async (): Promise<string> => {
      const answer = await post('sign-in', { username: 'ada', password })
      expect(answer.status).toBe(204)
      return (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
    }
    const token = async (kind: 'access' | 'refresh'): Promise<string> => {
      const answer = await post('token', { username: 'ada', password })
      return ((await answer.json()) as Record<typeof kind, string>)[kind]
    }
    const open = (headers: Record<string, string>): Talk => listen(new Ws(`${base}/line`, { headers }))
    const welcome = (headers: Record<string, string>): Promise<string> => open(headers).next()
    const close = async (cookie: string): Promise<number> =>
      (await listen(new Ws(`${base}/line`, { headers: { Cookie: cookie, Origin: origin } })).ended).code
    const bearer = (value: string): Record<string, string> => ({ Authorization: `Bearer ${value}` })

    test('opens a socket to its user with the cookie it issued', async () => {
      expect(await welcome({ Cookie: await signIn(), Origin: origin })).toBe('welcome, ada')
    })

    test('whose cookie was altered opens none', async () => {
      const cookie = await signIn()
      const other = cookie.endsWith('a') ? 'b' : 'a'
      expect(await close(cookie.slice(0, -1) + other)).toBe(4401)
    })

    test('opens a socket with the access token of simplejwt', async () => {
      expect(await welcome(bearer(await token('access')))).toBe('welcome, ada')
    })

    test('opens none with a refresh token', async () => {
      expect(await refusal(`${base}/line`, bearer(await token('refresh')))).toMatchObject({ status: 401 })
    })

    test('a blacklisted token opens no socket, and the socket that it has opened closes at the lease', async () => {
      const access = await token('access')
      const { next, ended } = open(bearer(access))
      expect(await next()).toBe('welcome, ada')
      expect((await post('blacklist', { token: access })).status).toBe(204)
      expect(await refusal(`${base}/line`, bearer(access))).toMatchObject({ status: 401 })
      expect((await ended).code).toBe(4401)
    })

    const afterLogout =
      engine === 'signed_cookies' ? 'still opens one, as every page of Django does' : 'opens none'
    test(`with a copy of its cookie ${afterLogout}, after a logout`, async () => {
      const cookie = await signIn()
      const { next, ended } = open({ Cookie: cookie, Origin: origin })
      expect(await next()).toBe('welcome, ada')
      expect((await post('sign-out', {}, cookie)).status).toBe(204)
      if (engine === 'signed_cookies') {
        expect(await welcome({ Cookie: cookie, Origin: origin })).toBe('welcome, ada')
        return
      }
      expect(await close(cookie)).toBe(4401)
      expect((await ended).code).toBe(4401)
    })

    // the cookies of two sign-ins in one second are the same where they are the session
    if (engine !== 'signed_cookies')
      test('whose receiver tells the port of a logout closes the sockets of that session at once', async () => {
        const [cookie, other] = [await signIn(), await signIn()]
        const [hers, elsewhere] = [cookie, other].map((one) => open({ Cookie: one, Origin: origin }))
        expect(await Promise.all([hers?.next(), elsewhere?.next()])).toEqual(['welcome, ada', 'welcome, ada'])
        const session = fingerprint(cookie.slice('sessionid='.length))
        expect(await server.revoke({ session, reason: 'signed out' })).toMatchObject({ closed: 1 })
        expect(await hers?.ended).toEqual({ code: 4401, reason: 'revoked: signed out' })
        expect(await close(cookie)).toBe(4401)
        expect(await welcome({ Cookie: other, Origin: origin })).toBe('welcome, ada')
      })

    test('an older session opens no socket after a change of password, and closes at the lease', async () => {
      const [mine, stolen] = [await signIn(), await signIn()]
      const { next, ended } = open({ Cookie: stolen, Origin: origin })
      expect(await next()).toBe('welcome, ada')
      password = 'another horse battery'
      expect((await post('password', { password }, mine)).status).toBe(204)
      expect([await close(mine), await close(stolen)]).toEqual([4401, 4401])
      expect(await ended).toMatchObject({
        code: 4401,
        reason: expect.stringContaining('no longer signed in'),
      })
      expect(await welcome({ Cookie: await signIn(), Origin: origin })).toBe('welcome, ada')
    })
  },
)

interface Person {
  readonly id: string
  readonly username: string
}

/** An endpoint for the users of that site, whose tables it reads. */
function greeting(site: PythonSite, engine: Engine): Server {
  const database = new DatabaseSync(join(site.place, 'db.sqlite3'), { readOnly: true })
  const row = (sql: string, key: string): Record<string, unknown> | undefined =>
    database.prepare(sql).get(key)
  const account = (id: string): { user: Person; password: string } | null => {
    const found = row('select username, password from auth_user where id = ? and is_active', id)
    if (found === undefined) return null
    return { user: { id, username: String(found['username']) }, password: String(found['password']) }
  }
  const table: DjangoStore = {
    load(key) {
      const found = row('select session_data, expire_date from django_session where session_key = ?', key)
      if (found === undefined) return null
      return {
        session_data: String(found['session_data']),
        expire_date: new Date(`${String(found['expire_date'])}Z`),
      }
    },
  }
  const cache: DjangoStore = {
    async load(key) {
      const answer = await fetch(`${site.url}/cached/${key}`, { headers: { 'X-Internal': internal } })
      if (!answer.ok) throw new Error(`the site answered ${answer.status}`)
      return { data: (await answer.json()) as Record<string, unknown>, expires: null }
    },
  }
  const backend = { db: table, cache, signed_cookies: 'signed_cookies' } as const
  const keys: Keys = engine === 'cache' ? { verifyingKey: rsa.publicKey } : { signingKey: secretKey }
  const blacklisted =
    'select 1 from token_blacklist_blacklistedtoken b ' +
    'join token_blacklist_outstandingtoken o on o.id = b.token_id where o.jti = ?'
  const auth = anyOf(
    accessTokens(keys, {
      activeUser: (id) => account(id)?.user ?? null,
      isBlacklisted: (jti) => row(blacklisted, jti) !== undefined,
    }),
    django({ secretKey, backend: backend[engine], user: ({ userId }) => account(userId) }),
  )
  const server = sallyport({ origins: [origin] })
  server.serve(
    endpoint(
      contract('/line', { client: text, server: text }),
      { auth, authorize: () => true, lease: '1s' },
      async (socket) => {
        socket.send(`welcome, ${socket.user.username}`)
        for await (const line of socket) socket.send(line)
      },
    ),
  )
  return server
}
