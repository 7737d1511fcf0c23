import type { Page } from 'playwright'
import { beforeAll, describe, expect, test } from 'vitest'
import { start } from '../showcase/support/running.ts'
import { browsers, hasBrowser } from '../support/browser.ts'
import {
  buildPages,
  connection,
  enter,
  signInToRoom,
  message,
  passwordOf,
  person,
  say,
  signInOn,
} from './pages.ts'

const phone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true }

describe.runIf(hasBrowser)('the pages for everyone', () => {
  const browser = browsers()
  beforeAll(buildPages)

  test('a phone of 360 pixels shows everything without scrolling sideways', async () => {
    const running = await start()
    const page = await browser.page(phone)
    await page.goto(running.url)
    await page.getByLabel('User name or e-mail').waitFor()
    expect(await overflow(page)).toBe(0)
    await enter(page, running, 'ada', 'engineering')
    await say(page, `A word without end: ${'w'.repeat(200)}`)
    await message(page, 'A word without end').waitFor()
    expect(await overflow(page)).toBe(0)
    for (const name of ['Send', 'Sign out', 'People (1)'])
      expect(await page.getByRole('button', { name }).evaluate(isOnScreen)).toBe(true)
    expect(await connection(page, 'open').evaluate(isOnScreen)).toBe(true)
    await page.getByRole('button', { name: 'People (1)' }).click()
    await person(page, 'Grace Hopper').waitFor()
    expect(await overflow(page)).toBe(0)
    await page.getByRole('link', { name: '← Rooms' }).click()
    await page.getByRole('link', { name: /^Lobby/ }).waitFor()
    expect(await overflow(page)).toBe(0)
  })

  test('a phone that is refused sees the whole reason', async () => {
    const running = await start()
    const page = await browser.page(phone)
    await signInToRoom(page, running, 'margaret', 'engineering')
    await page.getByRole('alert').filter({ hasText: 'The second door stays shut' }).waitFor()
    expect(await overflow(page)).toBe(0)
  })

  test('the keyboard alone signs in, finds a room, writes, makes a room and signs out', async () => {
    const running = await start()
    const page = await browser.page()
    await page.goto(running.url)
    await page.getByLabel('User name or e-mail').waitFor()
    const { keyboard } = page
    await tabTo(page, 'User name or e-mail')
    await keyboard.type('ada')
    await tabTo(page, 'Password')
    await keyboard.type(passwordOf(running, 'ada'))
    await keyboard.press('Enter')
    await page.getByText('Welcome, Ada Lovelace').waitFor()
    await tabTo(page, 'Chat')
    await keyboard.press('Enter')
    await page.getByRole('link', { name: /^Lobby/ }).waitFor()
    await tabTo(page, 'Lobby')
    await keyboard.press('Enter')
    await connection(page, 'open').waitFor()
    // the room opens with the composer in focus
    await expect.poll(() => focused(page)).toContain('Message to')
    await keyboard.type('without a mouse')
    await keyboard.press('Enter')
    await message(page, 'without a mouse').waitFor()

    await tabTo(page, 'New room')
    await keyboard.press('Enter')
    const dialog = page.getByRole('dialog', { name: 'New room' })
    await dialog.waitFor()
    await expect.poll(() => focused(page)).toContain('Title')
    await keyboard.press('Escape')
    await dialog.waitFor({ state: 'hidden' })
    await expect.poll(() => focused(page)).toContain('New room')
    await tabTo(page, 'Sign out')
    await keyboard.press('Enter')
    await page.getByText('You are signed out').waitFor()
  })

  test('the first stop of the keyboard skips the list of rooms', async () => {
    const running = await start()
    const page = await browser.page(phone)
    await enter(page, running, 'ada', 'lobby')
    await page.reload()
    await connection(page, 'open').waitFor()
    await page.keyboard.press('Tab')
    expect(await focused(page)).toContain('Skip to the room')
  })

  test('new messages of others and changes of the connection are read out, the history is not', async () => {
    const running = await start()
    const [ada, grace] = [await browser.page(), await browser.page()]
    await enter(ada, running, 'ada', 'lobby')
    await say(ada, 'old news')
    await message(ada, 'old news').waitFor()
    await enter(grace, running, 'grace', 'lobby')
    await message(grace, 'old news').waitFor()
    const log = grace.getByRole('log')
    expect(await log.textContent()).toBe('')
    await say(ada, 'fresh news')
    await expect.poll(() => log.textContent()).toBe('Ada Lovelace: fresh news')
    expect(await grace.getByRole('status').filter({ hasText: 'Connected' }).count()).toBe(1)
  })

  test('the colours follow the system until one chooses, and the choice lasts', async () => {
    const running = await start()
    const page = await browser.page({ colorScheme: 'dark' })
    await page.goto(running.url)
    await expect.poll(() => scheme(page)).toBe('dark')
    await page.emulateMedia({ colorScheme: 'light' })
    await expect.poll(() => scheme(page)).toBe('light')
    const control = page.getByRole('button', { name: /^Colours/ })
    await control.click()
    await control.click()
    await expect.poll(() => scheme(page)).toBe('dark')
    await page.reload()
    await expect.poll(() => scheme(page)).toBe('dark')
  })

  test('account, console and audit fit a phone, with named controls, readable in both colours', async () => {
    const running = await start()
    await enter(await browser.page(), running, 'grace', 'lobby')
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await browser.page({ ...phone, colorScheme })
      await page.goto(`${running.url}/account`)
      await signInOn(page, running, 'ada')
      await page.getByText('1 socket open now: Account page').waitFor()
      await check(page)
      await page.goto(`${running.url}/admin`)
      await page.getByRole('link', { name: /^Grace Hopper/ }).click()
      await page.getByRole('button', { name: 'Kick from Lobby' }).waitFor()
      await check(page)
      await page.goto(`${running.url}/admin/audit`)
      await page.getByRole('row').nth(1).waitFor()
      await page.getByRole('button', { name: 'More' }).first().click()
      await check(page)
    }

    async function check(page: Page): Promise<void> {
      expect(await overflow(page)).toBe(0)
      expect(await page.evaluate(unnamed)).toEqual([])
      expect(await page.evaluate(faint)).toEqual([])
    }
  })

  test('the keyboard alone bans someone, and the focus comes back', async () => {
    const running = await start()
    const page = await browser.page()
    await page.goto(`${running.url}/admin`)
    await signInOn(page, running, 'ada')
    await page.getByRole('link', { name: /^Linus/ }).waitFor()
    await tabTo(page, 'Linus Torvalds')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: 'Linus Torvalds' }).waitFor()
    await tabTo(page, 'Ban')
    await page.keyboard.press('Enter')
    await expect.poll(() => focused(page)).toContain('Reason')
    await page.keyboard.type('spam')
    await page.keyboard.press('Enter')
    await page.getByRole('status').filter({ hasText: 'Linus Torvalds is banned.' }).waitFor()
    await tabTo(page, 'Lift the ban')
    await page.keyboard.press('Enter')
    await page.getByRole('status').filter({ hasText: 'The ban is lifted.' }).waitFor()
  })

  test('every control has a name, and every text enough contrast', async () => {
    const running = await start()
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await browser.page({ colorScheme })
      await enter(page, running, 'ada', 'engineering')
      await say(page, `legible in ${colorScheme}`)
      await message(page, `legible in ${colorScheme}`).waitFor()
      expect(await page.evaluate(unnamed)).toEqual([])
      expect(await page.evaluate(faint)).toEqual([])
    }
  })
})

