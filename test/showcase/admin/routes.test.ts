import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { chat } from '../../../showcase/src/chat/contract.ts'
import { audit } from '../../../showcase/src/audit/contract.ts'
import { onBothDatabases } from '../support/databases.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { pageClient, until } from '../support/page-client.ts'
import {
  type Browser,
  browser,
  signInDemoUser,
  type Running,
  signIn,
  signUp,
  start,
} from '../support/running.ts'

interface Person {
  readonly id: string
  readonly name: string
  readonly role: string
  readonly sockets: number
  readonly ban: { readonly reason: string; readonly until: number | null } | null
}

onBothDatabases('the admin console', (fresh) => {
  test('finds people by a part of name, user name or address, with what they have open', async () => {
    const running = await start({ DATABASE_URL: await fresh() })
    const [ada, bob] = [await signInDemoUser(running, 'ada'), await signUp(running, 'bob_1')]
    await open(running, bob, 'lobby')
    expect((await people(ada, 'hopper')).map(({ name }) => name)).toEqual(['Grace Hopper'])
    expect((await people(ada, 'EXAMPLE.test')).map(({ sockets }) => sockets)).toEqual([1])
    expect(await people(ada)).toHaveLength(5)
    // the wildcards of the database are letters here
    expect((await people(ada, '_')).map(({ name }) => name)).toEqual(['BOB_1'])
    expect(await people(ada, '%')).toEqual([])
    const one = (await (await ada.get(`/api/admin/people/${bob.id}`)).json()) as {
      sessions: { sockets: { title: string }[] }[]
      rooms: { id: string; given: boolean }[]
    }
    expect(one.sessions.flatMap(({ sockets }) => sockets)).toEqual([
      expect.objectContaining({ title: 'Lobby' }),
    ])
    expect(one.rooms.map(({ id, given }) => [id, given])).toEqual([
      ['announcements', false],
      ['lobby', false],
    ])
  })

  test('a ban closes every socket with its reason, keeps out, runs out, and can be lifted', async () => {
    const running = await start({ DATABASE_URL: await fresh() })
    const [ada, bob] = [await signInDemoUser(running, 'ada'), await signUp(running, 'bob')]
    const [lobby, news] = [await open(running, bob, 'lobby'), await open(running, bob, 'announcements')]
    const answer = await ada.post(`/api/admin/people/${bob.id}/ban`, { reason: 'spam', seconds: 3600 })
    expect(await answer.json()).toEqual(receipt(2, 0))
    for (const socket of [lobby, news]) {
      await until(socket, ({ state }) => state === 'denied')
      expect(socket.denial).toEqual({
        status: 403,
        code: 'revoked',
        message: 'your account is banned: spam',
      })
    }
    const attempt = { username: 'bob', password: bob.password }
    expect((await browser(running).post('/api/auth/sign-in/username', attempt)).status).toBe(403)
    const [listed] = await people(ada, 'bob')
    expect(listed?.ban?.reason).toBe('spam')
    expect(listed?.ban?.until).toBeGreaterThan(Date.now() + 3_000_000)
    await ada.post(`/api/admin/people/${bob.id}/unban`, {})
    expect((await people(ada, 'bob'))[0]?.ban).toBeNull()
    await open(running, await signIn(running, 'bob', bob.password), 'lobby')
  })

  test('a demotion locks the room without closing it, a promotion unlocks it', async () => {
    const running = await start({ DATABASE_URL: await fresh() })
    const [ada, bob] = [await signInDemoUser(running, 'ada'), await signUp(running, 'bob')]
    const lobby = await open(running, bob, 'lobby')
    const demoted = await ada.post(`/api/admin/people/${bob.id}/rooms/lobby`, { role: 'reader' })
    expect(await demoted.json()).toEqual(receipt(0, 1))
    await until(lobby, ({ grant }) => grant?.canWrite === false)
    await expect(lobby.send('say', { text: 'may I?' })).rejects.toMatchObject({ reason: 'read-only' })
    const promoted = await ada.post(`/api/admin/people/${bob.id}/rooms/lobby`, { role: 'member' })
    expect(await promoted.json()).toEqual(receipt(0, 1))
    await until(lobby, ({ grant }) => grant?.canWrite === true)
    await lobby.send('say', { text: 'thank you' })
  })

  test('removal from a members-only room closes it, and it is refused from then on', async () => {
    const running = await start({ DATABASE_URL: await fresh() })
    const [ada, grace] = [await signInDemoUser(running, 'ada'), await signInDemoUser(running, 'grace')]
    const [id, inside] = [await idOf(ada, 'grace'), await open(running, grace, 'engineering')]
    const answer = await ada.remove(`/api/admin/people/${id}/rooms/engineering`)
    expect(await answer.json()).toEqual(receipt(1, 0))
    await until(inside, ({ state }) => state === 'denied')
    expect(inside.denial).toMatchObject({ status: 403, message: 'You are no longer in this room.' })
    const again = pageClient(running, grace).open(chat, { room: 'engineering' })
    await until(again, ({ state }) => state === 'denied')
  })

  test('a kick ends one room with its reason and leaves the others open; the user may come back', async () => {
    const running = await start({ DATABASE_URL: await fresh() })
    const [ada, bob] = [await signInDemoUser(running, 'ada'), await signUp(running, 'bob')]
    const [lobby, news] = [await open(running, bob, 'lobby'), await open(running, bob, 'announcements')]
    const answer = await ada.post(`/api/admin/people/${bob.id}/rooms/lobby/kick`, { reason: 'cool down' })
    expect(await answer.json()).toEqual(receipt(1, 0))
    await until(lobby, ({ state }) => state === 'denied')
    expect(lobby.denial).toMatchObject({ status: 403, message: 'you were shown out: cool down' })
    expect(news.state).toBe('open')
    await open(running, bob, 'lobby')
  })

  test('who is made a user again loses the console at once', async () => {
    const running = await start({ DATABASE_URL: await fresh() })
    const [ada, bob] = [await signInDemoUser(running, 'ada'), await signUp(running, 'bob')]
    await ada.post(`/api/admin/people/${bob.id}/role`, { role: 'admin' })
    const desk = pageClient(running, bob).open(audit)
    await until(desk, ({ state }) => state === 'open')
    const answer = await ada.post(`/api/admin/people/${bob.id}/role`, { role: 'user' })
    expect(await answer.json()).toEqual(receipt(1, 0))
    await until(desk, ({ state }) => state === 'denied')
    expect((await bob.get('/api/admin/people')).status).toBe(404)
  })
})

