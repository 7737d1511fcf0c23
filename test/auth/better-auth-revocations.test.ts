import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { memory, sallyport } from '../../src/index.ts'
import { listen } from '../examples/running.ts'
import { authFor, mails, password, serve, site, stored } from './better-auth-site.ts'
import { WebSocket as Ws } from 'ws'

const origin = 'http://127.0.0.1'
type Site = Awaited<ReturnType<typeof site>>

/** Ada on two devices, and an administrator. */
async function twoDevices(town: Site) {
  const root = await town.administrator()
  const ada = await town.signUp('ada')
  const other = await town.signIn(ada)
  const tokenOf = (device: { readonly token: string }): string => device.token.split('.')[0] ?? ''
  return {
    root,
    ada,
    other,
    here: await town.inside(ada.cookie),
    there: await town.inside(other.cookie),
    tokenOf,
  }
}
type Devices = Awaited<ReturnType<typeof twoDevices>>

/** A request to better-auth over HTTP, with the cookie of the user who sends it. */
type Act = (devices: Devices) => readonly [path: string, body: object, cookie: string]

const ofThisSession: readonly (readonly [string, Act])[] = [
  ['/sign-out', ({ ada }) => ['/sign-out', {}, ada.cookie]],
  [
    '/revoke-session',
    ({ ada, other, tokenOf }) => ['/revoke-session', { token: tokenOf(ada) }, other.cookie],
  ],
  ['/revoke-other-sessions', ({ other }) => ['/revoke-other-sessions', {}, other.cookie]],
  [
    '/admin/revoke-user-session',
    ({ ada, root, tokenOf }) => ['/admin/revoke-user-session', { sessionToken: tokenOf(ada) }, root.cookie],
  ],
]

const ofAllSessions: readonly (readonly [string, Act])[] = [
  ['/revoke-sessions', ({ ada }) => ['/revoke-sessions', {}, ada.cookie]],
  [
    '/admin/revoke-user-sessions',
    ({ ada, root }) => ['/admin/revoke-user-sessions', { userId: ada.id }, root.cookie],
  ],
  [
    '/change-password, whatever the client asks,',
    ({ ada }) => [
      '/change-password',
      { currentPassword: password, newPassword: 'another horse', revokeOtherSessions: false },
      ada.cookie,
    ],
  ],
  [
    '/admin/set-user-password',
    ({ ada, root }) => [
      '/admin/set-user-password',
      { userId: ada.id, newPassword: 'another horse' },
      root.cookie,
    ],
  ],
]

const ofThePerson: readonly (readonly [string, Act])[] = [
  ['/admin/ban-user', ({ ada, root }) => ['/admin/ban-user', { userId: ada.id }, root.cookie]],
]

const ofAnyone: readonly (readonly [string, Act])[] = [
  ['/admin/remove-user', ({ ada, root }) => ['/admin/remove-user', { userId: ada.id }, root.cookie]],
  ['/delete-user', ({ ada }) => ['/delete-user', { password }, ada.cookie]],
]

async function act(town: Site, devices: Devices, what: Act): Promise<void> {
  const [path, body, cookie] = what(devices)
  expect((await town.post(path, body, { Cookie: cookie })).status).toBe(200)
}

