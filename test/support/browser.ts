import { type Browser, type BrowserContext, chromium, type Page } from 'playwright'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { available } from './require.ts'

const program = available('chromium')

/** Whether this machine has a browser; `describe.runIf(hasBrowser)`. */
export const hasBrowser: boolean = program !== null

/** Opens pages of a real Chromium; each has cookies of its own, as if it were another person's machine. */
export interface Browsers {
  page(options?: Parameters<Browser['newContext']>[0]): Promise<Page>
}

/**
 * One Chromium for a file of tests. Its pages are closed after each test, which fails when a page has thrown or broken
 * its Content-Security-Policy.
 */
export function browsers(): Browsers {
  let browser: Browser | undefined
  const contexts: BrowserContext[] = []
  const faults: string[] = []
  beforeAll(async () => {
    if (program === null) return
    browser = await chromium.launch({ executablePath: program, args: flags })
  })
  afterEach(async () => {
    await Promise.all(contexts.splice(0).map((context) => context.close()))
    const found = faults.splice(0)
    if (found.length > 0) throw new Error(`the page complained:\n${found.join('\n')}`)
  })
  afterAll(() => browser?.close())
  return {
    async page(options = {}) {
      if (browser === undefined) throw new Error('the browser is not running')
      const context = await browser.newContext({ locale: 'en-GB', timezoneId: 'UTC', ...options })
      context.setDefaultTimeout(60_000)
      contexts.push(context)
      const page = await context.newPage()
      watch(page, faults)
      return page
    },
  }
}

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
]

function watch(page: Page, faults: string[]): void {
  page.on('pageerror', (error) => faults.push(`uncaught: ${error.message}`))
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) faults.push(message.text())
  })
}