test('for anybody but an administrator nothing is there', async () => {
  const running = await start()
  const [bob, ada] = [await signUp(running, 'bob'), await signInDemoUser(running, 'ada')]
  const id = await idOf(ada, 'grace')
  const nothing = await (await bob.get('/api/no/such/path')).json()
  for (const page of [bob, browser(running)]) {
    for (const path of ['/api/admin/people', `/api/admin/people/${id}`, '/api/admin/audit']) {
      // as a browser asks: a program on this machine may read the audit
      const answer = await page.get(path, { 'sec-fetch-site': 'same-origin' })
      expect(answer.status, path).toBe(404)
      expect({ ...((await answer.json()) as object), ref: '' }).toEqual({ ...(nothing as object), ref: '' })
    }
    for (const [path, body] of Object.entries({
      ban: { reason: 'x' },
      unban: {},
      role: { role: 'admin' },
      'sign-out': {},
      'rooms/lobby': { role: 'reader' },
      'rooms/lobby/kick': { reason: 'x' },
    }))
      expect((await page.post(`/api/admin/people/${id}/${path}`, body)).status, path).toBe(404)
    expect((await page.remove(`/api/admin/people/${id}/rooms/engineering`)).status).toBe(404)
  }
  const refused = pageClient(running, bob).open(audit)
  await until(refused, ({ state }) => state === 'denied')
  expect(refused.denial?.status).toBe(403)
})

test('the page of the console is there for administrators alone', async () => {
  const pages = temporaryDirectory()
  writeFileSync(join(pages, 'index.html'), '<title>the page</title>')
  const running = await start({}, { pages })
  const statuses = []
  for (const page of [await signInDemoUser(running, 'ada'), await signUp(running, 'bob'), browser(running)])
    statuses.push((await page.get('/admin')).status)
  expect(statuses).toEqual([200, 404, 401])
})

test('a page of another site does nothing with the cookie of an administrator', async () => {
  const running = await start()
  const [ada, bob] = [await signInDemoUser(running, 'ada'), await signUp(running, 'bob')]
  const origin = 'https://evil.example'
  const deed = `/api/admin/people/${bob.id}/ban`
  expect((await ada.post(deed, { reason: 'x' }, { origin })).status).toBe(403)
  expect((await ada.post(deed, { reason: 'x' }, { 'content-type': 'text/plain' })).status).toBe(415)
  expect((await people(ada, 'bob'))[0]?.ban).toBeNull()
})

