import { expect, test } from 'vitest'
import { messages, pageSize } from '../../../showcase/src/chat/messages.ts'
import { type NewRoom, type Room, rooms } from '../../../showcase/src/chat/rooms.ts'
import { onBothDatabases } from '../support/databases.ts'
import {
  type Browser,
  signInDemoUser,
  type Running,
  signUp,
  type TestUser,
  start,
} from '../support/running.ts'

onBothDatabases('rooms', (fresh) => {
  const started = async (): Promise<Running> => start({ DATABASE_URL: await fresh() })

  test('the lobby is open to all who are signed in, and to no other user', async () => {
    const running = await started()
    const ada = await signUp(running, 'ada2')
    expect(await titles(ada)).toEqual(['Announcements', 'Lobby'])
    const stranger = await fetch(`${running.url}/api/rooms/lobby`)
    expect(stranger.status).toBe(401)
    expect(await rooms(running.app.database).membership(ada.id, 'lobby')).toEqual({
      role: 'member',
      canWrite: true,
    })
  })

  test.each(['', ' ', '\u200b', 'a'.repeat(65), 'a\u202eb', 'two\nlines'])(
    'a room titled %j is refused',
    async (title) => {
      const running = await started()
      const owner = await signUp(running, 'owner')
      const room = { title, visibility: 'public', readOnly: false }
      expect((await owner.post('/api/rooms', room)).status).toBe(400)
    },
  )

  test('the twenty-first room of one person in an hour is refused, and says when to come back', async () => {
    const running = await started()
    const [owner, other] = [await signUp(running, 'owner'), await signUp(running, 'other')]
    const room = { title: 'Board', visibility: 'members', readOnly: false }
    for (let count = 0; count < 20; count++) expect((await owner.post('/api/rooms', room)).status).toBe(201)
    const refused = await owner.post('/api/rooms', room)
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await other.post('/api/rooms', room)).status).toBe(201)
  })

  test('a room for members answers others as a room that does not exist does', async () => {
    const running = await started()
    const [owner, stranger] = [await signUp(running, 'owner'), await signUp(running, 'stranger')]
    const { id } = await create(owner, { title: 'Board', visibility: 'members', readOnly: false })
    expect(await titles(stranger)).not.toContain('Board')
    for (const [method, path, body] of everyPath(id, owner.id)) {
      const hidden = await ask(stranger, method, path, body)
      const missing = await ask(stranger, method, path.replace(id, 'no-such-room'), body)
      expect(hidden, `${method} ${path}`).toEqual(missing)
      expect(hidden).toMatchObject({ status: 404, code: 'no-such-room' })
    }
  })

  test('who is invited comes in, with the role that was given', async () => {
    const running = await started()
    const [owner, guest] = [await signUp(running, 'owner'), await signUp(running, 'guest')]
    const { id } = await create(owner, { title: 'Board', visibility: 'members', readOnly: false })
    const invited = await owner.post(`/api/rooms/${id}/members`, { username: 'GUEST', role: 'reader' })
    expect(await invited.json()).toMatchObject({ id: guest.id, username: 'guest', role: 'reader' })
    expect(await see(guest, id)).toMatchObject({
      role: 'reader',
      canWrite: false,
      members: [{ name: 'GUEST' }, { name: 'OWNER' }],
    })
    await owner.post(`/api/rooms/${id}/members`, { username: 'guest', role: 'member' })
    expect(await see(guest, id)).toMatchObject({ role: 'member', canWrite: true })
  })

  test('who is removed or leaves is out', async () => {
    const running = await started()
    const [owner, one, other] = [
      await signUp(running, 'owner'),
      await signUp(running, 'one'),
      await signUp(running, 'other'),
    ]
    const { id } = await create(owner, { title: 'Board', visibility: 'members', readOnly: false })
    for (const username of ['one', 'other']) await owner.post(`/api/rooms/${id}/members`, { username })
    expect((await owner.remove(`/api/rooms/${id}/members/${one.id}`)).status).toBe(204)
    expect((await other.post(`/api/rooms/${id}/leave`, {})).status).toBe(204)
    for (const gone of [one, other]) {
      expect((await gone.get(`/api/rooms/${id}`)).status).toBe(404)
      expect(await rooms(running.app.database).membership(gone.id, id)).toBeNull()
    }
  })

  test('members who are no owner neither invite nor remove', async () => {
    const running = await started()
    const [owner, member] = [await signUp(running, 'owner'), await signUp(running, 'member')]
    const { id } = await create(owner, { title: 'Board', visibility: 'members', readOnly: false })
    await owner.post(`/api/rooms/${id}/members`, { username: 'member' })
    expect(
      await ask(member, 'POST', `/api/rooms/${id}/members`, { username: 'member', role: 'owner' }),
    ).toMatchObject({ status: 403 })
    expect(await ask(member, 'DELETE', `/api/rooms/${id}/members/${owner.id}`)).toMatchObject({
      status: 403,
      code: 'not-owner',
    })
  })

  test('a room keeps an owner: the last one can neither leave, nor be removed, nor step down', async () => {
    const running = await started()
    const owner = await signUp(running, 'owner')
    const { id } = await create(owner, { title: 'Board', visibility: 'members', readOnly: false })
    const attempts = [
      ask(owner, 'POST', `/api/rooms/${id}/leave`, {}),
      ask(owner, 'DELETE', `/api/rooms/${id}/members/${owner.id}`),
      ask(owner, 'POST', `/api/rooms/${id}/members`, { username: 'owner', role: 'member' }),
    ]
    for (const attempt of attempts) expect(await attempt).toMatchObject({ status: 409, code: 'last-owner' })
    expect(await see(owner, id)).toMatchObject({ role: 'owner' })
  })

  test('of two owners who leave at the same moment one stays', async () => {
    const running = await started()
    const [one, other] = [await signUp(running, 'one'), await signUp(running, 'other')]
    const { id } = await create(one, { title: 'Board', visibility: 'members', readOnly: false })
    await one.post(`/api/rooms/${id}/members`, { username: 'other', role: 'owner' })
    const left = await Promise.all([one, other].map((owner) => owner.post(`/api/rooms/${id}/leave`, {})))
    expect(new Set(left.map(({ status }) => status))).toEqual(new Set([204, 409]))
  })

  test('who is muted in a public room cannot shake it off by leaving', async () => {
    const running = await started()
    const [owner, loud] = [await signUp(running, 'owner'), await signUp(running, 'loud')]
    const { id } = await create(owner, { title: 'Square', visibility: 'public', readOnly: false })
    await owner.post(`/api/rooms/${id}/members`, { username: 'loud', role: 'reader' })
    expect((await loud.post(`/api/rooms/${id}/leave`, {})).status).toBe(409)
    expect(await see(loud, id)).toMatchObject({ canWrite: false })
  })

  test('in a read-only room owners alone write', async () => {
    const running = await started()
    const [grace, linus] = [await signInDemoUser(running, 'grace'), await signInDemoUser(running, 'linus')]
    expect(await see(grace, 'announcements')).toMatchObject({ role: 'owner', canWrite: true })
    expect(await see(linus, 'announcements')).toMatchObject({ role: 'member', canWrite: false })
  })

  test('messages come in pages, oldest first, without a gap or a repetition', async () => {
    const running = await started()
    const ada = await signUp(running, 'ada2')
    // a clock that stands still and then goes back: order is kept all the same
    const times = Array.from({ length: pageSize * 2 + 5 }, (_, i) => (i < 80 ? 1_000 : 900))
    const store = messages(running.app.database, () => times.shift() ?? 0)
    const said = Array.from({ length: times.length }, (_, i) => `message ${i}`)
    for (const text of said) await store.save('lobby', { id: ada.id, name: 'Ada' }, text)
    const seen: string[] = []
    let before: string | null = ''
    while (before !== null) {
      const answer = await ada.get(`/api/rooms/lobby/messages${before === '' ? '' : `?before=${before}`}`)
      const page = (await answer.json()) as {
        messages: { text: string; from: string }[]
        before: string | null
      }
      expect(page.messages.length).toBeLessThanOrEqual(pageSize)
      seen.unshift(...page.messages.map(({ text }) => text))
      before = page.before
    }
    expect(seen).toEqual(said)
  })

  test('what a request sends is checked', async () => {
    const running = await started()
    const ada = await signUp(running, 'ada2')
    const bodies = [
      {},
      { title: '' },
      { title: 'x'.repeat(81) },
      { title: 'x', visibility: 'secret' },
      { title: 'x', id: 'lobby' },
      ['x'],
      null,
    ]
    for (const body of bodies)
      expect(await ask(ada, 'POST', '/api/rooms', body)).toMatchObject({ status: 400, code: 'bad-request' })
    expect(await ask(ada, 'GET', "/api/rooms/lobby/messages?before=1'--")).toMatchObject({ status: 400 })
  })
})

