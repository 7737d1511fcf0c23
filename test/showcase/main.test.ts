import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { WebSocket as Ws } from 'ws'
import { temporaryDirectory } from './support/temporary-directory.ts'

interface Process {
  readonly child: ChildProcess
  readonly out: () => string
  readonly err: () => string
  readonly ended: Promise<number | null>
}

const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

function run(env: Record<string, string>): Process {
  const main = join(import.meta.dirname, '../../showcase/src/main.ts')
  const whole = {
    PATH: process.env['PATH'],
    PORT: '0',
    DATA_DIR: temporaryDirectory(),
    ...env,
  }
  const child = spawn(process.execPath, ['--conditions=sallyport-src', main], { env: whole })
  children.push(child)
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  return { child, out: () => out, err: () => err, ended: once(child, 'close').then(() => child.exitCode) }
}

/** The origin that the process says it is ready under. */
async function ready({ child, out, err }: Process): Promise<string> {
  for (;;) {
    const line = out()
      .split('\n')
      .find((one) => one.includes('"msg":"ready"'))
    if (line !== undefined) return (JSON.parse(line) as { url: string }).url
    if (child.exitCode !== null) throw new Error(`it ended: ${err()}`)
    await once(child.stdout ?? child, 'data')
  }
}

test('it runs until it is told to stop, and then ends with 0', async () => {
  const server = run({})
  const url = await ready(server)
  expect((await fetch(`${url}/readyz`)).status).toBe(200)
  server.child.kill('SIGTERM')
  expect(await server.ended).toBe(0)
})

test('SIGTERM sends who is inside to another node with 1012, and leaves nothing undone', async () => {
  const server = run({})
  const url = await ready(server)
  const { access_token: token } = await granted(url, passwordOf('ada', server))
  const socket = new Ws(`${url.replace('http', 'ws')}/ws/chat/lobby`, {
    headers: { authorization: `Bearer ${token}` },
  })
  await once(socket, 'open')
  const left = once(socket, 'close')
  server.child.kill('SIGTERM')
  expect((await left)[0]).toBe(1012)
  expect(await server.ended).toBe(0)
  expect(server.out()).toContain('"msg":"draining"')
})

async function granted(url: string, password: string): Promise<{ access_token: string }> {
  const body = new URLSearchParams({ username: 'ada', password })
  return (await (await fetch(`${url}/token`, { method: 'POST', body })).json()) as { access_token: string }
}

/** What the console said of one of the demonstration's people. */
function passwordOf(name: string, { err }: Process): string {
  return new RegExp(`^ {2}${name} +(\\S+)`, 'm').exec(err())?.[1] ?? ''
}

test("the demonstration's passwords are on the console once, and never in the log", async () => {
  const dir = temporaryDirectory()
  const first = run({ DATA_DIR: dir })
  await ready(first)
  const password = passwordOf('ada', first)
  expect(password).toHaveLength(16)
  expect(first.out()).not.toContain(password)
  first.child.kill('SIGTERM')
  await first.ended
  const second = run({ DATA_DIR: dir })
  await ready(second)
  expect(second.err()).not.toContain('ada')
})

test('a faulty configuration ends it with 1 and says what to do', async () => {
  const server = run({ NODE_ENV: 'production' })
  expect(await server.ended).toBe(1)
  expect(server.err()).toMatch(/SECRET is required in production: make one with: openssl rand/)
  expect(server.err()).not.toContain('    at ')
})