function overflow(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
}

function isOnScreen(element: Element): boolean {
  const { left, right, top, bottom } = element.getBoundingClientRect()
  return left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight && right > left
}

function scheme(page: Page): Promise<string | null> {
  return page.evaluate(() => document.documentElement.getAttribute('data-mantine-color-scheme'))
}

/** What a screen reader would call what has the focus. */
function focused(page: Page): Promise<string> {
  return page.evaluate(() => {
    const element = document.activeElement
    if (!(element instanceof HTMLElement)) return ''
    const label = element instanceof HTMLInputElement ? element.labels?.[0]?.textContent : null
    return element.getAttribute('aria-label') ?? label ?? element.textContent
  })
}

/** Presses Tab until something of that name has the focus. */
async function tabTo(page: Page, name: string): Promise<void> {
  for (let presses = 0; presses < 40; presses++) {
    if ((await focused(page)).startsWith(name)) return
    await page.keyboard.press('Tab')
  }
  throw new Error(`Tab does not reach ${name}`)
}

/** Controls without a name. */
function unnamed(): string[] {
  return [...document.querySelectorAll<HTMLElement>('a, button, input, textarea, select')]
    .filter((element) => element.checkVisibility() && element.getAttribute('aria-hidden') !== 'true')
    .filter((element) => {
      const labels = 'labels' in element && element.labels instanceof NodeList ? element.labels.length : 0
      return labels === 0 && !element.ariaLabel && !element.textContent?.trim()
    })
    .map((element) => element.outerHTML.slice(0, 100))
}

/** Texts with less contrast than 4.5 to 1 (WCAG 2.2, 1.4.3), but for controls that are switched off. */
function faint(): string[] {
  const luminance = ([r = 0, g = 0, b = 0]: readonly number[]): number => {
    const [x, y, z] = [r, g, b].map((v) =>
      v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4,
    )
    return 0.2126 * (x ?? 0) + 0.7152 * (y ?? 0) + 0.0722 * (z ?? 0)
  }
  const parts = (colour: string): number[] => (colour.match(/[\d.]+/g) ?? []).map(Number)
  const ground = (element: Element | null): number[] => {
    if (element === null) return [255, 255, 255]
    const [r = 0, g = 0, b = 0, a = 1] = parts(getComputedStyle(element).backgroundColor)
    if (a === 1) return [r, g, b]
    const below = ground(element.parentElement)
    return [r, g, b].map((v, index) => v * a + (below[index] ?? 0) * (1 - a))
  }
  const found: string[] = []
  for (const element of document.querySelectorAll<HTMLElement>('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent?.trim())
    if (!own || !element.checkVisibility() || element.closest('[disabled]') !== null) continue
    const [a, b] = [luminance(parts(getComputedStyle(element).color)), luminance(ground(element))]
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
    if (ratio < 4.5) found.push(`${element.textContent} ${ratio.toFixed(2)}`)
  }
  return found
}
