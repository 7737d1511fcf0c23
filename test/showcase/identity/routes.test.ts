import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose'
import { expect, test } from 'vitest'
import { onBothDatabases } from '../support/databases.ts'
import { requestToken, browser, signInDemoUser, signIn, signUp, start } from '../support/running.ts'

onBothDatabases('identity', (fresh) => {
  test('someone who signs up is signed in, by an HttpOnly cookie', async () => {
    const running = await start({ DATABASE_URL: await fresh() })
    const page = browser(running)
    const answer = await page.post('/api/auth/sign-up/email', {
      email: 'ada2@example.test',
      name: 'Ada',
      username: 'ada2',
      password: 'a long enough one',
    })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('set-cookie')).toMatch(/^sallyport\.session_token=.*HttpOnly; SameSite=Lax/)
    expect(await (await page.get('/api/auth/get-session')).json()).toMatchObject({
      user: { name: 'Ada', role: 'user' },
    })
  })

  test.each([
    ['empty', ' '],
    ['invisible', '\u200b\u2060'],
    ['of 65 characters', 'a'.repeat(65)],
    ['of 44 KB', 'a'.repeat(44_000)],
    ['that turns the text around it', 'Ada\u202egnp.exe'],
    ['with a line end', 'Ada\nLovelace'],
  ])('a name that is %s is refused at sign-up and at every change', async (_, name) => {
    const running = await start({ DATABASE_URL: await fresh() })
    const stranger = browser(running)
    const account = { email: 'ada2@example.test', username: 'ada2', password: 'a long enough one' }
    const refused = await stranger.post('/api/auth/sign-up/email', { ...account, name })
    expect(refused.status).toBe(400)
    const ada = await signUp(running, 'ada3')
    expect((await ada.post('/api/auth/update-user', { name })).status).toBe(400)
    expect(await (await ada.get('/api/auth/get-session')).json()).toMatchObject({ user: { name: 'ADA3' } })
  })

  test('a name of 64 visible characters is taken, in composed form and without space around it', async () => {
    const running = await start({ DATABASE_URL: await fresh() })
    const ada = await signUp(running, 'ada2')
    const name = `${'😀'.repeat(63)}e\u0301`
    expect((await ada.post('/api/auth/update-user', { name: ` ${name} ` })).status).toBe(200)
    const { user } = (await (await ada.get('/api/auth/get-session')).json()) as { user: { name: string } }
    expect(user.name).toBe(`${'😀'.repeat(63)}é`)
  })

  test('an e-mail address longer than any is refused, and so is a picture', async () => {
    const running = await start({ DATABASE_URL: await fresh() })
    const email = `${'a'.repeat(60)}@${'b'.repeat(60)}.${'c.'.repeat(100)}example`
    const account = { name: 'Ada', username: 'ada2', password: 'a long enough one' }
    expect((await browser(running).post('/api/auth/sign-up/email', { ...account, email })).status).toBe(400)
    const ada = await signUp(running, 'ada3')
    const image = `https://example.test/${'a'.repeat(40_000)}`
    expect((await ada.post('/api/auth/update-user', { image })).status).toBe(400)
  })

  test('no user becomes an administrator by asking for it', async () => {
    const running = await start({ DATABASE_URL: await fresh() })
    const page = browser(running)
    const person = {
      email: 'm@example.test',
      name: 'M',
      username: 'mallory',
      password: 'a long enough one',
      role: 'admin',
    }
    await page.post('/api/auth/sign-up/email', person)
    const session = (await (await page.get('/api/auth/get-session')).json()) as {
      user: { role: string }
    } | null
    expect(session?.user.role ?? 'user').toBe('user')
    expect((await page.get('/api/auth/admin/list-users')).status).toBeGreaterThanOrEqual(401)
  })

  test('an access token names its session and holds no e-mail address', async () => {
    const running = await start({ DATABASE_URL: await fresh() })
    const ada = await signUp(running, 'ada2')
    const { token } = (await (await ada.get('/api/auth/token')).json()) as { token: string }
    const keys = createRemoteJWKSet(new URL('/api/auth/jwks', running.url))
    const issuer = running.app.url.origin
    const { payload, protectedHeader } = await jwtVerify(token, keys, { issuer, audience: 'sallyport' })
    expect(protectedHeader.alg).toBe('ES256')
    expect(Object.keys(payload).toSorted()).toEqual([
      'aud',
      'exp',
      'iat',
      'iss',
      'name',
      'role',
      'sid',
      'sub',
    ])
    expect(payload.sub).toBe(ada.id)
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(300)
  })

  test('a ban ends sessions and access tokens at once', async () => {
    const running = await start({ DATABASE_URL: await fresh() })
    const grace = running.app.demoUsers.find(({ username }) => username === 'grace')
    const page = await signInDemoUser(running, 'grace')
    const granted = await requestToken(running, { username: 'grace', password: grace?.password ?? '' })
    const { access_token: token } = (await granted.json()) as { access_token: string }
    const admin = await signInDemoUser(running, 'ada')
    const ban = await admin.post('/api/auth/admin/ban-user', { userId: decodeJwt(token).sub })
    expect(ban.status).toBe(200)
    expect((await page.get('/api/rooms')).status).toBe(401)
    expect(
      (await fetch(`${running.url}/api/rooms`, { headers: { authorization: `Bearer ${token}` } })).status,
    ).toBe(401)
    const again = await requestToken(running, { username: 'grace', password: grace?.password ?? '' })
    expect(again.status).toBe(401)
  })

  test('a changed password ends all other sessions, though the client did not ask for it', async () => {
    const running = await start({ DATABASE_URL: await fresh() })
    const phone = await signUp(running, 'ada2')
    const desk = await signIn(running, 'ada2', phone.password)
    const change = { currentPassword: phone.password, newPassword: 'another long one' }
    expect((await desk.post('/api/auth/change-password', change)).status).toBe(200)
    expect((await phone.get('/api/rooms')).status).toBe(401)
    expect((await desk.get('/api/rooms')).status).toBe(200)
  })

  test('a password that an administrator sets ends all sessions', async () => {
    const running = await start({ DATABASE_URL: await fresh() })
    const someone = await signUp(running, 'someone')
    const admin = await signInDemoUser(running, 'ada')
    const set = await admin.post('/api/auth/admin/set-user-password', {
      userId: someone.id,
      newPassword: 'another long one',
    })
    expect(set.status).toBe(200)
    expect((await someone.get('/api/rooms')).status).toBe(401)
  })

  test('signing out ends the session on the server', async () => {
    const running = await start({ DATABASE_URL: await fresh() })
    const ada = await signUp(running, 'ada2')
    const cookie = ada.cookie()
    expect((await ada.post('/api/auth/sign-out', {})).status).toBe(200)
    expect((await fetch(`${running.url}/api/rooms`, { headers: { cookie } })).status).toBe(401)
  })
})

