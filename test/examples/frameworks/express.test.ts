import { expect, test } from 'vitest'
import { WebSocket as Ws } from 'ws'
import { begin, behaves } from './site.ts'
import { expressSite } from '../../../examples/frameworks/express.ts'
import { listen } from '../running.ts'

behaves(expressSite)

test('whose session was destroyed is refused at the next door', async () => {
  const { origin, url, login, post } = await begin(expressSite)
  const cookie = await login()
  expect((await post('/logout', {}, cookie)).status).toBe(204)
  const page = listen(new Ws(url, { headers: { Cookie: cookie, Origin: origin } }))
  expect((await page.ended).code).toBe(4401)
})
