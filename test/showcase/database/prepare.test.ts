import { statSync } from 'node:fs'
import { expect, test } from 'vitest'
import { setting } from '../../../showcase/src/database/settings.ts'
import { onBothDatabases } from '../support/databases.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { signInDemoUser, signIn, start } from '../support/running.ts'

onBothDatabases('starting', (fresh) => {
  test('makes people and rooms once, though several processes start on one database together', async () => {
    const env = { DATABASE_URL: await fresh() }
    const all = await Promise.all([start(env), start(env), start(env)])
    const made = all.filter(({ app }) => app.demoUsers.length > 0)
    expect(made).toHaveLength(1)
    const [first] = made
    if (first === undefined) throw new Error('no person was made')
    const ada = first.app.demoUsers.find(({ username }) => username === 'ada')
    expect(first.app.demoUsers.map(({ username }) => username)).toContain('grace')
    // the same people, passwords and signing keys on every node
    for (const running of all) {
      const page = await signIn(running, 'ada', ada?.password ?? '')
      const { rooms } = (await (await page.get('/api/rooms')).json()) as { rooms: { id: string }[] }
      expect(rooms.map(({ id }) => id)).toEqual(['announcements', 'engineering', 'lobby'])
    }
    const secrets = await Promise.all(all.map(({ app }) => setting(app.database, 'secret')))
    expect(new Set(secrets).size).toBe(1)
    expect(secrets[0]?.length).toBeGreaterThanOrEqual(32)
  })

  test('again makes no people, and keeps sessions', async () => {
    const env = { DATABASE_URL: await fresh() }
    const first = await start(env)
    const cookie = (await signInDemoUser(first, 'ada')).cookie()
    await first.app.close()
    const second = await start(env)
    expect(second.app.demoUsers).toEqual([])
    expect((await fetch(`${second.url}/api/rooms`, { headers: { cookie } })).status).toBe(200)
  })

  test('in production makes the lobby and no people', async () => {
    const running = await start({
      DATABASE_URL: await fresh(),
      NODE_ENV: 'production',
      SECRET: 'a secret of thirty-two characters',
      BASE_URL: 'https://app.example',
    })
    const { query } = running.app.database
    expect(await query.selectFrom('rooms').select('id').execute()).toEqual([{ id: 'lobby' }])
    expect(await query.selectFrom('user').select('id').execute()).toEqual([])
    expect(await setting(running.app.database, 'secret')).toBeNull()
  })
})

test('the database file is for its owner alone', async () => {
  const dir = temporaryDirectory()
  await start({ DATA_DIR: `${dir}/data`, DATABASE_URL: '' })
  expect(statSync(`${dir}/data/sallyport.db`).mode & 0o077).toBe(0)
  expect(statSync(`${dir}/data`).mode & 0o077).toBe(0)
})

test('a database that cannot be reached stops the start with a sentence, without its password', async () => {
  const failed = start({ DATABASE_URL: 'postgres://root:hunter2@127.0.0.1:1/none' })
  await expect(failed).rejects.toThrow('The PostgreSQL server of DATABASE_URL cannot be reached')
  await expect(failed).rejects.not.toThrow('hunter2')
})

test('a port that is taken stops the start with a sentence', async () => {
  const running = await start()
  const { port } = new URL(running.url)
  await expect(start({ PORT: port })).rejects.toThrow(`PORT ${port}`)
})