test('a write from another origin, or with a cookie and without an origin, is refused', async () => {
  const running = await start()
  const ada = await signUp(running, 'ada2')
  const foreign = await ada.post('/api/rooms', { title: 'x' }, { origin: 'https://evil.example' })
  expect(foreign.status).toBe(403)
  const headers = { cookie: ada.cookie(), 'content-type': 'application/json' }
  const bare = await fetch(`${running.url}/api/rooms`, { method: 'POST', headers, body: '{"title":"x"}' })
  expect(await bare.json()).toMatchObject({ status: 403, code: 'origin-missing' })
  const form = await ada.post('/api/rooms', { title: 'x' }, { 'content-type': 'text/plain' })
  expect(form.status).toBe(415)
})

test('the id of a room says nothing about other rooms', async () => {
  const running = await start()
  const ada = await signUp(running, 'ada2')
  const ids = await Promise.all(
    ['Größe & Maß', 'Engineering', '数学', '---'].map(
      async (title) => (await create(ada, { title, visibility: 'members', readOnly: false })).id,
    ),
  )
  expect(ids).toEqual([
    expect.stringMatching(/^gro-e-ma-[a-z2-9]{6}$/),
    expect.stringMatching(/^engineering-[a-z2-9]{6}$/),
    expect.stringMatching(/^room-[a-z2-9]{6}$/),
    expect.stringMatching(/^room-[a-z2-9]{6}$/),
  ])
})

