import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { decodeJwt } from 'jose'
import { describe, expect, test } from 'vitest'
import { sweepSessions } from '../../../showcase/src/operations/sweep.ts'
import { onBothDatabases } from '../support/databases.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import {
  requestToken,
  browser,
  signInDemoUser,
  rawRequest,
  type Running,
  signUp,
  start,
} from '../support/running.ts'

onBothDatabases('POST /token', (fresh) => {
  test('answers an access token that opens the HTTP interface', async () => {
    const running = await start({ DATABASE_URL: await fresh() })
    const ada = await signUp(running, 'ada2')
    const answer = await requestToken(running, {
      grant_type: 'password',
      username: 'ada2',
      password: ada.password,
    })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.get('set-cookie')).toBeNull()
    const body = (await answer.json()) as { access_token: string }
    expect(body).toEqual({ access_token: expect.any(String), token_type: 'bearer', expires_in: 300 })
    expect(decodeJwt(body.access_token)).toMatchObject({
      sub: ada.id,
      aud: 'sallyport',
      iss: running.app.url.origin,
    })
    expect(await roomsStatus(running, body.access_token)).toBe(200)
  })

  test('takes an e-mail address as well', async () => {
    const running = await start({ DATABASE_URL: await fresh() })
    const ada = await signUp(running, 'ada2')
    expect(
      (await requestToken(running, { username: 'ADA2@example.test', password: ada.password })).status,
    ).toBe(200)
  })

  test('makes a session, so that signing out everywhere ends its tokens', async () => {
    const running = await start({ DATABASE_URL: await fresh() })
    const ada = await signUp(running, 'ada2')
    const token = await tokenOf(await requestToken(running, { username: 'ada2', password: ada.password }))
    expect(await roomsStatus(running, token)).toBe(200)
    expect((await ada.post('/api/auth/revoke-sessions', {})).status).toBe(200)
    expect(await roomsStatus(running, token)).toBe(401)
  })
})

test('a new key is known at once, and after another one is 503 until the keys may be read again', async () => {
  const file = join(temporaryDirectory(), 'test.db')
  const running = await start({ DATABASE_URL: `sqlite:${file}` })
  const ada = await signUp(running, 'ada2')
  const database = new DatabaseSync(file)
  const newToken = async (): Promise<string> => {
    // another process of this server has made a key, and forgotten the one before
    database.exec('delete from jwks')
    return tokenOf(await requestToken(running, { username: 'ada2', password: ada.password }))
  }
  expect(await roomsStatus(running, await newToken())).toBe(200)
  expect(await roomsStatus(running, await newToken())).toBe(200)
  const third = await fetch(`${running.url}/api/rooms`, {
    headers: { authorization: `Bearer ${await newToken()}` },
  })
  expect(third.status).toBe(503)
  expect(Number(third.headers.get('retry-after'))).toBeGreaterThan(0)
  database.close()
})

test('more sign-ins than can be worked on are 503 and say when to come back', async () => {
  const running = await start({}, { passwords: { concurrency: 1, maxWaiting: 1 } })
  const names = Array.from({ length: 6 }, (_, i) => `guest${i}`)
  const answers = await Promise.all(
    names.map((username) => requestToken(running, { username, password: 'some password' })),
  )
  const statuses = answers.map(({ status }) => status)
  expect(new Set(statuses)).toEqual(new Set([401, 503]))
  expect(answers.find(({ status }) => status === 503)?.headers.get('retry-after')).toBe('2')
  const page = browser(running)
  const signIns = await Promise.all(
    names.map((username) => page.post('/api/auth/sign-in/username', { username, password: 'some password' })),
  )
  expect(new Set(signIns.map(({ status }) => status))).toEqual(new Set([401, 503]))
})

test('the session behind a token ends with it, and is swept away', async () => {
  const running = await start()
  const ada = await signUp(running, 'ada2')
  await requestToken(running, { username: 'ada2', password: ada.password })
  const { query } = running.app.database
  const ends = await query.selectFrom('session').select('expiresAt').where('userId', '=', ada.id).execute()
  const minutes = ends.map(({ expiresAt }) =>
    Math.round((new Date(expiresAt).getTime() - Date.now()) / 60_000),
  )
  expect(minutes.toSorted((a, b) => a - b)).toEqual([5, 7 * 24 * 60])
  await sweepSessions(running.app.database, new Date(Date.now() + 360_000))
  expect(await query.selectFrom('session').select('id').where('userId', '=', ada.id).execute()).toHaveLength(
    1,
  )
})

