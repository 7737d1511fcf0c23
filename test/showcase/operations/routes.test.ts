import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { WebSocket as Ws } from 'ws'
import { noncePlaceholder } from '../../../showcase/src/http/pages.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { requestToken, browser, signInDemoUser, rawRequest, signUp, start } from '../support/running.ts'

describe('health', () => {
  test('is answered, whatever name the server is called by', async () => {
    const running = await start()
    expect(await rawRequest(running, '/healthz', { headers: { host: '10.1.2.3:8000' } })).toMatchObject({
      status: 200,
    })
    expect(await rawRequest(running, '/readyz', { headers: { host: '10.1.2.3:8000' } })).toMatchObject({
      status: 200,
    })
  })
})

test('a server that drains is alive, but takes no new work', async () => {
  const running = await start()
  const ada = await signUp(running, 'ada2')
  const headers = { cookie: ada.cookie(), origin: running.url }
  const socket = new Ws(`${running.url.replace('http', 'ws')}/ws/chat/lobby`, { headers })
  await once(socket, 'open')
  // it does not answer the close, so the draining lasts
  socket.pause()
  const closing = running.app.close(3_000)
  expect((await rawRequest(running, '/healthz')).status).toBe(200)
  expect(await rawRequest(running, '/readyz')).toEqual({ status: 503, body: 'draining\n' })
  socket.terminate()
  await closing
})

describe('metrics', () => {
  test('are for this machine: not through a proxy on it, and not for a page whose name points here', async () => {
    const running = await start()
    expect((await rawRequest(running, '/metrics')).body).toContain('showcase_http_requests_total')
    for (const headers of [
      { 'x-forwarded-for': '127.0.0.1' },
      { via: '1.1 proxy' },
      { host: 'rebound.example' },
      { authorization: 'Bearer wrong' },
    ]) {
      expect(await rawRequest(running, '/metrics', { headers })).toMatchObject({ status: 404 })
    }
  })

  test('are open to a request with the token', async () => {
    const running = await start({ METRICS_TOKEN: 'a-token-of-some-length' })
    const ask = (token: string) =>
      rawRequest(running, '/metrics', { headers: { via: '1.1 proxy', authorization: `Bearer ${token}` } })
    expect(await ask('a-token-of-some-other')).toMatchObject({ status: 404 })
    expect(await ask('a-token-of-some-length')).toMatchObject({ status: 200 })
  })

  test('count by route pattern, so that no id and no stranger makes a series', async () => {
    const running = await start()
    const ada = await signUp(running, 'ada2')
    await ada.get('/api/rooms/lobby')
    await fetch(`${running.url}/wp-admin/install.php`)
    const { body } = await rawRequest(running, '/metrics')
    expect(body).toContain(
      'showcase_http_requests_total{method="GET",route="/api/rooms/:room",status="200"} 1',
    )
    expect(body).toContain('route="other",status="404"')
    expect((await rawRequest(running, '/metrics')).body).toContain('route="/metrics",status="200"')
    expect(body).not.toContain('wp-admin')
    expect(body).not.toContain('lobby')
  })
})

describe('the name of the server', () => {
  test.each(['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example:80'])(
    'is not %j',
    async (host) => {
      const running = await start()
      expect(await rawRequest(running, '/api/rooms', { headers: { host } })).toMatchObject({ status: 421 })
    },
  )
  test('is that of BASE_URL in production, with or without the default port', async () => {
    const running = await start({
      NODE_ENV: 'production',
      SECRET: 'a secret of thirty-two characters',
      BASE_URL: 'https://app.example',
    })
    for (const host of ['app.example', 'app.example:443', 'APP.example']) {
      expect(await rawRequest(running, '/api/rooms', { headers: { host } })).toMatchObject({ status: 401 })
    }
    expect(await rawRequest(running, '/api/rooms')).toMatchObject({ status: 421 })
  })
})

describe('production', () => {
  test('sends cookies over https alone, asks browsers to stay there, and makes no people up', async () => {
    const running = await start({
      NODE_ENV: 'production',
      SECRET: 'a secret of thirty-two characters',
      BASE_URL: 'https://app.example',
    })
    expect(running.app.demoUsers).toEqual([])
    const body = JSON.stringify({
      email: 'a@example.test',
      name: 'A',
      username: 'ada',
      password: 'a long enough one',
    })
    const headers = { host: 'app.example', origin: 'https://app.example', 'content-type': 'application/json' }
    expect(
      await rawRequest(running, '/api/auth/sign-up/email', { method: 'POST', headers, body }),
    ).toMatchObject({ status: 200 })
    const answer = await fetch(`${running.url}/healthz`)
    expect(answer.headers.get('strict-transport-security')).toContain('max-age=')
  })
})