describe('a port that hears of a real better-auth', () => {
  // proves: better-auth-changes
  test.for(ofThisSession)('ends the sockets of one session at %s, and no other', async ([, what]) => {
    const town = await site()
    const devices = await twoDevices(town)
    await act(town, devices, what)
    expect(await devices.here.ended).toEqual({ code: 4401, reason: 'revoked: session-ended' })
    expect(town.server.connections).toBe(1)
    expect(await town.refusedCookie(devices.ada.cookie)).toBe(4401)
  })

  test.for(ofAllSessions)('ends the sockets of all sessions at %s', async ([, what]) => {
    const town = await site()
    const devices = await twoDevices(town)
    await act(town, devices, what)
    expect((await devices.here.ended).code).toBe(4401)
    expect((await devices.there.ended).code).toBe(4401)
    expect(await town.refusedCookie(devices.ada.cookie)).toBe(4401)
  })

  test.for(ofThePerson)('ends the sockets of a person at %s', async ([, what]) => {
    const town = await site()
    const devices = await twoDevices(town)
    await act(town, devices, what)
    expect(await devices.here.ended).toEqual({ code: 4403, reason: 'revoked: banned' })
    expect((await devices.there.ended).code).toBe(4403)
    expect(await town.refusedCookie(devices.ada.cookie)).toBe(4401)
  })

  test.for(ofAnyone)('ends the sockets of who is gone after %s', async ([, what]) => {
    const town = await site()
    const devices = await twoDevices(town)
    await act(town, devices, what)
    expect((await devices.here.ended).code).toBe(4401)
    expect((await devices.there.ended).code).toBe(4401)
    expect(town.server.connections).toBe(0)
  })

  test('ends them when a forgotten password is reset', async () => {
    const town = await site()
    const { ada, here, there } = await twoDevices(town)
    await town.post('/request-password-reset', { email: ada.email })
    await expect.poll(() => mails.length).toBe(1)
    await town.post('/reset-password', { token: mails.pop(), newPassword: 'another horse' })
    expect((await here.ended).code).toBe(4401)
    expect((await there.ended).code).toBe(4401)
    expect(await town.inside((await town.signIn(ada, 'another horse')).cookie)).toBeDefined()
  })

  test('lets the session in that a change of password has made', async () => {
    const town = await site()
    const { ada, here } = await twoDevices(town)
    const answer = await town.post(
      '/change-password',
      { currentPassword: password, newPassword: 'another horse' },
      { Cookie: ada.cookie },
    )
    await here.ended
    expect(await town.inside((answer.headers.get('set-cookie') ?? '').split(';')[0] ?? '')).toBeDefined()
  })

  test.for([
    ...ofThePerson.map(([path, what]) => [path, what, 'revoke user: banned'] as const),
    ...ofAnyone.map(([path, what]) => [path, what, 'revoke user: removed'] as const),
  ])('ends whatever else rests on a person at %s, tokens among it', async ([, what, order]) => {
    const town = await site()
    const devices = await twoDevices(town)
    await act(town, devices, what)
    expect(town.orders).toContain(order)
  })

  test('keeps the sessions of a user whose password another user may not set', async () => {
    const town = await site()
    const { ada } = await twoDevices(town)
    const mallory = await town.signUp('mallory')
    const body = { userId: ada.id, newPassword: 'another horse' }
    const answer = await town.post('/admin/set-user-password', body, { Cookie: mallory.cookie })
    expect(answer.status).toBe(403)
    expect(await town.inside(ada.cookie)).toBeDefined()
    expect(town.server.connections).toBe(3)
  })

  test('asks about a person once, however many of their sessions end together', async () => {
    const town = await site()
    const { ada, other, tokenOf } = await twoDevices(town)
    town.orders.length = 0
    const { internalAdapter } = await town.auth.$context
    await internalAdapter.deleteSessions([tokenOf(ada), tokenOf(other)])
    await expect.poll(() => town.orders.at(-1)).toBe('recheck user')
    expect(town.orders.filter((order) => order === 'recheck user')).toHaveLength(1)
  })

  test('gives the same reason when a recheck finds a session gone before its hook has run', async () => {
    const town = await site()
    const { ada, other, here, there, tokenOf } = await twoDevices(town)
    town.database.prepare('delete from session where token = ?').run(tokenOf(other))
    await town.post('/sign-out', {}, { Cookie: ada.cookie })
    const ended = { code: 4401, reason: 'revoked: session-ended' }
    expect([await here.ended, await there.ended]).toMatchObject([ended, ended])
  })

  test('hears of no change where there was no such session or person', async () => {
    const town = await site()
    await twoDevices(town)
    town.orders.length = 0
    const { internalAdapter } = await town.auth.$context
    await internalAdapter.updateSession('unknown', { ipAddress: '192.0.2.7' })
    await internalAdapter.updateUser('unknown', { name: 'Nobody' })
    expect(town.orders).toEqual([])
  })

  test('publishes nothing but a question when a user is unbanned', async () => {
    const town = await site()
    const { ada, root } = await twoDevices(town)
    await town.post('/admin/ban-user', { userId: ada.id }, { Cookie: root.cookie })
    await expect.poll(() => town.orders.at(-1)).toBe('recheck user')
    town.orders.length = 0
    await town.post('/admin/unban-user', { userId: ada.id }, { Cookie: root.cookie })
    await expect.poll(() => town.orders).toEqual(['recheck user'])
  })

  test('leaves sessions alone at a new password where that is asked for', async () => {
    const town = await site({ passwords: 'leave-sessions' })
    const { ada, root } = await twoDevices(town)
    const body = { currentPassword: password, newPassword: 'another horse' }
    await town.post('/change-password', body, { Cookie: ada.cookie })
    await town.post(
      '/admin/set-user-password',
      { userId: ada.id, newPassword: password },
      { Cookie: root.cookie },
    )
    expect(town.server.connections).toBe(2)
    expect(await town.inside(ada.cookie)).toBeDefined()
  })

  test('asks the doors again at /admin/set-role, and closes nothing', async () => {
    const town = await site()
    const { ada, root, here } = await twoDevices(town)
    await town.post('/admin/set-role', { userId: ada.id, role: 'admin' }, { Cookie: root.cookie })
    expect(await here.next()).toBe('admin')
    expect(town.server.connections).toBe(2)
  })

  test('asks the doors again at /update-user', async () => {
    const town = await site()
    const { ada } = await twoDevices(town)
    town.orders.length = 0
    await town.post('/update-user', { name: 'Ada Lovelace' }, { Cookie: ada.cookie })
    await expect.poll(() => town.orders).toEqual(['recheck user'])
  })

  test('ends what an administrator has opened as another user at /admin/stop-impersonating', async () => {
    const town = await site()
    const { ada, root } = await twoDevices(town)
    const answer = await town.post('/admin/impersonate-user', { userId: ada.id }, { Cookie: root.cookie })
    // the session that is left is deleted first, under the same name
    const cookies = answer.headers.getSetCookie().map((set) => set.split(';')[0] ?? '')
    const kept = cookies.filter((cookie) => !cookie.endsWith('='))
    const disguise = await town.inside(kept.find((cookie) => cookie.includes('.session_token=')) ?? '')
    const stopped = await town.post('/admin/stop-impersonating', {}, { Cookie: kept.join('; ') })
    expect(stopped.status).toBe(200)
    expect((await disguise.ended).code).toBe(4401)
    expect(town.server.connections).toBe(2)
  })

  test('asks the doors again when a session turns to another organization', async () => {
    const town = await site()
    const { ada, here } = await twoDevices(town)
    const made = await town.post(
      '/organization/create',
      { name: 'Club', slug: 'club' },
      { Cookie: ada.cookie },
    )
    expect(made.status).toBe(200)
    expect(await here.next()).toBe('user of an organization')
  })

  test('lets a person in again who was unbanned and has signed in', async () => {
    const town = await site()
    const { ada, root, here } = await twoDevices(town)
    await town.post('/admin/ban-user', { userId: ada.id }, { Cookie: root.cookie })
    await here.ended
    await town.post('/admin/unban-user', { userId: ada.id }, { Cookie: root.cookie })
    expect(await town.inside((await town.signIn(ada)).cookie)).toBeDefined()
  })

  // proves: better-auth-changes
  test('ends a socket beyond the hundred rows that better-auth tells its hooks of', async () => {
    const town = await site()
    const ada = await town.signUp('ada')
    for (let count = 0; count < 120; count++)
      await town.auth.$context.then(({ internalAdapter }) => internalAdapter.createSession(ada.id))
    const last = await town.inside((await town.signIn(ada)).cookie)
    await town.post('/revoke-sessions', {}, { Cookie: ada.cookie })
    expect((await last.ended).code).toBe(4401)
  })

  test('hears of sessions that are deleted in bulk on the server', async () => {
    const town = await site()
    const { ada, other, tokenOf, here, there } = await twoDevices(town)
    const { internalAdapter } = await town.auth.$context
    await internalAdapter.deleteSessions([tokenOf(ada), tokenOf(other)])
    expect((await here.ended).code).toBe(4401)
    expect((await there.ended).code).toBe(4401)
  })

  test('hears of a session that better-auth finds expired', async () => {
    const town = await site()
    const { ada, here } = await twoDevices(town)
    const past = new Date(Date.now() - 1_000).toISOString()
    town.database
      .prepare('update session set expiresAt = ? where token = ?')
      .run(past, ada.token.split('.')[0] ?? '')
    await town.get('/get-session', { Cookie: ada.cookie })
    expect((await here.ended).code).toBe(4401)
  })

  test.for([false, true])(
    'hears of sessions in a secondary storage that have rows, preserved: %s',
    async (kept) => {
      const town = await site({
        storage: stored({ storeSessionInDatabase: true, preserveSessionInDatabase: kept }),
      })
      const { ada, other, here, there } = await twoDevices(town)
      await town.post('/sign-out', {}, { Cookie: ada.cookie })
      expect((await here.ended).code).toBe(4401)
      await town.post('/revoke-sessions', {}, { Cookie: other.cookie })
      expect((await there.ended).code).toBe(4401)
      expect(await town.refusedCookie(other.cookie)).toBe(4401)
    },
  )

  test('reaches every node of the layer', async () => {
    const layer = memory()
    const town = await site({ layer })
    const [node, ada] = [sallyport({ layer, origins: [origin] }), await town.signUp('ada')]
    serve(node, town.auth)
    const { port } = await node.listen(0)
    const talk = listen(
      new Ws(`ws://127.0.0.1:${port}/line`, { headers: { Cookie: ada.cookie, Origin: origin } }),
    )
    await talk.next()
    await town.post('/sign-out', {}, { Cookie: ada.cookie })
    expect((await talk.ended).code).toBe(4401)
    await node.close({ drain: 100 })
  })
})

test('better-auth does not start with revocations() that would not hear of ended sessions', async () => {
  const server = sallyport()
  const { secondaryStorage } = stored({})
  const auth = authFor(new DatabaseSync(':memory:'), server, { storage: { secondaryStorage } })
  await expect(auth.$context).rejects.toThrow('storeSessionInDatabase: true')
  await server.close()
})
