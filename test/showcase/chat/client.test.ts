import { type Client, client, bearer } from 'sallyport/client'
import { afterEach, expect, test } from 'vitest'
import { chat } from '../../../showcase/src/chat/contract.ts'
import { pageClient, until } from '../support/page-client.ts'
import { requestToken, type Browser, signInDemoUser, signUp, start } from '../support/running.ts'

const clients: Client[] = []
afterEach(() => {
  for (const one of clients.splice(0)) one.close()
})

function openRoom(app: Client, room: string) {
  return app.open(chat, { room })
}

test('a page with a ticket sees its grant, who is here, what is said, and what was said', async () => {
  const running = await start()
  const [ada, bob] = [await signUp(running, 'ada2'), await signUp(running, 'bob')]
  const [one, other] = [
    openRoom(pageClient(running, ada), 'lobby'),
    openRoom(pageClient(running, bob), 'lobby'),
  ]
  await until(one, ({ members }) => members.length === 2)
  expect(one.grant).toEqual({ canWrite: true, role: 'member' })
  const people = [
    { user: ada.id, info: { name: 'ADA2' } },
    { user: bob.id, info: { name: 'BOB' } },
  ]
  expect(one.members).toEqual(expect.arrayContaining(people))
  const heard = new Promise((resolve) => other.on('said', resolve))
  const typing = new Promise((resolve) => other.on('typing', resolve))
  await one.send('typing', {})
  for (let i = 0; i < 55; i++) await one.send('say', { text: `message ${i}` })
  expect(await typing).toEqual({ from: 'ADA2', by: ada.id })
  expect(await heard).toMatchObject({ text: 'message 0', by: ada.id })
  const latest = await other.call('history', {})
  expect(latest).toHaveLength(50)
  expect(latest.at(-1)).toMatchObject({ text: 'message 54' })
  const earlier = await other.call('history', { before: latest[0]?.id })
  expect(earlier.map(({ text }) => text)).toEqual([
    'message 0',
    'message 1',
    'message 2',
    'message 3',
    'message 4',
  ])
})

test('who may only read is told so by the grant, and by the refusal of what is sent', async () => {
  const running = await start()
  const linus: Browser = await signInDemoUser(running, 'linus')
  const room = openRoom(pageClient(running, linus), 'engineering')
  await until(room, ({ state }) => state === 'open')
  expect(room.grant).toEqual({ canWrite: false, role: 'reader' })
  await expect(room.send('say', { text: 'x' })).rejects.toMatchObject({ status: 403, reason: 'read-only' })
})

test('a room that one may not know is denied, with a reference to the log', async () => {
  const running = await start()
  const room = openRoom(pageClient(running, await signUp(running, 'stranger')), 'engineering')
  await until(room, ({ state }) => state === 'denied')
  expect(room.denial).toMatchObject({ status: 403 })
  expect(running.logged()).toContain(`"ref":"${room.denial?.ref}"`)
})

test('a program with an access token is let in without an origin', async () => {
  const running = await start()
  const ada = await signUp(running, 'ada2')
  const token = async (): Promise<string> => {
    const answer = await requestToken(running, { username: 'ada2', password: ada.password })
    return ((await answer.json()) as { access_token: string }).access_token
  }
  const app = client({ url: running.url, credentials: bearer(token) })
  clients.push(app)
  const room = openRoom(app, 'lobby')
  const heard = new Promise((resolve) => room.on('said', resolve))
  await room.send('say', { text: 'from a program' })
  expect(await heard).toMatchObject({ by: ada.id, text: 'from a program' })
})

test('signing out ends the socket, and the client does not come back', async () => {
  const running = await start()
  const ada = await signUp(running, 'ada2')
  const room = openRoom(pageClient(running, ada), 'lobby')
  await until(room, ({ state }) => state === 'open')
  await ada.post('/api/auth/sign-out', {})
  await until(room, ({ state }) => state === 'denied')
  expect(room.members).toEqual([])
})
