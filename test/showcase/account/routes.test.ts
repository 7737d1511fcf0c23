import { expect, test } from 'vitest'
import { chat } from '../../../showcase/src/chat/contract.ts'
import { account } from '../../../showcase/src/account/contract.ts'
import { deviceOf } from '../../../showcase/src/account/device.ts'
import { onBothDatabases } from '../support/databases.ts'
import { pageClient, until } from '../support/page-client.ts'
import {
  requestToken,
  type Browser,
  browser,
  type Running,
  signIn,
  signUp,
  start,
} from '../support/running.ts'

interface Listed {
  readonly id: string
  readonly current: boolean
  readonly device: { readonly browser: string; readonly system: string | null }
  readonly lastActive: number
  readonly sockets: readonly { readonly kind: string; readonly title: string }[]
}

onBothDatabases('the account', (fresh) => {
  test('lists the sessions of its owner with their devices, and what is open on each', async () => {
    const running = await start({ DATABASE_URL: await fresh() })
    const ada = await signUp(running, 'ada2')
    const phone = await signIn(running, 'ada2', ada.password)
    await signUp(running, 'bob')
    const lobby = pageClient(running, phone).open(chat, { room: 'lobby' })
    await until(lobby, ({ state }) => state === 'open')
    const own = await sessionsOf(ada)
    expect(own).toHaveLength(2)
    expect(own.find(({ current }) => current)?.sockets).toEqual([])
    expect(own.find(({ current }) => !current)?.sockets).toEqual([
      expect.objectContaining({ kind: 'room', room: 'lobby', title: 'Lobby' }),
    ])
    lobby.close()
    await expect.poll(async () => (await sessionsOf(ada)).flatMap(({ sockets }) => sockets)).toEqual([])
  })

  // proves: left-device
  test('signs one device out from another: its sockets close at once and are told why', async () => {
    const running = await start({ DATABASE_URL: await fresh() })
    const ada = await signUp(running, 'ada2')
    const phone = await signIn(running, 'ada2', ada.password)
    const [there, here] = [openLobby(running, phone), openLobby(running, ada)]
    await until(there, ({ state }) => state === 'open')
    await until(here, ({ state }) => state === 'open')
    const other = (await sessionsOf(ada)).find(({ current }) => !current)
    const answer = await ada.remove(`/api/account/sessions/${other?.id}`)
    expect(await answer.json()).toEqual({
      receipt: { closed: 1, changed: 0, dropped: 0, nodes: [expect.any(String)], silent: [] },
    })
    await until(there, ({ state }) => state === 'denied')
    expect(there.denial).toEqual({
      status: 401,
      code: 'revoked',
      message: 'this device was signed out from another one',
    })
    expect(here.state).toBe('open')
    expect(await (await phone.get('/api/auth/get-session')).json()).toBeNull()
    expect((await ada.remove(`/api/account/sessions/${other?.id}`)).status).toBe(404)
  })

  test('signs out everywhere else, or everywhere, this device too', async () => {
    const running = await start({ DATABASE_URL: await fresh() })
    const ada = await signUp(running, 'ada2')
    const others = [await signIn(running, 'ada2', ada.password), await signIn(running, 'ada2', ada.password)]
    const [there, here] = [openLobby(running, others[0] ?? ada), openLobby(running, ada)]
    await until(there, ({ state }) => state === 'open')
    await until(here, ({ state }) => state === 'open')
    await ada.post('/api/account/sign-out-everywhere', { thisDevice: false })
    await until(there, ({ state }) => state === 'denied')
    expect(there.denial?.message).toBe('you signed out everywhere else')
    expect(await sessionsOf(ada)).toHaveLength(1)
    expect(here.state).toBe('open')

    await ada.post('/api/account/sign-out-everywhere', { thisDevice: true })
    await until(here, ({ state }) => state === 'denied')
    expect(here.denial?.message).toBe('you signed out everywhere')
    expect((await ada.get('/api/account/sessions')).status).toBe(401)
  })

  test('ends the tokens and tickets of a session with it', async () => {
    const running = await start({ DATABASE_URL: await fresh() })
    const ada = await signUp(running, 'ada2')
    const answer = await requestToken(running, { username: 'ada2', password: ada.password })
    const { access_token: token } = (await answer.json()) as { access_token: string }
    const asToken = { authorization: `Bearer ${token}` }
    expect((await fetch(`${running.url}/api/rooms`, { headers: asToken })).status).toBe(200)
    await ada.post('/api/account/sign-out-everywhere', { thisDevice: false })
    expect((await fetch(`${running.url}/api/rooms`, { headers: asToken })).status).toBe(401)
  })

  test('notes when a session was used last, once a minute at most', async () => {
    const running = await start({ DATABASE_URL: await fresh() })
    const ada = await signUp(running, 'ada2')
    const [session] = await sessionsOf(ada)
    const long = new Date(Date.now() - 3 * 86_400_000)
    const { query, kind } = running.app.database
    const before = kind === 'sqlite' ? long.toISOString() : long
    await signIn(running, 'ada2', ada.password)
    await query.updateTable('session').set({ updatedAt: before }).execute()
    const seen = await sessionsOf(ada)
    expect(seen.find(({ id }) => id === session?.id)?.lastActive).toBeGreaterThan(Date.now() - 60_000)
    expect(seen.find(({ id }) => id !== session?.id)?.lastActive).toBe(long.getTime())
  })
})