describe('a refusal of POST /token', () => {
  test('is the same for a wrong password, an unknown name, an impossible name and a banned user', async () => {
    const running = await start()
    const admin = await signInDemoUser(running, 'ada')
    const banned = await signUp(running, 'banned')
    await admin.post('/api/auth/admin/ban-user', { userId: banned.id })
    const answers = await Promise.all([
      requestToken(running, { username: 'grace', password: 'wrong password' }),
      requestToken(running, { username: 'unknown', password: 'wrong password' }),
      requestToken(running, { username: 'unknown@example.test', password: 'wrong password' }),
      requestToken(running, { username: '!', password: 'wrong password' }),
      requestToken(running, { username: '@', password: 'wrong password' }),
      requestToken(running, { username: 'banned', password: banned.password }),
    ])
    const seen = await Promise.all(
      answers.map(async (one) => `${one.status} ${one.headers.get('www-authenticate')} ${await one.text()}`),
    )
    expect(new Set(seen)).toEqual(
      new Set(['401 Bearer {"error":"invalid_grant","error_description":"Incorrect username or password."}']),
    )
  })

  test('works as long for an unknown or impossible name as for a wrong password', async () => {
    const running = await start()
    // in processor time of this process, hashing threads among it: what else the machine does is no part of that
    const took = async (username: string): Promise<number> => {
      const times: number[] = []
      for (let i = 0; i < 5; i++) {
        const before = process.cpuUsage()
        await requestToken(running, { username, password: 'wrong password' })
        const { user, system } = process.cpuUsage(before)
        times.push(user + system)
      }
      return Math.min(...times)
    }
    await took('warm.up')
    const [wrong, unknown, impossible] = [await took('grace'), await took('unknown'), await took('!')]
    // a hash takes some 20 ms; without it an answer takes 2
    expect(unknown).toBeGreaterThan(wrong * 0.5)
    expect(impossible).toBeGreaterThan(wrong * 0.5)
  })

  test('is 415 for JSON and 400 for what is missing, doubled, too long or another grant', async () => {
    const running = await start()
    const post = (body: string, type = 'application/x-www-form-urlencoded') =>
      fetch(`${running.url}/token`, { method: 'POST', body, headers: { 'content-type': type } })
    expect((await post('{"username":"ada","password":"x"}', 'application/json')).status).toBe(415)
    const bodies = [
      '',
      'username=ada',
      'username=ada&username=grace&password=x',
      `username=ada&password=${'x'.repeat(257)}`,
      'grant_type=client_credentials&username=a&password=b',
    ]
    for (const body of bodies) expect((await post(body)).status, body.slice(0, 40)).toBe(400)
    expect((await post(`username=ada&password=${'x'.repeat(70_000)}`)).status).toBe(413)
  })

  test('is shared with sign-in: guesses at one account count together', async () => {
    const running = await start()
    for (let i = 0; i < 5; i++)
      await requestToken(running, { username: 'ada', password: `guess number ${i}` })
    const slowed = await requestToken(running, { username: 'Ada', password: 'guess number 6' })
    expect(slowed.status).toBe(429)
    expect(Number(slowed.headers.get('retry-after'))).toBeGreaterThan(0)
    await expect(signInDemoUser(running, 'ada')).rejects.toThrow('429')
    expect((await requestToken(running, { username: 'grace', password: 'guess' })).status).toBe(401)
  })

  test('is 404 in production unless it is switched on', async () => {
    const production = {
      NODE_ENV: 'production',
      SECRET: 'a secret of thirty-two characters',
      BASE_URL: 'http://localhost',
    }
    const ask = async (env: Record<string, string>) => {
      const headers = { host: 'localhost', 'content-type': 'application/x-www-form-urlencoded' }
      const how = { method: 'POST', headers, body: 'username=unknown&password=x' }
      return (await rawRequest(await start({ ...production, ...env }), '/token', how)).status
    }
    expect(await ask({})).toBe(404)
    expect(await ask({ PASSWORD_GRANT: 'on' })).toBe(401)
  })
})

async function tokenOf(answer: Response): Promise<string> {
  return ((await answer.json()) as { access_token: string }).access_token
}

async function roomsStatus({ url }: Running, token: string): Promise<number> {
  return (await fetch(`${url}/api/rooms`, { headers: { authorization: `Bearer ${token}` } })).status
}
