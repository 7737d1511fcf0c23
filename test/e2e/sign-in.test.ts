import { beforeAll, describe, expect, test } from 'vitest'
import { type Running, start } from '../showcase/support/running.ts'
import { browsers, hasBrowser } from '../support/browser.ts'
import { buildPages, composer, connection, enter, passwordOf, signInOn } from './pages.ts'

describe.runIf(hasBrowser)('signing in and out', () => {
  const browser = browsers()
  beforeAll(buildPages)

  test('someone signs in on the first page and is led to the chat', async () => {
    const running = await start()
    const page = await browser.page()
    await page.goto(running.url)
    await signInOn(page, running, 'ada')
    await page.getByText('Welcome, Ada Lovelace').waitFor()
    await page.getByRole('link', { name: /^Chat/ }).click()
    await page.getByRole('link', { name: /^Lobby/ }).click()
    await connection(page, 'open').waitFor()
    expect(new URL(page.url()).pathname).toBe('/chat/lobby')
  })

  test('a wrong password is refused in words, and no session begins', async () => {
    const running = await start()
    const page = await browser.page()
    await page.goto(running.url)
    await page.getByLabel('User name or e-mail').fill('ada')
    await page.getByLabel(/^Password/).fill('not the password')
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
    await page
      .getByRole('alert')
      .filter({ hasText: /invalid/i })
      .waitFor()
    await page.reload()
    await page.getByLabel('User name or e-mail').waitFor()
  })

  test('someone new makes an account and is in', async () => {
    const running = await start()
    const page = await browser.page()
    await page.goto(`${running.url}/chat/lobby`)
    await page.getByRole('tab', { name: 'Create account' }).click()
    await page.getByLabel(/^Name/).fill('Radia Perlman')
    await page.getByLabel(/^User name/).fill('radia')
    await page.getByLabel(/^E-mail/).fill('radia@example.test')
    await page.getByLabel(/^Password/).fill('a tree of spanning length')
    await page.getByRole('button', { name: 'Create account' }).click()
    await connection(page, 'open').waitFor()
    await page.getByRole('banner').getByText('Radia Perlman').waitFor()
  })

  test('signing out takes the room away, in every tab', async () => {
    const running = await start()
    const page = await browser.page()
    await enter(page, running, 'grace', 'engineering')
    const tab = await page.context().newPage()
    await tab.goto(`${running.url}/chat/lobby`)
    await connection(tab, 'open').waitFor()
    expect(await openSockets(running)).toBe('2')
    await page.getByRole('button', { name: 'Sign out' }).click()
    for (const one of [page, tab]) {
      await one.getByText('You are signed out').waitFor()
      expect(await composer(one).count()).toBe(0)
    }
    await expect.poll(() => openSockets(running)).toBe('0')
  })

  test('a session that was ended elsewhere shows the sign-in', async () => {
    const running = await start()
    const page = await browser.page()
    await enter(page, running, 'grace', 'engineering')
    const phone = await browser.page()
    await enter(phone, running, 'grace', 'engineering')
    const status = await phone.evaluate(async () => {
      const headers = { 'content-type': 'application/json' }
      const path = '/api/auth/revoke-other-sessions'
      return (await fetch(path, { method: 'POST', headers, body: '{}' })).status
    })
    expect(status).toBe(200)
    await page.getByText('You are signed out').waitFor()
    expect(await composer(page).count()).toBe(0)
    expect(await connection(phone, 'open').count()).toBe(1)
  })

  test('no credential is in an address, in storage or within reach of a script', async () => {
    const running = await start()
    const page = await browser.page()
    const addresses: string[] = []
    page.on('websocket', (socket) => addresses.push(socket.url()))
    page.on('request', (request) => addresses.push(request.url()))
    await enter(page, running, 'ada', 'lobby')
    const sockets = addresses.filter((address) => address.startsWith('ws'))
    expect(sockets.map((address) => new URL(address).pathname)).toEqual(['/ws/chat/lobby'])
    expect(addresses.filter((address) => address.includes('?'))).toEqual([])
    const kept = await page.evaluate(() => [
      document.cookie,
      ...Object.keys(localStorage),
      ...Object.keys(sessionStorage),
    ])
    expect(kept.filter((name) => !name.startsWith('mantine-color-scheme'))).toEqual([''])
    expect(addresses.join()).not.toContain(passwordOf(running, 'ada'))
  })
})

async function openSockets({ app }: Running): Promise<string | undefined> {
  const text = await app.metrics.registry.metrics()
  return /^showcase_sockets (\d+)/m.exec(text)?.[1]
}