async function titles(page: Browser): Promise<string[]> {
  const { rooms: seen } = (await (await page.get('/api/rooms')).json()) as { rooms: Room[] }
  return seen.map(({ title }) => title)
}

async function create(owner: TestUser, room: NewRoom): Promise<Room> {
  const answer = await owner.post('/api/rooms', room)
  expect(answer.status).toBe(201)
  return (await answer.json()) as Room
}

async function see(page: Browser, room: string): Promise<unknown> {
  return await (await page.get(`/api/rooms/${room}`)).json()
}

type Method = 'GET' | 'POST' | 'DELETE'

function everyPath(room: string, user: string): [Method, string, unknown][] {
  return [
    ['GET', `/api/rooms/${room}`, undefined],
    ['GET', `/api/rooms/${room}/messages`, undefined],
    ['POST', `/api/rooms/${room}/members`, { username: 'stranger', role: 'owner' }],
    ['POST', `/api/rooms/${room}/members`, { nonsense: true }],
    ['DELETE', `/api/rooms/${room}/members/${user}`, undefined],
    ['POST', `/api/rooms/${room}/leave`, {}],
  ]
}

/** The status and the problem of an answer, without the reference, which is always another one. */
async function ask(page: Browser, method: Method, path: string, body?: unknown): Promise<object> {
  const answer = await (method === 'GET'
    ? page.get(path)
    : method === 'POST'
      ? page.post(path, body)
      : page.remove(path))
  const { ref, ...problem } = (await answer.json()) as Record<string, unknown>
  expect(ref).toEqual(expect.any(String))
  return problem
}