test('no token of a session is in what a page is told of it', async () => {
  const running = await start()
  const ada = await signUp(running, 'ada2')
  const text = await (await ada.get('/api/account/sessions')).text()
  const [token] = decodeURIComponent(ada.cookie().split('=')[1] ?? '?').split('.')
  expect(text).toContain('"current":true')
  expect(text).not.toContain(token)
})

test('the session of another user cannot be ended, and looks like one that is not there', async () => {
  const running = await start()
  const [ada, mallory] = [await signUp(running, 'ada2'), await signUp(running, 'mallory')]
  const [session] = await sessionsOf(ada)
  const foreign = await mallory.remove(`/api/account/sessions/${session?.id}`)
  const nothing = await mallory.remove('/api/account/sessions/no-such-session')
  expect([foreign.status, nothing.status]).toEqual([404, 404])
  expect((await (await ada.get('/api/auth/get-session')).json()) as object | null).not.toBeNull()
})

test('a page of another site ends nothing, and a stranger sees nothing', async () => {
  const running = await start()
  const ada = await signUp(running, 'ada2')
  const origin = 'https://evil.example'
  expect((await ada.post('/api/account/sign-out-everywhere', { thisDevice: true }, { origin })).status).toBe(
    403,
  )
  const headers = { cookie: ada.cookie(), 'content-type': 'application/json' }
  const bare = { method: 'POST', headers, body: '{"thisDevice":true}' }
  expect((await fetch(`${running.url}/api/account/sign-out-everywhere`, bare)).status).toBe(403)
  expect((await browser(running).get('/api/account/sessions')).status).toBe(401)
  expect(await sessionsOf(ada)).toHaveLength(1)
})

test('the page hears when sockets and sessions of its owner come and go, and of no other user', async () => {
  const running = await start()
  const [ada, bob] = [await signUp(running, 'ada2'), await signUp(running, 'bob')]
  const page = pageClient(running, ada).open(account)
  let changes = 0
  page.on('changed', () => (changes += 1))
  await until(page, ({ state }) => state === 'open')
  await expect.poll(() => changes).toBeLessThanOrEqual(1)
  const before = changes
  const foreign = openLobby(running, bob)
  await until(foreign, ({ state }) => state === 'open')
  const own = openLobby(running, ada)
  await until(own, ({ state }) => state === 'open')
  await expect.poll(() => changes).toBe(before + 1)
  own.close()
  await expect.poll(() => changes).toBe(before + 2)
})

test('a stranger at an open page cannot guess the password there', async () => {
  const running = await start()
  const ada = await signUp(running, 'ada2')
  const statuses: number[] = []
  for (let i = 0; i < 11; i++) {
    const guess = { currentPassword: `guess number ${i}`, newPassword: 'a new long password' }
    statuses.push((await ada.post('/api/auth/change-password', guess)).status)
  }
  expect(statuses.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 400))
  expect(statuses[10]).toBe(429)
})

test('a changed password says so on the other devices, and this one goes on with a new session', async () => {
  const running = await start()
  const ada = await signUp(running, 'ada2')
  const phone = await signIn(running, 'ada2', ada.password)
  const there = openLobby(running, phone)
  await until(there, ({ state }) => state === 'open')
  const change = { currentPassword: ada.password, newPassword: 'a new long password' }
  expect((await ada.post('/api/auth/change-password', change)).status).toBe(200)
  await until(there, ({ state }) => state === 'denied')
  expect(there.denial?.message).toBe('the password was changed')
  expect(await sessionsOf(ada)).toEqual([expect.objectContaining({ current: true })])
})

test.each([
  [
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/141.0 Safari/537.36',
    'Chrome',
    'Linux',
  ],
  [
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36 Edg/141.0',
    'Edge',
    'Windows',
  ],
  [
    'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1',
    'Safari',
    'iOS',
  ],
  ['Mozilla/5.0 (Android 16; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0', 'Firefox', 'Android'],
  [
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Safari/605.1.15',
    'Safari',
    'macOS',
  ],
  ['node', 'A program', null],
  ['', 'Unknown', null],
  [null, 'Unknown', null],
  ['<img src=x onerror=alert(1)>', 'A program', null],
])('the device behind %j is %s on %s', (userAgent, name, system) => {
  expect(deviceOf(userAgent)).toEqual({ browser: name, system })
})

async function sessionsOf(page: Pick<Browser, 'get'>): Promise<readonly Listed[]> {
  const answer = (await (await page.get('/api/account/sessions')).json()) as { sessions: readonly Listed[] }
  return answer.sessions
}

function openLobby(running: Running, page: Pick<Browser, 'post'>) {
  return pageClient(running, page).open(chat, { room: 'lobby' })
}
