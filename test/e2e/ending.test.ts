import type { Page } from 'playwright'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Running, start } from '../showcase/support/running.ts'
import { browsers, hasBrowser } from '../support/browser.ts'
import { buildPages, composer, connection, enter, message, passwordOf, say, signInOn } from './pages.ts'

describe.runIf(hasBrowser)('access ends', () => {
  const browser = browsers()
  beforeAll(buildPages)

  /** Goes to a page as one of the demonstration's people. */
  const visit = async (running: Running, username: string, path: string): Promise<Page> => {
    const page = await browser.page()
    await page.goto(running.url + path)
    await signInOn(page, running, username)
    return page
  }
  /** Goes to a room as one of them, and waits until it is open. */
  const openRoomAs = async (running: Running, username: string, room: string): Promise<Page> => {
    const page = await browser.page()
    await enter(page, running, username, room)
    return page
  }
  /** The console, with one person looked at. */
  const lookingAt = async (running: Running, name: string): Promise<Page> => {
    const page = await visit(running, 'ada', '/admin')
    await page.getByRole('link', { name: new RegExp(`^${name}`) }).click()
    await page.getByRole('heading', { level: 1, name }).waitFor()
    return page
  }

  test('the account lists every device with what is open on it, as it opens and closes', async () => {
    const running = await start()
    const desk = await visit(running, 'grace', '/account')
    await sessions(desk).filter({ hasText: 'Chrome on Linux' }).filter({ hasText: 'this device' }).waitFor()
    const phone = await openRoomAs(running, 'grace', 'engineering')
    const other = sessions(desk).filter({ hasNotText: 'this device' })
    await other.filter({ hasText: '1 socket open now: Engineering' }).waitFor()
    const tab = await phone.context().newPage()
    await tab.goto(`${running.url}/chat/lobby`)
    await other.filter({ hasText: '2 sockets open now: Engineering, Lobby' }).waitFor()
    await tab.close()
    await other.filter({ hasText: '1 socket open now: Engineering' }).waitFor()
  })

  test('a device that is signed out from another one is out at once, with its reason', async () => {
    const running = await start()
    const phone = await browser.page()
    const closes = await keepCloses(phone)
    await enter(phone, running, 'grace', 'engineering')
    const desk = await visit(running, 'grace', '/account')
    await desk.getByRole('button', { name: 'Sign out Chrome on Linux' }).click()
    await desk.getByRole('button', { name: /^Sign out Chrome on Linux\? Press again/ }).click()
    await desk
      .getByRole('status')
      .filter({ hasText: 'is signed out. 1 socket was closed, on 1 server.' })
      .waitFor()
    await phone.getByRole('heading', { name: 'You are signed out' }).waitFor()
    await phone
      .getByRole('alert')
      .filter({ hasText: 'This device was signed out from another one.' })
      .waitFor()
    expect(await composer(phone).count()).toBe(0)
    expect(await closes()).toContain(4401)
    expect(await sessions(desk).count()).toBe(1)
  })

  test('signing out everywhere else ends the others, on any page, and leaves this one', async () => {
    const running = await start()
    const [room, home] = [await openRoomAs(running, 'grace', 'lobby'), await browser.page()]
    // until its socket is open, a page does not hear when its session ends
    const live = opened(home)
    await home.goto(running.url)
    await signInOn(home, running, 'grace')
    await live
    const desk = await visit(running, 'grace', '/account')
    await expect.poll(() => sessions(desk).count()).toBe(3)
    await desk.getByRole('button', { name: 'Sign out everywhere else' }).click()
    await desk.getByRole('button', { name: /^Sign out everywhere else\? Press again/ }).click()
    for (const page of [room, home])
      await page.getByRole('alert').filter({ hasText: 'You signed out everywhere else.' }).waitFor()
    await expect.poll(() => sessions(desk).count()).toBe(1)
    await desk.reload()
    await sessions(desk).filter({ hasText: 'this device' }).waitFor()
  })

  test('signing out everywhere, here too, ends this one as well', async () => {
    const running = await start()
    const room = await openRoomAs(running, 'grace', 'lobby')
    const desk = await visit(running, 'grace', '/account')
    await desk.getByRole('button', { name: 'Sign out everywhere, here too' }).click()
    await desk.getByRole('button', { name: /^Sign out everywhere, here too\? Press again/ }).click()
    for (const page of [room, desk]) await page.getByRole('heading', { name: 'You are signed out' }).waitFor()
    await desk.reload()
    await desk.getByLabel('User name or e-mail').waitFor()
  })

  test('a changed password signs the other devices out, and this browser goes on in all its tabs', async () => {
    const running = await start()
    const phone = await openRoomAs(running, 'grace', 'lobby')
    const tab = await openRoomAs(running, 'grace', 'engineering')
    await composer(tab).fill('a draft')
    const desk = await tab.context().newPage()
    await desk.goto(`${running.url}/account`)
    const form = desk.getByRole('form', { name: 'Change your password' })
    await form.getByLabel('Current password').fill('not the password')
    await form.getByLabel(/^New password/).fill('a new long password')
    await form.getByRole('button', { name: 'Change password' }).click()
    await form
      .getByRole('alert')
      .filter({ hasText: /invalid password/i })
      .waitFor()
    await form.getByLabel('Current password').fill(passwordOf(running, 'grace'))
    await form.getByRole('button', { name: 'Change password' }).click()
    await form.getByRole('status').filter({ hasText: 'Your password is changed' }).waitFor()
    await phone.getByRole('alert').filter({ hasText: 'The password was changed.' }).waitFor()
    await connection(tab, 'open').waitFor()
    expect(await composer(tab).inputValue()).toBe('a draft')
    await tab.keyboard.press('Enter')
    await message(tab, 'a draft').waitFor()
  })

  // proves: left-device
  test('a ban locks the room of someone who is typing, with its reason, and keeps what was typed', async () => {
    const running = await start()
    const grace = await openRoomAs(running, 'grace', 'lobby')
    await markPage(grace)
    const desk = await lookingAt(running, 'Grace Hopper')
    await desk.getByText('1 socket open now: Lobby').waitFor()
    await composer(grace).pressSequentially('As I was saying')
    await desk.getByRole('button', { name: 'Ban', exact: true }).click()
    const dialog = desk.getByRole('dialog', { name: 'Ban Grace Hopper' })
    await dialog.getByLabel(/^Reason/).fill('spam')
    await dialog.getByLabel('How long').selectOption('for a day')
    await dialog.getByRole('button', { name: 'Ban', exact: true }).click()
    await desk
      .getByRole('status')
      .filter({ hasText: 'Grace Hopper is banned. 1 socket was closed, on 1 server.' })
      .waitFor()
    await grace.getByRole('alert').filter({ hasText: 'Your account is banned: spam.' }).waitFor()
    const locked = composer(grace)
    expect(await locked.inputValue()).toBe('As I was saying')
    expect(await locked.getAttribute('readonly')).not.toBeNull()
    expect(await describedBy(grace)).toBe('Your account is banned: spam.')
    expect(await grace.getByRole('button', { name: 'Send' }).isDisabled()).toBe(true)
    expect(await wasNotLoadedAnew(grace)).toBe(true)
    await desk.getByText(/^Spam\. Until/).waitFor()

    const again = await visit(running, 'grace', '/')
    await again
      .getByRole('alert')
      .filter({ hasText: /banned/i })
      .waitFor()
    await desk.getByRole('button', { name: 'Lift the ban' }).click()
    await desk.getByRole('status').filter({ hasText: 'The ban is lifted.' }).waitFor()
    await again.getByRole('button', { name: 'Sign in', exact: true }).click()
    await again.getByText('Welcome, Grace Hopper').waitFor()
  })

  test('a demotion to reader locks the composer while a person types, a promotion unlocks it', async () => {
    const running = await start()
    const grace = await openRoomAs(running, 'grace', 'engineering')
    await markPage(grace)
    const desk = await lookingAt(running, 'Grace Hopper')
    await composer(grace).pressSequentially('As I was saying')
    await desk.getByRole('button', { name: 'Make read-only in Engineering' }).click()
    await desk.getByRole('status').filter({ hasText: '1 socket has other rights now' }).waitFor()
    await grace.getByText('You are a reader in this room: you may read, but not write.').waitFor()
    expect(await composer(grace).inputValue()).toBe('As I was saying')
    expect(await composer(grace).getAttribute('readonly')).not.toBeNull()
    expect(await connection(grace, 'open').count()).toBe(1)
    await desk.getByRole('button', { name: 'Let them write in Engineering' }).click()
    await expect.poll(() => composer(grace).getAttribute('readonly')).toBeNull()
    await composer(grace).press('Enter')
    await message(grace, 'As I was saying').waitFor()
    expect(await wasNotLoadedAnew(grace)).toBe(true)
  })

  test('a kick from one room says why, and leaves the other open', async () => {
    const running = await start()
    const grace = await openRoomAs(running, 'grace', 'lobby')
    const tab = await grace.context().newPage()
    await tab.goto(`${running.url}/chat/engineering`)
    await connection(tab, 'open').waitFor()
    const desk = await lookingAt(running, 'Grace Hopper')
    await desk.getByRole('button', { name: 'Kick from Lobby' }).click()
    const dialog = desk.getByRole('dialog', { name: 'Kick Grace Hopper from Lobby' })
    await dialog.getByLabel(/^Reason/).fill('cool down')
    await dialog.getByRole('button', { name: 'Kick' }).click()
    await desk.getByRole('status').filter({ hasText: 'Kicked from Lobby. 1 socket was closed' }).waitFor()
    await grace.getByRole('alert').filter({ hasText: 'You were shown out: cool down.' }).waitFor()
    expect(await connection(tab, 'open').count()).toBe(1)
    await say(tab, 'still here')
    await message(tab, 'still here').waitFor()
    await grace.getByRole('button', { name: 'Knock again' }).click()
    await connection(grace, 'open').waitFor()
  })

  test('who is no administrator sees no console, and loses it with the role', async () => {
    const running = await start()
    const grace = await visit(running, 'grace', '/admin')
    await grace.getByRole('heading', { name: 'There is nothing here' }).waitFor()
    expect(await grace.getByRole('link', { name: 'Admin' }).count()).toBe(0)
    const answer = await grace.goto(`${running.url}/admin/audit`)
    expect(answer?.status()).toBe(404)
    await grace.getByRole('heading', { name: 'There is nothing here' }).waitFor()

    const desk = await lookingAt(running, 'Grace Hopper')
    await desk.getByRole('button', { name: 'Make an administrator' }).click()
    await desk.getByRole('button', { name: /^Make an administrator\? Press again/ }).click()
    await desk.getByRole('status').filter({ hasText: 'An administrator now.' }).waitFor()
    await grace.reload()
    await connection(grace, 'open').waitFor()
    await desk.getByRole('button', { name: 'Make a user' }).click()
    await desk.getByRole('button', { name: /^Make a user\? Press again/ }).click()
    await grace.getByRole('alert').filter({ hasText: 'The console is closed to you' }).waitFor()
  })

  test('the audit shows events as they happen, by person and by type, and links to the person', async () => {
    const running = await start()
    const desk = await visit(running, 'ada', '/admin/audit')
    await connection(desk, 'open').waitFor()
    await openRoomAs(running, 'grace', 'engineering')
    const rows = desk.getByRole('region', { name: 'Events' }).getByRole('row')
    await rows.filter({ hasText: 'accepted' }).filter({ hasText: 'Grace Hopper (grace)' }).waitFor()
    const margaret = await visit(running, 'margaret', '/chat/engineering')
    await connection(margaret, 'denied').waitFor()
    const denied = rows.filter({ hasText: 'denied' }).filter({ hasText: '403' })
    await denied.waitFor()
    await denied.getByRole('button', { name: 'More' }).click()
    await denied.getByText('reference').waitFor()

    await desk.getByLabel('Event', { exact: true }).selectOption('accepted')
    await expect.poll(() => rows.filter({ hasText: 'denied' }).count()).toBe(0)
    await desk.getByLabel('Person').fill('hopper')
    await desk.getByRole('button', { name: 'Show', exact: true }).click()
    await expect.poll(() => rows.count()).toBe(2)
    await openRoomAs(running, 'linus', 'lobby')
    await openRoomAs(running, 'grace', 'lobby')
    // the head, and Grace twice: Linus came in as well, and is not asked for
    await expect.poll(() => rows.count()).toBe(3)
    expect(await rows.filter({ hasText: 'Linus' }).count()).toBe(0)
    await rows.getByRole('link', { name: 'Grace Hopper (grace)' }).first().click()
    await desk.getByRole('heading', { level: 1, name: 'Grace Hopper' }).waitFor()
  })
})

