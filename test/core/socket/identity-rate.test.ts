import { expect, test } from 'vitest'
import { serverContext } from '../../../src/core/server-context.ts'
import { type Authenticator, consumer, contract, type ServerOptions, text } from '../../../src/index.ts'
import { testClock, testServer, visit } from '../../../src/testing.ts'
import { ada, byName, grace, type User } from '../support/members.ts'

const lines = contract('/ws/lines', { client: text, server: text })
const listening = consumer(lines, { auth: byName }, () => ({ message: () => {} }))

function serverWithIdentityRate(options: ServerOptions = {}) {
  const clock = testClock()
  const limits = {
    identityRate: { most: 2, eachMs: 1_000, burst: 4 },
    rate: { most: 1, eachMs: 1_000, burst: 3 },
  }
  return { clock, server: testServer({ clock, limits, ...options }) }
}

// proves: many-tabs
test('all sockets of an identity share one rate, and cost no other identity anything', async () => {
  const { server } = serverWithIdentityRate()
  const tabs = await Promise.all([1, 2].map(() => visit(listening, {}, { user: ada, server })))
  const other = await visit(listening, {}, { user: grace, server })
  const sent = await Promise.allSettled([...tabs, ...tabs, ...tabs].map((tab) => tab.send('hello')))
  expect(sent.map(({ status }) => status)).toEqual([
    ...Array.from({ length: 4 }, () => 'fulfilled'),
    'rejected',
    'rejected',
  ])
  expect(sent.at(-1)).toMatchObject({ reason: { status: 429, reason: 'too-many-messages' } })
  await other.send('hello')
})

test('what a socket is refused for its own rate is not taken from its siblings', async () => {
  const { server } = serverWithIdentityRate()
  const [flooding, calm] = [
    await visit(listening, {}, { user: ada, server }),
    await visit(listening, {}, { user: ada, server }),
  ]
  await Promise.allSettled(Array.from({ length: 100 }, () => flooding.send('flood')))
  await calm.send('hello')
})

// proves: many-tabs
test('reconnecting does not fill it up', async () => {
  const { server } = serverWithIdentityRate()
  for (let count = 0; count < 4; count++) {
    const tab = await visit(listening, {}, { user: ada, server })
    await tab.send('hello')
    tab.leave()
    await tab.closed
  }
  const tab = await visit(listening, {}, { user: ada, server })
  await expect(tab.send('hello')).rejects.toMatchObject({ status: 429 })
})

test('tenants do not share, though their users have one name', async () => {
  const auth: Authenticator<User> = async ({ headers }) => ({
    user: ada,
    session: headers.get('x-org') ?? '',
  })
  const { server } = serverWithIdentityRate({ tenant: ({ session }) => session ?? '' })
  const tenanted = consumer(lines, { auth }, () => ({ message: () => {} }))
  for (const org of ['red', 'red', 'blue', 'blue']) {
    const tab = await visit(tenanted, {}, { headers: { 'x-org': org }, server })
    for (let count = 0; count < 2; count++) await tab.send('hello')
  }
})

test('a socket that stays over the rate for the grace is closed with 4429', async () => {
  const { clock, server } = serverWithIdentityRate({
    limits: { identityRate: { most: 1, eachMs: 1_000, burst: 1 }, rateGraceMs: 5_000 },
  })
  const tab = await visit(listening, {}, { user: ada, server })
  for (let tenth = 0; tenth < 60; tenth++) {
    tab.raw('{"op":"msg","in":"/ws/lines","data":"flood"}')
    await clock.advance(100)
  }
  expect(await tab.closed).toMatchObject({ code: 4429 })
})

test.each([
  ['is wider', { each: '1s', most: 1_000 } as const],
  ['is off', null],
])('an endpoint whose own rate %s is not counted', async (_, rate) => {
  const { server } = serverWithIdentityRate()
  const game = consumer(lines, { auth: byName, limits: { rate } }, () => ({ message: () => {} }))
  const player = await visit(game, {}, { user: ada, server })
  await Promise.all(Array.from({ length: 100 }, () => player.send('move')))
})

test('an endpoint whose own rate is no wider is counted, however much it allows at once', async () => {
  const { server } = serverWithIdentityRate()
  const rate = { each: '1s', most: 2, burst: 100 } as const
  const bursting = consumer(lines, { auth: byName, limits: { rate } }, () => ({ message: () => {} }))
  const tab = await visit(bursting, {}, { user: ada, server })
  const sent = await Promise.allSettled(Array.from({ length: 5 }, () => tab.send('hello')))
  expect(sent.map(({ status }) => status).filter((status) => status === 'rejected')).toHaveLength(1)
})

test('it may be switched off', async () => {
  const { server } = serverWithIdentityRate({ limits: { identityRate: null } })
  const tabs = await Promise.all([1, 2, 3, 4, 5].map(() => visit(listening, {}, { user: ada, server })))
  await Promise.all(tabs.flatMap((tab) => Array.from({ length: 100 }, () => tab.send('hello'))))
})

test('no identity is remembered once all is quiet', async () => {
  const { clock, server } = serverWithIdentityRate()
  for (const user of [ada, grace]) {
    const tab = await visit(listening, {}, { user, server })
    await tab.send('hello')
    // a tab that stays is pinged, and answers
    tab.leave()
  }
  expect(server[serverContext].accounts.identities.size).toBe(2)
  await clock.advance(90_000)
  expect(server[serverContext].accounts.identities.size).toBe(0)
})

// proves: fresh-grace
test('a reconnect does not restart the grace: the first refused message closes the user', async () => {
  const { clock, server } = serverWithIdentityRate({
    limits: { rate: { most: 1, eachMs: 1_000, burst: 1 }, rateGraceMs: 5_000 },
  })
  const tenths: number[] = []
  for (let count = 0; count < 5; count++) {
    const tab = await visit(listening, {}, { user: ada, server })
    let tenth = 0
    for (; tenth < 45 && server.connections > 0; tenth++) {
      for (let line = 0; line < 2; line++) tab.raw('{"op":"msg","in":"/ws/lines","data":"flood"}')
      await clock.advance(100)
    }
    tenths.push(tenth)
    tab.leave()
    await tab.closed
  }
  // of the second socket the rest of the five seconds, and nothing of those after it
  expect(tenths[0]).toBe(45)
  expect(tenths[1]).toBeLessThanOrEqual(7)
  expect(tenths.slice(2)).toEqual([1, 1, 1])
})

test('a user that was quiet for a second begins with a whole grace', async () => {
  const { clock, server } = serverWithIdentityRate({
    limits: { rate: { most: 1, eachMs: 1_000, burst: 1 }, rateGraceMs: 1_500 },
  })
  for (let count = 0; count < 5; count++) {
    const tab = await visit(listening, {}, { user: ada, server })
    for (let line = 0; line < 2; line++) tab.raw('{"op":"msg","in":"/ws/lines","data":"flood"}')
    await clock.advance(1_400)
    expect(server.connections).toBe(1)
    tab.leave()
    await tab.closed
  }
})
