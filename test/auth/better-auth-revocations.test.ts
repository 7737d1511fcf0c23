import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { memory, sallyport } from '../../src/index.ts'
import { listen } from '../examples/running.ts'
import { authFor, mails, password, serve, betterAuthSite, stored } from './better-auth-site.ts'
import { WebSocket as Ws } from 'ws'

const origin = 'http://127.0.0.1'
type Site = Awaited<ReturnType<typeof betterAuthSite>>

/** Ada on two devices, and an administrator. */
async function twoDevices(site: Site) {
  const root = await site.administrator()
  const ada = await site.signUp('ada')
  const other = await site.signIn(ada)
  const tokenOf = (device: { readonly token: string }): string => device.token.split('.')[0] ?? ''
  return {
    root,
    ada,
    other,
    here: await site.openSignedIn(ada.cookie),
    there: await site.openSignedIn(other.cookie),
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

async function act(site: Site, devices: Devices, what: Act): Promise<void> {
  const [path, body, cookie] = what(devices)
  expect((await site.post(path, body, { Cookie: cookie })).status).toBe(200)
}

describe('a port that hears of a real better-auth', () => {
  // proves: better-auth-changes
  test.for(ofThisSession)('ends the sockets of one session at %s, and no other', async ([, what]) => {
    const site = await betterAuthSite()
    const devices = await twoDevices(site)
    await act(site, devices, what)
    expect(await devices.here.ended).toEqual({ code: 4401, reason: 'revoked: session-ended' })
    expect(site.server.connections).toBe(1)
    expect(await site.refusedCookie(devices.ada.cookie)).toBe(4401)
  })

  test.for(ofAllSessions)('ends the sockets of all sessions at %s', async ([, what]) => {
    const site = await betterAuthSite()
    const devices = await twoDevices(site)
    await act(site, devices, what)
    expect((await devices.here.ended).code).toBe(4401)
    expect((await devices.there.ended).code).toBe(4401)
    expect(await site.refusedCookie(devices.ada.cookie)).toBe(4401)
  })

  test.for(ofThePerson)('ends the sockets of a person at %s', async ([, what]) => {
    const site = await betterAuthSite()
    const devices = await twoDevices(site)
    await act(site, devices, what)
    expect(await devices.here.ended).toEqual({ code: 4403, reason: 'revoked: banned' })
    expect((await devices.there.ended).code).toBe(4403)
    expect(await site.refusedCookie(devices.ada.cookie)).toBe(4401)
  })

  test.for(ofAnyone)('ends the sockets of who is gone after %s', async ([, what]) => {
    const site = await betterAuthSite()
    const devices = await twoDevices(site)
    await act(site, devices, what)
    expect((await devices.here.ended).code).toBe(4401)
    expect((await devices.there.ended).code).toBe(4401)
    expect(site.server.connections).toBe(0)
  })

  test('ends them when a forgotten password is reset', async () => {
    const site = await betterAuthSite()
    const { ada, here, there } = await twoDevices(site)
    await site.post('/request-password-reset', { email: ada.email })
    await expect.poll(() => mails.length).toBe(1)
    await site.post('/reset-password', { token: mails.pop(), newPassword: 'another horse' })
    expect((await here.ended).code).toBe(4401)
    expect((await there.ended).code).toBe(4401)
    expect(await site.openSignedIn((await site.signIn(ada, 'another horse')).cookie)).toBeDefined()
  })

  test('lets the session in that a change of password has made', async () => {
    const site = await betterAuthSite()
    const { ada, here } = await twoDevices(site)
    const answer = await site.post(
      '/change-password',
      { currentPassword: password, newPassword: 'another horse' },
      { Cookie: ada.cookie },
    )
    await here.ended
    expect(
      await site.openSignedIn((answer.headers.get('set-cookie') ?? '').split(';')[0] ?? ''),
    ).toBeDefined()
  })

  test.for([
    ...ofThePerson.map(([path, what]) => [path, what, 'revoke user: banned'] as const),
    ...ofAnyone.map(([path, what]) => [path, what, 'revoke user: removed'] as const),
  ])('ends whatever else rests on a person at %s, tokens among it', async ([, what, command]) => {
    const site = await betterAuthSite()
    const devices = await twoDevices(site)
    await act(site, devices, what)
    expect(site.commands).toContain(command)
  })

  test('keeps the sessions of a user whose password another user may not set', async () => {
    const site = await betterAuthSite()
    const { ada } = await twoDevices(site)
    const mallory = await site.signUp('mallory')
    const body = { userId: ada.id, newPassword: 'another horse' }
    const answer = await site.post('/admin/set-user-password', body, { Cookie: mallory.cookie })
    expect(answer.status).toBe(403)
    expect(await site.openSignedIn(ada.cookie)).toBeDefined()
    expect(site.server.connections).toBe(3)
  })

  test('asks about a person once, however many of their sessions end together', async () => {
    const site = await betterAuthSite()
    const { ada, other, tokenOf } = await twoDevices(site)
    site.commands.length = 0
    const { internalAdapter } = await site.auth.$context
    await internalAdapter.deleteSessions([tokenOf(ada), tokenOf(other)])
    await expect.poll(() => site.commands.at(-1)).toBe('recheck user')
    expect(site.commands.filter((command) => command === 'recheck user')).toHaveLength(1)
  })

  test('gives the same reason when a recheck finds a session gone before its hook has run', async () => {
    const site = await betterAuthSite()
    const { ada, other, here, there, tokenOf } = await twoDevices(site)
    site.database.prepare('delete from session where token = ?').run(tokenOf(other))
    await site.post('/sign-out', {}, { Cookie: ada.cookie })
    const ended = { code: 4401, reason: 'revoked: session-ended' }
    expect([await here.ended, await there.ended]).toMatchObject([ended, ended])
  })

  test('hears of no change where there was no such session or person', async () => {
    const site = await betterAuthSite()
    await twoDevices(site)
    site.commands.length = 0
    const { internalAdapter } = await site.auth.$context
    await internalAdapter.updateSession('unknown', { ipAddress: '192.0.2.7' })
    await internalAdapter.updateUser('unknown', { name: 'Unknown' })
    expect(site.commands).toEqual([])
  })

  test('publishes nothing but a question when a user is unbanned', async () => {
    const site = await betterAuthSite()
    const { ada, root } = await twoDevices(site)
    await site.post('/admin/ban-user', { userId: ada.id }, { Cookie: root.cookie })
    await expect.poll(() => site.commands.at(-1)).toBe('recheck user')
    site.commands.length = 0
    await site.post('/admin/unban-user', { userId: ada.id }, { Cookie: root.cookie })
    await expect.poll(() => site.commands).toEqual(['recheck user'])
  })

  test('leaves sessions alone at a new password where that is asked for', async () => {
    const site = await betterAuthSite({ passwords: 'leave-sessions' })
    const { ada, root } = await twoDevices(site)
    const body = { currentPassword: password, newPassword: 'another horse' }
    await site.post('/change-password', body, { Cookie: ada.cookie })
    await site.post(
      '/admin/set-user-password',
      { userId: ada.id, newPassword: password },
      { Cookie: root.cookie },
    )
    expect(site.server.connections).toBe(2)
    expect(await site.openSignedIn(ada.cookie)).toBeDefined()
  })

  test('rechecks the user at /admin/set-role, and closes nothing', async () => {
    const site = await betterAuthSite()
    const { ada, root, here } = await twoDevices(site)
    await site.post('/admin/set-role', { userId: ada.id, role: 'admin' }, { Cookie: root.cookie })
    expect(await here.next()).toBe('admin')
    expect(site.server.connections).toBe(2)
  })

  test('rechecks the user at /update-user', async () => {
    const site = await betterAuthSite()
    const { ada } = await twoDevices(site)
    site.commands.length = 0
    await site.post('/update-user', { name: 'Ada Lovelace' }, { Cookie: ada.cookie })
    await expect.poll(() => site.commands).toEqual(['recheck user'])
  })

  test('ends what an administrator has opened as another user at /admin/stop-impersonating', async () => {
    const site = await betterAuthSite()
    const { ada, root } = await twoDevices(site)
    const answer = await site.post('/admin/impersonate-user', { userId: ada.id }, { Cookie: root.cookie })
    // the session that is left is deleted first, under the same name
    const cookies = answer.headers.getSetCookie().map((set) => set.split(';')[0] ?? '')
    const kept = cookies.filter((cookie) => !cookie.endsWith('='))
    const disguise = await site.openSignedIn(kept.find((cookie) => cookie.includes('.session_token=')) ?? '')
    const stopped = await site.post('/admin/stop-impersonating', {}, { Cookie: kept.join('; ') })
    expect(stopped.status).toBe(200)
    expect((await disguise.ended).code).toBe(4401)
    expect(site.server.connections).toBe(2)
  })

  test('rechecks the user when a session turns to another organization', async () => {
    const site = await betterAuthSite()
    const { ada, here } = await twoDevices(site)
    const made = await site.post(
      '/organization/create',
      { name: 'Club', slug: 'club' },
      { Cookie: ada.cookie },
    )
    expect(made.status).toBe(200)
    expect(await here.next()).toBe('user of an organization')
  })

  test('lets a person in again who was unbanned and has signed in', async () => {
    const site = await betterAuthSite()
    const { ada, root, here } = await twoDevices(site)
    await site.post('/admin/ban-user', { userId: ada.id }, { Cookie: root.cookie })
    await here.ended
    await site.post('/admin/unban-user', { userId: ada.id }, { Cookie: root.cookie })
    expect(await site.openSignedIn((await site.signIn(ada)).cookie)).toBeDefined()
  })

  // proves: better-auth-changes
  test('ends a socket beyond the hundred rows that better-auth tells its hooks of', async () => {
    const site = await betterAuthSite()
    const ada = await site.signUp('ada')
    for (let count = 0; count < 120; count++)
      await site.auth.$context.then(({ internalAdapter }) => internalAdapter.createSession(ada.id))
    const last = await site.openSignedIn((await site.signIn(ada)).cookie)
    await site.post('/revoke-sessions', {}, { Cookie: ada.cookie })
    expect((await last.ended).code).toBe(4401)
  })

  test('hears of sessions that are deleted in bulk on the server', async () => {
    const site = await betterAuthSite()
    const { ada, other, tokenOf, here, there } = await twoDevices(site)
    const { internalAdapter } = await site.auth.$context
    await internalAdapter.deleteSessions([tokenOf(ada), tokenOf(other)])
    expect((await here.ended).code).toBe(4401)
    expect((await there.ended).code).toBe(4401)
  })

  test('hears of a session that better-auth finds expired', async () => {
    const site = await betterAuthSite()
    const { ada, here } = await twoDevices(site)
    const past = new Date(Date.now() - 1_000).toISOString()
    site.database
      .prepare('update session set expiresAt = ? where token = ?')
      .run(past, ada.token.split('.')[0] ?? '')
    await site.get('/get-session', { Cookie: ada.cookie })
    expect((await here.ended).code).toBe(4401)
  })

  test.for([false, true])(
    'hears of sessions in a secondary storage that have rows, preserved: %s',
    async (kept) => {
      const site = await betterAuthSite({
        storage: stored({ storeSessionInDatabase: true, preserveSessionInDatabase: kept }),
      })
      const { ada, other, here, there } = await twoDevices(site)
      await site.post('/sign-out', {}, { Cookie: ada.cookie })
      expect((await here.ended).code).toBe(4401)
      await site.post('/revoke-sessions', {}, { Cookie: other.cookie })
      expect((await there.ended).code).toBe(4401)
      expect(await site.refusedCookie(other.cookie)).toBe(4401)
    },
  )

  test('reaches every node of the layer', async () => {
    const layer = memory()
    const site = await betterAuthSite({ layer })
    const [node, ada] = [sallyport({ layer, origins: [origin] }), await site.signUp('ada')]
    serve(node, site.auth)
    const { port } = await node.listen(0)
    const talk = listen(
      new Ws(`ws://127.0.0.1:${port}/line`, { headers: { Cookie: ada.cookie, Origin: origin } }),
    )
    await talk.next()
    await site.post('/sign-out', {}, { Cookie: ada.cookie })
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
