import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { contract } from '../src/contract.ts'
import { bearer, client } from '../src/client/index.ts'

const root = join(import.meta.dirname, '..')
const secret = randomBytes(32).toString('base64url')
const chat = contract('/ws/chat/:room', {
  client: { say: z.object({ text: z.string() }) },
  server: { said: z.object({ from: z.string(), text: z.string() }) },
})
const [, program = ''] =
  /<!-- runs: chat -->\s+```ts\n([\s\S]*?)```/.exec(readFileSync(join(root, 'README.md'), 'utf8')) ?? []

let folder = ''
let server: ChildProcess | undefined
let url = ''

beforeAll(async () => {
  // beside the tests, so that packages are found as a user's are, and Node strips the types
  folder = mkdtempSync(join(root, 'test/.readme-'))
  writeFileSync(join(folder, 'chat.ts'), program)
  const env = { PATH: process.env['PATH'], SECRET: secret, PORT: '0' }
  server = spawn(
    join(root, 'node_modules/.bin/node'),
    ['--conditions=sallyport-src', join(folder, 'chat.ts')],
    {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  if (server.stdout === null) throw new Error('the program has no output')
  for await (const line of createInterface(server.stdout)) {
    url = line.replace(/\/ws\/.*/, '')
    break
  }
})
afterAll(() => {
  server?.kill()
  rmSync(folder, { recursive: true, force: true })
})

const as = async (sub: string): Promise<ReturnType<typeof client>> => {
  const signing = new SignJWT().setProtectedHeader({ alg: 'HS256' }).setSubject(sub).setExpirationTime('5m')
  const token = await signing.sign(new TextEncoder().encode(secret))
  return client({ url, credentials: bearer(() => token) })
}

test('the chat of the README has at most 25 lines', () => {
  const lines = program
    .trimEnd()
    .split('\n')
    .filter((line) => line !== '')
  expect(lines.length).toBeGreaterThan(15)
  expect(lines.length).toBeLessThanOrEqual(25)
})

test('the chat of the README runs: members hear each other', async () => {
  const [ada, bob] = [await as('ada'), await as('bob')]
  const [here, there] = [ada.open(chat, { room: 'lobby' }), bob.open(chat, { room: 'lobby' })]
  const opened = new Promise<void>((resolve) => {
    there.subscribe(() => there.state === 'open' && resolve())
  })
  const heard = new Promise((resolve) => there.on('said', resolve))
  await opened
  await here.send('say', { text: 'hello' })
  expect(await heard).toEqual({ from: 'ada', text: 'hello' })
  ada.close()
  bob.close()
})

test.for([
  ['mallory', 'lobby', 403],
  ['ada', 'tower', 403],
] as const)('the chat of the README keeps %s out of the %s', async ([who, room, status]) => {
  const app = await as(who)
  const opened = app.open(chat, { room })
  const denial = await new Promise((resolve) => {
    opened.subscribe(() => opened.state === 'denied' && resolve(opened.denial))
  })
  expect(denial).toMatchObject({ status, code: 'forbidden' })
})
