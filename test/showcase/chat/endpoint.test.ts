import { expect, test } from 'vitest'
import { onBothDatabases } from '../support/databases.ts'
import {
  requestToken,
  browser,
  signInDemoUser,
  type Running,
  signUp,
  type TestUser,
  start,
} from '../support/running.ts'
import { connect, type TestSocket } from '../support/sockets.ts'

const lobby = '/ws/chat/lobby'

onBothDatabases('the chat', (fresh) => {
  test('what one says, everyone in the room hears, and it is kept', async () => {
    const running = await start({ DATABASE_URL: await fresh() })
    const [ada, bob] = [await signUp(running, 'ada2'), await signUp(running, 'bob')]
    const [one, other] = [await enter(running, ada, lobby), await enter(running, bob, lobby)]
    one.say({ type: 'say', text: ' hello ' })
    const said = {
      type: 'said',
      id: expect.any(String),
      from: 'ADA2',
      by: ada.id,
      text: 'hello',
      at: expect.any(Number),
    }
    expect(await one.next('said')).toEqual(said)
    expect(await other.next('said')).toEqual(said)
    const page = (await (await bob.get('/api/rooms/lobby/messages')).json()) as { messages: object[] }
    expect(page.messages).toEqual([expect.objectContaining({ from: 'ADA2', by: ada.id, text: 'hello' })])
  })

  test('five messages that are sent before leaving are kept', async () => {
    const running = await start({ DATABASE_URL: await fresh() })
    const [ada, bob] = [await signUp(running, 'ada2'), await signUp(running, 'bob')]
    const [leaving, staying] = [await enter(running, ada, lobby), await enter(running, bob, lobby)]
    const texts = ['1', '2', '3', '4', '5']
    for (const text of texts) leaving.say({ type: 'say', text })
    leaving.close()
    for (const text of texts) expect(await staying.next('said')).toMatchObject({ text })
    const page = (await (await bob.get('/api/rooms/lobby/messages')).json()) as {
      messages: { text: string }[]
    }
    expect(page.messages.map(({ text }) => text)).toEqual(texts)
  })

  test('a room for members lets members in and refuses others, as if it did not exist', async () => {
    const running = await start({ DATABASE_URL: await fresh() })
    const [grace, stranger] = [await signInDemoUser(running, 'grace'), await signUp(running, 'stranger')]
    const socket = await enter(running, grace, '/ws/chat/engineering')
    socket.say({ type: 'say', text: 'here' })
    expect(await socket.next('said')).toMatchObject({ text: 'here' })
    const outside = await enter(running, stranger, '/ws/chat/engineering')
    const nowhere = await enter(running, stranger, '/ws/chat/no-such-room')
    const [refused, unknown] = [await outside.closed, await nowhere.closed]
    expect(refused.code).toBe(4403)
    expect(unknown).toEqual(refused)
  })

  test('who may only read hears, but is refused when writing', async () => {
    const running = await start({ DATABASE_URL: await fresh() })
    const [linus, grace] = [await signInDemoUser(running, 'linus'), await signInDemoUser(running, 'grace')]
    const [reader, writer] = [
      await enter(running, linus, '/ws/chat/engineering'),
      await enter(running, grace, '/ws/chat/engineering'),
    ]
    reader.say({ type: 'say', text: 'may I?' })
    expect(await reader.next('error')).toMatchObject({ status: 403, code: 'read-only' })
    writer.say({ type: 'say', text: 'no' })
    expect(await reader.next('said')).toMatchObject({ text: 'no' })
  })

  test('a role that was taken is taken for open sockets too', async () => {
    const running = await start({ DATABASE_URL: await fresh() })
    const [owner, guest] = [await signUp(running, 'owner'), await signUp(running, 'guest')]
    const made = (await (await owner.post('/api/rooms', { title: 'Board' })).json()) as { id: string }
    await owner.post(`/api/rooms/${made.id}/members`, { username: 'guest' })
    const socket = await enter(running, guest, `/ws/chat/${made.id}`)
    socket.say({ type: 'say', text: 'one' })
    await socket.next('said')
    await owner.post(`/api/rooms/${made.id}/members`, { username: 'guest', role: 'reader' })
    socket.say({ type: 'say', text: 'two' })
    expect(await socket.next('error')).toMatchObject({ code: 'read-only' })
    await owner.remove(`/api/rooms/${made.id}/members/${guest.id}`)
    expect(await socket.closed).toMatchObject({ code: 4403 })
  })

  // proves: revoked
  test('sockets end with the session: signing out, a changed password, a ban', async () => {
    const running = await start({ DATABASE_URL: await fresh() })
    const [ada, bob, cat] = [
      await signUp(running, 'ada2'),
      await signUp(running, 'bob'),
      await signUp(running, 'cat'),
    ]
    const [one, two, three] = [
      await enter(running, ada, lobby),
      await enter(running, bob, lobby),
      await enter(running, cat, lobby),
    ]
    await ada.post('/api/auth/sign-out', {})
    expect(await one.closed).toMatchObject({ code: 4401 })
    const desk = browser(running)
    await desk.post('/api/auth/sign-in/username', { username: 'bob', password: bob.password })
    await desk.post('/api/auth/change-password', {
      currentPassword: bob.password,
      newPassword: 'another long one',
    })
    expect(await two.closed).toMatchObject({ code: 4401 })
    const admin = await signInDemoUser(running, 'ada')
    await admin.post('/api/auth/admin/ban-user', { userId: cat.id })
    expect((await three.closed).code).toBeGreaterThanOrEqual(4401)
    const again = await enter(running, cat, lobby)
    expect(await again.closed).toMatchObject({ code: 4401 })
  })
})

