import type { Page } from 'playwright'
import { beforeEach, describe, expect, test } from 'vitest'
import { djangoChat } from '../../examples/django-chat.ts'
import { fastapiChat } from '../../examples/fastapi-chat.ts'
import { type Running, start } from '../examples/running.ts'
import { browsers, hasBrowser } from '../support/browser.ts'

const chats = [
  { name: 'Django', chat: djangoChat, script: 'clients/django.js', code: 4003, welcome: 'Welcome, ada!' },
  {
    name: 'FastAPI',
    chat: fastapiChat,
    script: 'clients/fastapi.js',
    code: 1008,
    welcome: 'Welcome, ada! You are in room lobby.',
  },
]

describe.runIf(hasBrowser).for(chats)('the page of the $name chat', ({ chat, script, code, welcome }) => {
  const { page: newPage } = browsers()
  let running: Running

  beforeEach(async () => {
    running = await start(chat, script)
  })

  const sign = async (page: Page, way: 'Sign up' | 'Sign in', name: string): Promise<void> => {
    await page.goto(running.origin)
    await page.getByLabel('Name').fill(name)
    await page.getByLabel('Password').fill('correct horse')
    await page.getByRole('button', { name: way }).click()
  }

  test('shows two people what they say to each other', async () => {
    const [ada, bob] = [await newPage(), await newPage()]
    await sign(ada, 'Sign up', 'ada')
    await ada.getByText(welcome, { exact: true }).waitFor()
    await sign(bob, 'Sign up', 'bob')
    await bob.getByText('Connected to lobby').waitFor()
    await ada.getByLabel('Message').fill('hello')
    await ada.getByRole('button', { name: 'Send' }).click()
    await bob.getByText(/ada: hello$/).waitFor()
    await ada.getByText(/ada: hello$/).waitFor()
  })

  test('shows a stranger the close code', async () => {
    const page = await newPage()
    await sign(page, 'Sign in', 'mallory')
    const closed = page.getByText(`Closed: ${code}`)
    await closed.waitFor()
    expect(await closed.textContent()).toMatch(/^Closed: \d{4} (unauthenticated|unknown-credential): /)
  })
})