test('no administrator bans or demotes themselves, nor takes the last owner from a room', async () => {
  const running = await start()
  const ada = await signInDemoUser(running, 'ada')
  const id = await idOf(ada, 'ada')
  expect((await ada.post(`/api/admin/people/${id}/ban`, { reason: 'x' })).status).toBe(400)
  expect((await ada.post(`/api/admin/people/${id}/role`, { role: 'user' })).status).toBe(409)
  const last = await ada.post(`/api/admin/people/${id}/rooms/engineering`, { role: 'reader' })
  expect([last.status, ((await last.json()) as { code: string }).code]).toEqual([409, 'last-owner'])
  expect((await people(ada, 'lovelace'))[0]).toMatchObject({ role: 'admin', ban: null })
})

test('administration through the identity server is in the audit too, without the password', async () => {
  const running = await start()
  const [ada, bob] = [await signInDemoUser(running, 'ada'), await signUp(running, 'bob')]
  const by = await idOf(ada, 'ada')
  const newPassword = 'a password that is never read'
  const made = { name: 'Cat', email: 'cat@example.test', password: newPassword }
  const { user } = (await (await ada.post('/api/auth/admin/create-user', made)).json()) as {
    user: { id: string }
  }
  for (const [path, body] of Object.entries({
    'set-user-password': { userId: bob.id, newPassword },
    'revoke-user-sessions': { userId: bob.id },
    'ban-user': { userId: bob.id, banReason: 'spam' },
    'unban-user': { userId: bob.id },
    'remove-user': { userId: bob.id },
  }))
    expect((await ada.post(`/api/auth/admin/${path}`, body)).status, path).toBe(200)
  expect((await bob.post('/api/auth/admin/ban-user', { userId: by })).status).toBeGreaterThanOrEqual(401)
  await running.app.audit.writer.flush()
  const { entries } = await running.app.audit.log.page({})
  const deeds = entries.filter(({ type }) => type.startsWith('admin-')).toReversed()
  expect(deeds.map(({ type, subject, detail }) => [type, subject, detail['by']])).toEqual([
    ['admin-created', user.id, by],
    ['admin-password', bob.id, by],
    ['admin-signed-out', bob.id, by],
    ['admin-banned', bob.id, by],
    ['admin-unbanned', bob.id, by],
    ['admin-deleted', bob.id, by],
  ])
  expect(deeds[3]?.detail['reason']).toBe('spam')
  expect(JSON.stringify(entries)).not.toContain(newPassword)
})

test('the identity server gives no sessions of others, and no administrator can lose the role', async () => {
  const running = await start()
  const ada = await signInDemoUser(running, 'ada')
  const userId = await idOf(ada, 'ada')
  expect((await ada.post('/api/auth/admin/list-user-sessions', { userId })).status).toBe(404)
  expect((await ada.get('/api/auth/admin/list-users')).status).toBe(404)
  expect((await ada.post('/api/auth/admin/set-role', { userId, role: 'user' })).status).toBe(404)
  expect((await people(ada, 'lovelace'))[0]).toMatchObject({ role: 'admin' })
})

test('what does not fit is refused in words, and changes nothing', async () => {
  const running = await start()
  const [ada, bob] = [await signInDemoUser(running, 'ada'), await signUp(running, 'bob')]
  const at = `/api/admin/people/${bob.id}`
  for (const [path, body] of [
    ['ban', {}],
    ['ban', { reason: '  ' }],
    ['ban', { reason: 'x'.repeat(81) }],
    ['ban', { reason: 'x', seconds: 0 }],
    ['role', { role: 'owner' }],
    ['rooms/lobby', { role: 'admin' }],
    ['rooms/lobby/kick', {}],
  ] as const)
    expect((await ada.post(`${at}/${path}`, body)).status, path).toBe(400)
  expect((await ada.post(`${at}/rooms/nowhere`, { role: 'reader' })).status).toBe(404)
  expect((await ada.post('/api/admin/people/unknown/ban', { reason: 'x' })).status).toBe(404)
  expect((await people(ada, 'bob'))[0]).toMatchObject({ role: 'user', ban: null })
})

/** Opens a room, and waits until it is open. */
async function open(running: Running, page: Pick<Browser, 'post'>, room: string) {
  const opened = pageClient(running, page).open(chat, { room })
  await until(opened, ({ state }) => state === 'open')
  return opened
}

async function people(admin: Browser, q = ''): Promise<readonly Person[]> {
  const answer = await admin.get(`/api/admin/people?q=${encodeURIComponent(q)}`)
  return ((await answer.json()) as { people: readonly Person[] }).people
}

async function idOf(admin: Browser, username: string): Promise<string> {
  const [person] = await people(admin, username)
  if (person === undefined) throw new Error(`no person is called ${username}`)
  return person.id
}

function receipt(closed: number, changed: number): object {
  return { receipt: { closed, changed, dropped: 0, nodes: [expect.any(String)], silent: [] } }
}
