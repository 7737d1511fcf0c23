import { execFile } from 'node:child_process'
import { readdir, stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Locator, Page } from 'playwright'
import type { Running } from '../showcase/support/running.ts'

const run = promisify(execFile)
const vite = fileURLToPath(new URL('../../node_modules/vite/bin/vite.js', import.meta.url))
const web = fileURLToPath(new URL('../../showcase/web', import.meta.url))

/** Builds the pages unless what was built last is newer than all that it is made of. */
export async function buildPages(): Promise<void> {
  const built = await fileTime(`${web}/dist/index.html`).catch(() => 0)
  const sources = [`${web}/src`, `${web}/public`, `${web}/../src`, `${web}/../../src`]
  const files = [`${web}/index.html`, `${web}/vite.config.ts`]
  const times = await Promise.all([...sources.map(newest), ...files.map(fileTime)])
  if (Math.max(...times) <= built) return
  // in a process of its own, for the NODE_ENV of a test would build React for development
  const env = { ...process.env, NODE_ENV: 'production' }
  await run(process.execPath, [vite, 'build', web, '--logLevel', 'warn'], { env })
}

async function newest(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true })
  return Math.max(0, ...(await Promise.all(names.map((name) => fileTime(`${folder}/${name}`)))))
}

async function fileTime(file: string): Promise<number> {
  return (await stat(file)).mtimeMs
}

/** The password of one of the demonstration's people. */
export function passwordOf({ app }: Running, username: string): string {
  const user = app.demoUsers.find((one) => one.username === username)
  if (user === undefined) throw new Error(`no demo user ${username}`)
  return user.password
}

/** Signs one of the demonstration's people in, through the form of a page. */
export async function signInOn(page: Page, running: Running, username: string): Promise<void> {
  await page.getByLabel('User name or e-mail').fill(username)
  await page.getByLabel(/^Password/).fill(passwordOf(running, username))
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
}

/** Goes to a room as one of the demonstration's people, by way of the sign-in form. */
export async function signInToRoom(
  page: Page,
  running: Running,
  username: string,
  room: string,
): Promise<void> {
  await page.goto(`${running.url}/chat/${room}`)
  await signInOn(page, running, username)
}

/** Goes to a room as {@link signInToRoom} does, and waits until it is open. */
export async function enter(page: Page, running: Running, username: string, room: string): Promise<void> {
  await signInToRoom(page, running, username, room)
  await connection(page, 'open').waitFor()
}

/** The sign of the connection, once it shows a state. */
export function connection(page: Page, state: 'open' | 'waiting' | 'connecting' | 'denied'): Locator {
  return page.locator(`.connection[data-state="${state}"]`)
}

/** The field for messages. */
export function composer(page: Page): Locator {
  return page.getByRole('textbox', { name: /^Message to/ })
}

/** Writes and sends a message. */
export async function say(page: Page, text: string): Promise<void> {
  await composer(page).fill(text)
  await page.keyboard.press('Enter')
}

/** A message in the list, by its text. */
export function message(page: Page, text: string): Locator {
  return page.getByRole('region', { name: 'Messages' }).getByRole('listitem').filter({ hasText: text })
}

/** A person in the panel of a room. */
export function person(page: Page, name: string): Locator {
  return page.getByRole('list', { name: 'People' }).getByRole('listitem').filter({ hasText: name })
}
