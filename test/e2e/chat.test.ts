import { beforeAll, describe, expect, test } from 'vitest'
import { messages } from '../../showcase/src/chat/messages.ts'
import { type Running, start } from '../showcase/support/running.ts'
import { browsers, hasBrowser } from '../support/browser.ts'
import { buildPages, composer, connection, enter, signInToRoom, message, person, say } from './pages.ts'

describe.runIf(hasBrowser)('the chat', () => {
  const browser = browsers()
  beforeAll(buildPages)

  test('what one says the other reads, with the name of who said it', async () => {
    const running = await start()
    const [ada, grace] = [await browser.page(), await browser.page()]
    await enter(ada, running, 'ada', 'engineering')
    await enter(grace, running, 'grace', 'engineering')
    await say(ada, 'Does it weave?')
    await message(grace, 'Does it weave?').filter({ hasText: 'Ada Lovelace' }).waitFor()
    await message(ada, 'Does it weave?').filter({ hasText: 'You' }).waitFor()
    await say(grace, 'It compiles.')
    await message(ada, 'It compiles.').filter({ hasText: 'Grace Hopper' }).waitFor()
    expect(await composer(grace).inputValue()).toBe('')
  })

  test('the others see a person typing until the message is sent', async () => {
    const running = await start()
    const [ada, grace] = [await browser.page(), await browser.page()]
    await enter(ada, running, 'ada', 'lobby')
    await enter(grace, running, 'grace', 'lobby')
    await composer(ada).pressSequentially('Well')
    await grace.getByText('Ada Lovelace is typing…').waitFor()
    expect(await ada.getByText('is typing').count()).toBe(0)
    await ada.keyboard.press('Enter')
    await message(grace, 'Well').waitFor()
    expect(await grace.getByText('is typing').count()).toBe(0)
  })

  test('who comes is shown as here, and who goes no longer is', async () => {
    const running = await start()
    const [ada, grace] = [await browser.page(), await browser.page()]
    await enter(ada, running, 'ada', 'engineering')
    await person(ada, 'Grace Hopper').filter({ hasText: 'is away' }).waitFor()
    await enter(grace, running, 'grace', 'engineering')
    await person(ada, 'Grace Hopper').filter({ hasText: 'is here' }).waitFor()
    await ada.getByRole('heading', { name: 'Here now: 2' }).waitFor()
    await grace.close()
    await person(ada, 'Grace Hopper').filter({ hasText: 'is away' }).waitFor({ timeout: 60_000 })
  })

  test('a stranger to a members-only room is refused with the reason, and reads nothing', async () => {
    const running = await start()
    await storeMessages(running, 'engineering', ['for members only'])
    const page = await browser.page()
    await signInToRoom(page, running, 'margaret', 'engineering')
    await page.getByRole('alert').filter({ hasText: 'The second door stays shut' }).waitFor()
    await connection(page, 'denied').filter({ hasText: 'Refused. You may not come in here.' }).waitFor()
    expect(await page.getByText('for members only').count()).toBe(0)
    expect(await composer(page).count()).toBe(0)
    expect(await page.getByRole('link', { name: /Engineering/ }).count()).toBe(0)
  })

  test('a room is made, someone is invited, writes, and is shown out again', async () => {
    const running = await start()
    const [ada, margaret] = [await browser.page(), await browser.page()]
    await enter(ada, running, 'ada', 'lobby')
    await ada.getByRole('button', { name: 'New room' }).click()
    const dialog = ada.getByRole('dialog', { name: 'New room' })
    await dialog.getByLabel(/^Title/).fill('Moon landing')
    await dialog.getByRole('button', { name: 'Create room' }).click()
    await ada.getByRole('heading', { level: 1, name: 'Moon landing' }).waitFor()
    await connection(ada, 'open').waitFor()
    const room = new URL(ada.url()).pathname.split('/').at(-1) ?? ''

    await signInToRoom(margaret, running, 'margaret', room)
    await connection(margaret, 'denied').waitFor()
    await ada.getByRole('textbox', { name: /^Invite/ }).fill('margaret')
    await ada.getByRole('button', { name: 'Give role' }).click()
    await ada.getByText('margaret is now a member of this room.').waitFor()
    await margaret.getByRole('button', { name: 'Knock again' }).click()
    await connection(margaret, 'open').waitFor()
    await margaret.getByRole('link', { name: /^Moon landing/ }).waitFor()
    await say(margaret, 'The computer is overloaded, go on')
    await message(ada, 'go on').waitFor()

    await ada.getByRole('button', { name: 'Remove Margaret Hamilton' }).click()
    await ada.getByRole('button', { name: /^Remove Margaret Hamilton\? Press again/ }).click()
    await margaret.getByRole('alert').filter({ hasText: 'no longer in this room' }).waitFor()
    expect(await margaret.getByText('go on').count()).toBe(0)
    await expect.poll(() => margaret.getByRole('link', { name: /^Moon landing/ }).count()).toBe(0)
    // a line that ends leaves a few seconds of presence, for those who come back at once
    await expect.poll(() => person(ada, 'Margaret Hamilton').count(), { timeout: 60_000 }).toBe(0)
  })

  test('someone who leaves a room is out, and no longer has it in the list', async () => {
    const running = await start()
    const page = await browser.page()
    await enter(page, running, 'grace', 'engineering')
    await page.getByRole('button', { name: 'Leave this room' }).click()
    await page.getByRole('button', { name: /^Leave this room\? Press again/ }).click()
    await page.getByText('Choose a room.').waitFor()
    await expect.poll(() => page.getByRole('link', { name: /Engineering/ }).count()).toBe(0)
  })

  test('the last owner cannot leave, and is told why', async () => {
    const running = await start()
    const page = await browser.page()
    await enter(page, running, 'ada', 'engineering')
    await page.getByRole('button', { name: 'Leave this room' }).click()
    await page.getByRole('button', { name: /^Leave this room\? Press again/ }).click()
    await page.getByRole('alert').filter({ hasText: 'A room needs an owner' }).waitFor()
  })

  test('the composer of a read-only room is locked with the reason, but not for an owner', async () => {
    const running = await start()
    const [linus, grace] = [await browser.page(), await browser.page()]
    await enter(linus, running, 'linus', 'announcements')
    await linus.getByText('This room is read-only: only its owners write.').waitFor()
    expect(await composer(linus).isEditable()).toBe(false)
    expect(await linus.getByRole('button', { name: 'Send' }).isDisabled()).toBe(true)
    await enter(grace, running, 'grace', 'announcements')
    await say(grace, 'It ships today')
    await message(linus, 'It ships today').waitFor()
  })

  test('a reader is told that they may not write', async () => {
    const running = await start()
    const page = await browser.page()
    await enter(page, running, 'linus', 'engineering')
    await page.getByText('You are a reader in this room').waitFor()
    expect(await composer(page).isEditable()).toBe(false)
  })

  test('a message that the server refuses comes back into the field with the reason', async () => {
    const running = await start()
    const page = await browser.page()
    await enter(page, running, 'grace', 'engineering')
    await running.app.database.query
      .updateTable('memberships')
      .set({ role: 'reader' })
      .where('room', '=', 'engineering')
      .execute()
    await say(page, 'May I?')
    await page.getByRole('alert').filter({ hasText: 'You may read this room' }).waitFor()
    expect(await composer(page).inputValue()).toBe('May I?')
  })

  test('scrolling up brings older pages, without moving what one reads', async () => {
    const running = await start()
    await storeMessages(
      running,
      'lobby',
      Array.from({ length: 120 }, (_, index) => `line ${index + 1}.`),
    )
    const page = await browser.page()
    await enter(page, running, 'ada', 'lobby')
    const list = page.getByRole('region', { name: 'Messages' })
    await message(page, 'line 120.').waitFor()
    expect(await list.getByRole('listitem').count()).toBe(50)
    await expect.poll(() => list.evaluate(({ scrollTop }) => scrollTop)).toBeGreaterThan(100)

    await message(page, 'line 71.').scrollIntoViewIfNeeded()
    await message(page, 'line 21.').waitFor({ state: 'attached' })
    expect(await message(page, 'line 71.').evaluate(isInView)).toBe(true)
    await message(page, 'line 21.').scrollIntoViewIfNeeded()
    await message(page, 'line 1.').waitFor({ state: 'attached' })
    await list.evaluate((element) => element.scrollTo(0, 0))
    await page.getByText('This is where the room begins.').waitFor()
    expect(await list.getByRole('listitem').count()).toBe(120)
  })

  test('markup in messages and names stays text', async () => {
    const running = await start()
    const page = await browser.page()
    await enter(page, running, 'ada', 'lobby')
    const markup = '<img src=x onerror="document.title=1"><script>document.title=1</script>'
    await say(page, markup)
    await message(page, markup).waitFor()
    expect(await page.title()).toBe('Lobby · Sallyport')
  })
})

function isInView(element: Element): boolean {
  const { top, bottom } = element.getBoundingClientRect()
  return top >= 0 && bottom <= innerHeight
}

/** Messages that were there before. */
async function storeMessages({ app }: Running, room: string, texts: readonly string[]): Promise<void> {
  const author = await app.database.query
    .selectFrom('user')
    .select(['id', 'name'])
    .where('username', '=', 'ada')
    .executeTakeFirstOrThrow()
  const log = messages(app.database)
  for (const text of texts) await log.save(room, author, text)
}
