import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { contract } from '../src/contract.ts'
import { bearer, client } from '../src/client/index.ts'

const root = join(import.meta.dirname, '..')
const chat = contract('/ws/chat/:room', {
  client: { say: z.object({ text: z.string() }) },
  server: { said: z.object({ from: z.string(), text: z.string() }) },
})
const page = readFileSync(join(root, 'README.md'), 'utf8')
const [, program = ''] = /<!-- runs: chat -->\s+```ts\n([\s\S]*?)```/.exec(page) ?? []
const [, packages = ''] = /npm init -y\nnpm install (.*)/.exec(page) ?? []
const [, file = ''] = /Save this as `([\w.]+)`/.exec(page) ?? []
const people = ['ada', 'bob', 'mallory'] as const

const tokens: string[] = []
let folder = ''
let server: ChildProcess | undefined
let url = ''

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'readme-'))
  install()
  writeFileSync(join(folder, file), program)
  const env = { PATH: process.env['PATH'], PORT: '0' }
  const node = join(root, 'node_modules/.bin/node')
  server = spawn(node, ['--conditions=sallyport-src', file], {
    cwd: folder,
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  if (server.stdout === null) throw new Error('the program has no output')
  for await (const line of createInterface(server.stdout)) {
    const [, origin = '', token = ''] =
      /wscat -c (ws:.*)\/ws\/chat\/lobby -H ".* Bearer (.*)"/.exec(line) ?? []
    url = origin
    if (tokens.push(token) === people.length) break
  }
})
afterAll(() => {
  server?.kill()
  rmSync(folder, { recursive: true, force: true })
})

/** What `npm init -y` and the page's `npm install` leave in an empty folder: nothing but the packages that the page names. */
function install(): void {
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'chat', type: 'commonjs' }))
  mkdirSync(join(folder, 'node_modules'))
  for (const name of packages.split(' ')) {
    const target = name === 'sallyport' ? root : join(root, 'node_modules', name)
    symlinkSync(target, join(folder, 'node_modules', name))
  }
}

const as = (name: (typeof people)[number]): ReturnType<typeof client> => {
  const token = tokens[people.indexOf(name)] ?? ''
  return client({ url, credentials: bearer(() => token) })
}

/** How the server refuses a person in a room. */
function denialOf(name: (typeof people)[number], room: string): Promise<unknown> {
  const opened = as(name).open(chat, { room })
  return new Promise((resolve) => {
    opened.subscribe(() => opened.state === 'denied' && resolve(opened.denial))
  })
}

test('the chat of the README has at most 40 lines', () => {
  const lines = program.split('\n').filter((line) => line !== '')
  expect(lines.length).toBeGreaterThan(15)
  expect(lines.length).toBeLessThanOrEqual(40)
})

test('the chat of the README runs in a folder of its own: members hear each other', async () => {
  const [ada, bob] = [as('ada'), as('bob')]
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
] as const)('the chat of the README keeps %s out of the %s', async ([name, room, status]) => {
  expect(await denialOf(name, room)).toMatchObject({ status, code: 'forbidden' })
})

test('a name that is typed into the chat of the README is banned: its socket ends, and its token', async () => {
  const bob = as('bob')
  const inside = bob.open(chat, { room: 'lobby' })
  const denied = new Promise((resolve) => {
    inside.subscribe(() => inside.state === 'denied' && resolve(inside.denial))
  })
  await inside.send('say', { text: 'here' })
  server?.stdin?.write('bob\n')
  expect(await denied).toMatchObject({ status: 403 })
  expect(await denialOf('bob', 'lobby')).toMatchObject({ status: 403 })
  bob.close()
})
