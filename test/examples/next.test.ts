import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket as Ws } from 'ws'
import { listen } from './running.ts'
import { available } from '../support/require.ts'

const root = resolve(import.meta.dirname, '../..')
const place = join(root, 'examples/next')

describe.skipIf(available('next') === null)('Next.js on a custom server', () => {
  let child: ChildProcess
  let host = ''

  beforeAll(async () => {
    const env = {
      NODE_ENV: 'development',
      PORT: '0',
      ADA_PASSWORD: 'correct horse',
      NEXT_TELEMETRY_DISABLED: '1',
    }
    const server = spawn(process.execPath, ['--conditions=sallyport-src', join(place, 'server.ts')], {
      cwd: place,
      env: { ...process.env, NODE_OPTIONS: '', ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    child = server
    for await (const line of createInterface(server.stdout)) {
      const [, port] = /"port":(\d+)/.exec(line) ?? []
      if (port === undefined) continue
      host = `127.0.0.1:${port}`
      break
    }
    server.stdout.resume()
    // compiles the page; Next is ready for upgrades from its first request on
    const page = await fetch(`http://${host}/some/page`)
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('some/page')])
  }, 120_000)

  afterAll(async () => {
    if (child.exitCode !== null) return
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
    rmSync(join(place, '.next'), { recursive: true, force: true })
  })

  const post = (path: string, body: unknown, cookie = ''): Promise<Response> =>
    fetch(`http://${host}${path}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Cookie: cookie },
      body: JSON.stringify(body),
    })

  const login = async (): Promise<string> => {
    const answer = await post('/login', { username: 'ada', password: 'correct horse' })
    const [cookie = ''] = answer.headers.getSetCookie()[0]?.split(';') ?? []
    return cookie
  }

  test('opens its room to a signed-in user, at the path of a page too, and closes it at the logout', async () => {
    const cookie = await login()
    const url = `ws://${host}/ws/rooms/lobby`
    const headers = { Cookie: cookie, Origin: `http://${host}` }
    const socket = new Ws(url, { headers })
    const talk = listen(socket)
    await once(socket, 'open')
    for (const text of ['first', 'second']) {
      socket.send(JSON.stringify({ type: 'say', text }))
      expect(JSON.parse(await talk.next())).toEqual({ type: 'said', from: 'ada', text })
      // what Next does about an upgrade is done by the time it has answered this
      expect((await fetch(`http://${host}/ws/rooms/lobby`)).status).toBe(200)
    }
    expect((await post('/logout', {}, cookie)).status).toBe(204)
    expect((await talk.ended).code).toBe(4401)
    expect((await listen(new Ws(url, { headers })).ended).code).toBe(4401)
  })

  test('hot reloading keeps its own socket', async () => {
    // Next answers pages of its own host name alone
    const headers = { Origin: `http://${host.replace('127.0.0.1', 'localhost')}` }
    const socket = new Ws(`ws://${host}/_next/hmr?id=test`, { headers })
    const heard = listen(socket)
    await once(socket, 'open')
    expect(JSON.parse(await heard.next())).toHaveProperty('type')
  })

  test('the example compiles against the types of Next', async () => {
    const folder = mkdtempSync(join(root, 'node_modules/.cache/next-'))
    const compilerOptions = {
      noEmit: true,
      allowImportingTsExtensions: true,
      module: 'esnext',
      moduleResolution: 'bundler',
      typeRoots: [join(root, 'node_modules/@types')],
    }
    const files = [join(place, 'server.ts')]
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ extends: join(root, 'tsconfig.base.json'), compilerOptions, files }),
    )
    const compiled = promisify(execFile)(join(root, 'node_modules/.bin/tsc'), ['-p', folder])
    await expect(compiled.finally(() => rmSync(folder, { recursive: true }))).resolves.toMatchObject({
      stdout: '',
    })
  })
})