/** Settles when a socket of the page is open. */
function opened(page: Page): Promise<void> {
  return new Promise((resolve) => {
    page.on('websocket', (socket) =>
      socket.on('framereceived', ({ payload }) => {
        if (String(payload).includes('"op":"opened"')) resolve()
      }),
    )
  })
}

function sessions(page: Page) {
  return page.getByRole('list', { name: 'Sessions' }).getByRole('listitem')
}

/** Keeps the close codes of the sockets that a page opens; before it is loaded. */
async function keepCloses(page: Page): Promise<() => Promise<readonly number[]>> {
  await page.addInitScript(() => {
    const closes: number[] = []
    Object.assign(globalThis, { closes })
    globalThis.WebSocket = class extends WebSocket {
      constructor(url: string | URL, protocols?: string | string[]) {
        super(url, protocols)
        this.addEventListener('close', ({ code }) => closes.push(code))
      }
    }
  })
  return () =>
    page.evaluate(() => {
      // kept by the script above
      const { closes = [] } = globalThis as { closes?: number[] }
      return closes
    })
}

async function markPage(page: Page): Promise<void> {
  await page.evaluate(() => Object.assign(globalThis, { sameDocument: true }))
}

function wasNotLoadedAnew(page: Page): Promise<boolean> {
  return page.evaluate(() => 'sameDocument' in globalThis)
}

/** What a screen reader adds to the field for messages. */
function describedBy(page: Page): Promise<string | null> {
  return composer(page).evaluate((field) => {
    const id = field.getAttribute('aria-describedby')?.split(' ').at(-1) ?? ''
    return document.querySelector(`[id="${id}"]`)?.textContent ?? null
  })
}