test('signed session tokens are for programs: a page is not shown what its cookie hides', async () => {
  const running = await start()
  const user = running.app.demoUsers[0]
  const body = JSON.stringify({ username: user?.username, password: user?.password })
  const headers = { 'content-type': 'application/json' }
  const program = await fetch(`${running.url}/api/auth/sign-in/username`, { method: 'POST', headers, body })
  const token = program.headers.get('set-auth-token')
  expect(
    (await fetch(`${running.url}/api/rooms`, { headers: { authorization: `Bearer ${token}` } })).status,
  ).toBe(200)
  const page = await browser(running).post('/api/auth/sign-in/username', {
    username: user?.username,
    password: user?.password,
  })
  expect(page.headers.get('set-auth-token')).toBeNull()
})

test('an unsigned session token is refused', async () => {
  const running = await start()
  const ada = await signUp(running, 'ada2')
  const [raw] = decodeURIComponent(ada.cookie().split('=')[1] ?? '').split('.')
  expect(
    (await fetch(`${running.url}/api/rooms`, { headers: { authorization: `Bearer ${raw}` } })).status,
  ).toBe(401)
})

test('a bad explicit credential is refused, though a good cookie stands beside it', async () => {
  const running = await start()
  const ada = await signUp(running, 'ada2')
  for (const authorization of ['Bearer nonsense', 'Bearer a.b.c', 'Basic YTpi', 'Bearer']) {
    const answer = await ada.get('/api/rooms', { authorization })
    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toContain('Bearer')
  }
})