test('an access token opens a socket, in the header or in the subprotocol list, not in the URL', async () => {
  const running = await start()
  const ada = await signUp(running, 'ada2')
  const answer = await requestToken(running, { username: 'ada2', password: ada.password })
  const { access_token: token } = (await answer.json()) as { access_token: string }
  const header = await connect(running, lobby, { headers: { authorization: `Bearer ${token}` } })
  header.say({ type: 'say', text: 'by header' })
  expect(await header.next('said')).toMatchObject({ by: ada.id })
  const list = await connect(running, lobby, { protocols: ['token', token] })
  list.say({ type: 'say', text: 'by subprotocol' })
  expect(await header.next('said')).toMatchObject({ text: 'by subprotocol' })
  const url = await connect(running, `${lobby}?token=${token}`)
  expect((await url.closed).code).toBe(1006)
  expect(running.logged()).not.toContain(token)
})

test('an access token opens nothing once its session has ended', async () => {
  const running = await start()
  const ada = await signUp(running, 'ada2')
  const answer = await requestToken(running, { username: 'ada2', password: ada.password })
  const { access_token: token } = (await answer.json()) as { access_token: string }
  await ada.post('/api/auth/revoke-sessions', {})
  const late = await connect(running, lobby, {
    headers: { authorization: `Bearer ${token}`, origin: running.url },
  })
  expect((await late.closed).code).toBe(4401)
})

test('a ticket opens one socket, once, at its path and from its page', async () => {
  const running = await start()
  const ada = await signUp(running, 'ada2')
  const ticket = async (path: string) =>
    ((await (await ada.post('/api/ticket', { path })).json()) as { ticket: string }).ticket
  const use = (value: string, path: string, origin = running.url) =>
    connect(running, path, {
      headers: { origin },
      protocols: ['chat', `sallyport.ticket.${Buffer.from(value).toString('base64url')}`],
    })
  const first = await ticket(lobby)
  const socket = await use(first, lobby)
  socket.say({ type: 'say', text: 'by ticket' })
  expect(await socket.next('said')).toMatchObject({ by: ada.id })
  expect((await (await use(first, lobby)).closed).code).toBe(4401)
  expect((await (await use(await ticket(lobby), '/ws/chat/announcements')).closed).code).toBe(4401)
  expect((await (await use(await ticket(lobby), lobby, 'https://evil.example')).closed).code).toBe(1006)
})

test('a ticket is given to our own pages alone, for endpoints alone, and for someone signed in', async () => {
  const running = await start()
  const ada = await signUp(running, 'ada2')
  const ask = async (headers: Record<string, string>, body: object = { path: lobby }) =>
    (await ada.post('/api/ticket', body, headers)).status
  expect(await ask({})).toBe(200)
  expect(await ask({ origin: 'https://evil.example' })).toBe(403)
  expect(await ask({ 'content-type': 'text/plain' })).toBe(415)
  expect(await ask({}, { path: '/api/rooms' })).toBe(400)
  expect(await ask({}, { path: lobby, subject: 'another-user' })).toBe(400)
  expect((await browser(running).post('/api/ticket', { path: lobby })).status).toBe(401)
  const headers = { cookie: ada.cookie(), 'content-type': 'application/json' }
  const bare = await fetch(`${running.url}/api/ticket`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ path: lobby }),
  })
  expect(bare.status).toBe(403)
  expect(await bare.json()).toMatchObject({ detail: expect.stringContaining('Send the Origin') })
})

test.each(['https://evil.example', 'null'])('a cookie opens no socket for a page of %s', async (origin) => {
  const running = await start()
  const ada = await signUp(running, 'ada2')
  const socket = await connect(running, lobby, { headers: { cookie: ada.cookie(), origin } })
  expect((await socket.closed).code).toBe(1006)
})

test('the latest page of messages is what was said last', async () => {
  const running = await start()
  const ada = await signUp(running, 'ada2')
  const socket = await enter(running, ada, lobby)
  for (let i = 0; i < 60; i++) socket.say({ type: 'say', text: `message ${i}` })
  for (let i = 0; i < 60; i++) await socket.next('said')
  const page = (await (await ada.get('/api/rooms/lobby/messages')).json()) as { messages: { text: string }[] }
  expect(page.messages.map(({ text }) => text)).toEqual(
    Array.from({ length: 50 }, (_, i) => `message ${i + 10}`),
  )
})

test('what is no message of the contract is refused, and the room does not hear it', async () => {
  const running = await start()
  const ada = await signUp(running, 'ada2')
  const socket = await enter(running, ada, lobby)
  for (const message of [
    { type: 'say' },
    { type: 'say', text: '   ' },
    { type: 'say', text: 'x'.repeat(2001) },
    { type: 'shout', text: 'x' },
  ]) {
    socket.say(message)
    expect(await socket.next('error')).toMatchObject({ status: 400 })
  }
})

test('a server that stops tells its sockets to come back: 1012', async () => {
  const running = await start()
  const socket = await enter(running, await signUp(running, 'ada2'), lobby)
  await running.app.close(500)
  expect((await socket.closed).code).toBe(1012)
})

/** Enters a room with the session cookie, as a page of the server does. */
function enter(running: Running, page: Pick<TestUser, 'cookie'>, path: string): Promise<TestSocket> {
  return connect(running, path, { headers: { cookie: page.cookie(), origin: running.url } })
}