describe('pages', () => {
  const built = temporaryDirectory()
  writeFileSync(join(built, 'index.html'), `<script nonce="${noncePlaceholder}" src="/assets/a.js"></script>`)
  writeFileSync(join(built, 'secret.txt'), 'not a page')
  mkdirSync(join(built, 'assets'))
  writeFileSync(join(built, 'assets', 'a.js'), 'let a = 1')

  test.each(['/', '/chat', '/chat/lobby'])(
    '%s is the page, with a policy and a nonce of its own',
    async (path) => {
      const running = await start({}, { pages: built })
      const [one, other] = [await fetch(running.url + path), await fetch(running.url + path)]
      const policy = one.headers.get('content-security-policy') ?? ''
      const nonce = /'nonce-([^']+)'/.exec(policy)?.[1] ?? ''
      expect(nonce).toMatch(/^[\w+/]{20,}={0,2}$/)
      expect(await one.text()).toBe(`<script nonce="${nonce}" src="/assets/a.js"></script>`)
      expect(policy).toContain("default-src 'none'")
      expect(policy).not.toContain('unsafe')
      expect(other.headers.get('content-security-policy')).not.toBe(policy)
      expect(one.headers.get('x-content-type-options')).toBe('nosniff')
      expect(one.headers.get('cache-control')).toBe('no-cache')
    },
  )

  test('assets are served to be kept, and nothing else of the disk is', async () => {
    const running = await start({}, { pages: built })
    const asset = await fetch(`${running.url}/assets/a.js`)
    expect(asset.headers.get('cache-control')).toContain('immutable')
    expect(asset.headers.get('content-type')).toContain('javascript')
    for (const path of [
      '/secret.txt',
      '/index.html',
      '/assets/../secret.txt',
      '/assets/..%2fsecret.txt',
      '/assets/%2e%2e/secret.txt',
      '/assets/..%5csecret.txt',
      '/assets//etc/passwd',
      '/assets/',
    ]) {
      expect((await rawRequest(running, path)).status, path).toBe(404)
    }
  })

  test('a path that leads nowhere is a page for people and a problem for programs, 404 to both', async () => {
    const running = await start({}, { pages: built })
    const asked = await fetch(`${running.url}/nowhere`, { headers: { accept: 'text/html,*/*;q=0.8' } })
    expect(asked.status).toBe(404)
    expect(await asked.text()).toContain('<script nonce=')
    expect(await (await fetch(`${running.url}/nowhere`)).json()).toMatchObject({ code: 'no-such-path' })
    const api = await fetch(`${running.url}/api/nowhere`, { headers: { accept: 'text/html' } })
    expect(await api.json()).toMatchObject({ status: 404, code: 'no-such-path' })
  })

  test("a socket's address that is asked as a page says that it is none", async () => {
    const running = await start()
    const { status, headers } = await fetch(`${running.url}/ws/chat/lobby`)
    expect([status, headers.get('upgrade')]).toEqual([426, 'websocket'])
  })

  test('that are not built say how to build them', async () => {
    const running = await start({}, { pages: '/nonexistent' })
    const answer = await fetch(running.url)
    expect(answer.status).toBe(503)
    expect(await answer.text()).toContain('npm run build:web')
  })
})

describe('the log', () => {
  // proves: secrets-out
  test('has one line for each request, and no secret in any', async () => {
    const running = await start()
    const ada = await signUp(running, 'ada2')
    const admin = await signInDemoUser(running, 'ada')
    const token = (
      (await (await requestToken(running, { username: 'ada2', password: ada.password })).json()) as {
        access_token: string
      }
    ).access_token
    await fetch(`${running.url}/api/rooms?access_token=${token}&ticket=hush`, {
      headers: { authorization: `Bearer ${token}` },
    })
    await fetch(`${running.url}/reset/${token}`)
    await browser(running).post('/api/auth/sign-in/username', {
      username: 'ada2',
      password: 'a wrong password',
    })
    await admin.get(`/api/auth/get-session?token=${token}`)
    const log = running.logged()
    const requests = log.split('\n').filter((line) => line.includes('"msg":"request"'))
    expect(requests).toHaveLength(7)
    expect(JSON.parse(requests[3] ?? '{}')).toMatchObject({
      method: 'GET',
      route: '/api/rooms',
      status: 200,
      ref: expect.any(String),
    })
    const secrets = [
      token,
      'hush',
      ada.password,
      ada.cookie().split('=')[1] ?? '?',
      'a wrong password',
      ...running.app.demoUsers.map(({ password }) => password),
    ]
    for (const secret of secrets) expect(log).not.toContain(secret)
  })

  test('redacts what a library hands over, and keeps the words of foreign errors out', async () => {
    const { Writable } = await import('node:stream')
    const { logger } = await import('../../../showcase/src/operations/logger.ts')
    let text = ''
    const log = logger(
      'info',
      new Writable({ write: (chunk, _, done) => done(void (text += String(chunk))) }),
    )
    const err = Object.assign(new Error('duplicate key (email)=(ada@example.test)'), {
      code: '23505',
      detail: 'hush',
    })
    log.info({
      password: 'hush',
      req: { headers: { authorization: 'hush', cookie: 'hush', 'sec-websocket-protocol': 'hush' } },
      body: { token: 'hush' },
      err,
    })
    expect(text).toContain('[redacted]')
    expect(text).toContain('23505')
    expect(text).not.toContain('hush')
    expect(text).not.toContain('ada@example.test')
  })

  test('knows of a fault what its reference in the answer points to', async () => {
    const running = await start()
    const ada = await signUp(running, 'ada2')
    await running.app.database.query.schema.dropTable('memberships').execute()
    const answer = await ada.get('/api/rooms')
    expect(answer.status).toBe(500)
    const { ref, detail } = (await answer.json()) as { ref: string; detail: string }
    expect(detail).not.toContain('memberships')
    expect(running.logged()).toContain(`"ref":"${ref}","msg":"request failed"`)
  })
})
