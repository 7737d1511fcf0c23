import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Running, start } from '../showcase/support/running.ts'
import { browsers, hasBrowser } from '../support/browser.ts'
import { buildPages, composer, connection, enter, message, person, say } from './pages.ts'

describe.runIf(hasBrowser)('the connection of a page', () => {
  const browser = browsers()
  const folders: string[] = []
  beforeAll(buildPages)
  afterEach(async () => {
    await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true })))
  })

  /** A server whose data outlives it. */
  async function lasting(): Promise<{ first: Running; again: () => Promise<Running> }> {
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-e2e-'))
    folders.push(folder)
    const data = { DATABASE_URL: `sqlite:${join(folder, 'chat.db')}` }
    const first = await start(data)
    return { first, again: () => start({ ...data, PORT: new URL(first.url).port }) }
  }

  test('it counts down while the server is away, and comes back by itself', async () => {
    const { first, again } = await lasting()
    const page = await browser.page()
    await enter(page, first, 'ada', 'lobby')
    await say(page, 'before')
    await message(page, 'before').waitFor()
    await first.app.close(100)
    await connection(page, 'waiting')
      .filter({ hasText: /Offline. Retrying in \d+ s/ })
      .waitFor()
    await composer(page).fill('a draft')
    expect(await page.getByRole('button', { name: 'Send' }).isDisabled()).toBe(true)
    await again()
    await connection(page, 'open').waitFor({ timeout: 60_000 })
    expect(await composer(page).inputValue()).toBe('a draft')
    await message(page, 'before').waitFor()
    await page.keyboard.press('Enter')
    await message(page, 'a draft').waitFor()
  })

  test('what others said while one was away is there after the return', async () => {
    const { first, again } = await lasting()
    const [ada, grace] = [await browser.page(), await browser.page()]
    await enter(ada, first, 'ada', 'engineering')
    await enter(grace, first, 'grace', 'engineering')
    await say(ada, 'I am off')
    await message(grace, 'I am off').waitFor()
    await first.app.close(100)
    await connection(ada, 'waiting').waitFor()
    await ada.context().setOffline(true)
    await again()
    await connection(grace, 'open').waitFor({ timeout: 60_000 })
    await say(grace, 'said meanwhile')
    await message(grace, 'said meanwhile').waitFor()
    expect(await message(ada, 'said meanwhile').count()).toBe(0)
    await ada.context().setOffline(false)
    await connection(ada, 'open').waitFor({ timeout: 60_000 })
    await message(ada, 'said meanwhile').waitFor()
    expect(await message(ada, 'I am off').count()).toBe(1)
    await person(ada, 'Grace Hopper').filter({ hasText: 'is here' }).waitFor()
  })

  test('a machine that has lost its network says so at once, and keeps what one writes', async () => {
    const running = await start()
    const page = await browser.page()
    await enter(page, running, 'ada', 'lobby')
    await page.context().setOffline(true)
    await page.getByText('No network').first().waitFor()
    await say(page, 'written under a bridge')
    expect(await composer(page).inputValue()).toBe('written under a bridge')
    await page.context().setOffline(false)
    await page.getByText('Connected').first().waitFor()
    await page.keyboard.press('Enter')
    await message(page, 'written under a bridge').waitFor()
  })
})