test('paths that better-auth would serve, but the showcase does not need, are closed', async () => {
  const running = await start()
  const ada = await signInDemoUser(running, 'ada')
  const closed = [
    '/is-username-available',
    '/admin/impersonate-user',
    '/delete-user',
    '/sign-in/social',
    '/sign-in/username/',
    '//sign-in/username',
  ]
  for (const path of closed) expect((await ada.post(`/api/auth${path}`, {})).status, path).toBe(404)
  expect((await ada.get('/api/auth/list-sessions')).status).toBe(404)
})

test('sign-in takes JSON alone, so that no form of another site can sign someone in', async () => {
  const running = await start()
  const form = await fetch(`${running.url}/api/auth/sign-in/username`, {
    method: 'POST',
    body: new URLSearchParams({ username: 'a', password: 'b' }),
  })
  expect(form.status).toBe(415)
  const plain = await fetch(`${running.url}/api/auth/sign-in/username`, {
    method: 'POST',
    body: '{"username":"a","password":"b"}',
  })
  expect(plain.status).toBe(415)
})

test.each(['https://evil.example', 'null', 'http://localhost.evil.example'])(
  'sign-in from the origin %s is refused',
  async (origin) => {
    const running = await start()
    const answer = await browser(running).post(
      '/api/auth/sign-in/username',
      { username: 'ada', password: 'x' },
      { origin },
    )
    expect(answer.status).toBe(403)
  },
)

test('guesses are slowed down, whatever fields and addresses the request claims', async () => {
  const running = await start()
  const statuses: number[] = []
  for (let i = 0; i < 7; i++) {
    const page = browser(running)
    const claims = {
      'x-forwarded-for': `198.51.100.${i}`,
      'x-sallyport-client': `198.51.100.${i}`,
      'x-client-ip': `198.51.100.${i}`,
    }
    const guess = {
      email: `decoy${i}@example.test`,
      username: i % 2 === 0 ? 'ada' : 'ADA',
      password: `guess number ${i}`,
    }
    statuses.push((await page.post('/api/auth/sign-in/username', guess, claims)).status)
  }
  expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429])
})

test('the session remembers the address of the wire, not one that the client claims', async () => {
  const running = await start()
  const ada = await signUp(running, 'ada2')
  const page = browser(running)
  await page.post(
    '/api/auth/sign-in/username',
    { username: 'ada2', password: ada.password },
    { 'x-sallyport-client': '198.51.100.1', 'x-forwarded-for': '198.51.100.1' },
  )
  const { sessions } = (await (await page.get('/api/account/sessions')).json()) as {
    sessions: { address: string }[]
  }
  expect(sessions.map(({ address }) => address)).not.toContain('198.51.100.1')
})

test('behind a trusted proxy the address that it saw counts', async () => {
  const running = await start({ TRUST_PROXY: '127.0.0.1,::1' })
  const ada = await signUp(running, 'ada2')
  const page = browser(running)
  await page.post(
    '/api/auth/sign-in/username',
    { username: 'ada2', password: ada.password },
    { 'x-forwarded-for': '6.6.6.6, 198.51.100.1' },
  )
  const { sessions } = (await (await page.get('/api/account/sessions')).json()) as {
    sessions: { address: string }[]
  }
  expect(sessions.map(({ address }) => address)).toContain('198.51.100.1')
})
